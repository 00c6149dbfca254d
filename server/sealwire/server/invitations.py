"""Making invitations: the operator's half of enrolment."""

from __future__ import annotations

import contextlib
import time
import uuid
from typing import Final

from sealwire.core.clock import Clock
from sealwire.core.envelope import digest
from sealwire.core.errors import AlreadyExistsError, ConfigurationError
from sealwire.core.invitation import TOKEN_BYTES, Invitation
from sealwire.core.keys import Random
from sealwire.core.names import check_identity_name
from sealwire.core.pki import Validity, certificate_pem, new_tls_key, tls_key_pem
from sealwire.server.deployment import Deployment
from sealwire.storage import InvitationRow, Store, Transaction

MAX_VALID_HOURS: Final = 24 * 30
_HOURS_A_DAY: Final = 24
_HOUR_MS: Final = 60 * 60 * 1000


def open_store(deployment: Deployment, *, random: Random) -> contextlib.closing[Store]:
    """Return a deployment's store for a command that runs beside, or without, its server."""
    store = Store.open(
        deployment.database,
        root_keys=deployment.root_keys,
        random=random,
        monotonic=time.monotonic,
        readers=1,
    )
    return contextlib.closing(store)


def make_invitation(
    deployment: Deployment,
    store: Store,
    *,
    name: str,
    role: str,
    valid_hours: float,
    clock: Clock,
    random: Random,
) -> Invitation:
    """Return a new invitation; the store keeps only the digest of its token.

    Raises:
        MalformedError: if the name does not have the form of an identity's.
        AlreadyExistsError: if an identity has the name.
        ConfigurationError: if it would be valid for no time, or for more than 30 days.
    """
    check_identity_name(name)
    if not 0 < valid_hours <= MAX_VALID_HOURS:
        raise ConfigurationError(
            f"An invitation is valid for more than 0 and at most {MAX_VALID_HOURS} hours."
        )
    now = clock()
    invitation_id = str(uuid.UUID(bytes=random(16), version=4))
    token = random(TOKEN_BYTES)
    key = new_tls_key()
    certificate = deployment.authority.issue_client(
        key.public_key(),
        deployment.trust_domain.invitation_uri(invitation_id),
        validity=Validity(now, valid_hours / _HOURS_A_DAY),
    )
    row = InvitationRow(
        id=invitation_id,
        token_digest=digest(token),
        name=name,
        role=role,
        created_at=now,
        expires_at=now + int(valid_hours * _HOUR_MS),
    )
    store.write_blocking(lambda tx: _record(tx, row))
    return Invitation(
        server=deployment.server_identity,
        invitation_id=invitation_id,
        name=name,
        expires_at=row.expires_at,
        certificate_pem=certificate_pem(certificate).decode("ascii"),
        token=token,
        certificate_key_pem=tls_key_pem(key).decode("ascii"),
    )


def _record(tx: Transaction, row: InvitationRow) -> None:
    if tx.identities.find_by_name(row.name) is not None:
        raise AlreadyExistsError(f"An identity named {row.name!r} exists already.")
    tx.invitations.create(row)
