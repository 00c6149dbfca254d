"""Rows as the messages that clients get. Enumerations map by name, so neither side can drift."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Final

from sealwire.core.errors import MalformedError
from sealwire.storage import (
    Effect,
    EventRow,
    GrantRow,
    IdentityRow,
    IdentityState,
    KeyRow,
    KeyState,
    Scope,
    SubjectKind,
    Transaction,
    Verb,
)
from sealwire.v1 import permissions_pb2
from sealwire.v1.identity_pb2 import Event, Identity
from sealwire.v1.keys_pb2 import Key
from sealwire.v1.permissions_pb2 import Grant, Subject

_VERBS: Final = {permissions_pb2.Verb.Value(f"VERB_{verb.name}"): verb for verb in Verb}
_SCOPES: Final = {permissions_pb2.Scope.Value(f"SCOPE_{scope.name}"): scope for scope in Scope}
_EFFECTS: Final = {
    permissions_pb2.Effect.Value(f"EFFECT_{effect.name}"): effect for effect in Effect
}


def identity_message(row: IdentityRow, public_key_id: str) -> Identity:
    """Return an identity, with the key that stands for it."""
    return Identity(
        id=row.id,
        name=row.name,
        role=row.role,
        public_key_id=public_key_id,
        created_at=row.created_at,
        state=f"IDENTITY_STATE_{IdentityState(row.state).name}",
        labels=json.loads(row.labels),
    )


def newest_key_id(tx: Transaction, identity: IdentityRow, *, now: int) -> str:
    """Return the id of an identity's newest active key, or an empty text."""
    newest = tx.keys.latest(identity.id)
    return newest.public_key.key_id if newest is not None and newest.is_active(now) else ""


def key_message(row: KeyRow) -> Key:
    """Return a key."""
    return Key(
        public_key_id=row.public_key.key_id,
        public_key=row.public_key.raw,
        state=f"KEY_STATE_{KeyState(row.state).name}",
        generation=row.generation,
        created_at=row.created_at,
        expires_at=row.expires_at or 0,
        ended_at=row.ended_at or 0,
        certificate_uri=row.certificate_uri or "",
    )


def event_messages(tx: Transaction, rows: Collection[EventRow]) -> list[Event]:
    """Return events, with their actors' names."""
    names = tx.identities.names({row.actor_id for row in rows if row.actor_id})
    return [
        Event(
            at=row.at,
            kind=row.kind,
            actor=names.get(row.actor_id or "", ""),
            actor_key_id=row.actor_key_id or "",
            detail=row.detail,
        )
        for row in rows
    ]


def grant_messages(tx: Transaction, rows: Collection[GrantRow]) -> list[Grant]:
    """Return grants, with the names of their subjects and givers."""
    ids = {row.subject_id for row in rows} | {row.granted_by for row in rows if row.granted_by}
    names = {**tx.identities.names(ids), **tx.groups.names(ids)}
    return [
        Grant(
            subject=Subject(**{row.subject_kind: names[row.subject_id]}),
            verb=f"VERB_{Verb(row.verb).name}",
            namespace=row.namespace,
            scope=f"SCOPE_{Scope(row.scope).name}",
            effect=f"EFFECT_{Effect(row.effect).name}",
            expires_at=row.expires_at or 0,
            granted_by=names.get(row.granted_by or "", ""),
            created_at=row.created_at,
        )
        for row in rows
    ]


def subject_of(subject: Subject) -> tuple[SubjectKind, str]:
    """Return whom a request means; MalformedError if it says nothing."""
    kind = subject.WhichOneof("kind")
    if kind is None or not getattr(subject, kind):
        raise MalformedError("A grant needs a subject: an identity or a group.")
    return SubjectKind(kind), str(getattr(subject, kind))


def verbs_of(numbers: Iterable[int]) -> list[Verb]:
    """Return the verbs of a request; MalformedError unless there are some, each once and known."""
    given = list(numbers)
    if not given or len(set(given)) != len(given) or not set(given) <= set(_VERBS):
        raise MalformedError("Name at least one verb, each only once: read, write, and so on.")
    return [_VERBS[number] for number in given]


def scope_of(number: int) -> Scope:
    """Return the scope of a request; MalformedError if it is none."""
    if number not in _SCOPES:
        raise MalformedError("A grant's scope is a subtree or exactly one namespace.")
    return _SCOPES[number]


def effect_of(number: int) -> Effect:
    """Return the effect of a request; MalformedError if it is none."""
    if number not in _EFFECTS:
        raise MalformedError("A grant allows or denies.")
    return _EFFECTS[number]
