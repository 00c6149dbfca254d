"""Making invitations: the other half of enrolment, for admins and the operator."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from sealwire.core.clock import Clock, system_clock
from sealwire.core.envelope import digest
from sealwire.core.errors import AlreadyExistsError, MalformedError
from sealwire.core.invitation import TOKEN_BYTES, Invitation, ServerIdentity
from sealwire.core.keys import Random
from sealwire.core.names import check_identity_name
from sealwire.core.pki import (
    CertificateAuthority,
    Validity,
    certificate_pem,
    new_tls_key,
    tls_key_pem,
)
from sealwire.core.spiffe import TrustDomain
from sealwire.server.deployment import Deployment
from sealwire.server.identity_changes import require_present
from sealwire.server.naming import existing, find_identity
from sealwire.storage import (
    AuthorityJournal,
    EventRow,
    IdentityRow,
    InvitationRow,
    Store,
    Transaction,
)

MAX_VALID_HOURS: Final = 24 * 30
_HOURS_A_DAY: Final = 24
_HOUR_MS: Final = 60 * 60 * 1000


def open_store(deployment: Deployment, *, random: Random) -> contextlib.closing[Store]:
    """Return a deployment's store for a command that runs beside, or without, its server."""
    store = Store.open(
        deployment.database,
        root_keys=deployment.root_keys,
        journal=AuthorityJournal(deployment.authority_journal, system_clock),
        salts=deployment.salts,
        random=random,
        monotonic=time.monotonic,
        readers=1,
    )
    return contextlib.closing(store)


@dataclass(frozen=True, slots=True)
class Inviter:
    """Makes invitations, in a transaction of the caller's; the store keeps digests of tokens only.

    `server` returns how the server is reached and known now, `authority` who issues certificates.
    """

    server: Callable[[], ServerIdentity]
    authority: Callable[[], CertificateAuthority]
    trust_domain: TrustDomain
    random: Random = field(repr=False)

    def invite(
        self,
        tx: Transaction,
        name: str,
        *,
        role: str,
        valid_hours: float,
        now: int,
        made_by: str | None = None,
    ) -> Invitation:
        """Return an invitation for somebody new.

        Raises:
            MalformedError: if the name does not have the form of an identity's, or the invitation
                would be valid for no time, or for more than 30 days.
            AlreadyExistsError: if an identity has the name.
        """
        check_identity_name(name)
        if tx.identities.find_by_name(name) is not None:
            raise AlreadyExistsError(f"An identity named {name!r} exists already.")
        return self._make(tx, name, role, None, valid_hours=valid_hours, now=now, made_by=made_by)

    def recover(
        self,
        tx: Transaction,
        identity: IdentityRow,
        *,
        valid_hours: float,
        now: int,
        made_by: str | None = None,
    ) -> Invitation:
        """Return an invitation for whoever lost the key of an identity.

        Raises:
            MalformedError: if it would be valid for no time, or for more than 30 days.
            StatusError: FAILED_PRECONDITION, if the identity was removed.
        """
        require_present(identity)
        return self._make(
            tx,
            identity.name,
            identity.role,
            identity.id,
            valid_hours=valid_hours,
            now=now,
            made_by=made_by,
        )

    def _make(
        self,
        tx: Transaction,
        name: str,
        role: str,
        recovers: str | None,
        *,
        valid_hours: float,
        now: int,
        made_by: str | None,
    ) -> Invitation:
        if not 0 < valid_hours <= MAX_VALID_HOURS:
            raise MalformedError(
                f"An invitation is valid for more than 0 and at most {MAX_VALID_HOURS} hours."
            )
        invitation_id = str(uuid.UUID(bytes=self.random(16), version=4))
        token, key = self.random(TOKEN_BYTES), new_tls_key()
        certificate = self.authority().issue_client(
            key.public_key(),
            self.trust_domain.invitation_uri(invitation_id),
            validity=Validity(now, valid_hours / _HOURS_A_DAY),
        )
        row = InvitationRow(
            id=invitation_id,
            token_digest=digest(token),
            name=name,
            role=role,
            created_at=now,
            expires_at=now + round(valid_hours * _HOUR_MS),
            recovers=recovers,
            made_by=made_by,
        )
        tx.invitations.create(row)
        return Invitation(
            server=self.server(),
            invitation_id=invitation_id,
            name=name,
            expires_at=row.expires_at,
            certificate_pem=certificate_pem(certificate).decode("ascii"),
            token=token,
            certificate_key_pem=tls_key_pem(key).decode("ascii"),
        )


def inviter_of(deployment: Deployment, *, random: Random) -> Inviter:
    """Return the inviter of a deployment as it lies on the disk now."""
    return Inviter(
        server=lambda: deployment.server_identity,
        authority=lambda: deployment.authority,
        trust_domain=deployment.trust_domain,
        random=random,
    )


def write_invitation(
    deployment: Deployment,
    name: str,
    *,
    role: str,
    valid_hours: float,
    clock: Clock,
    random: Random,
) -> Invitation:
    """Return an invitation by the operator's own hand, made beside or without the server.

    Raises:
        MalformedError, AlreadyExistsError: as `Inviter.invite`.
    """
    inviter, now = inviter_of(deployment, random=random), clock()
    with open_store(deployment, random=random) as store:
        return store.write_blocking(
            lambda tx: inviter.invite(tx, name, role=role, valid_hours=valid_hours, now=now)
        )


def write_recovery(
    deployment: Deployment, named: str, *, valid_hours: float, clock: Clock, random: Random
) -> Invitation:
    """Return an invitation for the identity of a name or key id, as `write_invitation` does.

    Raises:
        NotFoundError: if there is no such identity.
        StatusError: if it was removed.
    """
    inviter, now = inviter_of(deployment, random=random), clock()

    def unit(tx: Transaction) -> Invitation:
        identity = existing(find_identity(tx, named), f"the name or key {named!r}")
        tx.events.add(EventRow(identity.id, now, "identity.recovery_invited", None, None))
        return inviter.recover(tx, identity, valid_hours=valid_hours, now=now)

    with open_store(deployment, random=random) as store:
        return store.write_blocking(unit)
