"""A store full of grants: people in groups, nested namespaces, and a crowd in one of them."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import random
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sealwire.core.clock import system_clock
from sealwire.core.keys import PrivateKey
from sealwire.server.deployment import Deployment, init_deployment
from sealwire.server.invitations import open_store
from sealwire.storage import (
    Effect,
    GrantRow,
    NewIdentity,
    RootKeys,
    Scope,
    Store,
    SubjectKind,
    Transaction,
    Verb,
)
from sealwire.storage.tagging import GRANTS, AuthorityTags

PEOPLE: Final = 100
GROUPS: Final = 20
GROUPS_EACH: Final = 5
OWN_GRANTS: Final = 4
DEPTH: Final = 4
_SEED: Final = 4


@dataclass(frozen=True, slots=True)
class Crowd:
    """Who asks: identities by their ids and key ids, and the namespaces that they ask about."""

    store: Store
    people: list[tuple[str, str]]
    namespaces: list[str]


@contextlib.contextmanager
def crowd(directory: Path, *, grants: int) -> Iterator[Crowd]:
    """Make a store with so many grants, and open it.

    Whoever asks is in 5 of 20 groups. A tenth of the grants is to those groups and to those people,
    somewhere in a tree of depth 4; a tenth is to others on the very namespaces that are asked
    about; the rest is to others elsewhere.
    """
    deployment = init_deployment(
        directory, hosts=["localhost"], listen="127.0.0.1:0", clock=system_clock, random=os.urandom
    )
    dice, now = random.Random(_SEED), system_clock()  # noqa: S311 - the same crowd every time
    namespaces = [
        "/".join(f"{level}-{dice.randrange(6)}" for level in ("org", "team", "project", "part"))
        for _ in range(50)
    ]
    with open_store(deployment, random=os.urandom) as store:
        people, groups = store.write_blocking(lambda tx: _people(tx, dice, now))
        subjects = [(SubjectKind.GROUP, group) for group in groups]
        subjects += [(SubjectKind.IDENTITY, identity) for identity, _ in people]
        rows = _rows(dice, grants, subjects, namespaces, now)
        _write(deployment, rows)
        yield Crowd(store, people, namespaces)


def _people(
    tx: Transaction, dice: random.Random, now: int
) -> tuple[list[tuple[str, str]], list[str]]:
    groups = [tx.groups.create(f"group-{number}", now=now) for number in range(GROUPS)]
    people = []
    for number in range(PEOPLE):
        key = PrivateKey.generate(os.urandom).public_key
        identity = tx.identities.create(NewIdentity(f"person-{number}", "member", key), now)
        for group in dice.sample(groups, GROUPS_EACH):
            tx.groups.add_member(group, identity.id, now=now)
        people.append((identity.id, key.key_id))
    return people, [group.id for group in groups]


def _rows(
    dice: random.Random,
    count: int,
    subjects: list[tuple[SubjectKind, str]],
    namespaces: list[str],
    now: int,
) -> list[GrantRow]:
    """Return so many grants, no two of them at the same place."""
    rows: dict[tuple[str, ...], GrantRow] = {}
    while len(rows) < count:
        chance, number = dice.random(), len(rows)
        kind, subject = (SubjectKind.IDENTITY, f"other-{number}")
        namespace = f"org-{dice.randrange(6)}/other-{number % 1000}"
        if chance < 0.1:
            kind, subject = dice.choice(subjects)
            namespace = f"org-{dice.randrange(6)}/team-{dice.randrange(6)}/own-{number}"
        elif chance < 0.2:
            namespace = dice.choice(namespaces)
        row = GrantRow(
            subject_kind=kind,
            subject_id=subject,
            verb=dice.choice(list(Verb)),
            namespace=namespace,
            scope=Scope.SUBTREE,
            effect=Effect.ALLOW,
            expires_at=None,
            granted_by=None,
            created_at=now,
        )
        rows[row.address] = row
    for kind, subject in subjects:  # what decides, the same whatever there is beside it
        for namespace in namespaces[:: len(namespaces) // OWN_GRANTS]:
            place = "/".join(namespace.split("/")[: dice.randint(1, DEPTH)])
            row = dataclasses.replace(
                row, subject_kind=kind, subject_id=subject, namespace=place, verb=Verb.READ
            )
            rows[row.address] = row
    return list(rows.values())


def _write(deployment: Deployment, rows: list[GrantRow]) -> None:
    """Write grants in one go, tagged as the server would have tagged them."""
    columns = [*(column.name for column in GRANTS.columns), "tag"]
    values = ", ".join(f":{column}" for column in columns)
    statement = f"INSERT INTO grants ({', '.join(columns)}) VALUES ({values})"  # noqa: S608
    with contextlib.closing(sqlite3.connect(deployment.database)) as connection:
        (deployment_id,) = connection.execute("SELECT id FROM deployment").fetchone()
        tags = AuthorityTags.of(RootKeys({1: deployment.root_keys.load(1)}), deployment_id)
        with connection:
            connection.executemany(
                statement,
                (
                    {**(row := dataclasses.asdict(grant)), "tag": tags.tag(GRANTS, row)}
                    for grant in rows
                ),
            )
