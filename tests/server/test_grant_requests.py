"""What a request about grants may say: nothing is filled in, widened or taken for a pattern."""

from __future__ import annotations

import pytest

from sealwire.v1 import permissions_pb2
from sealwire.v1.permissions_pb2 import (
    EFFECT_ALLOW,
    SCOPE_SUBTREE,
    CreateGrantRequest,
    Grant,
    ListGrantsRequest,
    RemoveGrantRequest,
    Subject,
)
from tests.server.cast import VERBS, Actor, Cast, refused, subject
from tests.server.test_names import REFUSED
from tests.server.wire import FORBIDDEN, wire_of

CREATE = "/sealwire.v1.PermissionService/CreateGrant"
REMOVE = "/sealwire.v1.PermissionService/RemoveGrant"
LIST_GRANTS = "/sealwire.v1.PermissionService/ListGrants"
DENIED, MISSING = "PERMISSION_DENIED", "NOT_FOUND"


def test_a_grant_to_nobody_is_not_found_and_said_to_those_who_may_grant_only(
    owner: Actor, guest: Actor, owned: str
) -> None:
    for nobody in (Subject(identity="no-such-name"), Subject(group="no-such-group")):
        read = [VERBS["read"]]
        assert refused(owner.client.permissions.grant, nobody, read, owned) == MISSING
        assert refused(guest.client.permissions.grant, nobody, read, owned) == DENIED
        assert refused(owner.client.permissions.ungrant, nobody, read, owned) == MISSING


def test_a_group_and_an_identity_of_one_name_are_two_subjects(
    cast: Cast, owner: Actor, guest: Actor, owned: str
) -> None:
    cast.admin().client.permissions.create_group(guest.name)
    owner.grant(guest.name, "read", owned)  # the group
    assert guest.can(owned) == ""
    owner.grant(guest, "list", owned)
    assert guest.can(owned) == "list"


def test_a_grant_can_not_end_in_the_past(
    cast: Cast, owner: Actor, guest: Actor, owned: str
) -> None:
    now = cast.house.clock()
    for end in (now, now - 1, 1, -1, -(2**63)):
        assert refused(owner.grant, guest, "read", owned, expires_at=end) == "MALFORMED"
    assert owner.grant(guest, "read", owned, expires_at=2**63 - 1)


READ = VERBS["read"]
WHOLE = CreateGrantRequest(
    subject=Subject(identity="x"),
    verbs=[READ],
    namespace="a",
    scope=SCOPE_SUBTREE,
    effect=EFFECT_ALLOW,
)


@pytest.mark.parametrize(
    "change",
    [
        CreateGrantRequest(verbs=[READ]),  # twice
        CreateGrantRequest(verbs=[99]),  # type: ignore[list-item]
        CreateGrantRequest(verbs=[permissions_pb2.VERB_UNSPECIFIED]),
        CreateGrantRequest(scope=9),  # type: ignore[arg-type]
        CreateGrantRequest(effect=9),  # type: ignore[arg-type]
        CreateGrantRequest(subject=Subject(identity="")),
        CreateGrantRequest(subject=Subject(group="")),
    ],
    ids=str,
)
def test_a_request_that_says_what_can_not_be_is_malformed(
    owner: Actor, owned: str, change: CreateGrantRequest
) -> None:
    request = CreateGrantRequest(namespace=owned)
    for part in (WHOLE, change):
        request.MergeFrom(part)
    request.namespace = owned
    with wire_of(owner.member) as line:
        assert line.refusal(CREATE, owner.member.signed(CREATE, request)).reason == "MALFORMED"


@pytest.mark.parametrize("missing", ["subject", "verbs", "namespace", "scope", "effect"])
def test_a_request_that_leaves_something_out_is_malformed_and_never_filled_in(
    owner: Actor, guest: Actor, owned: str, missing: str
) -> None:
    request = CreateGrantRequest()
    request.CopyFrom(WHOLE)
    request.namespace = owned
    request.subject.identity = guest.name
    with wire_of(owner.member) as line:
        assert line.answer(CREATE, owner.member.signed(CREATE, request)).HasField("body")
        request.ClearField(missing)
        assert line.refusal(CREATE, owner.member.signed(CREATE, request)).reason == "MALFORMED"


