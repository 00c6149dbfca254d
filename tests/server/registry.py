"""Members made straight in a deployment's store: quickly, and with whatever rights a test wants."""

from __future__ import annotations

import contextlib
import itertools
import os
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cryptography import x509

from sealwire.client import TlsIdentity
from sealwire.core.clock import Clock
from sealwire.core.keys import PrivateKey
from sealwire.core.pki import Validity, certificate_pem, new_tls_key, tls_key_pem
from sealwire.server.claims import claim
from sealwire.server.deployment import Deployment
from sealwire.server.invitations import open_store
from sealwire.server.messages import identity_message
from sealwire.storage import (
    Effect,
    GrantRow,
    IdentityRow,
    NewIdentity,
    NewRecord,
    Scope,
    Store,
    SubjectKind,
    Transaction,
    Verb,
)
from tests.server.members import Member


@dataclass(frozen=True, slots=True)
class Registry:
    """A second way into a store that a server may have open as well."""

    deployment: Deployment
    store: Store
    clock: Clock
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def name(self, label: str) -> str:
        """Return a name that nobody has."""
        return f"{label}-{next(self._numbers)}-{uuid.uuid4().hex[:8]}"

    def member(self, label: str = "member", *, role: str = "member") -> Member:
        """Return somebody new, with a key and a certificate for a day."""
        key, tls_key, now = PrivateKey.generate(os.urandom), new_tls_key(), self.clock()
        new = NewIdentity(self.name(label), role, key.public_key)
        row = self.store.write_blocking(lambda tx: tx.identities.create(new, now))
        certificate = self.deployment.authority.issue_client(
            tls_key.public_key(),
            self.deployment.trust_domain.key_uri(key.public_key.key_id),
            validity=Validity(now, days=1),
        )
        return Member(
            identity=identity_message(row, key.public_key.key_id),
            key=key,
            tls=TlsIdentity(certificate_pem(certificate), tls_key_pem(tls_key)),
            server=self.deployment.server_identity,
            clock=self.clock,
        )

    def group(self, *members: Member) -> str:
        """Return the name of a new group."""
        name, now = self.name("group"), self.clock()

        def unit(tx: Transaction) -> None:
            group = tx.groups.create(name, now=now)
            for member in members:
                tx.groups.add_member(group, member.identity.id, now=now)

        self.store.write_blocking(unit)
        return name

    def claim(self, member: Member, namespace: str, *, record: bytes | None = None) -> None:
        """Give a namespace to a member, with one record if there is a value for it."""
        now = self.clock()

        def unit(tx: Transaction) -> None:
            claim(tx, namespace, identity_id=member.identity.id, now=now)
            row = tx.namespaces.create(namespace, owner_id=member.identity.id, now=now)
            if record is not None:
                tx.records.put(row, NewRecord("record", record), now=now)

        self.store.write_blocking(unit)

    def grant(
        self,
        to: Member | str,
        verbs: Iterable[Verb],
        namespace: str,
        *,
        by: Member | None = None,
        scope: Scope = Scope.SUBTREE,
        effect: Effect = Effect.ALLOW,
    ) -> None:
        """Allow or deny, asking nobody; a text names a group."""
        now = self.clock()

        def unit(tx: Transaction) -> None:
            kind, subject_id = _subject(tx, to)
            for verb in verbs:
                row = GrantRow(
                    subject_kind=kind,
                    subject_id=subject_id,
                    verb=verb,
                    namespace=namespace,
                    scope=scope,
                    effect=effect,
                    expires_at=None,
                    granted_by=by.identity.id if by else None,
                    created_at=now,
                )
                tx.grants.put(row)

        self.store.write_blocking(unit)

    def row(self, tx: Transaction, member: Member) -> IdentityRow:
        """Return a member's identity as it is now."""
        found = tx.identities.find(member.identity.id)
        assert found is not None
        return found


def serial_of(member: Member) -> str:
    """Return the serial number of a member's certificate, as the server writes it."""
    return f"{x509.load_pem_x509_certificate(member.tls.certificate_pem).serial_number:x}"


@contextlib.contextmanager
def registry(deployment: Deployment, clock: Clock) -> Iterator[Registry]:
    """Open a deployment's store beside its server."""
    with open_store(deployment, random=os.urandom) as store:
        yield Registry(deployment, store, clock)


def _subject(tx: Transaction, to: Member | str) -> tuple[SubjectKind, str]:
    if isinstance(to, Member):
        return SubjectKind.IDENTITY, to.identity.id
    group = tx.groups.find(to)
    assert group is not None
    return SubjectKind.GROUP, group.id
