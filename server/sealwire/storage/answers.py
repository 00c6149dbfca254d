"""How requests with a request id were answered, so that a retry is answered alike.

An answer is written in the transaction that made it true, sealed to whoever asked.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from sqlalchemy import Integer, and_, bindparam, delete, insert, literal_column, select, update

from sealwire.core.errors import RequestIdReusedError
from sealwire.core.sealing import Purpose, RecordAddress
from sealwire.storage.owners import Owners
from sealwire.storage.prepared import Prepared
from sealwire.storage.schema import answers

MAX_FORGOTTEN: Final = 1_000
"""How many answers are forgotten at a time, so that nobody is held up."""

_HERE = and_(
    answers.c.identity_id == bindparam("asker"), answers.c.request_id == bindparam("asked")
)
_FIND: Final = Prepared.of(select(answers.c.digest, answers.c.response).where(_HERE))
_INSERT: Final = Prepared.of(insert(answers))
_IS_OLD = answers.c.created_at < bindparam("before")
_OLD: Final = Prepared.of(select(answers.c.created_at).where(_IS_OLD).limit(1))
_ROWID: Final = literal_column("rowid", Integer)
_FORGET: Final = Prepared.of(
    delete(answers).where(
        _ROWID.in_(select(_ROWID).where(_IS_OLD).limit(MAX_FORGOTTEN).correlate(None))
    )
)
_ROWIDS: Final = Prepared.of(
    select(_ROWID)
    .select_from(answers)
    .where(bindparam("after") < _ROWID)
    .order_by(_ROWID)
    .limit(bindparam("page_size"))
)
_THIS = bindparam("this") == _ROWID
_READ: Final = Prepared.of(
    select(answers.c.identity_id, answers.c.request_id, answers.c.digest, answers.c.response).where(
        _THIS
    )
)
_REPLACE: Final = Prepared.of(update(answers).values(response=bindparam("sealed")).where(_THIS))


class Answers:
    """The answers, as one transaction sees them."""

    def __init__(self, driver: sqlite3.Connection, owners: Owners) -> None:
        self._driver = driver
        self._owners = owners

    def find(self, identity_id: str, request_id: str, *, digest: bytes) -> bytes | None:
        """Return how the identity's request of this id and SHA-256 digest was answered, if it was.

        Raises:
            RequestIdReusedError: if that was another request.
            SealError: if the answer was altered.
        """
        found = _FIND.first(self._driver, asker=identity_id, asked=request_id)
        if found is None:
            return None
        first_digest, response = found
        if first_digest != digest:
            raise RequestIdReusedError(
                "This request id was used for another request before; nothing was changed. "
                "Take a new id for a new request."
            )
        return self._owners.unseal(identity_id, response, address=_address(request_id, digest))

    def add(
        self, identity_id: str, request_id: str, *, digest: bytes, response: bytes, now: int
    ) -> None:
        """Write down how a request was answered."""
        sealed = self._owners.seal(identity_id, response, address=_address(request_id, digest))
        _INSERT.count(
            self._driver,
            identity_id=identity_id,
            request_id=request_id,
            created_at=now,
            digest=digest,
            response=sealed,
        )

    def rowids(self, *, after: int, limit: int) -> list[int]:
        """Return up to `limit` rowids of answers, in order, from behind one."""
        return [rowid for (rowid,) in _ROWIDS.rows(self._driver, after=after, page_size=limit)]

    def reseal(self, rowid: int) -> bool:
        """Seal an answer to the identity's newest key under the current root key, unless it is.

        Raises:
            ErasedError: if the identity was erased.
            SealError: if the answer was altered, or the identity's newest key was.
        """
        found = _READ.first(self._driver, this=rowid)
        if found is None:
            return False
        identity_id, request_id, digest, response = found
        if self._owners.are_current(identity_id, response):
            return False
        address = _address(request_id, digest)
        opened = self._owners.unseal(identity_id, response, address=address)
        sealed = self._owners.seal(identity_id, opened, address=address)
        return _REPLACE.count(self._driver, this=rowid, sealed=sealed) == 1

    def any_before(self, before: int) -> bool:
        """Tell whether there is an answer that is older than a moment."""
        return _OLD.first(self._driver, before=before) is not None

    def forget(self, *, before: int) -> int:
        """Forget some of the answers that are older than a moment; return how many."""
        return _FORGET.count(self._driver, before=before)


def _address(request_id: str, digest: bytes) -> RecordAddress:
    return RecordAddress("", request_id, 0, Purpose.ANSWER, digest)
