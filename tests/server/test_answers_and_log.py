"""What clients are told of an error is signed and says little; the log is told the truth."""

from __future__ import annotations

import base64
import dataclasses
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from sealwire.client import UnauthenticatedError
from sealwire.core.encoding import base64url
from sealwire.core.invitation import Invitation
from sealwire.core.keys import PrivateKey
from sealwire.core.requests import RequestFactory
from sealwire.v1.envelope_pb2 import SignedMessage
from sealwire.v1.identity_pb2 import WhoAmIRequest
from sealwire.v1.records_pb2 import GetRecordRequest, PutRecordRequest
from tests.server.members import Member, enrol, invite
from tests.server.processes import ServerProcess, init
from tests.server.wire import (
    DAMAGED,
    ENROLL,
    GET,
    PUT,
    UNAUTHENTICATED,
    WHOAMI,
    Wire,
    wire,
    wire_of,
)
from tests.support.pki import Pki

SECRET = b"hunter2hunter2hunter2"


@dataclass(frozen=True)
class House:
    """A server process, two members, and an invitation that nobody used."""

    process: ServerProcess
    alice: Member
    bob: Member
    invitation: Invitation

    def signed(self, name: str = "record", **statement: Any) -> SignedMessage:
        """Return a put of alice's, with a field of the statement set otherwise."""
        body = PutRecordRequest(namespace="team", name=name, value=SECRET).SerializeToString()
        factory = RequestFactory(
            self.alice.key,
            statement.pop("audience", self.alice.server.audience),
            statement.pop("clock", self.alice.clock),
            os.urandom,
        )
        return factory.unary(statement.pop("method", PUT), body)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    directory = init(tmp_path_factory.mktemp("logged") / "deployment")
    with ServerProcess(directory) as process:
        alice, bob = (enrol(invite(process.deployment, name)) for name in ("alice", "bob"))
        yield House(process, alice, bob, invite(process.deployment, "carol"))


@pytest.fixture
def line(house: House) -> Iterator[Wire]:
    with wire_of(house.alice) as connected:
        yield connected


def logged(house: House, before: int) -> list[dict[str, Any]]:
    """Return what was logged since there were `before` lines; none of it holds a secret."""
    text = house.process.log_file.read_text()
    token = house.invitation.token
    for secret in (SECRET, house.alice.key.seed, token, token[::-1]):
        assert SECRET.decode() not in text
        assert secret.hex() not in text
        assert base64.b64encode(secret).decode().rstrip("=") not in text
        assert base64url(secret) not in text
        assert repr(secret)[2:-1] not in text
    return house.process.log()[before:]


def damage(house: House, name: str) -> None:
    """Put a byte in the place of a sealed value."""
    database = sqlite3.connect(house.process.deployment.database, isolation_level=None)
    database.execute("UPDATE record_versions SET blob = x'00' WHERE name = ?", (name,))
    database.close()


def test_every_kind_of_error_comes_signed(house: House, line: Wire) -> None:
    """`refusal` verifies the signature, the binding to the request, and gRPC's own status."""
    alice = house.alice
    stored = line.answer(PUT, house.signed("stored"))
    assert stored.HasField("body")
    damage(house, "stored")
    get = GetRecordRequest(namespace="team", name="missing")
    damaged = GetRecordRequest(namespace="team", name="stored")
    foreign = GetRecordRequest(namespace="nobody's", name="record")
    codes = {
        line.refusal(PUT, b"\xff").code: "INVALID_ARGUMENT",
        line.refusal(PUT, house.signed(audience="other")).code: "UNAUTHENTICATED",
        line.refusal(GET, alice.signed(GET, get)).code: "NOT_FOUND",
        line.refusal(GET, alice.signed(GET, foreign)).code: "PERMISSION_DENIED",
        line.refusal(GET, alice.signed(GET, damaged)).code: "DATA_LOSS",
        line.refusal("/a.B/C", alice.signed_bytes("/a.B/C", b"")).code: "UNIMPLEMENTED",
    }
    assert codes == {
        3: "INVALID_ARGUMENT",
        16: "UNAUTHENTICATED",
        5: "NOT_FOUND",
        7: "PERMISSION_DENIED",
        15: "DATA_LOSS",
        12: "UNIMPLEMENTED",
    }


