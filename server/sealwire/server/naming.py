"""Whom a request or the operator names: an identity, by its name or by one of its keys."""

from __future__ import annotations

from sealwire.core.errors import NotFoundError
from sealwire.core.keys import is_key_id
from sealwire.storage import IdentityRow, Transaction


def find_identity(tx: Transaction, named: str) -> IdentityRow | None:
    """Return the identity of a name, or of the id of one of its keys."""
    if not is_key_id(named):
        return tx.identities.find_by_name(named)
    found = tx.identities.find_by_key(named)
    return None if found is None else found[0]


def find_present(tx: Transaction, named: str) -> IdentityRow | None:
    """Return the identity that `find_identity` finds, unless it was removed or erased."""
    found = find_identity(tx, named)
    return None if found is None or found.is_gone else found


def existing(found: IdentityRow | None, called: str = "this name or key") -> IdentityRow:
    """Return what was found.

    Raises:
        NotFoundError: if that is nothing.
    """
    if found is None:
        raise NotFoundError(f"There is no identity of {called}.")
    return found
