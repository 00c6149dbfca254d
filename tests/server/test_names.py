"""Names through the API: refused or kept apart, never decoded, never one for the other."""

from __future__ import annotations

import itertools

import pytest

from sealwire.client import ForbiddenError
from sealwire.v1.records_pb2 import (
    DeleteRecordRequest,
    GetRecordRequest,
    ListRecordsRequest,
    PutRecordRequest,
)
from tests.server.members import Member
from tests.server.wire import DELETE, GET, LIST, PUT, wire_of

REFUSED = [
    "",
    "x" * 513,
    "..",
    ".",
    "../etc/passwd",
    "a/../b",
    "a/..",
    "a/./b",
    "a//b",
    "/a",
    "a/",
    "/",
    "a\0b",
    "a\nb",
    "a\x1b[31mb",
    "a\x7f",
    "a\u200bb",
    "a\u202eb",
    "a\ufeff",
    "\u00ad",
    "e\u0301",  # not NFC
    "\u212b",  # not NFC: the angstrom sign
    "\ue000",
    "\ufffe",
    "\u2028",
]

# Names that some program takes for another one of these.
APART = [
    "a/b",
    "a%2fb",
    "a%2Fb",
    "a\\b",
    "a\u2044b",  # fraction slash
    "a\uff0fb",  # full-width slash; NFKC makes it a slash
    "A/b",
    "\u0430/b",  # Cyrillic a
    "\uff41/b",  # full-width a; NFKC
    "a/b ",
    "a/b.",
    "a/ b",
    "..a/b",
    "%2e%2e/a/b",
    "a/b%00",
    "stra\u00dfe",
    "strasse",
    "\ufb01x",  # the ligature fi; NFKC
    "fix",
    "\u0131",  # dotless i
    "i",
    "I",
    "\u0130",
]
WILD = ["*", "**", "a/*", "a/**", "?", "%", "_", "a_b", "[a-z]", "a/b*", ".*"]


# case 49, case 51
@pytest.mark.parametrize("text", REFUSED, ids=ascii)
def test_a_name_that_is_not_of_the_form_is_refused_everywhere(
    alice: Member, namespace: str, text: str
) -> None:
    requests = [
        (PUT, PutRecordRequest(namespace=text, name="r")),
        (PUT, PutRecordRequest(namespace=namespace, name=text)),
        (GET, GetRecordRequest(namespace=text, name="r")),
        (GET, GetRecordRequest(namespace=namespace, name=text)),
        (LIST, ListRecordsRequest(namespace=text)),
        (DELETE, DeleteRecordRequest(namespace=text, name="r")),
        (DELETE, DeleteRecordRequest(namespace=namespace, name=text)),
    ]
    with wire_of(alice) as line:
        for path, request in requests:
            status = line.refusal(path, alice.signed(path, request))
            assert (status.code, status.reason) == (3, "MALFORMED")


# case 49
@pytest.mark.parametrize("raw", [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"])
def test_a_name_that_is_not_utf_8_is_refused(alice: Member, raw: bytes) -> None:
    with wire_of(alice) as line:
        for number in (1, 2):
            body = bytes([number << 3 | 2, len(raw)]) + raw
            assert line.refusal(GET, alice.signed_bytes(GET, body)).reason == "MALFORMED"


# case 49, case 51, case 52
def test_records_with_names_that_look_alike_are_kept_apart(alice: Member, namespace: str) -> None:
    names = [*APART, *WILD]
    with alice.client() as client:
        for name in names:
            assert client.put(namespace, name, name.encode()).version == 1
        for name in names:
            assert client.get(namespace, name).value == name.encode()
        listed = [record.name for record in client.list_records(namespace)]
        assert listed == sorted(names, key=str.encode)


# case 51
def test_namespaces_with_names_that_look_alike_have_owners_of_their_own(
    alice: Member, bob: Member, namespace: str
) -> None:
    members = itertools.cycle([alice, bob])
    owners = {f"{namespace}/{name}": owner for name, owner in zip(APART, members, strict=False)}
    for name, owner in owners.items():
        with owner.client() as client:
            client.put(name, "r", name.encode())
    for name, owner in owners.items():
        other = bob if owner is alice else alice
        with owner.client() as client:
            assert client.get(name, "r").value == name.encode()
        with other.client() as client, pytest.raises(ForbiddenError):
            client.get(name, "r")


# case 52
def test_a_star_is_a_name_and_never_a_wildcard(alice: Member, bob: Member, namespace: str) -> None:
    with alice.client() as client:
        for name in ("a", "b", "*", "%"):
            client.put(namespace, name, b"")
        client.delete(namespace, "*")
        client.delete(namespace, "%")
        assert [record.name for record in client.list_records(namespace)] == ["a", "b"]
    with bob.client() as client:
        for wild in (f"{namespace[:-1]}*", f"{namespace[:-1]}%", f"{namespace[:-1]}_"):
            client.put(wild, "a", b"bob's")
        with pytest.raises(ForbiddenError):
            client.get(namespace, "a")
