"""What a verb gives, how a name is claimed, and what those without rights are told: nothing."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import uuid

import pytest
from google.protobuf.message import Message

from sealwire.client import ForbiddenError, UnauthenticatedError
from sealwire.core.keys import PrivateKey
from sealwire.storage import Effect, Scope, Verb
from sealwire.v1 import identity_pb2, keys_pb2, namespaces_pb2, permissions_pb2, records_pb2
from sealwire.v1.envelope_pb2 import Status
from sealwire.v1.identity_pb2 import GetIdentityRequest
from sealwire.v1.keys_pb2 import ListKeysRequest, RevokeKeyRequest
from sealwire.v1.permissions_pb2 import EFFECT_ALLOW, SCOPE_EXACT, SCOPE_SUBTREE, VERB_READ, Subject
from sealwire.v1.records_pb2 import (
    DeleteRecordRequest,
    GetRecordRequest,
    ListRecordsRequest,
    PutRecordRequest,
)
from tests.server.cast import ALL, Actor, Cast, exact, refused
from tests.server.members import Member
from tests.server.registry import registry
from tests.server.served import Served
from tests.server.wire import (
    DELETE,
    FORBIDDEN,
    GET,
    LIST,
    PUT,
    UNAUTHENTICATED,
    WHOAMI,
    wire_of,
)

RECORD_VERBS = ["read", "write", "delete", "list"]
KEYS = "/sealwire.v1.KeyService"
IDENTITIES = "/sealwire.v1.IdentityService"
GRANTS = "/sealwire.v1.PermissionService"


# --- verbs


# case 48
@pytest.mark.parametrize("verb", ALL.split())
def test_a_verb_gives_exactly_its_method(owner: Actor, guest: Actor, owned: str, verb: str) -> None:
    owner.grant(guest, verb, owned)
    assert guest.does(owned) == (verb if verb in RECORD_VERBS else "")
    assert guest.can(owned) == verb


@pytest.mark.parametrize("verb", ALL.split())
def test_every_verb_but_one_gives_every_method_but_one(
    owner: Actor, guest: Actor, owned: str, verb: str
) -> None:
    owner.grant(guest, ALL, owned)
    owner.deny(guest, verb, owned)
    assert guest.does(owned) == " ".join(other for other in RECORD_VERBS if other != verb)


# case 48, case 54
def test_the_role_of_an_admin_gives_no_verb_anywhere(cast: Cast, owner: Actor, owned: str) -> None:
    admin = cast.admin()
    assert admin.can(owned) == ""
    assert admin.does(owned) == ""
    for attempt in (
        lambda: admin.grant(admin, "read", owned),
        lambda: admin.grant(owner, "read", owned),
        lambda: admin.deny(owner, "read", owned),
        lambda: admin.ungrant(owner, "read", owned),
        lambda: admin.client.permissions.grants(owned),
    ):
        assert refused(attempt) == "PERMISSION_DENIED"


def test_a_change_of_role_changes_no_right(cast: Cast, owner: Actor, owned: str) -> None:
    admin = cast.admin()
    admin.client.identities.promote(owner.name)
    assert owner.can(owned) == ALL
    admin.client.identities.demote(owner.name)
    assert owner.can(owned) == ALL


# --- claims


def test_the_first_to_write_to_an_unclaimed_name_is_granted_everything_from_there_down(
    owner: Actor, guest: Actor, owned: str
) -> None:
    for name in (owned, f"{owned}/below", f"{owned}/a/b/c"):
        assert owner.can(name) == ALL
        assert guest.can(name) == ""
    grants = owner.client.permissions.grants(owned)
    assert [grant.subject.identity for grant in grants] == [owner.name] * 6
    assert {
        (grant.scope, grant.effect, grant.expires_at, grant.granted_by) for grant in grants
    } == {(SCOPE_SUBTREE, EFFECT_ALLOW, 0, "")}


# case 50
def test_a_claim_ends_at_its_name_and_leaves_its_neighbours_to_others(
    owner: Actor, guest: Actor, owned: str
) -> None:
    for name in (f"{owned}2", owned[:-1], f"{owned}-x", f"x-{uuid.uuid4()}/{owned}"):
        assert owner.can(name) == ""
        guest.client.put(name, "record", b"")
        assert guest.can(name) == ALL
        assert refused(owner.client.put, name, "r", b"") == "PERMISSION_DENIED"


# case 53
@pytest.mark.parametrize("relative", ["{}/below", "{}/far/below", "{}"])
def test_nobody_claims_a_name_below_one_that_is_claimed(
    guest: Actor, owned: str, relative: str
) -> None:
    name = relative.format(owned)
    assert refused(guest.client.put, name, "r", b"") == "PERMISSION_DENIED"
    assert guest.can(name) == ""


# case 53
def test_nobody_claims_a_name_above_one_that_is_claimed(owner: Actor, guest: Actor) -> None:
    top = f"top-{uuid.uuid4()}"
    owner.client.put(f"{top}/a/b", "record", b"")
    for above in (top, f"{top}/a"):
        assert refused(guest.client.put, above, "r", b"") == "PERMISSION_DENIED"
        # Not even whoever owns what is below: that would be a right to what others put beside it.
        assert refused(owner.client.put, above, "r", b"") == "PERMISSION_DENIED"
    guest.client.put(f"{top}/a/c", "record", b"")
    assert guest.can(f"{top}/a/c") == ALL


@pytest.mark.parametrize("scope", [Scope.EXACT, Scope.SUBTREE])
@pytest.mark.parametrize("effect", [Effect.ALLOW, Effect.DENY])
def test_a_grant_alone_is_a_claim_of_its_name_and_of_what_is_above_and_below(
    server: Served, owner: Actor, guest: Actor, scope: Scope, effect: Effect
) -> None:
    top = f"top-{uuid.uuid4()}"
    with registry(server.deployment, server.clock) as house:
        house.grant(owner.member, [Verb.READ], f"{top}/a", scope=scope, effect=effect)
    for name in (top, f"{top}/a", f"{top}/a/b"):
        assert refused(guest.client.put, name, "r", b"") == "PERMISSION_DENIED"
    guest.client.put(f"{top}/b", "r", b"")


def test_a_grant_need_not_wait_for_its_namespace(owner: Actor, guest: Actor, owned: str) -> None:
    name = f"{owned}/later/on"
    owner.grant(guest, "write read", name)
    assert refused(guest.client.get, name, "r") == "NOT_FOUND"
    guest.client.put(name, "r", b"guest's")
    assert owner.client.get(name, "r").value == b"guest's"


def test_whoever_makes_a_namespace_by_a_grant_gets_no_further_right_to_it(
    owner: Actor, guest: Actor, owned: str
) -> None:
    name = f"{owned}/made"
    owner.grant(guest, "write", owned)
    guest.client.put(name, "r", b"")
    assert guest.can(name) == "write"
    assert [g.subject.identity for g in owner.client.permissions.grants(name)].count(
        guest.name
    ) == 1
    owner.ungrant(guest, "write", owned)
    assert refused(guest.client.put, name, "r", b"") == "PERMISSION_DENIED"
    assert guest.can(name) == ""
    assert owner.client.get(name, "r").value == b""


def test_an_exact_right_to_write_makes_that_namespace_and_none_below(
    owner: Actor, guest: Actor, owned: str
) -> None:
    exact(owner, guest, "write", f"{owned}/a")
    guest.client.put(f"{owned}/a", "r", b"")
    for other in (f"{owned}/a/b", f"{owned}/b", owned):
        assert refused(guest.client.put, other, "r", b"") == "PERMISSION_DENIED"


@pytest.mark.parametrize("verb", [verb for verb in ALL.split() if verb != "write"])
def test_no_other_verb_than_write_makes_a_namespace(
    owner: Actor, guest: Actor, owned: str, verb: str
) -> None:
    owner.grant(guest, verb, owned)
    assert refused(guest.client.put, f"{owned}/a", "r", b"") == "PERMISSION_DENIED"
    assert refused(owner.client.get, f"{owned}/a", "r") == "NOT_FOUND"


def test_reading_listing_and_deleting_claim_nothing(guest: Actor) -> None:
    name = f"unclaimed-{uuid.uuid4()}"
    for attempt in (
        lambda: guest.client.get(name, "r"),
        lambda: guest.names(name),
        lambda: guest.client.delete(name, "r"),
    ):
        assert refused(attempt) == "PERMISSION_DENIED"
    assert guest.can(name) == ""


def test_a_refused_first_write_claims_nothing(owner: Actor, guest: Actor, namespace: str) -> None:
    with wire_of(guest.member) as line:
        for request in (
            PutRecordRequest(namespace=namespace, name="../up"),
            PutRecordRequest(namespace=namespace, name="r", value=bytes(1024 * 1024 + 1)),
        ):
            assert line.refusal(PUT, guest.member.signed(PUT, request)).code == 3
    assert guest.can(namespace) == ""
    assert owner.client.put(namespace, "record", b"").version == 1


def test_a_namespace_stays_claimed_when_it_is_empty(owner: Actor, guest: Actor, owned: str) -> None:
    owner.client.delete(owned, "record")
    assert owner.names(owned) == []
    assert refused(guest.client.put, owned, "record", b"") == "PERMISSION_DENIED"


def test_a_namespace_stays_claimed_when_nobody_holds_a_right_to_it_any_more(
    cast: Cast, owner: Actor, guest: Actor, owned: str
) -> None:
    cast.admin().client.identities.remove(owner.name)
    assert refused(guest.client.put, owned, "record", b"") == "PERMISSION_DENIED"
    assert refused(guest.client.put, f"{owned}/b", "record", b"") == "PERMISSION_DENIED"


def test_of_two_first_writers_that_race_one_becomes_the_owner(
    server: Served, alice: Member, bob: Member
) -> None:
    async def race() -> list[tuple[str, object, object]]:
        names = [f"raced/{os.urandom(8).hex()}" for _ in range(50)]
        async with alice.async_client() as one, bob.async_client() as other:
            await asyncio.gather(one.whoami(), other.whoami())
            puts = [
                client.put(name, "r", who)
                for name in names
                for client, who in ((one, b"alice"), (other, b"bob"))
            ]
            outcomes = await asyncio.gather(*puts, return_exceptions=True)
            return list(zip(names, outcomes[::2], outcomes[1::2], strict=True))

    for name, of_alice, of_bob in server.loop.run(race()):
        lost = [outcome for outcome in (of_alice, of_bob) if isinstance(outcome, Exception)]
        assert [type(error) for error in lost] == [ForbiddenError]
        owner, value = (bob, b"bob") if of_alice in lost else (alice, b"alice")
        with owner.client() as client:
            assert client.get(name, "r").value == value


# --- what is told to those without rights


def refusals(member: Member, namespace: str, name: str) -> dict[str, Status]:
    """Return how a member is refused what all but the last of the four methods do."""
    requests = {
        GET: GetRecordRequest(namespace=namespace, name=name),
        LIST: ListRecordsRequest(namespace=namespace),
        DELETE: DeleteRecordRequest(namespace=namespace, name=name),
    }
    with wire_of(member) as line:
        return {
            path: line.refusal(path, member.signed(path, request))
            for path, request in requests.items()
        }


# case 48
def test_what_is_forbidden_and_what_does_not_exist_are_refused_with_the_same_words(
    guest: Actor, owned: str
) -> None:
    expected = dict.fromkeys((GET, LIST, DELETE), FORBIDDEN)
    assert refusals(guest.member, owned, "record") == expected
    assert refusals(guest.member, owned, "missing") == expected
    assert refusals(guest.member, f"{owned}/missing", "record") == expected
    assert refusals(guest.member, f"{owned}-that-nobody-has", "record") == expected


def _about(namespace: str, name: str, key_id: str) -> dict[str, Message]:
    """Return a request to every method that a stranger may not even use to ask what there is."""
    subject = Subject(identity=name)
    return {
        GET: GetRecordRequest(namespace=namespace, name="record"),
        LIST: ListRecordsRequest(namespace=namespace),
        DELETE: DeleteRecordRequest(namespace=namespace, name="record"),
        f"{GRANTS}/CreateGrant": permissions_pb2.CreateGrantRequest(
            subject=subject,
            verbs=[VERB_READ],
            namespace=namespace,
            scope=SCOPE_EXACT,
            effect=EFFECT_ALLOW,
        ),
        f"{GRANTS}/RemoveGrant": permissions_pb2.RemoveGrantRequest(
            subject=subject, verbs=[VERB_READ], namespace=namespace, effect=EFFECT_ALLOW
        ),
        f"{GRANTS}/ListGrants": permissions_pb2.ListGrantsRequest(namespace=namespace),
        f"{GRANTS}/TestPermissions": permissions_pb2.TestPermissionsRequest(
            identity=name, verbs=[VERB_READ], namespace=namespace
        ),
        f"{GRANTS}/CreateGroup": permissions_pb2.CreateGroupRequest(name=f"x-{name}"),
        f"{GRANTS}/AddGroupMember": permissions_pb2.AddGroupMemberRequest(
            group=name, identity=name
        ),
        f"{GRANTS}/RemoveGroupMember": permissions_pb2.RemoveGroupMemberRequest(
            group=name, identity=name
        ),
        f"{IDENTITIES}/GetIdentity": GetIdentityRequest(identity=name),
        f"{IDENTITIES}/UpdateIdentity": identity_pb2.UpdateIdentityRequest(
            identity=name, role="admin"
        ),
        f"{IDENTITIES}/RemoveIdentity": identity_pb2.RemoveIdentityRequest(identity=name),
        f"{IDENTITIES}/EraseIdentity": identity_pb2.EraseIdentityRequest(identity=name),
        f"{IDENTITIES}/CreateInvitation": identity_pb2.CreateInvitationRequest(
            name=name, valid_seconds=60, recover=True
        ),
        f"{KEYS}/ListKeys": ListKeysRequest(identity=name),
        f"{KEYS}/RevokeKey": RevokeKeyRequest(public_key_id=key_id),
        f"{KEYS}/RevokeCertificate": keys_pb2.RevokeCertificateRequest(
            public_key_id=key_id, serial="1"
        ),
    }


# case 48
def test_to_somebody_without_rights_what_exists_and_what_does_not_are_the_same_bytes(
    owner: Actor, guest: Actor, owned: str
) -> None:
    nobody = PrivateKey.generate(os.urandom).public_key.key_id
    there = _about(owned, owner.name, owner.key_id)
    by_key = _about(owned, owner.key_id, owner.key_id)
    missing = _about(f"{owned}-missing", f"{owner.name}x", nobody)
    missing_key = _about(f"{owned}-missing", nobody, nobody)

    def answer(path: str, request: Message) -> bytes:
        statement = line.answer(path, guest.member.signed(path, request))
        assert statement.status.reason == "PERMISSION_DENIED"
        statement.ClearField("request_digest")  # of the request, which the guest wrote
        return statement.SerializeToString(deterministic=True)

    with wire_of(guest.member) as line:
        for path in there:
            answers = {
                answer(path, requests[path]) for requests in (there, by_key, missing, missing_key)
            }
            assert len(answers) == 1, path


# case 48
def test_a_put_into_the_namespace_of_another_is_refused_and_changes_nothing(
    owner: Actor, guest: Actor, owned: str
) -> None:
    with wire_of(guest.member) as line:
        for name in ("record", "another"):
            request = PutRecordRequest(namespace=owned, name=name, value=b"guest's")
            assert line.refusal(PUT, guest.member.signed(PUT, request)) == FORBIDDEN
    assert owner.names(owned) == ["record"]
    assert owner.client.get(owned, "record").value == b"value"


# case 55
def test_a_list_holds_nothing_of_another_namespace_whatever_it_is_called(
    owner: Actor, guest: Actor, namespace: str
) -> None:
    owner.client.put(namespace, "mine", b"")
    beside = [f"{namespace}2", namespace[:-1], f"{namespace}%", f"{namespace[:-1]}_"]
    for other in beside:
        guest.client.put(other, "guest's", b"")
    guest.grant(owner, "list", beside[0])
    assert owner.names(namespace) == ["mine"]
    for other in beside[1:]:
        assert refused(owner.names, other) == ("PERMISSION_DENIED")


# case 55
def test_a_list_of_a_namespace_holds_nothing_of_those_below_it(
    owner: Actor, guest: Actor, owned: str
) -> None:
    owner.client.put(f"{owned}/secret", "hidden", b"")
    owner.grant(guest, "list", owned)
    owner.deny(guest, "list", f"{owned}/secret")
    assert guest.names(owned) == ["record"]
    assert refused(guest.names, f"{owned}/secret") == ("PERMISSION_DENIED")


# --- identities that may not act


def test_a_suspended_identity_does_nothing_and_what_it_may_do_waits_for_it(
    cast: Cast, owner: Actor, guest: Actor, owned: str
) -> None:
    admin = cast.admin()
    owner.grant(guest, "read list", owned)
    admin.client.identities.suspend(guest.name)
    assert refused(guest.client.get, owned, "record") == "UNAUTHENTICATED"
    assert refused(guest.client.whoami) == "UNAUTHENTICATED"
    assert owner.can(owned, guest) == ""
    admin.client.identities.resume(guest.name)
    assert guest.does(owned) == owner.can(owned, guest) == "read list"


def test_a_removed_identity_leaves_its_records_and_no_right(
    cast: Cast, owner: Actor, guest: Actor, owned: str
) -> None:
    admin = cast.admin()
    group = cast.group(admin, guest)
    owner.grant(guest, "read write", owned)
    owner.grant(group, "list", owned)
    guest.client.put(f"{owned}/made", "r", b"guest's")
    admin.client.identities.remove(guest.name)
    assert refused(guest.client.whoami) == "UNAUTHENTICATED"
    assert owner.can(owned, guest) == ""
    assert guest.name not in [g.subject.identity for g in owner.client.permissions.grants(owned)]
    assert {g.name: list(g.members) for g in admin.client.permissions.groups()}[group] == []
    assert owner.client.get(f"{owned}/made", "r").value == b"guest's"
    assert refused(owner.grant, guest, "read", owned) == "NOT_FOUND"


# --- case 58: only the signer counts

NAMING_FIELDS = {
    "CreateGrantRequest.subject",
    "RemoveGrantRequest.subject",
    "TestPermissionsRequest.identity",
    "AddGroupMemberRequest.identity",
    "RemoveGroupMemberRequest.identity",
    "CreateInvitationRequest.name",
    "GetIdentityRequest.identity",
    "UpdateIdentityRequest.identity",
    "RemoveIdentityRequest.identity",
    "EraseIdentityRequest.identity",
    "ListKeysRequest.identity",
    "RevokeKeyRequest.public_key_id",
    "RevokeCertificateRequest.public_key_id",
    "RotateKeyRequest.next_key",
    "RenewCertificateRequest.next_key",
}
"""Each names whom a request is about. Who asks is never in a request's body."""