def test_the_true_reason_is_in_the_log_and_only_there(house: House, line: Wire) -> None:
    twice = house.signed()
    assert line.answer(PUT, twice).HasField("body")
    broken = house.signed()
    broken.signature = bytes(64)
    stranger = dataclasses.replace(house.alice, key=PrivateKey.generate(os.urandom))
    attempts = [
        (twice, "The nonce was used before."),
        (broken, "The signature does not hold."),
        (house.signed(audience="other"), "The request was signed for another audience."),
        (house.signed(method=GET), "The request was signed for another method."),
        (house.signed(clock=lambda: 0), "The request was issued outside of the time window."),
        (stranger.signed(PUT, PutRecordRequest()), "The key id is not known"),
        (house.bob.signed(PUT, PutRecordRequest()), "The client certificate belongs to another"),
    ]
    for message, reason in attempts:
        before = len(house.process.log())
        assert line.refusal(PUT, message) == UNAUTHENTICATED
        (entry,) = logged(house, before)
        assert entry["detail"].startswith(reason)
        assert (entry["event"], entry["level"], entry["method"]) == ("refused", "warning", PUT)
        assert (entry["claimed_key_id"], entry["reason"]) == (
            message.public_key_id,
            "UNAUTHENTICATED",
        )


def test_a_refused_enrolment_is_logged_with_its_reason_and_without_the_token(house: House) -> None:
    before = len(house.process.log())
    guessed = dataclasses.replace(house.invitation, token=house.invitation.token[::-1])
    with pytest.raises(UnauthenticatedError):
        enrol(guessed)
    (entry,) = logged(house, before)
    assert (entry["event"], entry["method"]) == ("refused", ENROLL)
    assert entry["detail"].startswith("The invitation is unknown, used up or expired")


def test_damage_is_logged_with_its_reason_on_one_line(house: House, line: Wire) -> None:
    assert line.answer(PUT, house.signed("damaged")).HasField("body")
    damage(house, "damaged")
    before = len(house.process.log())
    request = GetRecordRequest(namespace="team", name="damaged")
    assert line.refusal(GET, house.alice.signed(GET, request)) == DAMAGED
    (entry,) = logged(house, before)
    assert (entry["event"], entry["level"]) == (f"{GET} failed", "error")
    assert "SealError: " in entry["exception"]


# case 5
def test_a_handshake_that_fails_stands_in_no_line_of_the_log(house: House) -> None:
    before = len(house.process.log())
    stranger = Pki.create().client().tls
    with (
        wire(house.process.identity, stranger) as connected,
        pytest.raises(AssertionError, match="unsigned: UNAVAILABLE"),
    ):
        connected.refusal(PUT, house.signed())
    assert logged(house, before) == []


# case 93
def test_what_a_client_claims_can_not_forge_a_line_of_the_log(house: House, line: Wire) -> None:
    forged = house.signed()
    forged.public_key_id = 'x"}\n{"event": "all is well\x1b[2J\u202e'
    before = len(house.process.log())
    assert line.refusal(PUT, forged) == UNAUTHENTICATED
    (entry,) = logged(house, before)
    assert entry["claimed_key_id"] == ""
    assert entry["timestamp"].endswith("Z")
    assert b"\x1b" not in house.process.log_file.read_bytes()


def test_what_is_answered_is_not_logged(house: House, line: Wire) -> None:
    before = len(house.process.log())
    assert line.answer(PUT, house.signed()).HasField("body")
    assert line.answer(WHOAMI, house.alice.signed(WHOAMI, WhoAmIRequest())).HasField("body")
    assert logged(house, before) == []
