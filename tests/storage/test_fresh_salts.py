from __future__ import annotations

import os
from pathlib import Path

import pytest

from sealwire.core.derivation import SALT_BYTES
from sealwire.core.errors import SealError
from sealwire.core.keys import PublicKey
from sealwire.core.sealing import RecordAddress, read_header
from sealwire.storage import Namespace, SaltDirectory, Store
from sealwire.storage.barrier import SealingBarrier
from sealwire.storage.key_cache import KeyCache
from sealwire.storage.root_keyring import RootKeyring
from tests.storage.builders import ALICE, BOB, DEPLOYMENT, ROOT_KEYS, Seconds, blob, plain, put

ADDRESS = RecordAddress("team/payroll", "march", 1)
SEALS = 20_000


class OneSalt:
    """`Salts` of a store with one identity, which is Alice's."""

    def salt(self, identity_id: str, key: PublicKey) -> bytes:
        if (identity_id, key) != ("alice", ALICE.public_key):
            raise SealError("Not Alice's.")
        return bytes(SALT_BYTES)


@pytest.fixture
def barrier(tmp_path: Path) -> SealingBarrier:
    roots, cache = RootKeyring.of(ROOT_KEYS), KeyCache(monotonic=Seconds())
    return SealingBarrier(roots, DEPLOYMENT, cache, os.urandom, SaltDirectory(tmp_path))


def seal(barrier: SealingBarrier) -> bytes:
    return barrier.seal(
        b"value",
        identity_id="alice",
        owner=ALICE.public_key,
        address=ADDRESS,
        salts=OneSalt(),
    )


def test_no_seal_repeats_a_key_even_for_one_value_at_one_address(  # case 67
    barrier: SealingBarrier,
) -> None:
    """Nonces count from zero in each blob, so all rests on keys.

    Key and commitment are one output of one HKDF: no commitment twice, no key twice.
    """
    headers = [read_header(seal(barrier)) for _ in range(SEALS)]
    assert len({header.record_salt for header in headers}) == SEALS
    assert len({header.commitment for header in headers}) == SEALS


def test_each_put_draws_a_fresh_salt(  # case 67
    store: Store, namespace: Namespace, database: Path
) -> None:
    salts = set()
    for _ in range(100):
        put(store, namespace, "march", b"value")
        salts.add(read_header(blob(database, "march")).record_salt)
    assert len(salts) == 100


def test_a_version_that_is_sealed_at_the_place_of_one_that_is_gone_gets_another_key(  # case 67
    store: Store, namespace: Namespace, database: Path
) -> None:
    put(store, namespace, "march", b"value")
    first = read_header(blob(database, "march"))
    with plain(database) as connection:  # as if all of the record had been forgotten since
        connection.execute("DELETE FROM record_versions")
    assert put(store, namespace, "march", b"value") == 1
    second = read_header(blob(database, "march"))
    assert first.owner == second.owner
    assert first.commitment != second.commitment


def test_the_barrier_seals_only_to_a_key_of_the_identity(barrier: SealingBarrier) -> None:
    with pytest.raises(SealError):
        barrier.seal(
            b"value",
            identity_id="alice",
            owner=BOB.public_key,
            address=ADDRESS,
            salts=OneSalt(),
        )


def test_the_barrier_opens_only_what_is_the_identitys(barrier: SealingBarrier) -> None:
    sealed = seal(barrier)
    opened = barrier.unseal(sealed, identity_id="alice", address=ADDRESS, salts=OneSalt())
    assert opened == b"value"
    with pytest.raises(SealError):
        barrier.unseal(sealed, identity_id="bob", address=ADDRESS, salts=OneSalt())
