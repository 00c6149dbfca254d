"""Records as they are printed: all that is known in JSON, what there is to see in a table."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from sealwire.client.cli.output import JSON, Fields, moment, moment_if_any

if TYPE_CHECKING:
    from sealwire.v1.records_pb2 import RecordInfo

_RARE: Final = ("expires_at", "deleted_at", "destroyed", "content_type", "labels")


def record_fields(record: RecordInfo) -> Fields:
    """Return what is known of a version."""
    return {
        "version": record.version,
        "size": record.size,
        "created_at": moment(record.created_at),
        "updated_at": moment(record.updated_at),
        "expires_at": moment_if_any(record.expires_at),
        "deleted_at": moment_if_any(record.deleted_at),
        "destroyed": record.destroyed,
        "content_type": record.content_type or None,
        "labels": dict(sorted(record.labels.items())),
        "name": record.name,
    }


def value_fields(value: bytes) -> Fields:
    """Return a value as JSON holds it: text as `value`, anything else as `value_base64`."""
    try:
        return {"value": value.decode("utf-8")}
    except UnicodeDecodeError:
        return {"value_base64": base64.b64encode(value).decode("ascii")}


def shown(rows: Sequence[Fields], form: str) -> list[Fields]:
    """Return rows without the columns in which a table would have nothing to show."""
    empty = {name for name in _RARE if not any(row.get(name) for row in rows)}
    if form == JSON:
        return list(rows)
    return [{name: row[name] for name in row if name not in empty} for row in rows]