OTHER_FIELDS = {
    *("namespace", "name", "value", "page_size", "page_token", "invitation_id", "token"),
    *("certificate_request", "role", "valid_seconds", "recover", "state", "labels", "serial"),
    *("expires_at", "group", "verbs", "scope", "effect", "request_id", "version", "versions"),
    *("if_version", "ttl_seconds", "content_type", "records", "conditions", "operations"),
    *("prefix", "one_level", "show_deleted", "from_revision", "under", "sealed_names"),
    *("keep_versions", "keep_seconds"),
}


# case 58
def test_no_field_of_a_request_says_who_asks() -> None:
    fields = {
        f"{message.name}.{field.name}"
        for file in (records_pb2, namespaces_pb2, identity_pb2, keys_pb2, permissions_pb2)
        for name, message in file.DESCRIPTOR.message_types_by_name.items()
        if name.endswith("Request")
        for field in message.fields
    }
    naming = {field for field in fields if field.split(".")[1] not in OTHER_FIELDS}
    assert naming | {"CreateInvitationRequest.name"} == NAMING_FIELDS


# case 58
def test_somebody_elses_key_id_anywhere_in_a_request_changes_nothing_of_whose_it_is(
    owner: Actor, guest: Actor, owned: str
) -> None:
    get, member = GetRecordRequest(namespace=owned, name="record"), guest.member
    with wire_of(member) as line:
        # In the envelope: the owner's name, the guest's signature.
        forged = member.signed(GET, get)
        forged.public_key_id = owner.key_id
        assert line.refusal(GET, forged) == UNAUTHENTICATED
        # In the statement.
        posing = dataclasses.replace(member, key=Posing(member.key, owner.member))
        assert line.refusal(GET, posing.signed(GET, get)) == UNAUTHENTICATED
        # In the body.
        named = get.SerializeToString() + b"\x1a\x2b" + owner.key_id.encode()
        assert line.refusal(GET, member.signed_bytes(GET, named)).reason == "MALFORMED"
        # In the metadata.
        presented = owner.member.key.public_key.raw
        assert line.refusal(GET, member.signed(GET, get), presented=presented) == FORBIDDEN
        who = line.answer(WHOAMI, member.signed_bytes(WHOAMI, b""), presented=presented)
        assert identity_pb2.WhoAmIResponse.FromString(who.body).identity == member.identity


class Posing(PrivateKey):
    """A key that says it is another one, and signs with itself."""

    def __init__(self, own: PrivateKey, other: Member) -> None:
        super().__init__(other.key.public_key, own.seed + own.public_key.raw)


def test_a_key_that_nobody_enrolled_is_refused_like_a_bad_signature(
    owner: Actor, owned: str
) -> None:
    stranger = dataclasses.replace(owner.member, key=PrivateKey.generate(os.urandom))
    with stranger.client() as client, pytest.raises(UnauthenticatedError):
        client.get(owned, "record")
    with wire_of(owner.member) as line:
        request = GetRecordRequest(namespace=owned, name="record")
        assert line.refusal(GET, stranger.signed(GET, request)) == UNAUTHENTICATED
        broken = owner.member.signed(GET, request)
        broken.signature = broken.signature[:-1] + bytes([broken.signature[-1] ^ 1])
        assert line.refusal(GET, broken) == UNAUTHENTICATED
