"""What admins do to identities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sealwire.core.errors import Code, MalformedError, StatusError
from sealwire.server.authorization import Authorization
from sealwire.server.last_admin import keeping_an_admin
from sealwire.storage import ROLES, IdentityRow, IdentityState, KeyState
from sealwire.v1 import identity_pb2
from sealwire.v1.identity_pb2 import UpdateIdentityRequest

MAX_LABELS: Final = 64
MAX_LABEL_BYTES: Final = 256
_STATES: Final[Mapping[int, tuple[IdentityState, str]]] = {
    identity_pb2.IDENTITY_STATE_ACTIVE: (IdentityState.ACTIVE, "identity.resumed"),
    identity_pb2.IDENTITY_STATE_SUSPENDED: (IdentityState.SUSPENDED, "identity.suspended"),
}


def apply_change(
    auth: Authorization, identity: IdentityRow, request: UpdateIdentityRequest
) -> IdentityRow:
    """Return the identity with the request's one change.

    Raises:
        MalformedError: if the request asks for nothing, or for what can't be.
        StatusError: FAILED_PRECONDITION, if the identity was removed, or is the last admin.
    """
    require_present(identity)
    match request.WhichOneof("change"):
        case "state":
            return _set_state(auth, identity, request.state)
        case "role":
            return _set_role(auth, identity, request.role)
        case "labels":
            return _set_labels(auth, identity, request.labels.entries)
        case _:
            raise MalformedError("Say what is to be changed: the state, the role or the labels.")


def remove(auth: Authorization, identity: IdentityRow) -> IdentityRow:
    """End an identity: its keys are revoked, its grants and memberships are deleted.

    Raises:
        StatusError: FAILED_PRECONDITION, if it was removed already, or is the last admin.
    """
    require_present(identity)
    removed = _end(auth, identity, IdentityState.REMOVED)
    auth.record(identity, "identity.removed")
    return removed


def erase(auth: Authorization, identity: IdentityRow) -> IdentityRow:
    """End an identity, unless it was removed, so that its salt may be destroyed; or leave it so.

    Raises:
        StatusError: FAILED_PRECONDITION, if it is the last admin.
    """
    if identity.state == IdentityState.ERASED:
        return identity
    erased = _end(auth, identity, IdentityState.ERASED)
    auth.record(identity, "identity.erased")
    return erased


def _end(auth: Authorization, identity: IdentityRow, state: IdentityState) -> IdentityRow:
    tx = auth.tx
    with keeping_an_admin(tx):
        for key in tx.keys.of_identity(identity.id):
            if key.state == KeyState.ACTIVE:
                tx.keys.end(key, KeyState.REVOKED, now=auth.now)
        tx.grants.remove_subject(identity.id)
        tx.groups.leave_all(identity.id)
        return tx.identities.set_state(identity, state)


def require_present(identity: IdentityRow) -> None:
    """Return unless the identity was removed, or erased.

    Raises:
        StatusError: FAILED_PRECONDITION, IDENTITY_REMOVED.
    """
    if identity.is_gone:
        raise StatusError(
            Code.FAILED_PRECONDITION, "IDENTITY_REMOVED", "This identity was removed for good."
        )


def _set_state(auth: Authorization, identity: IdentityRow, wanted: int) -> IdentityRow:
    if wanted not in _STATES:
        raise MalformedError("An identity can be made active or suspended; removing is for good.")
    state, kind = _STATES[wanted]
    if identity.state == state:
        return identity
    with keeping_an_admin(auth.tx):
        changed = auth.tx.identities.set_state(identity, state)
    auth.record(identity, kind)
    return changed


def _set_role(auth: Authorization, identity: IdentityRow, role: str) -> IdentityRow:
    if role not in ROLES:
        raise MalformedError("A role is admin or member.")
    if identity.role == role:
        return identity
    with keeping_an_admin(auth.tx):
        changed = auth.tx.identities.set_role(identity, role)
    auth.record(identity, "identity.role_changed", role)
    return changed


def _set_labels(
    auth: Authorization, identity: IdentityRow, labels: Mapping[str, str]
) -> IdentityRow:
    if len(labels) > MAX_LABELS:
        raise MalformedError(f"An identity has at most {MAX_LABELS} labels.")
    sizes = [len(text.encode()) for pair in labels.items() for text in pair]
    if "" in labels or max(sizes, default=0) > MAX_LABEL_BYTES:
        raise MalformedError(
            f"A label's key has 1 to {MAX_LABEL_BYTES} bytes, and its value at most as many."
        )
    changed = auth.tx.identities.set_labels(identity, labels)
    auth.record(identity, "identity.labelled")
    return changed
