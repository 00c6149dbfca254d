"""One effect for each request id, however often, whenever and wherever the request is delivered."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, cast

import pytest
from google.protobuf.message import Message

from sealwire.client import (
    ConflictError,
    InvalidRequestError,
    MissingError,
    PreconditionError,
    SigningChannel,
    UnauthenticatedError,
)
from sealwire.client.connection import open_channel
from sealwire.core.policy import method_policy
from sealwire.v1 import identity_pb2, keys_pb2, namespaces_pb2, permissions_pb2, records_pb2
from sealwire.v1.identity_pb2 import (
    CreateInvitationRequest,
    CreateInvitationResponse,
    EraseIdentityRequest,
    RemoveIdentityRequest,
)
from sealwire.v1.permissions_pb2 import CreateGroupRequest, CreateGroupResponse
from sealwire.v1.records_pb2 import (
    DeleteRecordRequest,
    PutRecordRequest,
    PutRecordResponse,
)
from tests.server.cast import Cast
from tests.server.keyring import rotated
from tests.server.members import TIMEOUT, Member, enrol, invite
from tests.server.processes import ServerProcess
from tests.server.served import Served
from tests.server.test_serving import wait_for
from tests.support.cutting import cuttable

FILES = (identity_pb2, keys_pb2, namespaces_pb2, permissions_pb2, records_pb2)
RECORDS, IDENTITIES = "/sealwire.v1.RecordService", "/sealwire.v1.IdentityService"
PUT, DELETE = f"{RECORDS}/PutRecord", f"{RECORDS}/DeleteRecord"
GROUP = "/sealwire.v1.PermissionService/CreateGroup"
INVITE, REMOVE = f"{IDENTITIES}/CreateInvitation", f"{IDENTITIES}/RemoveIdentity"
ERASE = f"{IDENTITIES}/EraseIdentity"
WITHOUT = {"Enroll", "RenewCertificate", "RotateKey"}
READING = ("Get", "List", "BatchGet", "Watch", "WhoAmI", "TestPermissions")


class Deliver(Protocol):
    """Delivers a request, as a new statement, and returns what was answered."""

    def __call__(self, path: str, request: Message) -> Message: ...


@contextlib.contextmanager
def delivering(member: Member) -> Iterator[Deliver]:
    """Deliver requests of a member's as they are: nothing is filled in, nothing sent again."""
    with open_channel(member.server, member.tls) as channel:
        signing = SigningChannel(
            channel,
            member.key,
            audience=member.server.audience,
            server_key=member.server.public_key,
            clock=member.clock,
        )

        def deliver(path: str, request: Message) -> Message:
            method = cast("Callable[..., Message]", signing.unary_unary(path))
            return method(request, timeout=TIMEOUT)

        yield deliver


@pytest.fixture
def deliver(alice: Member) -> Iterator[Deliver]:
    with delivering(alice) as to_server:
        yield to_server


def new_id() -> str:
    return str(uuid.uuid4())


def put(namespace: str, request_id: str, value: bytes = b"value") -> PutRecordRequest:
    labels = {"a": "1", "b": "2"}
    return PutRecordRequest(
        namespace=namespace, name="record", value=value, labels=labels, request_id=request_id
    )


def versions(member: Member, namespace: str) -> list[int]:
    with member.client() as client:
        return [version.version for version in client.versions(namespace, "record")]


def test_a_second_delivery_is_answered_as_the_first_and_has_no_effect(
    alice: Member, deliver: Deliver, namespace: str
) -> None:
    request = put(namespace, new_id())
    first = deliver(PUT, request)
    assert deliver(PUT, put(namespace, new_id(), b"later")) != first
    assert deliver(PUT, request) == first
    assert isinstance(first, PutRecordResponse)
    assert first.record.version == 1
    assert versions(alice, namespace) == [2, 1]


def test_a_record_that_is_gone_is_said_once_more_to_have_been_deleted(
    deliver: Deliver, namespace: str
) -> None:
    deliver(PUT, put(namespace, new_id()))
    request = DeleteRecordRequest(namespace=namespace, name="record", request_id=new_id())
    assert deliver(DELETE, request) == deliver(DELETE, request)
    with pytest.raises(MissingError):
        deliver(DELETE, DeleteRecordRequest(namespace=namespace, name="record"))


def test_without_a_request_id_every_delivery_has_its_effect(
    alice: Member, deliver: Deliver, namespace: str
) -> None:
    for _ in range(2):
        deliver(PUT, put(namespace, ""))
    assert versions(alice, namespace) == [2, 1]


@pytest.mark.parametrize(
    "text", ["1", "ABCDEF01-2345-4678-9ABC-DEF012345678", uuid.UUID(int=7).hex, "\0"]
)
def test_a_request_id_is_a_uuid_in_its_usual_form(
    deliver: Deliver, namespace: str, text: str
) -> None:
    with pytest.raises(InvalidRequestError):
        deliver(PUT, put(namespace, text))


def test_another_request_under_the_same_id_is_refused(
    alice: Member, deliver: Deliver, namespace: str
) -> None:
    request_id = new_id()
    deliver(PUT, put(namespace, request_id))
    others: list[tuple[str, Message]] = [
        (PUT, put(namespace, request_id, b"another value")),
        (DELETE, DeleteRecordRequest(namespace=namespace, name="record", request_id=request_id)),
    ]
    for path, other in others:
        with pytest.raises(PreconditionError) as refused:
            deliver(path, other)
        assert refused.value.status_reason == "REQUEST_ID_REUSED"
    assert versions(alice, namespace) == [1]


