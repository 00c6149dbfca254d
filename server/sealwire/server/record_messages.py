"""From what the store says of records to what goes over the wire."""

from __future__ import annotations

from sealwire.server.record_metadata import decoded
from sealwire.storage import RecordRow
from sealwire.v1.records_pb2 import GetRecordResponse, RecordInfo


def record_info(row: RecordRow) -> RecordInfo:
    """Return what is known of a version."""
    info = written_info(row)
    if row.metadata:
        content_type, labels = decoded(row.metadata)
        info.content_type = content_type
        info.labels.update(labels)
    return info


def written_info(row: RecordRow) -> RecordInfo:
    """Return what whoever wrote a version is told of it: all but what they said of it themselves.

    Such answers are kept for retries, sealed to whoever asked; metadata are not theirs to keep.
    """
    return RecordInfo(
        name=row.name,
        version=row.version,
        size=row.size,
        created_at=row.created_at,
        updated_at=row.updated_at,
        expires_at=row.expires_at,
        deleted_at=row.deleted_at,
        destroyed=row.destroyed,
    )


def opened_record(found: tuple[RecordRow, bytes] | None) -> GetRecordResponse:
    """Return a record and its value; an empty message for none."""
    if found is None:
        return GetRecordResponse()
    row, value = found
    return GetRecordResponse(record=record_info(row), value=value)
