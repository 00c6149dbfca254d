"""Finishing what erasures have begun: the state is committed first, and then the salt is destroyed.

Whoever dies in between leaves a salt behind that nothing uses any more.
"""

from __future__ import annotations

import functools

from sealwire.core.errors import UnavailableError
from sealwire.storage.store import Store
from sealwire.storage.transaction import Transaction


def finish_erasures(store: Store) -> None:
    """Destroy every salt that is left of an erased identity; for start-up, and now and then.

    Raises:
        UnavailableError: if one can't be destroyed now; the others were.
    """
    failure = None
    for identity_id in store.read_blocking(lambda tx: tx.identities.erased()):
        try:
            store.read_blocking(functools.partial(_destroy, identity_id=identity_id))
        except UnavailableError as error:
            failure = error
    if failure is not None:
        raise failure


def _destroy(tx: Transaction, *, identity_id: str) -> None:
    tx.identities.destroy_salt(identity_id)
