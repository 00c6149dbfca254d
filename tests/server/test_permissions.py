"""Whose records they are: decided by the key that signed, and by nothing else."""

from __future__ import annotations

import asyncio
import dataclasses
import os

import pytest

from sealwire.client import ForbiddenError, UnauthenticatedError
from sealwire.core.keys import PrivateKey
from sealwire.v1 import identity_pb2, records_pb2
from sealwire.v1.envelope_pb2 import Status
from sealwire.v1.records_pb2 import (
    DeleteRecordRequest,
    GetRecordRequest,
    ListRecordsRequest,
    PutRecordRequest,
)
from tests.server.members import Member
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


@pytest.fixture
def owned(alice: Member, namespace: str) -> str:
    """A namespace of alice's, with one record."""
    with alice.client() as client:
        client.put(namespace, "record", b"value")
    return namespace


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
    bob: Member, owned: str
) -> None:
    expected = dict.fromkeys((GET, LIST, DELETE), FORBIDDEN)
    assert refusals(bob, owned, "record") == expected
    assert refusals(bob, owned, "missing") == expected
    assert refusals(bob, f"{owned}-that-nobody-has", "record") == expected


# case 48
def test_a_put_into_the_namespace_of_another_is_refused_and_changes_nothing(
    alice: Member, bob: Member, owned: str
) -> None:
    with wire_of(bob) as line:
        for name in ("record", "another"):
            request = PutRecordRequest(namespace=owned, name=name, value=b"bob's")
            assert line.refusal(PUT, bob.signed(PUT, request)) == FORBIDDEN
    with alice.client() as client:
        assert [record.name for record in client.list_records(owned)] == ["record"]
        assert client.get(owned, "record").value == b"value"


def test_a_namespace_stays_its_owners_when_it_is_empty(
    alice: Member, bob: Member, owned: str
) -> None:
    with alice.client() as client:
        client.delete(owned, "record")
        assert list(client.list_records(owned)) == []
    with bob.client() as client, pytest.raises(ForbiddenError):
        client.put(owned, "record", b"bob's")


def test_a_refused_first_write_makes_nobody_the_owner(
    alice: Member, bob: Member, namespace: str
) -> None:
    with wire_of(bob) as line:
        for request in (
            PutRecordRequest(namespace=namespace, name="../up"),
            PutRecordRequest(namespace=namespace, name="r", value=bytes(1024 * 1024 + 1)),
        ):
            assert line.refusal(PUT, bob.signed(PUT, request)).code == 3
    with alice.client() as client:
        assert client.put(namespace, "record", b"").version == 1


# case 55
def test_a_list_holds_nothing_of_another_namespace_whatever_it_is_called(
    alice: Member, bob: Member, namespace: str
) -> None:
    beside = [f"{namespace}/below", f"{namespace}2", namespace[:-1], f"{namespace}%", "%", "*", "_"]
    with bob.client() as client:
        for other in beside:
            client.put(other, f"bobs-{other}", b"")
    with alice.client() as client:
        client.put(namespace, "mine", b"")
        assert [record.name for record in client.list_records(namespace)] == ["mine"]
        for other in beside:
            with pytest.raises(ForbiddenError):
                list(client.list_records(other))


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


# case 58
def test_no_request_has_a_field_that_could_name_somebody() -> None:
    fields = {
        f"{message.name}.{field.name}"
        for file in (records_pb2.DESCRIPTOR, identity_pb2.DESCRIPTOR)
        for name, message in file.message_types_by_name.items()
        if name.endswith("Request")
        for field in message.fields
    }
    assert {field for field in fields if field.split(".")[1] not in {"namespace", "name"}} == {
        "PutRecordRequest.value",
        "ListRecordsRequest.page_size",
        "ListRecordsRequest.page_token",
        "EnrollRequest.invitation_id",
        "EnrollRequest.token",
        "EnrollRequest.certificate_request",
    }


# case 58
def test_somebody_elses_key_id_anywhere_in_a_request_changes_nothing_of_whose_it_is(
    alice: Member, bob: Member, owned: str
) -> None:
    get = GetRecordRequest(namespace=owned, name="record")
    with wire_of(bob) as line:
        # In the envelope: alice's name, bob's signature.
        forged = bob.signed(GET, get)
        forged.public_key_id = alice.key.public_key.key_id
        assert line.refusal(GET, forged) == UNAUTHENTICATED
        # In the statement.
        posing = dataclasses.replace(bob, key=Posing(bob.key, alice))
        assert line.refusal(GET, posing.signed(GET, get)) == UNAUTHENTICATED
        # In the body.
        named = get.SerializeToString() + b"\x1a\x2b" + alice.key.public_key.key_id.encode()
        assert line.refusal(GET, bob.signed_bytes(GET, named)).reason == "MALFORMED"
        # In the metadata.
        presented = alice.key.public_key.raw
        assert line.refusal(GET, bob.signed(GET, get), presented=presented) == FORBIDDEN
        who = line.answer(WHOAMI, bob.signed_bytes(WHOAMI, b""), presented=presented)
        assert identity_pb2.WhoAmIResponse.FromString(who.body).identity == bob.identity


class Posing(PrivateKey):
    """A key that says it is another one, and signs with itself."""

    def __init__(self, own: PrivateKey, other: Member) -> None:
        super().__init__(other.key.public_key, own.seed + own.public_key.raw)


def test_a_key_that_nobody_enrolled_is_refused_like_a_bad_signature(
    alice: Member, owned: str
) -> None:
    stranger = dataclasses.replace(alice, key=PrivateKey.generate(os.urandom))
    with stranger.client() as client, pytest.raises(UnauthenticatedError):
        client.get(owned, "record")
    with wire_of(alice) as line:
        request = GetRecordRequest(namespace=owned, name="record")
        assert line.refusal(GET, stranger.signed(GET, request)) == UNAUTHENTICATED
        broken = alice.signed(GET, request)
        broken.signature = broken.signature[:-1] + bytes([broken.signature[-1] ^ 1])
        assert line.refusal(GET, broken) == UNAUTHENTICATED