def test_a_refused_request_leaves_its_id_free(deliver: Deliver, namespace: str) -> None:
    request_id = new_id()
    demanding = put(namespace, request_id)
    demanding.if_version = 7
    with pytest.raises(ConflictError):
        deliver(PUT, demanding)
    assert deliver(PUT, put(namespace, request_id)) == deliver(PUT, put(namespace, request_id))


def test_another_identitys_same_id_is_another_id(
    deliver: Deliver, bob: Member, namespace: str
) -> None:
    request_id, other = new_id(), f"{namespace}-of-bob"
    first = deliver(PUT, put(namespace, request_id, b"value"))
    with delivering(bob) as deliver_bobs:
        second = deliver_bobs(PUT, put(other, request_id, b"longer value"))
    assert isinstance(first, PutRecordResponse)
    assert isinstance(second, PutRecordResponse)
    assert (first.record.size, second.record.size) == (5, 12)


def test_the_next_key_of_an_identity_may_repeat_what_the_last_one_asked(
    cast: Cast, namespace: str
) -> None:
    carol, request = cast.join("carol"), put(namespace, new_id())
    with delivering(carol.member) as before:
        first = before(PUT, request)
    with delivering(rotated(carol.member)) as after:
        assert after(PUT, request) == first


# case 77, case 84
def test_deliveries_at_the_same_time_have_one_effect(
    alice: Member, deliver: Deliver, namespace: str
) -> None:
    request = put(namespace, new_id())
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: deliver(PUT, request), range(32)))
    assert all(answer == answers[0] for answer in answers)
    assert versions(alice, namespace) == [1]


# case 77
def test_an_answer_is_remembered_by_the_next_server_also_after_a_crash(directory: Path) -> None:
    request = put("team", new_id())
    with ServerProcess(directory) as first:
        alice = enrol(invite(first.deployment, "alice"))
        with delivering(alice) as deliver:
            answer = deliver(PUT, request)
        first.kill()
    with ServerProcess(directory) as second:
        alice = alice.at(second.identity)
        with delivering(alice) as deliver:
            assert deliver(PUT, request) == answer
        assert versions(alice, "team") == [1]


# case 77
def test_a_connection_that_breaks_behind_the_commit_is_one_effect_and_one_answer(
    server: Served, alice: Member, namespace: str
) -> None:
    with cuttable(server.loop, alice.server.address) as relay, alice.client() as direct:
        there = dataclasses.replace(alice.server, address=relay.address)
        direct.put(namespace, "before", b"")
        with alice.at(there).client() as client, concurrent.futures.ThreadPoolExecutor(1) as pool:
            client.whoami()
            relay.deaf = True
            answer = pool.submit(client.put, namespace, "record", b"value", if_version=0)
            wait_for(lambda: len(list(direct.list_records(namespace))) == 2, "the effect")
            relay.cut()
            assert answer.result(TIMEOUT).version == 1
    assert relay.connections == 2
    assert versions(alice, namespace) == [1]


def test_an_invitation_is_one_however_often_it_is_asked_for(cast: Cast, name: str) -> None:
    request = CreateInvitationRequest(
        name=name, role="member", valid_seconds=60, request_id=new_id()
    )
    with delivering(cast.admin().member) as deliver:
        first = deliver(INVITE, request)
        assert deliver(INVITE, request) == first
    assert isinstance(first, CreateInvitationResponse)
    assert first.invitation


def test_a_group_that_was_made_is_not_said_to_exist_already(cast: Cast, name: str) -> None:
    request = CreateGroupRequest(name=name, request_id=new_id())
    with delivering(cast.admin().member) as deliver:
        first = deliver(GROUP, request)
        assert deliver(GROUP, request) == first
    assert isinstance(first, CreateGroupResponse)


@pytest.mark.parametrize(
    ("path", "kind"), [(REMOVE, RemoveIdentityRequest), (ERASE, EraseIdentityRequest)]
)
def test_who_ended_themselves_has_no_more_answers(
    cast: Cast, path: str, kind: type[RemoveIdentityRequest] | type[EraseIdentityRequest]
) -> None:
    cast.admin()
    leaver = cast.admin()
    request = kind(identity=leaver.name, request_id=new_id())
    with delivering(leaver.member) as deliver:
        deliver(path, request)
        with pytest.raises(UnauthenticatedError):
            deliver(path, request)


@pytest.mark.parametrize("path", [REMOVE, ERASE])
def test_the_end_of_an_identity_is_answered_again(cast: Cast, path: str) -> None:
    admin, leaver = cast.admin(), cast.join()
    request = method_policy(path).request(identity=leaver.name, request_id=new_id())
    with delivering(admin.member) as deliver:
        assert deliver(path, request) == deliver(path, request)


def test_every_method_that_changes_something_takes_a_request_id() -> None:
    lacking = {
        method.name
        for file in FILES
        for service in file.DESCRIPTOR.services_by_name.values()
        for method in service.methods
        if not method.name.startswith(READING)
        and "request_id"
        not in method_policy(
            f"/{service.full_name}/{method.name}"
        ).request.DESCRIPTOR.fields_by_name
    }
    assert lacking == WITHOUT
