"""The worked example of a tag in docs/sealing.md, made with the code that tags real rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from docs.generators.fixed import DEPLOYMENT_ID, ISSUED_AT
from docs.generators.identity_key import OWNER, ROOT, ROOT_VERSION
from docs.generators.rendering import Json, fenced, titled
from sealwire.core.derivation import AUTHORITY_LABEL, derive_authority_key
from sealwire.core.encoding import length_prefixed
from sealwire.storage import KeyRow, RootKeys
from sealwire.storage.keys import columns_of
from sealwire.storage.tagging import KEYS, AuthorityTags, tagged_message

IDENTITY_ID: Final = "0c2f8e51-6d3a-4b7c-9e18-f5a4d2b36c70"
_ROW: Final = columns_of(KeyRow(OWNER, IDENTITY_ID, ISSUED_AT, generation=1))


def steps() -> Mapping[str, bytes]:
    """Return every value on the way from the root key to the tag, by name."""
    version = ROOT_VERSION.to_bytes(4, "big")
    key = derive_authority_key(ROOT, root_version=ROOT_VERSION, deployment_id=DEPLOYMENT_ID)
    tags = AuthorityTags.of(RootKeys({ROOT_VERSION: ROOT}), DEPLOYMENT_ID)
    return {
        "info": length_prefixed(AUTHORITY_LABEL, version, DEPLOYMENT_ID.encode()),
        "authority key": key,
        "message": tagged_message(KEYS.table.name, KEYS.names, [_ROW[name] for name in KEYS.names]),
        "tag": tags.tag(KEYS, _ROW),
    }


def text() -> str:
    """Return the row and the steps, for people."""
    found = steps()
    row = [f"{name:<16} {_shown(_ROW[name])}" for name in KEYS.names]
    short = [f"{name:<16} {found[name].hex()}" for name in ("info", "authority key", "tag")]
    return "\n\n".join([fenced(row), titled("Message", found["message"]), fenced(short)])


def vector() -> dict[str, Json]:
    """Return the same, for programs: a value that is NULL is left out."""
    columns: dict[str, Json] = {
        name: value.hex() if isinstance(value, bytes) else value
        for name, value in _ROW.items()
        if value is not None
    }
    return {
        "table": KEYS.table.name,
        "columns": list(KEYS.names),
        "row": columns,
        **{name.replace(" ", "_"): value.hex() for name, value in steps().items()},
    }


def _shown(value: str | int | bytes | None) -> str:
    if value is None:
        return "NULL"
    return value.hex() if isinstance(value, bytes) else str(value)
