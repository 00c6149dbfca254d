"""Identities are listed, looked at and changed by admins; everybody may look at themselves."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest
from google.protobuf.message import Message

from sealwire.core.keys import thumbprint
from sealwire.server.invitations import open_store
from sealwire.storage import NewIdentity, Transaction
from sealwire.v1.envelope_pb2 import Status
from sealwire.v1.identity_pb2 import (
    IDENTITY_STATE_ACTIVE,
    IDENTITY_STATE_REMOVED,
    IDENTITY_STATE_SUSPENDED,
    IDENTITY_STATE_UNSPECIFIED,
    EraseIdentityRequest,
    GetIdentityRequest,
    Identity,
    Labels,
    ListIdentitiesRequest,
    ListIdentitiesResponse,
    RemoveIdentityRequest,
    UpdateIdentityRequest,
    WhoAmIRequest,
)
from sealwire.v1.keys_pb2 import (
    ListKeysRequest,
    RenewCertificateRequest,
    RevokeCertificateRequest,
    RevokeKeyRequest,
    RotateKeyRequest,
)
from sealwire.v1.records_pb2 import GetRecordRequest, PutRecordRequest
from tests.server.applicants import refusal
from tests.server.cast import ALL, Actor, Cast, refused
from tests.server.keyring import answered, new_key, proof, rotated, works
from tests.server.served import Served
from tests.server.wire import GET, PUT, UNAUTHENTICATED, WHOAMI, wire_of

IDENTITIES = "/sealwire.v1.IdentityService"
KEYS = "/sealwire.v1.KeyService"
NO_RIGHT = Status(code=7, reason="PERMISSION_DENIED", message="You have no right to this.")
UNKNOWN_KEY = thumbprint(b"nobody's")


def names(identities: Sequence[Identity]) -> list[str]:
    return [identity.name for identity in identities]


def kinds(admin: Actor, name: str) -> list[str]:
    """Return what happened to an identity, newest first."""
    return [event.kind for event in admin.client.identities.get(name).events]


# Lists.


@pytest.mark.parametrize("size", [0, 1, 2, 3, 8, 1_000])
def test_identities_are_listed_page_by_page_in_the_order_of_their_names_bytes(
    own_cast: Cast, size: int
) -> None:
    admin = own_cast.admin()
    joined = ["b", "B", "a b", "a", "\u00e9", "\U0001f512", "\u4e2d"]
    for name in joined:
        own_cast.house.enrol(name)
    expected = sorted([*joined, admin.name], key=str.encode)
    assert names(list(admin.client.identities.list(page_size=size))) == expected
    token, seen = "", []
    with wire_of(admin.member) as line:
        while True:
            request = ListIdentitiesRequest(page_size=size, page_token=token)
            path = f"{IDENTITIES}/ListIdentities"
            page = answered(line, admin.member, path, request, ListIdentitiesResponse)
            seen += names(page.identities)
            token = page.next_page_token
            if not token:
                break
            assert len(page.identities) == size
    assert seen == expected


def fill(house: Served, count: int, labels: dict[str, str]) -> None:
    """Make identities beside the running server."""

    def unit(tx: Transaction) -> None:
        for number in range(count):
            new = NewIdentity(f"{number:04}" + "n" * 508, "member", new_key().public_key)
            tx.identities.set_labels(tx.identities.create(new, house.clock()), labels)

    with open_store(house.deployment, random=os.urandom) as store:
        store.write_blocking(unit)


def test_a_page_has_a_hundred_identities_whatever_they_are_labelled(own_cast: Cast) -> None:
    admin = own_cast.admin()
    fill(own_cast.house, 101, {f"{number:02}" + "k" * 254: "v" * 256 for number in range(64)})
    with wire_of(admin.member) as line:
        path = f"{IDENTITIES}/ListIdentities"
        page = answered(line, admin.member, path, ListIdentitiesRequest(), ListIdentitiesResponse)
    assert len(page.identities) == 100
    assert len(list(admin.client.identities.list())) == 102


# case 83
@pytest.mark.parametrize(
    "request_",
    [
        ListIdentitiesRequest(page_size=1_001),
        ListIdentitiesRequest(page_size=2**32 - 1),
        ListIdentitiesRequest(page_token="!"),
        ListIdentitiesRequest(page_token="AB"),
        ListIdentitiesRequest(page_token="_w"),
    ],
    ids=["too large", "largest", "no base64url", "not canonical", "no UTF-8"],
)
def test_a_page_that_can_not_be_is_refused(cast: Cast, request_: ListIdentitiesRequest) -> None:
    admin, path = cast.admin().member, f"{IDENTITIES}/ListIdentities"
    with wire_of(admin) as line:
        assert line.refusal(path, admin.signed(path, request_)).reason == "MALFORMED"


def test_a_list_shows_what_became_of_everybody(own_cast: Cast) -> None:
    admin = own_cast.admin()
    suspended, removed, keyless = (own_cast.join(role) for role in ("one", "two", "three"))
    admin.client.identities.suspend(suspended.name)
    admin.client.identities.remove(removed.name)
    admin.client.identities.set_labels(keyless.name, {"team": "payments"})
    keyless.client.keys.revoke(keyless.key_id)
    found = {each.name: each for each in admin.client.identities.list()}
    assert {name: each.state for name, each in found.items()} == {
        admin.name: IDENTITY_STATE_ACTIVE,
        suspended.name: IDENTITY_STATE_SUSPENDED,
        removed.name: IDENTITY_STATE_REMOVED,
        keyless.name: IDENTITY_STATE_ACTIVE,
    }
    assert {name: each.public_key_id for name, each in found.items()} == {
        admin.name: admin.key_id,
        suspended.name: suspended.key_id,
        removed.name: "",
        keyless.name: "",
    }
    assert found[keyless.name].labels == {"team": "payments"}
    assert found[admin.name].role == "admin"


def test_a_member_lists_nobody(cast: Cast) -> None:
    member = cast.join()
    for size in (0, 1):
        assert refused(list, member.client.identities.list(page_size=size)) == "PERMISSION_DENIED"


# One of them.


def test_everybody_may_look_at_themselves_by_name_by_key_and_without_either(cast: Cast) -> None:
    before = cast.join()
    after = cast.enter(rotated(before.member))
    found = [
        after.client.identities.get(named)
        for named in ("", after.name, after.key_id, before.key_id)
    ]
    assert all(each == found[0] for each in found)
    assert found[0].identity == after.client.whoami()
    assert [event.kind for event in found[0].events] == ["key.rotated", "identity.enrolled"]
    assert {event.actor for event in found[0].events} == {after.name}


def test_an_admin_may_look_at_everybody(cast: Cast) -> None:
    admin, member = cast.admin(), cast.join()
    group = cast.group(admin, member)
    own = member.client.identities.get("")
    assert (own.identity, list(own.groups)) == (member.client.whoami(), [group])
    for named in (member.name, member.key_id):
        assert admin.client.identities.get(named) == own
    for named in ("nobody", UNKNOWN_KEY):
        assert refused(admin.client.identities.get, named) == "NOT_FOUND"


def about(named: str) -> dict[str, Message]:
    """Return every request about an identity or one of its keys, by its path."""
    found: dict[str, Message] = {
        f"{IDENTITIES}/GetIdentity": GetIdentityRequest(identity=named),
        f"{IDENTITIES}/UpdateIdentity": UpdateIdentityRequest(identity=named, role="admin"),
        f"{IDENTITIES}/RemoveIdentity": RemoveIdentityRequest(identity=named),
        f"{IDENTITIES}/EraseIdentity": EraseIdentityRequest(identity=named),
        f"{KEYS}/ListKeys": ListKeysRequest(identity=named),
    }
    if len(named) == len(UNKNOWN_KEY):
        found[f"{KEYS}/RevokeKey"] = RevokeKeyRequest(public_key_id=named)
        found[f"{KEYS}/RevokeCertificate"] = RevokeCertificateRequest(
            public_key_id=named, serial="1"
        )
    return found


# case 48, case 53, case 58
def test_to_a_member_others_and_those_who_never_were_look_the_same_byte_for_byte(
    cast: Cast,
) -> None:
    admin, member, other, gone = cast.admin(), cast.join(), cast.join(), cast.join()
    admin.client.identities.remove(gone.name)
    named = [other.name, admin.name, gone.name, "nobody", "no/body", "group:x", "\u202e"]
    named += [other.key_id, admin.key_id, gone.key_id, UNKNOWN_KEY]
    with wire_of(member.member) as line:
        for each in named:
            for path, request in about(each).items():
                status = line.refusal(path, member.member.signed(path, request))
                assert status.SerializeToString() == NO_RIGHT.SerializeToString()
    assert admin.client.identities.get(other.name).identity == other.client.whoami()


# case 53
def test_a_member_changes_nothing_about_itself(cast: Cast) -> None:
    admin, member = cast.admin(), cast.join()
    identities = member.client.identities
    for attempt in (identities.promote, identities.suspend, identities.resume, identities.remove):
        for named in (member.name, member.key_id):
            assert refused(attempt, named) == "PERMISSION_DENIED"
    assert refused(identities.set_labels, member.name, {}) == "PERMISSION_DENIED"
    assert kinds(admin, member.name) == ["identity.enrolled"]


# Changes.


# case 17
def test_a_suspended_identity_is_refused_from_the_next_request_on_until_it_is_resumed(
    cast: Cast, namespace: str
) -> None:
    admin, member = cast.admin(), cast.join()
    member.client.put(namespace, "record", b"value")
    requests: dict[str, Message] = {
        WHOAMI: WhoAmIRequest(),
        PUT: PutRecordRequest(namespace=namespace, name="record", value=b"other"),
        GET: GetRecordRequest(namespace=namespace, name="record"),
        f"{KEYS}/RotateKey": RotateKeyRequest(next_key=proof(new_key(), member.member)),
        f"{KEYS}/RenewCertificate": RenewCertificateRequest(),
        f"{KEYS}/RevokeKey": RevokeKeyRequest(public_key_id=member.key_id),
        **about(member.name),
    }
    with wire_of(member.member) as line:
        assert works(line, member.member)
        changed = admin.client.identities.suspend(member.name)
        assert changed.state == IDENTITY_STATE_SUSPENDED
        for path, request in requests.items():
            assert line.refusal(path, member.member.signed(path, request)) == UNAUTHENTICATED
        assert admin.client.identities.resume(member.key_id).state == IDENTITY_STATE_ACTIVE
        assert works(line, member.member)
    assert member.client.get(namespace, "record").value == b"value"


def test_suspending_twice_is_suspending_once(cast: Cast) -> None:
    admin, member = cast.admin(), cast.join()
    once = admin.client.identities.suspend(member.name)
    assert admin.client.identities.suspend(member.name) == once
    admin.client.identities.resume(member.name)
    admin.client.identities.resume(member.name)
    assert kinds(admin, member.name) == [
        "identity.resumed",
        "identity.suspended",
        "identity.enrolled",
    ]


def test_a_role_counts_from_the_next_request_on(cast: Cast) -> None:
    admin, member = cast.admin(), cast.join()
    look = member.client.identities.get
    assert refused(look, admin.name) == "PERMISSION_DENIED"
    assert admin.client.identities.promote(member.name).role == "admin"
    assert look(admin.name).identity.name == admin.name
    assert admin.client.identities.demote(member.name).role == "member"
    assert refused(look, admin.name) == "PERMISSION_DENIED"
    assert refused(member.client.identities.promote, member.name) == "PERMISSION_DENIED"


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"a": ""},
        {"k" * 256: "v" * 256},
        {"\u00e9" * 128: "\U0001f512" * 64},
        {str(number): "x" for number in range(64)},
    ],
    ids=["none", "no value", "longest", "longest in UTF-8", "most"],
)
def test_labels_take_the_place_of_those_before(cast: Cast, labels: dict[str, str]) -> None:
    admin, member = cast.admin(), cast.join()
    admin.client.identities.set_labels(member.name, {"before": "now"})
    assert admin.client.identities.set_labels(member.name, labels).labels == labels
    assert member.client.whoami().labels == labels


@pytest.mark.parametrize(
    "labels",
    [
        {"": "x"},
        {"k" * 257: ""},
        {"k": "v" * 257},
        {"\u00e9" * 129: ""},
        {str(number): "x" for number in range(65)},
    ],
    ids=["no key", "long key", "long value", "long in UTF-8", "too many"],
)
def test_labels_beyond_the_limits_are_refused(cast: Cast, labels: dict[str, str]) -> None:
    admin, member = cast.admin(), cast.join()
    admin.client.identities.set_labels(member.name, {"before": "now"})
    assert refused(admin.client.identities.set_labels, member.name, labels) == "MALFORMED"
    assert member.client.whoami().labels == {"before": "now"}


@pytest.mark.parametrize(
    "change",
    [
        UpdateIdentityRequest(),
        UpdateIdentityRequest(state=IDENTITY_STATE_UNSPECIFIED),
        UpdateIdentityRequest(state=IDENTITY_STATE_REMOVED),
        UpdateIdentityRequest(role=""),
        UpdateIdentityRequest(role="owner"),
    ],
    ids=["nothing", "no state", "removed", "no role", "owner"],
)
def test_what_is_no_change_is_refused(cast: Cast, change: UpdateIdentityRequest) -> None:
    admin, member, path = cast.admin(), cast.join(), f"{IDENTITIES}/UpdateIdentity"
    change.identity = member.name
    with wire_of(admin.member) as line:
        assert line.refusal(path, admin.member.signed(path, change)).reason == "MALFORMED"
    assert kinds(admin, member.name) == ["identity.enrolled"]


def test_an_admin_says_who_is_meant(cast: Cast) -> None:
    admin = cast.admin()
    labelled = Labels(entries={"a": "b"})
    requests: dict[str, Message] = {
        f"{IDENTITIES}/UpdateIdentity": UpdateIdentityRequest(labels=labelled),
        f"{IDENTITIES}/RemoveIdentity": RemoveIdentityRequest(),
        f"{IDENTITIES}/EraseIdentity": EraseIdentityRequest(),
    }
    with wire_of(admin.member) as line:
        for path, request in requests.items():
            assert line.refusal(path, admin.member.signed(path, request)).reason == "MALFORMED"
    assert refused(admin.client.identities.suspend, "nobody") == "NOT_FOUND"
    assert refused(admin.client.identities.remove, UNKNOWN_KEY) == "NOT_FOUND"
    assert not admin.client.whoami().labels


# Removal.


# case 17
def test_a_removed_identity_is_refused_on_its_open_connection_for_good(cast: Cast) -> None:
    admin, member = cast.admin(), cast.join()
    with wire_of(member.member) as line:
        assert works(line, member.member)
        assert admin.client.identities.remove(member.name).state == IDENTITY_STATE_REMOVED
        request = member.member.signed(WHOAMI, WhoAmIRequest())
        assert line.refusal(WHOAMI, request) == UNAUTHENTICATED
    identities = admin.client.identities
    for attempt in (identities.remove, identities.resume, identities.promote, identities.suspend):
        assert refused(attempt, member.name) == "IDENTITY_REMOVED"
    assert refused(identities.set_labels, member.name, {}) == "IDENTITY_REMOVED"
    (key,) = admin.client.keys.list(member.name)
    assert key.ended_at == cast.house.clock()


def test_the_key_of_a_removed_identity_comes_back_under_no_other_name(
    cast: Cast, name: str
) -> None:
    admin, member = cast.admin(), cast.join()
    admin.client.identities.remove(member.name)
    assert refusal(cast.house, cast.house.invite(name), key=member.member.key) == UNAUTHENTICATED


def test_with_an_identity_go_its_grants_and_memberships_and_what_it_sealed_stays(
    cast: Cast, namespace: str
) -> None:
    admin, owner, heir = cast.admin(), cast.join(), cast.join()
    group = cast.group(admin, owner, heir)
    owner.client.put(namespace, "record", b"value")
    owner.grant(heir, ALL, namespace)
    admin.client.identities.remove(owner.name)
    assert heir.client.get(namespace, "record").value == b"value"
    heir.client.put(namespace, "record", b"again")
    subjects = {grant.subject.identity for grant in heir.client.permissions.grants(namespace)}
    assert subjects == {heir.name}
    (seen,) = heir.client.permissions.groups()
    assert (seen.name, list(seen.members)) == (group, [heir.name])
    assert list(admin.client.identities.get(owner.name).groups) == []


# Events.


def test_every_change_is_written_down_with_who_made_it(cast: Cast) -> None:
    admin, member = cast.admin(), cast.join()
    identities = admin.client.identities
    identities.promote(member.name)
    identities.demote(member.name)
    identities.set_labels(member.name, {"a": "b"})
    identities.suspend(member.name)
    identities.resume(member.name)
    identities.remove(member.name)
    *events, enrolled = identities.get(member.name).events
    assert [(event.kind, event.detail) for event in events] == [
        ("identity.removed", ""),
        ("identity.resumed", ""),
        ("identity.suspended", ""),
        ("identity.labelled", ""),
        ("identity.role_changed", "member"),
        ("identity.role_changed", "admin"),
    ]
    assert {(event.actor, event.actor_key_id) for event in events} == {(admin.name, admin.key_id)}
    assert {event.at for event in [*events, enrolled]} == {cast.house.clock()}


def test_the_latest_hundred_events_are_shown_newest_first(own_cast: Cast) -> None:
    admin, member = own_cast.admin(), own_cast.join()
    identities, roles = admin.client.identities, ["admin", "member"] * 51
    for role in roles:
        (identities.promote if role == "admin" else identities.demote)(member.name)
    events = identities.get(member.name).events
    assert [event.detail for event in events] == roles[:-101:-1]
