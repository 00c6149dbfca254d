"""Both sides of a sequence: how it begins, goes on step by step, and is compared in the end."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from sealwire.core.keys import PrivateKey
from sealwire.server.claims import claim
from sealwire.server.rights import Rights
from sealwire.storage import (
    GrantRow,
    NewIdentity,
    NewRecord,
    Query,
    SubjectKind,
    Transaction,
    Verb,
)
from sealwire.storage.schema import groups, members
from sealwire.storage.tagging import GROUPS as GROUPS_TABLE
from sealwire.storage.tagging import MEMBERS
from tests.server.authority_model import (
    NEVER,
    VERBS,
    Identity,
    Key,
    Model,
    Place,
    Subject,
    Terms,
    answered,
)
from tests.server.authority_steps import (
    CLAIMED,
    FIRST,
    GRANTED,
    GROUPS,
    NAMESPACES,
    OWNER,
    RECORDS,
    WRITTEN,
    Step,
)
from tests.server.authority_world import Delivery, Holder, Somebody, World
from tests.server.registry import Registry


@dataclass(slots=True, repr=False)
class Stage:
    """A deployment for one sequence after the other: each has its own names in it."""

    registry: Registry
    delivery: Delivery
    rights: Callable[[], Rights]
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _before: World | None = None

    def begin(self) -> tuple[World, Model]:
        """Return both sides of a new sequence, with no admin and no group of one before it."""
        world = World(self.delivery, f"s{next(self._numbers)}-")
        keys, now = [PrivateKey.generate(os.urandom) for _ in FIRST], self.delivery.clock()

        def unit(tx: Transaction) -> list[str]:
            if self._before is not None:
                _clear(tx, self._before)
            new = [
                NewIdentity(f"{world.prefix}{number}", role, key.public_key)
                for number, (role, key) in enumerate(zip(FIRST, keys, strict=True))
            ]
            ids = [tx.identities.create(identity, now).id for identity in new]
            _set_up(tx, world.prefix, ids, now)
            return ids

        ids = self.registry.store.write_blocking(unit)
        for number, (identity_id, key) in enumerate(zip(ids, keys, strict=True)):
            holder = Holder(key, self.delivery.certificate(key))
            world.identities.append(Somebody(f"{world.prefix}{number}", identity_id, [holder]))
        self._before = world
        return world, _model(now)

    def play(self, sequence: list[Step]) -> None:
        """Do every step on both sides, and compare."""
        world, model = self.begin()
        for number, step in enumerate(sequence):
            expected = answered(getattr(model, step.name), *step.args)
            actual = answered(getattr(world, step.name), *step.args)
            assert actual == expected, (number, step)
        self.compare(world, model)

    def compare(self, world: World, model: Model) -> None:
        """Compare all that the store knows of a sequence with all that the model knows."""
        self.registry.store.read_blocking(lambda tx: self._compare(tx, world, model))

    def _compare(self, tx: Transaction, world: World, model: Model) -> None:
        view, found_grants = self.rights().of(tx), set()
        subjects: dict[str, Subject] = {
            somebody.id: ("identity", n) for n, somebody in enumerate(world.identities)
        }
        for number, (somebody, identity) in enumerate(
            zip(world.identities, model.identities, strict=True)
        ):
            row = tx.identities.find(somebody.id)
            assert row is not None
            assert (row.state, row.role) == (identity.state, identity.role)
            stored = [Key(k.state, k.expires_at or NEVER) for k in tx.keys.of_identity(row.id)]
            assert [(key.state, key.ends) for key in stored[::-1]] == [
                (key.state, key.ends) for key in identity.keys
            ]
            # They follow from the grants, which are compared below: a sample will do.
            for namespace in NAMESPACES[number % 2 :: 2]:
                decisions = view.decisions(row.id, f"{world.prefix}{namespace}", now=model.now)
                assert {str(verb): decisions[verb].allowed for verb in Verb} == {
                    verb: model.allows(number, verb, namespace) for verb in VERBS
                }
        for name, numbers in model.groups.items():
            group = tx.groups.find(f"{world.prefix}{name}")
            assert group is not None
            subjects[group.id] = ("group", name)
            assert set(tx.groups.member_names(group)) == {
                world.identities[number].name for number in numbers
            }
        for subject_id, subject in subjects.items():
            for grant in tx.grants.of_subject(subject_id):
                namespace = grant.namespace.removeprefix(world.prefix)
                place = (subject, namespace, grant.scope, grant.effect, grant.verb)
                giver = subjects[grant.granted_by][1] if grant.granted_by else None
                found_grants.add((*place, grant.expires_at or NEVER, giver))
        assert found_grants == {(*place, *terms) for place, terms in model.grants.items()}
        self._compare_records(tx, world, model)

    def _compare_records(self, tx: Transaction, world: World, model: Model) -> None:
        for name in NAMESPACES:
            namespace = tx.namespaces.find(f"{world.prefix}{name}")
            assert (namespace is None) == (name not in model.owners)
            if namespace is not None:
                assert namespace.owner_id == world.identities[model.owners[name]].id
                page = tx.listing.page(namespace, Query(), now=model.now)
                assert {(name, row.name): row.version for row in page.rows} == {
                    place: version
                    for place, (version, _) in model.records.items()
                    if place[0] == name
                }


def _clear(tx: Transaction, world: World) -> None:
    """Take away what would be in the way of the next sequence."""
    for somebody in world.identities:
        row = tx.identities.find(somebody.id)
        if row is not None and row.role == "admin":
            tx.identities.set_role(row, "member")
    for group in tx.groups.all():
        tx.grants.remove_subject(group.id)
        tx.authority.delete(MEMBERS, members.c.group_id == group.id)
        tx.authority.delete(GROUPS_TABLE, groups.c.id == group.id)


def _set_up(tx: Transaction, prefix: str, ids: list[str], now: int) -> None:
    """Write into the store what there is before the first step."""
    subjects: dict[Subject, str] = {("identity", n): row_id for n, row_id in enumerate(ids)}
    for name, numbers in GROUPS.items():
        group = tx.groups.create(f"{prefix}{name}", now=now)
        subjects["group", name] = group.id
        for number in numbers:
            tx.groups.add_member(group, ids[number], now=now)
    claim(tx, f"{prefix}{CLAIMED}", identity_id=ids[OWNER], now=now)
    for name in WRITTEN:
        space = tx.namespaces.create(f"{prefix}{name}", owner_id=ids[OWNER], now=now)
        tx.records.put(space, NewRecord(RECORDS[0], b"\x07"), now=now)
    for given in GRANTED:
        for verb in given.verbs:
            tx.grants.put(
                GrantRow(
                    subject_kind=SubjectKind(given.subject[0]),
                    subject_id=subjects[given.subject],
                    verb=verb,
                    namespace=f"{prefix}{given.namespace}",
                    scope=given.scope,
                    effect=given.effect,
                    expires_at=None if given.lasts is None else now + given.lasts,
                    granted_by=ids[OWNER],
                    created_at=now,
                )
            )


def _model(now: int) -> Model:
    """Return the same in the model."""
    model = Model(now, [Identity(role) for role in FIRST])
    model.owners = dict.fromkeys(WRITTEN, OWNER)
    model.records = {(name, RECORDS[0]): (1, 7) for name in WRITTEN}
    model.versions = dict.fromkeys(model.records, 1)
    model.groups = {name: set(numbers) for name, numbers in GROUPS.items()}
    for verb in VERBS:
        place = Place(("identity", OWNER), CLAIMED, "subtree", "allow", verb)
        model.grants[place] = Terms(NEVER, None)
    for given in GRANTED:
        ends = NEVER if given.lasts is None else now + given.lasts
        for verb in given.verbs:
            place = Place(given.subject, given.namespace, given.scope, given.effect, verb)
            model.grants[place] = Terms(ends, OWNER)
    return model
