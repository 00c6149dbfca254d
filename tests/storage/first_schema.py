"""A database as version 0.1 left it: the first schema, with people, an invitation and records."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from sealwire.core.derivation import KEY_BYTES, derive_identity_key_into
from sealwire.core.keys import PrivateKey
from sealwire.core.sealing import RecordAddress, seal
from sealwire.storage.engine import driver_connection, memory_engine
from tests.core.builders import HeldKey
from tests.storage.builders import ALICE, BOB, DEPLOYMENT, NOW, ROOT_KEYS, plain

TOKEN_DIGEST: Final = hashlib.sha256(b"token").digest()
NAMESPACES: Final = {"team/payroll": "alice", "team/payroll/2027": "alice", "notes": "bob"}
VALUES: Final = {
    ("team/payroll", "march"): b"41,000 a year",
    ("team/payroll", "large"): bytes(range(256)) * 1_000,
    ("team/payroll/2027", "empty"): b"",
    ("notes", "Straße/夏"): b"value",
}
MEMBERS: Final = {"alice": ALICE, "bob": BOB}


@dataclass(frozen=True)
class FirstDatabase:
    """Where it is to be, and whose it is. Salts are random, as identities' ids are."""

    path: Path
    root_key: X25519PrivateKey = ROOT_KEYS.by_version[1]
    deployment_id: str = DEPLOYMENT
    members: Mapping[str, PrivateKey] | None = None

    def create(self) -> Path:
        """Write it: migration 0001 alone, and the rows that version 0.1 wrote."""
        with memory_engine().connect() as connection:
            config = Config(attributes={"connection": connection})
            config.set_main_option("script_location", "sealwire.storage:migrations")
            with connection.begin():
                command.upgrade(config, "0001")
            self.path.write_bytes(driver_connection(connection).serialize())
        self.path.chmod(0o600)
        public = self.root_key.public_key().public_bytes_raw()
        self._insert("deployment", id=self.deployment_id)
        self._insert("root_keys", version=1, public_key=public)
        for name, key in (self.members or MEMBERS).items():
            self._add_member(name, key)
        for number, (namespace, owner) in enumerate(NAMESPACES.items(), start=1):
            self._insert(
                "namespaces", id=number, name=namespace, owner_id=f"{owner}-id", created_at=NOW
            )
        for (namespace, name), value in VALUES.items():
            self._add_record(namespace, name, value)
        self._invite("open", used_at=None, identity_id=None)
        self._invite("used", used_at=NOW, identity_id="bob-id")
        with plain(self.path) as connection_:
            connection_.execute("PRAGMA journal_mode = wal")
        return self.path

    def _add_member(self, name: str, key: PrivateKey) -> None:
        role = "admin" if name == "alice" else "member"
        self._insert(
            "identities", id=f"{name}-id", name=name, role=role, salt=os.urandom(32), created_at=NOW
        )
        self._insert(
            "keys",
            public_key_id=key.public_key.key_id,
            public_key=key.public_key.raw,
            identity_id=f"{name}-id",
            created_at=NOW,
        )

    def _add_record(self, namespace: str, name: str, value: bytes) -> None:
        owner = NAMESPACES[namespace]
        blob = seal(
            self._identity_key(owner),
            value,
            address=RecordAddress(namespace, name, 3),
            random=os.urandom,
        )
        self._insert(
            "records",
            namespace_id=list(NAMESPACES).index(namespace) + 1,
            name=name,
            version=3,
            size=len(value),
            created_at=NOW,
            updated_at=NOW + 5,
            blob=blob,
        )

    def _identity_key(self, owner: str) -> HeldKey:
        with plain(self.path) as connection:
            (salt,) = connection.execute(
                "SELECT salt FROM identities WHERE name = ?", (owner,)
            ).fetchone()
        key, secret = (self.members or MEMBERS)[owner].public_key, bytearray(KEY_BYTES)
        derive_identity_key_into(
            memoryview(secret),
            root_key=self.root_key,
            root_version=1,
            deployment_id=self.deployment_id,
            owner=key,
            identity_salt=salt,
        )
        return HeldKey(1, key, bytes(secret))

    def _invite(self, invitation_id: str, *, used_at: int | None, identity_id: str | None) -> None:
        self._insert(
            "invitations",
            id=invitation_id,
            token_digest=TOKEN_DIGEST,
            name="carol",
            role="member",
            created_at=NOW,
            expires_at=NOW + 1_000_000,
            used_at=used_at,
            identity_id=identity_id,
        )

    def _insert(self, table: str, **values: Any) -> None:
        names, places = ", ".join(values), ", ".join("?" * len(values))
        statement = f"INSERT INTO {table} ({names}) VALUES ({places})"  # noqa: S608 - ours
        with plain(self.path) as connection:
            connection.execute(statement, tuple(values.values()))
