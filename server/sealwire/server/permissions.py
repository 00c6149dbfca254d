"""Who may do what: decided by the identity that the signing key belongs to, deny by default.

A permission that no rule grants is denied. A namespace that does not exist and one that is
somebody else's are refused with the same words, so names can't be probed.
"""

from __future__ import annotations

from typing import Final

from sealwire.core.errors import PermissionDeniedError
from sealwire.interceptors import Call
from sealwire.storage import Namespace

OWNER_PERMISSIONS: Final = frozenset(
    {"records.read", "records.write", "records.list", "records.delete"}
)
"""What the owner of a namespace may do in it."""
SELF_PERMISSIONS: Final = frozenset({"identities.read_self"})
"""What every enrolled identity may do."""


def require_owner(call: Call, namespace: Namespace | None) -> Namespace:
    """Return the namespace if the caller may do in it what the method's policy names.

    Raises:
        PermissionDeniedError: if not, or there is no such namespace.
    """
    allowed = (
        namespace is not None
        and namespace.owner_id == call.caller.identity
        and call.method.permission in OWNER_PERMISSIONS
    )
    if namespace is None or not allowed:
        raise PermissionDeniedError("You have no right to this in this namespace.")
    return namespace


def require_enrolled(call: Call) -> str:
    """Return the caller's identity if every identity may call this method.

    Raises:
        PermissionDeniedError: if the method needs more.
    """
    if call.method.permission not in SELF_PERMISSIONS:
        raise PermissionDeniedError("You have no right to this.")
    return call.caller.identity