# case 49, case 51
@pytest.mark.parametrize("text", REFUSED, ids=ascii)
def test_a_namespace_that_is_not_of_the_form_is_refused_in_every_request_about_grants(
    owner: Actor, text: str
) -> None:
    to, verbs, member = subject(owner), [READ], owner.member
    requests = {
        CREATE: CreateGrantRequest(
            subject=to, verbs=verbs, namespace=text, scope=SCOPE_SUBTREE, effect=EFFECT_ALLOW
        ),
        REMOVE: RemoveGrantRequest(subject=to, verbs=verbs, namespace=text, effect=EFFECT_ALLOW),
        LIST_GRANTS: ListGrantsRequest(namespace=text),
        "/sealwire.v1.PermissionService/TestPermissions": permissions_pb2.TestPermissionsRequest(
            verbs=verbs, namespace=text
        ),
    }
    with wire_of(member) as line:
        for path, request in requests.items():
            assert line.refusal(path, member.signed(path, request)).reason == "MALFORMED"


# case 51
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("payments", "Payments"),
        ("file", "\ufb01le"),  # NFKC makes the ligature two letters
        ("1", "\u2460"),  # NFKC makes the circled digit a digit
        ("a/b", "a\uff0fb"),  # NFKC makes the full-width slash a slash
        ("a/b", "a%2fb"),
        ("payments", "p\u0430yments"),  # a Cyrillic a
        ("payments", "payments "),
        ("strasse", "stra\u00dfe"),
    ],
    ids=ascii,
)
def test_a_grant_on_one_of_two_names_that_look_alike_is_none_on_the_other(
    owner: Actor, guest: Actor, owned: str, one: str, other: str
) -> None:
    for granted, not_granted in ((one, other), (other, one)):
        owner.grant(guest, "read", f"{owned}/{granted}")
        assert guest.can(f"{owned}/{granted}") == "read"
        assert guest.can(f"{owned}/{not_granted}") == ""
        owner.ungrant(guest, "read", f"{owned}/{granted}")


# case 52
@pytest.mark.parametrize("wild", ["*", "**", "%", "_", "?", ".*", "[a-z]"])
def test_a_grant_on_a_star_is_a_grant_on_a_star(
    owner: Actor, guest: Actor, owned: str, wild: str
) -> None:
    owner.client.put(f"{owned}/a", "record", b"")
    owner.grant(guest, "read", f"{owned}/{wild}")
    assert guest.can(f"{owned}/{wild}") == "read"
    assert guest.can(f"{owned}/a") == ""
    assert guest.does(f"{owned}/a") == ""
    owner.deny(guest, "read", f"{owned}/{wild}")
    owner.grant(guest, "read", f"{owned}/a")
    assert guest.does(f"{owned}/a") == "read"


# case 52
def test_a_star_for_a_subject_is_a_name_like_any_other(owner: Actor, owned: str) -> None:
    for star in (Subject(identity="*"), Subject(group="*")):
        assert refused(owner.client.permissions.grant, star, [READ], owned) == MISSING


# case 58
def test_a_grant_is_given_by_whoever_signed_whatever_the_request_says(
    owner: Actor, guest: Actor, third: Actor, owned: str
) -> None:
    owner.grant(guest, "read share", owned)
    request = CreateGrantRequest(
        subject=subject(third),
        verbs=[VERBS["write"]],
        namespace=owned,
        scope=SCOPE_SUBTREE,
        effect=EFFECT_ALLOW,
    )
    with wire_of(guest.member) as line:
        refusal = line.refusal(CREATE, guest.member.signed(CREATE, request))
        assert refusal.reason == DENIED
        body = request.SerializeToString() + _field(Grant.GRANTED_BY_FIELD_NUMBER, owner.name)
        assert line.refusal(CREATE, guest.member.signed_bytes(CREATE, body)).reason == "MALFORMED"
    assert third.can(owned) == ""


# case 48
def test_whoever_may_not_grant_hears_the_same_whether_the_namespace_exists(
    guest: Actor, owned: str
) -> None:
    with wire_of(guest.member) as line:
        for namespace in (owned, f"{owned}/missing", f"{owned}-missing"):
            request = ListGrantsRequest(namespace=namespace)
            assert line.refusal(LIST_GRANTS, guest.member.signed(LIST_GRANTS, request)) == FORBIDDEN


def _field(number: int, text: str) -> bytes:
    data = text.encode()
    return bytes([number << 3 | 2, len(data)]) + data
