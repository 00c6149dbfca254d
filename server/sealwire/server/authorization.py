"""What a handler's unit of work is given: its caller, in the transaction that acts.

The store is out of reach until the method's own permission was decided. Each decision returns what
it is about, so that a handler that forgets to ask has nothing to work on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from sealwire.core.errors import (
    AlreadyExistsError,
    Code,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    PolicyError,
    StatusError,
)
from sealwire.core.names import ancestors
from sealwire.core.policy import MethodPolicy
from sealwire.server.claims import claim
from sealwire.server.grantor import Grantor
from sealwire.server.naming import existing, find_identity
from sealwire.server.permissions import PERMISSIONS, Rule
from sealwire.server.rights import RightsView, Standing
from sealwire.storage import (
    ADMIN_ROLE,
    EventRow,
    IdentityRow,
    KeyRow,
    Namespace,
    Transaction,
    Verb,
)

T = TypeVar("T")
Unit = Callable[["Authorization"], T]
"""Work on one transaction, for one call."""

MAX_CLAIMS: Final = 16
"""How many namespaces one request claims: each costs as much as a few grants."""
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
    _writable: dict[str, Namespace] = field(default_factory=dict)
    _claimed: set[str] = field(default_factory=set)

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
        found = self.namespace_if_any(name)
        if found is None:
            raise NotFoundError("There is no such namespace.")
        return found

    def namespace_if_any(self, name: str) -> Namespace | None:
        """Return a namespace as `namespace` does; None if it does not exist.

        Raises:
            PermissionDeniedError: as `namespace`.
        """
        self._require_verb(name)
        return self.tx.namespaces.find(name)

    def writable(self, name: str) -> Namespace:
        """Return a namespace in which the caller may write, made now if need be.

        Whoever writes to a name that nobody has a claim to is granted everything below it. Whoever
        may write there already, by a grant from above, gets nothing more. A namespace whose owner
        was erased, and in which nothing is left, belongs to the caller from now on.

        Raises:
            PermissionDeniedError: if the caller may not.
            StatusError: BEING_ERASED, while what its erased owner left is still there.
        """
        self._require(self._rule() == Verb.WRITE)
        return self._written(name)

    def require_new_namespace(self, name: str) -> None:
        """Return if the caller may make a namespace of this name; nothing is made yet.

        Raises:
            PermissionDeniedError: if the caller may not write there, as `writable`.
            AlreadyExistsError: if it exists.
        """
        self._require(self._rule() == Verb.WRITE)
        self._claim_or_require(name)
        if self.tx.namespaces.find(name) is not None:
            raise AlreadyExistsError("A namespace of this name exists already.")

    def operand(self, name: str, verb: Verb) -> Namespace | None:
        """Return the namespace that one operation of several is about; None if there is none.

        Raises:
            PermissionDeniedError: if the caller does not hold the verb there.
        """
        self._require(self._rule() == Rule.OPERATION and self._allowed(name, verb), _NO_RIGHT_HERE)
        return self.tx.namespaces.find(name)

    def written(self, name: str) -> Namespace:
        """Return the namespace that one operation of several writes to, as `writable` does.

        Raises:
            PermissionDeniedError: if the caller may not.
        """
        self._require(self._rule() == Rule.OPERATION)
        return self._written(name)

    def may(self, namespace: str, verb: Verb) -> bool:
        """Tell whether the caller holds a verb in a namespace, as of the transaction's beginning.

        It decides nothing: for what is left out of an answer, not for whether there is one.
        """
        return self._allowed(namespace, verb)

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
        self._require_own_or_admin(found)
        return existing(found)

    def key(self, public_key_id: str) -> tuple[IdentityRow, KeyRow]:
        """Return the key that a request is about, and whose it is.

        Raises:
            PermissionDeniedError: as `identity`.
            NotFoundError: as `identity`.
        """
        found = self.rights.tx.identities.find_by_key(public_key_id)
        self._require_own_or_admin(None if found is None else found[0])
        if found is None:
            raise NotFoundError("There is no such key.")
        return found

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
        return existing(found)

    def grantor(self, namespace: str) -> Grantor:
        """Return what the caller may grant in a namespace.

        Raises:
            PermissionDeniedError: if that is nothing.
        """
        self._require(self._rule() == Rule.GRANTOR and self._may_grant(namespace), _NO_RIGHT_HERE)
        return Grantor(self.rights, self.caller.identity.id, namespace, self.now)

    def settle(self) -> Transaction:
        """Return the transaction, to answer as the same request was answered before.

        Its permission was decided then; nothing is done now.
        """
        self._decided = True
        return self.rights.tx

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

    def _require_own_or_admin(self, found: IdentityRow | None) -> None:
        rule = self._rule()
        own = rule == Rule.SELF_OR_ADMIN and found is not None and self._is_self(found)
        admin = rule in {Rule.ADMIN, Rule.SELF_OR_ADMIN} and self._is_admin()
        self._require(own or admin)

    def _require_verb(self, namespace: str) -> None:
        rule = self._rule()
        allowed = isinstance(rule, Verb) and self._allowed(namespace, rule)
        self._require(allowed, _NO_RIGHT_HERE)

    def _written(self, name: str) -> Namespace:
        if name not in self._writable:
            self._claim_or_require(name)
            found = self.tx.namespaces.find(name)
            caller_id = self.caller.identity.id
            if found is None:
                found = self.tx.namespaces.create(name, owner_id=caller_id, now=self.now)
            elif self.rights.is_erased(found.owner_id):
                found = self._taken_over(found)
            self._writable[name] = found
        return self._writable[name]

    def _taken_over(self, namespace: Namespace) -> Namespace:
        """Return a namespace whose owner was erased as the caller's, once nothing is left in it."""
        if self.tx.records.has_any(namespace):
            raise StatusError(
                Code.FAILED_PRECONDITION,
                "BEING_ERASED",
                "What is in this namespace is being erased with the identity that it belonged to; "
                "nothing was changed. Try again in a minute.",
            )
        owner_id = self.caller.identity.id
        return self.tx.namespaces.take_over(namespace, owner_id=owner_id, now=self.now)

    def _claim_or_require(self, name: str) -> None:
        if self._is_unclaimed(name):
            if len(self._claimed) == MAX_CLAIMS:
                raise OverloadedError(
                    f"One request makes at most {MAX_CLAIMS} namespaces that nobody has a claim "
                    "to; spread them over several requests."
                )
            claim(self.tx, name, identity_id=self.caller.identity.id, now=self.now)
            self._claimed.add(name)
        else:
            self._require(self._allowed(name, Verb.WRITE), _NO_RIGHT_HERE)

    def _allowed(self, namespace: str, verb: Verb) -> bool:
        # `rights` does not show what this call claimed itself; nobody has denied anything there.
        if self._claimed and not self._claimed.isdisjoint([namespace, *ancestors(namespace)]):
            return True
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
