"""What each method's permission demands (docs/permissions.md).

A method's policy names a permission; this table says who has it. A permission that is not in the
table keeps the server from starting, and `Authorization` refuses to decide by another rule than
the table's.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from sealwire.core.errors import PolicyError
from sealwire.core.policy import MethodPolicy
from sealwire.storage import Verb


class Rule(enum.Enum):
    """Who has a permission that is not a verb on a namespace."""

    INVITED = "whoever holds an invitation"
    ENROLLED = "every active identity, about itself or what it may see"
    SELF_OR_ADMIN = "an identity about itself, an admin about all"
    ADMIN = "an admin"
    OPERATION = "whoever holds the verb of each operation, in its namespace"
    GRANTOR = "whoever holds share or admin on the namespace, as far as they hold it"
    ASKER = "an identity about itself; a grantor of the namespace or an admin about all"


PERMISSIONS: Final[Mapping[str, Verb | Rule]] = MappingProxyType(
    {
        "records.read": Verb.READ,
        "records.write": Verb.WRITE,
        "records.list": Verb.LIST,
        "records.delete": Verb.DELETE,
        "records.undelete": Verb.WRITE,
        "records.destroy": Verb.DELETE,
        "records.transact": Rule.OPERATION,
        "records.watch": Verb.LIST,
        "namespaces.create": Verb.WRITE,
        "namespaces.read": Verb.LIST,
        "namespaces.update": Verb.ADMIN,
        "namespaces.list": Rule.ENROLLED,
        "identities.enroll": Rule.INVITED,
        "identities.read_self": Rule.ENROLLED,
        "identities.read": Rule.SELF_OR_ADMIN,
        "identities.list": Rule.ADMIN,
        "identities.invite": Rule.ADMIN,
        "identities.update": Rule.ADMIN,
        "identities.remove": Rule.ADMIN,
        "identities.erase": Rule.ADMIN,
        "certificates.renew": Rule.ENROLLED,
        "certificates.revoke": Rule.SELF_OR_ADMIN,
        "keys.rotate": Rule.ENROLLED,
        "keys.list": Rule.SELF_OR_ADMIN,
        "keys.revoke": Rule.SELF_OR_ADMIN,
        "server_keys.list": Rule.ENROLLED,
        "groups.create": Rule.ADMIN,
        "groups.add_member": Rule.ADMIN,
        "groups.remove_member": Rule.ADMIN,
        "groups.list": Rule.ENROLLED,
        "grants.create": Rule.GRANTOR,
        "grants.remove": Rule.GRANTOR,
        "grants.list": Rule.GRANTOR,
        "permissions.test": Rule.ASKER,
    }
)


def require_rules(methods: Iterable[MethodPolicy]) -> None:
    """Return if every method's permission has a rule.

    Raises:
        PolicyError: naming the first method whose permission has none.
    """
    for method in methods:
        if method.permission not in PERMISSIONS:
            raise PolicyError(
                f"{method.path} asks for the permission {method.permission!r}, which no rule gives."
            )
