"""The steps of the model, done by real handlers: requests out, and answers in the model's words."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from google.protobuf.message import Message

from sealwire.core.clock import Clock
from sealwire.core.invitation import Invitation
from sealwire.core.keys import PrivateKey
from sealwire.core.pki import certificate_request, new_tls_key
from sealwire.core.rotation import rotation_proof
from sealwire.v1 import identity_pb2, keys_pb2, permissions_pb2, records_pb2
from tests.server.authority_model import MOST_IDENTITIES, NEVER, VERBS, Signer, Subject

RECORDS: Final = "/sealwire.v1.RecordService/"
IDENTITIES: Final = "/sealwire.v1.IdentityService/"
KEYS: Final = "/sealwire.v1.KeyService/"
PERMISSIONS: Final = "/sealwire.v1.PermissionService/"

TLS_KEY: Final = new_tls_key()
CSR: Final = certificate_request(TLS_KEY)
"""All certificates are for one TLS key: nothing here hangs on it."""

Answers = Any
"""An answer of the method that was called; protobuf's fields are not known to type checkers."""


@dataclass(slots=True, repr=False)
class Holder:
    """A key, and the newest certificate for it."""

    key: PrivateKey
    certificate: bytes

    @property
    def key_id(self) -> str:
        """The id of the key."""
        return self.key.public_key.key_id


@dataclass(slots=True, repr=False)
class Somebody:
    """An identity, with its keys in the order in which they came."""

    name: str
    id: str
    holders: list[Holder]


class Delivery(Protocol):
    """Brings requests to handlers; raises `Refused` with the reason that was signed."""

    @property
    def clock(self) -> Clock:
        """What time it is there."""
        ...

    @property
    def audience(self) -> str:
        """Whom requests are for."""
        ...

    def certificate(self, key: PrivateKey) -> bytes:
        """Return a certificate, DER, for a key that was put straight into the store."""
        ...

    def send(self, sender: Holder, owner: Somebody, path: str, request: Message) -> Answers:
        """Return a handler's answer."""
        ...

    def enrol(self, key: PrivateKey, invitation: Invitation, request: Message) -> Answers:
        """Return the answer of Enroll."""
        ...

    def serial(self, certificate: bytes) -> str:
        """Return the serial number of a certificate, DER."""
        ...

    def advance(self, ticks: int) -> None:
        """Let time pass."""
        ...


