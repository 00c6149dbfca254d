"""A database in a directory of the test's own, and a second way into it: plain sqlite3."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from sealwire.core.keys import PrivateKey
from sealwire.storage import (
    DEFAULT_KEEP_VERSIONS,
    AuthorityJournal,
    Namespace,
    NewIdentity,
    NewRecord,
    RootKeys,
    SaltDirectory,
    Store,
    Transaction,
    create_database,
    upgrade,
)
from tests.core.builders import RepeatableRandom

NOW: Final = 1_800_000_000_000
DEPLOYMENT: Final = "11111111-1111-4111-8111-111111111111"


def private_key(number: int) -> PrivateKey:
    """Return one of 255 Ed25519 keys."""
    return PrivateKey.from_seed(bytes([number]) * 32)


def root_keys(number: int = 0x20, *, version: int = 1) -> RootKeys:
    """Return a set of one root key, which follows from `number`."""
    key = X25519PrivateKey.from_private_bytes(bytes([number]) * 32)
    return RootKeys({version: key})


ROOT_KEYS: Final = root_keys()
ALICE: Final = private_key(0xA1)
BOB: Final = private_key(0xB0)


@dataclass(slots=True)
class Seconds:
    """A `Monotonic` that moves when it is told to."""

    now: float = 1000.0

    def __call__(self) -> float:
        """Return the seconds that it shows."""
        return self.now


def create(path: Path, *, roots: RootKeys = ROOT_KEYS, deployment_id: str = DEPLOYMENT) -> Path:
    """Create an empty database, and return its path."""
    create_database(path, deployment_id=deployment_id, root_keys=roots)
    salts_of(path).make()
    return path


def journal_of(path: Path) -> Path:
    """Return where a database's journal is."""
    return path.with_suffix(".journal")


def salts_of(path: Path) -> SaltDirectory:
    """Return where the salts are that belong to a database, and to all copies beside it."""
    return SaltDirectory(path.with_name("salts"))


def migrate(path: Path, *, roots: RootKeys = ROOT_KEYS) -> None:
    """Bring a database to this version's schema."""
    upgrade(path, root_keys=roots, salts=salts_of(path))


@contextlib.contextmanager
def opened(path: Path, *, roots: RootKeys = ROOT_KEYS, seed: str = "store") -> Iterator[Store]:
    """Open the store for a `with` block; time stands still in it."""
    store = Store.open(
        path,
        root_keys=roots,
        journal=AuthorityJournal(journal_of(path), lambda: NOW),
        salts=salts_of(path),
        random=RepeatableRandom(seed),
        monotonic=Seconds(),
    )
    try:
        yield store
    finally:
        store.close()


@contextlib.contextmanager
def plain(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the file as anybody with access to the disk can; every statement commits by itself."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA ignore_check_constraints = 1")  # which nobody has to keep
    try:
        yield connection
    finally:
        connection.close()


def namespace_of(store: Store, owner: PrivateKey, name: str) -> Namespace:
    """Enrol `owner`, under the name of its key, unless it is; and make a namespace of its own."""
    return store.write_blocking(
        lambda tx: tx.namespaces.create(name, owner_id=enrolled(tx, owner), now=NOW)
    )


def sealed_namespace_of(store: Store, owner: PrivateKey, name: str) -> Namespace:
    """Do as `namespace_of`; names of records are sealed in it."""
    return store.write_blocking(
        lambda tx: tx.namespaces.create_with_sealed_names(
            name,
            owner_id=enrolled(tx, owner),
            now=NOW,
            keep_versions=DEFAULT_KEEP_VERSIONS,
            keep_ms=0,
        )
    )


def enrolled(tx: Transaction, owner: PrivateKey) -> str:
    """Return the id of the identity of a key, which is made unless it is there."""
    known = tx.identities.find_by_key(owner.public_key.key_id)
    return (known[0] if known else tx.identities.create(new_identity(owner), NOW)).id


def new_identity(key: PrivateKey) -> NewIdentity:
    """Return an identity to be, which is named after its key."""
    return NewIdentity(key.public_key.key_id, "member", key.public_key)


def put(store: Store, namespace: Namespace, name: str, value: bytes) -> int:
    """Put a value, and return its version."""
    new = NewRecord(name, value)
    return store.write_blocking(lambda tx: tx.records.put(namespace, new, now=NOW)[0].version)


def get(store: Store, namespace: Namespace, name: str) -> bytes | None:
    """Return a record's value, or None if there is no such record."""
    found = store.read_blocking(lambda tx: tx.records.get(namespace, name, now=NOW))
    return found[1] if found else None


def blob(path: Path, name: str) -> bytes:
    """Return the newest that the file holds for the record of this name, in whatever namespace."""
    with plain(path) as connection:
        (stored,) = connection.execute(
            "SELECT blob FROM record_versions WHERE name = ? ORDER BY version DESC", (name,)
        ).fetchone()
    return bytes(stored)


def replace_blob(path: Path, name: str, stored: bytes) -> None:
    """Put other bytes in the place of the newest that are sealed for a record."""
    with plain(path) as connection:
        changed = connection.execute(
            "UPDATE record_versions SET blob = :blob WHERE name = :name AND version ="
            " (SELECT max(version) FROM record_versions WHERE name = :name)",
            {"blob": stored, "name": name},
        ).rowcount
    assert changed == 1


def files(directory: Path) -> dict[str, bytes]:
    """Return the bytes of every file, by name, without what SQLite leaves that is no data.

    That is the index that its processes share (-shm), and a log (-wal) with nothing in it.
    """
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
        and not path.name.endswith("-shm")
        and not (path.name.endswith("-wal") and path.stat().st_size == 0)
    }
