"""A deployment that has an admin keeps one: somebody must be left to undo a mistake."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from sealwire.core.errors import Code, StatusError
from sealwire.storage import Transaction


@contextlib.contextmanager
def keeping_an_admin(tx: Transaction) -> Iterator[None]:
    """Undo what the block does to the transaction, by raising, if it leaves no admin.

    An admin counts who is active and has an active key without an end. The writer runs one unit at
    a time, so of two admins who remove each other, the second is refused.

    Raises:
        StatusError: FAILED_PRECONDITION, LAST_ADMIN.
    """
    before = tx.identities.count_admins()
    yield
    if before and not tx.identities.count_admins():
        raise StatusError(
            Code.FAILED_PRECONDITION,
            "LAST_ADMIN",
            "This is the last admin who can act for good, and was left as it is; "
            "make another admin first.",
        )
