"""The lines of the journal of authority: one JSON object each, with a checksum."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sealwire.core.errors import MalformedError

Change = Mapping[str, Any]
"""What changed: `change` is added, changed, removed, begins or restored; see changes.py."""

_CHECKSUM_CHARACTERS: Final = 16


@dataclass(frozen=True, slots=True)
class Line:
    """One change; `sequence` counts them, `at` is when it was written down."""

    sequence: int
    at: int
    change: Change

    @property
    def is_beginning(self) -> bool:
        """Tell whether changes before it may be missing."""
        return bool(self.change["change"] == "begins")


def encode(line: Line) -> bytes:
    """Return the line, with its end."""
    fields = {**line.change, "sequence": line.sequence, "at": line.at}
    return _encoded({**fields, "sum": _checksum(fields)})


def decode(data: bytes, *, after: int) -> tuple[list[Line], int]:
    """Return the lines of which the first follows the one of sequence `after`, and their size.

    A last line that was not written to its end is left out: nothing was acknowledged by it.

    Raises:
        MalformedError: if any other is damaged, or out of order.
    """
    lines: list[Line] = []
    size, pieces = 0, data.splitlines(keepends=True)
    for number, piece in enumerate(pieces):
        line = _decoded(piece)
        if line is None and number == len(pieces) - 1:
            break
        previous = lines[-1].sequence if lines else after
        if line is None or not _follows(line, previous):
            raise MalformedError(f"The line behind change {previous} is damaged, or not the next.")
        lines.append(line)
        size += len(piece)
    return lines, size


def _follows(line: Line, previous: int) -> bool:
    if line.is_beginning:
        return line.sequence > previous
    return line.sequence == previous + 1


def _decoded(piece: bytes) -> Line | None:
    """Return the line that the bytes are; None if they are none."""
    try:
        fields = json.loads(piece)
        whole = piece.endswith(b"\n") and fields.pop("sum") == _checksum(fields)
        return Line(fields.pop("sequence"), fields.pop("at"), fields) if whole else None
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def _checksum(fields: Mapping[str, Any]) -> str:
    return hashlib.sha256(_encoded(fields)).hexdigest()[:_CHECKSUM_CHARACTERS]


def _encoded(fields: Mapping[str, Any]) -> bytes:
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return text.encode("ascii") + b"\n"
