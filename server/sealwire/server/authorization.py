"""What a handler's unit of work is given: its caller, in the transaction that acts.

The store is out of reach until the method's own permission was decided. Each decision returns what
it is about, so that a handler that forgets to ask has nothing to work on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sealwire.core.errors import NotFoundError, PermissionDeniedError, PolicyError
from sealwire.core.keys import is_key_id
from sealwire.core.policy import MethodPolicy
from sealwire.server.grantor import Grantor
from sealwire.server.permissions import PERMISSIONS, Rule
from sealwire.server.rights import RightsView, Standing
from sealwire.storage import (
    ADMIN_ROLE,
    Effect,
    EventRow,
    GrantRow,
    IdentityRow,
    Namespace,
    Scope,
    SubjectKind,
    Transaction,
    Verb,
)

_NO_RIGHT: Final = "You have no right to this."
_NO_RIGHT_HERE: Final = "You have no right to this in this namespace."


@dataclass(slots=True)
class Authorization:
    """Decides what one call may do. `now` is in milliseconds since the Unix epoch."""

    method: MethodPolicy
    caller: Standing
    rights: RightsView = field(repr=False)
    now: int
    _decided: bool = False

    @property
    def tx(self) -> Transaction:
        """The transaction; PolicyError as `require_decided`."""
        self.require_decided()
        return self.rights.tx

    def require_decided(self) -> None:
        """Return if the method's permission was decided.

        Raises:
            PolicyError: if not; it reaches clients as INTERNAL, and undoes the unit.
        """
        if not self._decided:
            raise PolicyError(f"{self.method.path} went on without deciding its permission.")

    def namespace(self, name: str) -> Namespace:
        """Return a namespace in which the caller may do what the method does.

        Raises:
            PermissionDeniedError: if not, whether it exists or not.
            NotFoundError: if it does not exist, to those who might use it if it did.
        """
        self._require_verb(name)
        found = self.tx.namespaces.find(name)
        if found is None:
            raise NotFoundError("There is no such namespace.")
        return found

    def writable(self, name: str) -> Namespace:
        """Return a namespace in which the caller may write, made now if need be.

        Whoever writes to a name that nobody has a claim to is granted everything below it. Whoever
        may write there already, by a grant from above, gets nothing more.

        Raises:
            PermissionDeniedError: if the caller may not.
        """
        caller_id = self.caller.identity.id
        if self._rule() == Verb.WRITE and self._is_unclaimed(name):
            self._decided = True
            claim(self.tx, name, identity_id=caller_id, now=self.now)
        else:
            self._require_verb(name)
        found = self.tx.namespaces.find(name)
        return found or self.tx.namespaces.create(name, owner_id=caller_id, now=self.now)

    def enrolled(self) -> IdentityRow:
        """Return the caller's identity, in a method that everybody may call about themselves."""
        self._require(self._rule() == Rule.ENROLLED)
        return self.caller.identity

    def admin(self) -> IdentityRow:
        """Return the caller's identity, which is an admin's.

        Raises:
            PermissionDeniedError: if it is not.
        """
        self._require(self._rule() == Rule.ADMIN and self._is_admin())
        return self.caller.identity

    def identity(self, named: str) -> IdentityRow:
        """Return the identity that a request is about: the caller's own, or any to an admin.

        `named` is a name, or the id of a key; empty for the caller.

        Raises:
            PermissionDeniedError: for somebody else's, whether it exists or not, to a member.
            NotFoundError: if it does not exist, to an admin.
        """
        found = self._find(named)
        rule = self._rule()
        own = rule == Rule.SELF_OR_ADMIN and found is not None and self._is_self(found)
        admin = rule in {Rule.ADMIN, Rule.SELF_OR_ADMIN} and self._is_admin()
        self._require(own or admin)
        return _existing(found)

    def asked_about(self, named: str, namespace: str) -> IdentityRow:
        """Return the identity whose rights a request asks about.

        Raises:
            PermissionDeniedError: for somebody else's, whether it exists or not, to those who may
                neither grant in the namespace nor manage identities.
            NotFoundError: if it does not exist, to those who may.
        """
        found = self._find(named)
        own = found is not None and self._is_self(found)
        privileged = self._is_admin() or self._may_grant(namespace)
        self._require(self._rule() == Rule.ASKER and (own or privileged))
        return _existing(found)

    def grantor(self, namespace: str) -> Grantor:
        """Return what the caller may grant in a namespace.

        Raises:
            PermissionDeniedError: if that is nothing.
        """
        self._require(self._rule() == Rule.GRANTOR and self._may_grant(namespace), _NO_RIGHT_HERE)
        return Grantor(self.rights, self.caller.identity.id, namespace, self.now)

    def record(self, about: IdentityRow, kind: str, detail: str = "") -> None:
        """Write down that the caller does something to an identity."""
        self.tx.events.add(
            EventRow(
                identity_id=about.id,
                at=self.now,
                kind=kind,
                actor_id=self.caller.identity.id,
                actor_key_id=self.caller.key.public_key.key_id,
                detail=detail,
            )
        )

    def _rule(self) -> Verb | Rule | None:
        return PERMISSIONS.get(self.method.permission)

    def _require(self, allowed: bool, sentence: str = _NO_RIGHT) -> None:
        if not allowed:
            raise PermissionDeniedError(sentence)
        self._decided = True

    def _require_verb(self, namespace: str) -> None:
        rule = self._rule()
        allowed = isinstance(rule, Verb) and self._allowed(namespace, rule)
        self._require(allowed, _NO_RIGHT_HERE)

    def _allowed(self, namespace: str, verb: Verb) -> bool:
        decisions = self.rights.decisions(self.caller.identity.id, namespace, now=self.now)
        return decisions[verb].allowed

    def _may_grant(self, namespace: str) -> bool:
        return self._allowed(namespace, Verb.SHARE) or self._allowed(namespace, Verb.ADMIN)

    def _is_unclaimed(self, namespace: str) -> bool:
        if self._allowed(namespace, Verb.WRITE):
            return False
        tx = self.rights.tx
        return not tx.namespaces.has_relatives(namespace) and not tx.grants.touch(namespace)

    def _is_admin(self) -> bool:
        return self.caller.identity.role == ADMIN_ROLE

    def _is_self(self, identity: IdentityRow) -> bool:
        return identity.id == self.caller.identity.id

    def _find(self, named: str) -> IdentityRow | None:
        return find_identity(self.rights.tx, named) if named else self.caller.identity


def find_identity(tx: Transaction, named: str) -> IdentityRow | None:
    """Return the identity of a name, or of the id of one of its keys."""
    if not is_key_id(named):
        return tx.identities.find_by_name(named)
    found = tx.identities.find_by_key(named)
    return None if found is None else found[0]


def claim(tx: Transaction, namespace: str, *, identity_id: str, now: int) -> None:
    """Grant an identity everything in a namespace and below it."""
    for verb in Verb:
        tx.grants.put(
            GrantRow(
                subject_kind=SubjectKind.IDENTITY,
                subject_id=identity_id,
                verb=verb,
                namespace=namespace,
                scope=Scope.SUBTREE,
                effect=Effect.ALLOW,
                expires_at=None,
                granted_by=None,
                created_at=now,
            )
        )


def _existing(found: IdentityRow | None) -> IdentityRow:
    if found is None:
        raise NotFoundError("There is no identity of this name or key.")
    return found
