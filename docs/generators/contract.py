"""What the documents quote of the contract: the .proto files and the table of errors."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from docs.generators.rendering import fenced, table
from sealwire.core.errors import STATUS_CODES, Code, SealwireError

_PROTOS: Final = Path(__file__).resolve().parents[2] / "protos" / "sealwire" / "v1"


def proto(name: str) -> str:
    """Return a .proto file of version 1."""
    text = (_PROTOS / name).read_text(encoding="utf-8")
    return fenced(text.strip().splitlines(), language="proto")


def errors() -> str:
    """Return the reasons that a server signs, and the code of each."""
    meanings = {kind.reason: _sentence(kind) for kind in _below(SealwireError)}
    rows: list[tuple[str, ...]] = [
        (f"`{reason}`", f"{code.name} ({code.value})", meanings[reason])
        for reason, code in STATUS_CODES.items()
    ]
    rows.append(("`INTERNAL`", _code(Code.INTERNAL), "Anything else. The server's log says what."))
    rows.append(("`OK`", _code(Code.OK), "Only at the end of a response stream: it is complete."))
    return table(("reason", "code", "meaning"), rows)


def _below(kind: type[SealwireError]) -> Iterator[type[SealwireError]]:
    for below in kind.__subclasses__():
        yield from (below, *_below(below))


def _sentence(kind: type[SealwireError]) -> str:
    return " ".join((kind.__doc__ or "").split())


def _code(code: Code) -> str:
    return f"{code.name} ({code.value})"


BLOCKS: Final[Mapping[str, Callable[[], str]]] = {
    "envelope-proto": functools.partial(proto, "envelope.proto"),
    "policy-proto": functools.partial(proto, "policy.proto"),
    "identity-proto": functools.partial(proto, "identity.proto"),
    "namespaces-proto": functools.partial(proto, "namespaces.proto"),
    "records-proto": functools.partial(proto, "records.proto"),
    "errors": errors,
}
FILES: Final[Mapping[str, Callable[[], str]]] = {}
