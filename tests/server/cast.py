"""Members at work: open connections, and what tests of permissions ask of them."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ParamSpec

import pytest

from sealwire.client import Client, RemoteError
from sealwire.v1.permissions_pb2 import (
    EFFECT_DENY,
    SCOPE_EXACT,
    SCOPE_SUBTREE,
    VERB_ADMIN,
    VERB_DELETE,
    VERB_LIST,
    VERB_READ,
    VERB_SHARE,
    VERB_WRITE,
    Decision,
    Grant,
    Scope,
    Subject,
    Verb,
)
from tests.server.members import Member, enrol
from tests.server.served import Served

P = ParamSpec("P")

VERBS = {
    "read": VERB_READ,
    "write": VERB_WRITE,
    "delete": VERB_DELETE,
    "list": VERB_LIST,
    "share": VERB_SHARE,
    "admin": VERB_ADMIN,
}
ALL = " ".join(VERBS)


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody with an open connection. Verbs are written as one text: "read list"."""

    member: Member
    client: Client

    @property
    def name(self) -> str:
        """The identity's name."""
        return self.member.identity.name

    @property
    def key_id(self) -> str:
        """The id of the key that signs."""
        return self.member.key.public_key.key_id

    def grant(
        self,
        to: Actor | str,
        verbs: str,
        namespace: str,
        *,
        scope: Scope = SCOPE_SUBTREE,
        expires_at: int = 0,
    ) -> tuple[Grant, ...]:
        """Allow; a text names a group."""
        return self.client.permissions.grant(
            subject(to), numbers(verbs), namespace, scope=scope, expires_at=expires_at
        )

    def deny(
        self,
        to: Actor | str,
        verbs: str,
        namespace: str,
        *,
        scope: Scope = SCOPE_SUBTREE,
        expires_at: int = 0,
    ) -> tuple[Grant, ...]:
        """Deny; a text names a group."""
        return self.client.permissions.grant(
            subject(to),
            numbers(verbs),
            namespace,
            effect=EFFECT_DENY,
            scope=scope,
            expires_at=expires_at,
        )

    def ungrant(self, to: Actor | str, verbs: str, namespace: str) -> tuple[Grant, ...]:
        """Take an allow back."""
        return self.client.permissions.ungrant(subject(to), numbers(verbs), namespace)

    def undeny(self, to: Actor | str, verbs: str, namespace: str) -> tuple[Grant, ...]:
        """Take a denial back."""
        return self.client.permissions.ungrant(
            subject(to), numbers(verbs), namespace, effect=EFFECT_DENY
        )

    def can(self, namespace: str, who: Actor | None = None) -> str:
        """Return the verbs that the server says are allowed, to the actor or somebody else."""
        decisions = self.decisions(namespace, who)
        return words(decision.verb for decision in decisions if decision.allowed)

    def decisions(self, namespace: str, who: Actor | None = None) -> tuple[Decision, ...]:
        """Return what the server says of every verb."""
        named = who.name if who else ""
        return self.client.permissions.test(VERBS.values(), namespace, identity=named)

    def names(self, namespace: str) -> list[str]:
        """Return the names of a namespace's records."""
        return [record.name for record in self.client.list_records(namespace)]

    def does(self, namespace: str) -> str:
        """Return the verbs whose methods work; "record" must exist there.

        What is tried changes nothing but that record's value and version.
        """
        outcomes = {
            "read": outcome(self.client.get, namespace, "record"),
            "write": outcome(self.client.put, namespace, "record", b"again"),
            "delete": outcome(self.client.delete, namespace, "spare"),
            "list": outcome(self.names, namespace),
        }
        assert set(outcomes.values()) <= {"OK", "NOT_FOUND", "PERMISSION_DENIED"}
        return " ".join(verb for verb, seen in outcomes.items() if seen != "PERMISSION_DENIED")


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody who takes part in a test, in one deployment."""

    house: Served
    stack: contextlib.ExitStack

    def join(self, label: str = "member", *, role: str = "member") -> Actor:
        """Return somebody new, whose name begins with `label`."""
        invitation = self.house.invite(f"{label}-{uuid.uuid4().hex}", role=role)
        return self.enter(enrol(invitation, clock=self.house.clock))

    def admin(self) -> Actor:
        """Return a new admin."""
        return self.join("admin", role="admin")

    def enter(self, member: Member) -> Actor:
        """Return a member as an actor."""
        return Actor(member, self.stack.enter_context(member.client()))

    def group(self, admin: Actor, *members: Actor) -> str:
        """Return the name of a new group."""
        name = f"group-{uuid.uuid4().hex}"
        admin.client.permissions.create_group(name)
        for member in members:
            admin.client.permissions.add_member(name, member.name)
        return name


def subject(who: Actor | str) -> Subject:
    """Return whom a grant is for; a text names a group."""
    return Subject(group=who) if isinstance(who, str) else Subject(identity=who.name)


def numbers(verbs: str) -> list[Verb]:
    """Return verbs as requests have them."""
    return [VERBS[verb] for verb in verbs.split()]


def words(verbs: Iterable[Verb]) -> str:
    """Return verbs as tests write them, in the contract's order."""
    given = set(verbs)
    return " ".join(name for name, number in VERBS.items() if number in given)


def refused(attempt: Callable[P, object], *args: P.args, **options: P.kwargs) -> str:
    """Return the reason with which the server refuses what it must refuse."""
    with pytest.raises(RemoteError) as refusal:
        attempt(*args, **options)
    return refusal.value.status_reason


def exact(
    giver: Actor, to: Actor | str, verbs: str, namespace: str, *, expires_at: int = 0
) -> tuple[Grant, ...]:
    """Allow at exactly one name."""
    return giver.grant(to, verbs, namespace, scope=SCOPE_EXACT, expires_at=expires_at)


def outcome(attempt: Callable[P, object], *args: P.args, **options: P.kwargs) -> str:
    """Return "OK", or the reason with which the server refuses."""
    try:
        attempt(*args, **options)
    except RemoteError as error:
        return error.status_reason
    return "OK"