@dataclass(slots=True, repr=False)
class World:
    """A part of a deployment whose names begin with `prefix`; each step as in the model."""

    delivery: Delivery
    prefix: str
    identities: list[Somebody] = field(default_factory=list)

    # --- steps: records

    def put(self, by: Signer, namespace: str, name: str, value: int) -> object:
        request = records_pb2.PutRecordRequest(
            namespace=self._named(namespace), name=name, value=bytes([value])
        )
        return self._ask(by, f"{RECORDS}PutRecord", request).record.version

    def get(self, by: Signer, namespace: str, name: str) -> object:
        request = records_pb2.GetRecordRequest(namespace=self._named(namespace), name=name)
        answer = self._ask(by, f"{RECORDS}GetRecord", request)
        return (answer.record.version, answer.value[0])

    def list_records(self, by: Signer, namespace: str) -> object:
        request = records_pb2.ListRecordsRequest(namespace=self._named(namespace))
        return [r.name for r in self._ask(by, f"{RECORDS}ListRecords", request).records]

    def delete(self, by: Signer, namespace: str, name: str) -> object:
        request = records_pb2.DeleteRecordRequest(namespace=self._named(namespace), name=name)
        self._ask(by, f"{RECORDS}DeleteRecord", request)
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
        request = permissions_pb2.CreateGrantRequest(
            subject=self._subject(to),
            verbs=[f"VERB_{verb.upper()}" for verb in verbs],
            namespace=self._named(namespace),
            scope=f"SCOPE_{scope.upper()}",
            effect=f"EFFECT_{effect.upper()}",
            expires_at=0 if lasts is None else self.delivery.clock() + lasts,
        )
        return self._told(self._ask(by, f"{PERMISSIONS}CreateGrant", request).grants)

    def ungrant(
        self, by: Signer, to: Subject, verbs: tuple[str, ...], namespace: str, effect: str
    ) -> object:
        request = permissions_pb2.RemoveGrantRequest(
            subject=self._subject(to),
            verbs=[f"VERB_{verb.upper()}" for verb in verbs],
            namespace=self._named(namespace),
            effect=f"EFFECT_{effect.upper()}",
        )
        return set(self._told(self._ask(by, f"{PERMISSIONS}RemoveGrant", request).removed))

    def list_grants(self, by: Signer, namespace: str) -> object:
        request = permissions_pb2.ListGrantsRequest(namespace=self._named(namespace))
        return set(self._told(self._ask(by, f"{PERMISSIONS}ListGrants", request).grants))

    def test(self, by: Signer, about: int, namespace: str) -> object:
        request = permissions_pb2.TestPermissionsRequest(
            identity=self._somebody(about).name,
            verbs=[f"VERB_{verb.upper()}" for verb in VERBS],
            namespace=self._named(namespace),
        )
        decisions = self._ask(by, f"{PERMISSIONS}TestPermissions", request).decisions
        return [v for v, decision in zip(VERBS, decisions, strict=True) if decision.allowed]

    # --- steps: groups

    def create_group(self, by: Signer, name: str) -> object:
        request = permissions_pb2.CreateGroupRequest(name=self._named(name))
        return self._members(self._ask(by, f"{PERMISSIONS}CreateGroup", request).group)

    def add_member(self, by: Signer, name: str, whom: int) -> object:
        request = permissions_pb2.AddGroupMemberRequest(
            group=self._named(name), identity=self._somebody(whom).name
        )
        return self._members(self._ask(by, f"{PERMISSIONS}AddGroupMember", request).group)

    def remove_member(self, by: Signer, name: str, whom: int) -> object:
        request = permissions_pb2.RemoveGroupMemberRequest(
            group=self._named(name), identity=self._somebody(whom).name
        )
        return self._members(self._ask(by, f"{PERMISSIONS}RemoveGroupMember", request).group)

    def list_groups(self, by: Signer) -> object:
        answer = self._ask(by, f"{PERMISSIONS}ListGroups", permissions_pb2.ListGroupsRequest())
        return {
            self._bare(group.name): self._members(group)
            for group in answer.groups
            if group.name.startswith(self.prefix)
        }

    # --- steps: identities

    def enrol(self, by: Signer, role: str) -> object:
        name = f"{self.prefix}{len(self.identities)}"
        request = identity_pb2.CreateInvitationRequest(name=name, role=role, valid_seconds=60)
        answer = self._ask(by, f"{IDENTITIES}CreateInvitation", request)
        if len(self.identities) < MOST_IDENTITIES:
            holder, identity_id = self._join(answer.invitation)
            self.identities.append(Somebody(name, identity_id, [holder]))
        return len(self.identities)

    def recover(self, by: Signer, whom: int) -> object:
        somebody = self._somebody(whom)
        request = identity_pb2.CreateInvitationRequest(
            name=somebody.name, valid_seconds=60, recover=True
        )
        answer = self._ask(by, f"{IDENTITIES}CreateInvitation", request)
        holder, identity_id = self._join(answer.invitation)
        assert identity_id == somebody.id
        somebody.holders.append(holder)
        return None

    def change(self, by: Signer, whom: int, to: str) -> object:
        name = self._somebody(whom).name
        if to in {"admin", "member"}:
            request = identity_pb2.UpdateIdentityRequest(identity=name, role=to)
        else:
            state = f"IDENTITY_STATE_{to.upper()}"
            request = identity_pb2.UpdateIdentityRequest(identity=name, state=state)
        return self._condition(self._ask(by, f"{IDENTITIES}UpdateIdentity", request).identity)

    def remove(self, by: Signer, whom: int) -> object:
        request = identity_pb2.RemoveIdentityRequest(identity=self._somebody(whom).name)
        return self._condition(self._ask(by, f"{IDENTITIES}RemoveIdentity", request).identity)

    def look(self, by: Signer, whom: int) -> object:
        name = self._somebody(whom).name
        request = identity_pb2.GetIdentityRequest(identity=name)
        answer = self._ask(by, f"{IDENTITIES}GetIdentity", request)
        keys = self._ask(by, f"{KEYS}ListKeys", keys_pb2.ListKeysRequest(identity=name)).keys
        groups = [self._bare(group) for group in answer.groups]
        return (*self._condition(answer.identity), groups, [_key(key) for key in keys])

    # --- steps: keys

    def rotate(self, by: Signer) -> object:
        key, old = PrivateKey.generate(os.urandom), self._holder(by)
        proof = rotation_proof(key, audience=self.delivery.audience, old_public_key_id=old.key_id)
        renewal = keys_pb2.RenewCertificateRequest(certificate_request=CSR, next_key=proof)
        certificate = self._ask(by, f"{KEYS}RenewCertificate", renewal).certificate
        answer = self._ask(by, f"{KEYS}RotateKey", keys_pb2.RotateKeyRequest(next_key=proof))
        self._somebody(by[0]).holders.append(Holder(key, certificate))
        return _key(answer.key)

    def revoke_key(self, by: Signer, of: Signer, lasts: int | None) -> object:
        request = keys_pb2.RevokeKeyRequest(
            public_key_id=self._holder(of).key_id,
            expires_at=0 if lasts is None else self.delivery.clock() + lasts,
        )
        return _key(self._ask(by, f"{KEYS}RevokeKey", request).key)

    def revoke_certificate(self, by: Signer, of: Signer) -> object:
        holder = self._holder(of)
        request = keys_pb2.RevokeCertificateRequest(
            public_key_id=holder.key_id, serial=self.delivery.serial(holder.certificate)
        )
        self._ask(by, f"{KEYS}RevokeCertificate", request)
        return None

    def renew(self, by: Signer) -> object:
        request = keys_pb2.RenewCertificateRequest(certificate_request=CSR)
        answer = self._ask(by, f"{KEYS}RenewCertificate", request)
        self._holder(by).certificate = answer.certificate
        return None

    def whoami(self, by: Signer) -> object:
        answer = self._ask(by, f"{IDENTITIES}WhoAmI", identity_pb2.WhoAmIRequest()).identity
        assert answer.public_key_id == self._holder(by).key_id
        return (self._number(answer.name), answer.role)

    def wait(self, ticks: int) -> object:
        self.delivery.advance(ticks)
        return None

    # --- names and messages

    def _ask(self, by: Signer, path: str, request: Message) -> Answers:
        return self.delivery.send(self._holder(by), self._somebody(by[0]), path, request)

    def _join(self, invitation: bytes) -> tuple[Holder, str]:
        key, parsed = PrivateKey.generate(os.urandom), Invitation.from_json(invitation)
        request = identity_pb2.EnrollRequest(
            invitation_id=parsed.invitation_id, token=parsed.token, certificate_request=CSR
        )
        answer = self.delivery.enrol(key, parsed, request)
        return Holder(key, answer.certificate), answer.identity.id

    def _somebody(self, number: int) -> Somebody:
        return self.identities[number % len(self.identities)]

    def _holder(self, signer: Signer) -> Holder:
        holders = self._somebody(signer[0]).holders
        return holders[-1 - signer[1] % len(holders)]

    def _named(self, text: str) -> str:
        return f"{self.prefix}{text}"

    def _bare(self, text: str) -> str:
        return text.removeprefix(self.prefix)

    def _number(self, name: str) -> int:
        return [somebody.name for somebody in self.identities].index(name)

    def _subject(self, to: Subject) -> permissions_pb2.Subject:
        kind, named = to
        if kind == "group":
            return permissions_pb2.Subject(group=self._named(str(named)))
        return permissions_pb2.Subject(identity=self._somebody(int(named)).name)

    def _members(self, group: permissions_pb2.Group) -> set[int]:
        return {self._number(name) for name in group.members}

    def _condition(self, identity: identity_pb2.Identity) -> tuple[str, str]:
        state = identity_pb2.IdentityState.Name(identity.state)
        return (state.removeprefix("IDENTITY_STATE_").lower(), identity.role)

    def _told(self, grants: Iterable[permissions_pb2.Grant]) -> list[tuple[object, ...]]:
        """Return grants as the model writes them."""
        return [
            (
                ("group", self._bare(grant.subject.group))
                if grant.subject.group
                else ("identity", self._number(grant.subject.identity)),
                self._bare(grant.namespace),
                permissions_pb2.Scope.Name(grant.scope).removeprefix("SCOPE_").lower(),
                permissions_pb2.Effect.Name(grant.effect).removeprefix("EFFECT_").lower(),
                permissions_pb2.Verb.Name(grant.verb).removeprefix("VERB_").lower(),
                grant.expires_at or NEVER,
                self._number(grant.granted_by) if grant.granted_by else None,
            )
            for grant in grants
        ]


def _key(key: keys_pb2.Key) -> tuple[str, float]:
    state = keys_pb2.KeyState.Name(key.state).removeprefix("KEY_STATE_").lower()
    return (state, key.expires_at or NEVER)
