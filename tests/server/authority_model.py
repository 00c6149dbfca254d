"""The rules of docs/permissions.md in plain Python: what a step must do, and what it must answer.

Nothing here comes from the server's code. A grant is a tuple, names are lists of segments, and a
right over a subtree is what holds at every name in it, at every moment.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

VERBS = ("read", "write", "delete", "list", "share", "admin")
MOST_IDENTITIES = 7
NEVER = float("inf")

Signer = tuple[int, int]
"""Which identity, and how many keys before its newest one: both modulo what there is."""
Subject = tuple[str, int | str]
"""("identity", number) or ("group", name)."""


class Refused(Exception):
    """What the server must answer instead."""

    @property
    def reason(self) -> str:
        """The reason that it must sign."""
        return str(self.args[0])


@dataclass(slots=True)
class Key:
    """A key; `serial_revoked` speaks of the one certificate that it has at a time."""

    state: str = "active"
    ends: float = NEVER
    serial_revoked: bool = False


@dataclass(slots=True)
class Identity:
    """Somebody; keys are in the order in which they came."""

    role: str
    state: str = "active"
    keys: list[Key] = field(default_factory=lambda: [Key()])


class Place(NamedTuple):
    """What no two grants have in common."""

    subject: Subject
    namespace: str
    scope: str
    effect: str
    verb: str


class Terms(NamedTuple):
    """The rest of a grant; `giver` is None for a claim."""

    ends: float
    giver: int | None


def segments_above(name: str, other: str) -> bool:
    """Tell whether a name is above the other."""
    mine, theirs = name.split("/"), other.split("/")
    return len(mine) < len(theirs) and all(a == b for a, b in zip(mine, theirs, strict=False))


@dataclass(slots=True)
class Model:
    """A deployment. Each step's method returns what is answered, or raises Refused."""

    now: int
    identities: list[Identity] = field(default_factory=list)
    groups: dict[str, set[int]] = field(default_factory=dict)
    grants: dict[Place, Terms] = field(default_factory=dict)
    owners: dict[str, int] = field(default_factory=dict)
    records: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    versions: dict[tuple[str, str], int] = field(default_factory=dict)

    # --- steps: records

    def put(self, by: Signer, namespace: str, name: str, value: int) -> object:
        """Write, and claim what nobody has a claim to."""
        me = self._caller(by)
        if not self.allows(me, "write", namespace):
            if self._is_claimed(namespace):
                raise Refused("PERMISSION_DENIED")
            for verb in VERBS:
                place = Place(("identity", me), namespace, "subtree", "allow", verb)
                self.grants[place] = Terms(NEVER, None)
        self.owners.setdefault(namespace, me)
        version = self.versions.get((namespace, name), 0) + 1  # whatever was deleted meanwhile
        self.versions[namespace, name] = version
        self.records[namespace, name] = (version, value)
        return version

    def get(self, by: Signer, namespace: str, name: str) -> object:
        """Read."""
        self._in_namespace(by, "read", namespace)
        return self._record(namespace, name)

    def list_records(self, by: Signer, namespace: str) -> object:
        """List."""
        self._in_namespace(by, "list", namespace)
        return sorted(name for space, name in self.records if space == namespace)

    def delete(self, by: Signer, namespace: str, name: str) -> object:
        """Delete."""
        self._in_namespace(by, "delete", namespace)
        self._record(namespace, name)
        del self.records[namespace, name]
        return None

    # --- steps: grants

    def grant(
        self,
        by: Signer,
        to: Subject,
        verbs: tuple[str, ...],
        namespace: str,
        scope: str,
        effect: str,
        lasts: int | None,
    ) -> object:
        """Allow or deny verbs, all or none, from what everybody holds before."""
        me = self._grantor(by, namespace)
        if lasts == 0:
            raise Refused("MALFORMED")
        subject, ends = self._subject(to), NEVER if lasts is None else self.now + lasts
        made: dict[Place, Terms] = {}
        for verb in verbs:
            place = Place(subject, namespace, scope, effect, verb)
            made[place] = self._agreed(me, place, ends)
        self.grants.update(made)
        return [(*place, *terms) for place, terms in made.items()]

    def ungrant(
        self, by: Signer, to: Subject, verbs: tuple[str, ...], namespace: str, effect: str
    ) -> object:
        """Take back, all or nothing, whatever the scope."""
        me = self._grantor(by, namespace)
        subject = self._subject(to)
        meant = [
            place
            for place in self.grants
            if (place.subject, place.namespace, place.effect) == (subject, namespace, effect)
            and place.verb in verbs
        ]
        if {place.verb for place in meant} != set(verbs):
            raise Refused("NOT_FOUND")
        for place in meant:
            self._require_may_remove(me, place)
        removed = {(*place, *self.grants.pop(place)) for place in meant}
        return removed

    def list_grants(self, by: Signer, namespace: str) -> object:
        """Return what covers a namespace."""
        self._grantor(by, namespace)
        return {
            (*place, *terms)
            for place, terms in self.grants.items()
            if self._covers(place, namespace)
        }

    def test(self, by: Signer, about: int, namespace: str) -> object:
        """Say which verbs somebody may use."""
        me, who = self._caller(by), about % len(self.identities)
        privileged = self.identities[me].role == "admin" or self._may_grant(me, namespace)
        if who != me and not privileged:
            raise Refused("PERMISSION_DENIED")
        if self.identities[who].state != "active":
            return []
        return [verb for verb in VERBS if self.allows(who, verb, namespace)]

    # --- steps: groups

    def create_group(self, by: Signer, name: str) -> object:
        """Make a group."""
        self._admin(by)
        if name in self.groups:
            raise Refused("ALREADY_EXISTS")
        self.groups[name] = set()
        return set()

    def add_member(self, by: Signer, name: str, whom: int) -> object:
        """Add somebody; oneself only if one gains nothing."""
        me = self._admin(by)
        group, who = self._group_and_present(name, whom)
        if who == me:
            for place, terms in self._in_force(("group", name)):
                if place.effect == "allow" and not self._holds(me, place, terms.ends):
                    raise Refused("PERMISSION_DENIED")
        group.add(who)
        return set(group)

    def remove_member(self, by: Signer, name: str, whom: int) -> object:
        """Remove somebody; oneself only if the group is denied nothing."""
        me = self._admin(by)
        group, who = self._group_and_present(name, whom)
        if who == me and any(p.effect == "deny" for p, _ in self._in_force(("group", name))):
            raise Refused("PERMISSION_DENIED")
        if who not in group:
            raise Refused("NOT_FOUND")
        group.remove(who)
        return set(group)

    def list_groups(self, by: Signer) -> object:
        """Return all groups to an admin, and their own to members."""
        me = self._caller(by)
        admin = self.identities[me].role == "admin"
        return {name: set(who) for name, who in self.groups.items() if admin or me in who}

    # --- steps: identities

    def enrol(self, by: Signer, role: str) -> object:
        """Invite somebody, who joins."""
        self._admin(by)
        if len(self.identities) < MOST_IDENTITIES:
            self.identities.append(Identity(role))
        return len(self.identities)

    def recover(self, by: Signer, whom: int) -> object:
        """Invite somebody whose key is lost: a new one takes the place of all."""
        self._admin(by)
        identity = self._present(whom)
        for key in identity.keys:
            if key.state == "active":
                key.state = "revoked"
        identity.keys.append(Key())
        return None

    def change(self, by: Signer, whom: int, to: str) -> object:
        """Suspend, resume, promote or demote: `to` is a state or a role."""
        self._admin(by)
        identity = self._present(whom)
        with_change = dataclasses.replace(identity)
        if to in {"admin", "member"}:
            with_change.role = to
        else:
            with_change.state = to
        self._keep_an_admin(whom, with_change)
        return (with_change.state, with_change.role)

    def remove(self, by: Signer, whom: int) -> object:
        """End somebody for good, with all rights."""
        self._admin(by)
        who = whom % len(self.identities)
        gone = dataclasses.replace(self._present(whom), state="removed")
        gone.keys = [
            dataclasses.replace(key, state="revoked") if key.state == "active" else key
            for key in gone.keys
        ]
        self._keep_an_admin(whom, gone)
        for members in self.groups.values():
            members.discard(who)
        for place in [place for place in self.grants if place.subject == ("identity", who)]:
            del self.grants[place]
        return ("removed", gone.role)

    def look(self, by: Signer, whom: int) -> object:
        """Return somebody's state, role, groups and keys: one's own, or to an admin."""
        who = self._self_or_admin(by, whom)
        identity = self.identities[who]
        groups = sorted(name for name, members in self.groups.items() if who in members)
        keys = [(key.state, key.ends) for key in reversed(identity.keys)]
        return (identity.state, identity.role, groups, keys)

    # --- steps: keys

    def rotate(self, by: Signer) -> object:
        """Let a new key follow the one that signs; it ends when that would have ended."""
        me, old = self._caller(by), self._key(by)
        old.state = "rotated"
        self.identities[me].keys.append(Key(ends=old.ends))
        return ("active", old.ends)

    def revoke_key(self, by: Signer, of: Signer, lasts: int | None) -> object:
        """End a key, now or later."""
        who = self._self_or_admin(by, of[0])
        key, ends = self._key(of), self.now if lasts is None else self.now + lasts
        if key.state != "active":
            return (key.state, key.ends)
        if lasts == 0:
            raise Refused("MALFORMED")
        if lasts is not None and ends > key.ends:
            raise Refused("ENDS_SOONER")
        changed = dataclasses.replace(key, state="revoked") if lasts is None else key
        if lasts is not None:
            changed = dataclasses.replace(key, ends=ends)
        keys = [changed if old is key else old for old in self.identities[who].keys]
        self._keep_an_admin(who, dataclasses.replace(self.identities[who], keys=keys))
        return (changed.state, changed.ends)

    def revoke_certificate(self, by: Signer, of: Signer) -> object:
        """End the certificate that a key has now."""
        self._self_or_admin(by, of[0])
        self._key(of).serial_revoked = True
        return None

    def renew(self, by: Signer) -> object:
        """Get another certificate for the key that signs."""
        self._caller(by)
        return None

    def whoami(self, by: Signer) -> object:
        """Return whose the key is."""
        me = self._caller(by)
        return (me, self.identities[me].role)

    def wait(self, ticks: int) -> object:
        """Let time pass."""
        self.now += ticks
        return None

    # --- rules

    def authentic(self, by: Signer) -> bool:
        """Tell whether a signature counts now."""
        key = self._key(by)
        return (
            self.identities[by[0] % len(self.identities)].state == "active"
            and key.state == "active"
            and self.now < key.ends
            and not key.serial_revoked
        )

    def allows(self, who: int, verb: str, namespace: str, at: float | None = None) -> bool:
        """Tell whether somebody may use a verb at a moment; now, unless one is given."""
        moment = self.now if at is None else at
        effects = {
            place.effect
            for place, terms in self.grants.items()
            if place.verb == verb
            and terms.ends > moment
            and self._covers(place, namespace)
            and self._is_for(place, who)
        }
        return effects == {"allow"}

    def admins(self, identities: Iterable[Identity]) -> int:
        """Count the admins who can act for good."""
        return sum(
            identity.role == "admin"
            and identity.state == "active"
            and any(key.state == "active" and key.ends == NEVER for key in identity.keys)
            for identity in identities
        )

    def _holds(self, who: int, place: Place, until: float) -> bool:
        """Ask at every name that the grant would cover, and whenever something ends before it."""
        names = {place.namespace}
        if place.scope == "subtree":
            names |= {
                other.namespace
                for other in self.grants
                if segments_above(place.namespace, other.namespace)
            }
            names |= {f"{name}/~" for name in names}  # where nobody has been yet
        moments = {float(self.now), *(terms.ends for terms in self.grants.values())}
        return all(
            self.allows(who, place.verb, name, moment)
            for name in names
            for moment in moments
            if self.now <= moment < until
        )

    def _may_grant(self, who: int, namespace: str) -> bool:
        return any(self.allows(who, verb, namespace) for verb in ("share", "admin"))

    def _agreed(self, me: int, place: Place, ends: float) -> Terms:
        if place.effect == "deny":
            self._require(self._holds(me, place._replace(verb="admin"), self.now + 1))
        else:
            ways = [place._replace(verb=verb) for verb in ("share", "admin")]
            self._require(any(self._holds(me, way, ends) for way in ways))
            self._require(self._holds(me, place, ends))
        present = self.grants.get(place)
        if present is not None and present.ends > self.now:
            if present.ends >= ends:
                return present
            if place.effect == "allow":
                self._require_may_remove(me, place)
        return Terms(ends, me)

    def _require_may_remove(self, me: int, place: Place) -> None:
        if place.effect == "allow" and self.grants[place].giver == me:
            return
        self._require(self._holds(me, place._replace(verb="admin"), self.now + 1))
        self._require(place.effect == "allow" or self._holds(me, place, NEVER))

    def _is_claimed(self, namespace: str) -> bool:
        taken = [*self.owners, *(place.namespace for place in self.grants)]
        return any(
            name == namespace or segments_above(name, namespace) or segments_above(namespace, name)
            for name in taken
        )

    def _covers(self, place: Place, namespace: str) -> bool:
        return place.namespace == namespace or (
            place.scope == "subtree" and segments_above(place.namespace, namespace)
        )

    def _is_for(self, place: Place, who: int) -> bool:
        kind, named = place.subject
        return named == who if kind == "identity" else who in self.groups[str(named)]

    def _in_force(self, subject: Subject) -> Iterator[tuple[Place, Terms]]:
        for place, terms in self.grants.items():
            if place.subject == subject and terms.ends > self.now:
                yield place, terms

    # --- who asks, and about whom

    def _key(self, signer: Signer) -> Key:
        keys = self.identities[signer[0] % len(self.identities)].keys
        return keys[-1 - signer[1] % len(keys)]

    def _caller(self, by: Signer) -> int:
        if not self.authentic(by):
            raise Refused("UNAUTHENTICATED")
        return by[0] % len(self.identities)

    def _admin(self, by: Signer) -> int:
        me = self._caller(by)
        self._require(self.identities[me].role == "admin")
        return me

    def _self_or_admin(self, by: Signer, whom: int) -> int:
        me, who = self._caller(by), whom % len(self.identities)
        self._require(who == me or self.identities[me].role == "admin")
        return who

    def _grantor(self, by: Signer, namespace: str) -> int:
        me = self._caller(by)
        self._require(self._may_grant(me, namespace))
        return me

    def _in_namespace(self, by: Signer, verb: str, namespace: str) -> None:
        self._require(self.allows(self._caller(by), verb, namespace))
        if namespace not in self.owners:
            raise Refused("NOT_FOUND")

    def _record(self, namespace: str, name: str) -> tuple[int, int]:
        if (namespace, name) not in self.records:
            raise Refused("NOT_FOUND")
        return self.records[namespace, name]

    def _present(self, whom: int) -> Identity:
        identity = self.identities[whom % len(self.identities)]
        if identity.state == "removed":
            raise Refused("IDENTITY_REMOVED")
        return identity

    def _subject(self, to: Subject) -> Subject:
        kind, named = to
        if kind == "group":
            if named not in self.groups:
                raise Refused("NOT_FOUND")
            return to
        who = int(named) % len(self.identities)
        if self.identities[who].state == "removed":
            raise Refused("NOT_FOUND")
        return (kind, who)

    def _group_and_present(self, name: str, whom: int) -> tuple[set[int], int]:
        who = whom % len(self.identities)
        if name not in self.groups or self.identities[who].state == "removed":
            raise Refused("NOT_FOUND")
        return self.groups[name], who

    def _keep_an_admin(self, whom: int, changed: Identity) -> None:
        who = whom % len(self.identities)
        after = [*self.identities[:who], changed, *self.identities[who + 1 :]]
        if self.admins(self.identities) and not self.admins(after):
            raise Refused("LAST_ADMIN")
        self.identities[who] = changed

    def _require(self, condition: bool) -> None:
        if not condition:
            raise Refused("PERMISSION_DENIED")


Answer = tuple[str, Any]


def answered(step: Callable[..., object], *args: object) -> Answer:
    """Return ("OK", the answer), or the reason of the refusal and nothing."""
    try:
        return ("OK", step(*args))
    except Refused as refusal:
        return (refusal.reason, None)
