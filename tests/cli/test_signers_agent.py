"""A key in an ssh-agent: which one, and what an agent that lies comes to."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealwire.client.signers import SignerError, parse_signer
from sealwire.client.signers.agent import SIGN_SECONDS, AgentSigner
from sealwire.client.signers.agent_messages import (
    FAILURE,
    MAX_MESSAGE_BYTES,
    REQUEST_IDENTITIES,
    SIGN_REQUEST,
    AgentIdentity,
    identities_request,
    key_blob,
)
from sealwire.client.signers.agent_socket import AgentSocket
from sealwire.core.envelope import pae
from sealwire.core.errors import MalformedError
from sealwire.core.keys import PublicKey, Signer
from tests.cli.agents import Agent, Reply, identities, listening, private_key, signature, string
from tests.core.edwards import SMALL_ORDER

ALICE = private_key(1)
BOB = private_key(2)
STATEMENT = pae("application/vnd.example", b"payload")
SEAT = Path()


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    """The agent of this session; it holds Alice's key."""
    agent = Agent({"alice@example": ALICE})
    with listening(agent) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        yield agent


def opened(which: str = "") -> Signer:
    return parse_signer(f"agent:{which}" if which else "agent").open(SEAT)


def always(answer: bytes) -> Reply:
    return lambda _request: answer


def fingerprint(key: PublicKey) -> str:
    return AgentIdentity(key, "").fingerprint


def test_an_agent_signs_with_the_only_key_that_it_holds(agent: Agent) -> None:
    signer = opened()
    assert signer.public_key == ALICE.public_key
    signer.public_key.verify(signer.sign(STATEMENT), STATEMENT)
    assert STATEMENT in agent.requests[-1]


@pytest.mark.parametrize(
    "which", [BOB.public_key.key_id, fingerprint(BOB.public_key), "bob's second key"]
)
def test_a_key_is_chosen_by_its_id_its_fingerprint_or_its_comment(agent: Agent, which: str) -> None:
    agent.keys["bob's second key"] = BOB
    assert opened(which).public_key == BOB.public_key


def test_of_two_keys_none_is_taken_and_people_are_told_how_to_choose(agent: Agent) -> None:
    agent.keys["bob"] = BOB
    with pytest.raises(SignerError, match="holds 2 keys") as refusal:
        opened()
    for key in (ALICE, BOB):
        assert f"agent:{key.public_key.key_id}" in str(refusal.value)


def test_of_two_keys_with_one_comment_none_is_taken(agent: Agent) -> None:
    listed = [(key_blob(key.public_key), b"mine") for key in (ALICE, BOB)]
    agent.answers[REQUEST_IDENTITIES] = always(string(identities(*listed)))
    with pytest.raises(SignerError, match="holds 2 keys"):
        opened("mine")


def test_a_comment_does_not_pass_for_the_id_of_another_key(agent: Agent) -> None:
    agent.keys[ALICE.public_key.key_id] = BOB
    assert opened(ALICE.public_key.key_id).public_key == ALICE.public_key


@pytest.mark.parametrize("which", ["", BOB.public_key.key_id, "SHA256:nothing", "bob"])
def test_a_key_that_the_agent_does_not_hold_is_told_with_what_to_do(
    agent: Agent, which: str
) -> None:
    if not which:
        agent.keys.clear()
    with pytest.raises(SignerError, match="ssh-add -l"):
        opened(which)


def test_keys_of_other_kinds_are_not_counted(agent: Agent) -> None:
    rsa = string(b"ssh-rsa") + string(b"\x01\x00\x01") + string(bytes(257))
    listed = [(rsa, b"old"), (key_blob(ALICE.public_key), b"new")]
    agent.answers[REQUEST_IDENTITIES] = always(string(identities(*listed)))
    assert opened().public_key == ALICE.public_key
    agent.answers[REQUEST_IDENTITIES] = always(string(identities(listed[0])))
    with pytest.raises(SignerError, match="no Ed25519 key"):
        opened()


# case 37
@pytest.mark.parametrize("raw", SMALL_ORDER)
def test_a_small_order_key_in_an_agent_is_refused(agent: Agent, raw: bytes) -> None:
    listed = identities((string(b"ssh-ed25519") + string(raw), b"weak"))
    agent.answers[REQUEST_IDENTITIES] = always(string(listed))
    with pytest.raises(SignerError, match="prime-order group"):
        opened("weak")


def test_the_settled_key_is_named_by_its_id_whatever_comes_later(agent: Agent) -> None:
    settled = parse_signer("agent").settle(SEAT, random=os.urandom)
    agent.keys["bob"] = BOB
    assert settled.text == f"agent:{ALICE.public_key.key_id}"
    assert parse_signer(settled.text).open(SEAT).public_key == ALICE.public_key


@pytest.mark.parametrize(
    "answer",
    [
        signature(BOB.sign(STATEMENT)),
        signature(ALICE.sign(STATEMENT + b" ")),
        signature(bytes(64)),
        signature(ALICE.sign(STATEMENT)[:32] + bytes(32)),
    ],
    ids=["another key's", "another statement's", "zeros", "half"],
)
def test_a_signature_that_does_not_hold_is_never_used(agent: Agent, answer: bytes) -> None:
    signer = opened()
    agent.answers[SIGN_REQUEST] = always(string(answer))
    with pytest.raises(SignerError, match="does not hold"):
        signer.sign(STATEMENT)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (string(bytes([FAILURE])), "refused: it may be locked"),
        (string(signature(bytes(63))), "no signature"),
        (string(signature(bytes(64), kind=b"ssh-rsa")), "no signature"),
        (string(identities()), "no signature"),
        (string(b"\x06"), "no signature"),
        (string(b""), "0 bytes, so it was not read"),
        ((MAX_MESSAGE_BYTES + 1).to_bytes(4, "big"), "262145 bytes, so it was not read"),
        (b"\xff\xff\xff\xff", "4294967295 bytes, so it was not read"),
        (b"", "in the middle"),
        (b"\x00\x00", "in the middle"),
        (string(signature(bytes(64)))[:-1], "in the middle"),
    ],
)
def test_an_answer_that_is_no_signature_is_told_as_what_it_is(
    agent: Agent, answer: bytes, sentence: str
) -> None:
    signer = opened()
    agent.answers[SIGN_REQUEST] = always(answer)
    with pytest.raises(SignerError, match=sentence):
        signer.sign(STATEMENT)


@pytest.mark.parametrize("answer", [string(b"\x0c"), string(b"\x0e"), string(identities() + b"x")])
def test_a_list_that_is_none_is_refused(agent: Agent, answer: bytes) -> None:
    agent.answers[REQUEST_IDENTITIES] = always(answer)
    with pytest.raises(SignerError, match="list of keys can't be used"):
        opened()


def test_a_locked_agent_is_told_with_how_to_unlock_it(agent: Agent) -> None:
    agent.answers[REQUEST_IDENTITIES] = always(string(identities()))
    with pytest.raises(SignerError, match="ssh-add -X"):
        opened()


def test_an_agent_that_says_nothing_is_not_waited_for(agent: Agent) -> None:
    agent.answers[REQUEST_IDENTITIES] = lambda _request: None
    silent = AgentSocket(os.environ["SSH_AUTH_SOCK"])
    with pytest.raises(SignerError, match=r"did not answer in 0\.01 seconds"):
        silent.ask(identities_request(), seconds=0.01)


@pytest.mark.parametrize("step", [1.0, 20.0])
def test_the_time_for_an_answer_counts_from_the_question_to_its_last_byte(
    agent: Agent, step: float
) -> None:
    """The clock moves a step between one look at it and the next; there are four."""
    ticks = itertools.count(0.0, step)
    slow = AgentSocket(os.environ["SSH_AUTH_SOCK"], monotonic=lambda: next(ticks))
    signer = AgentSigner(ALICE.public_key, slow)
    if step * 3 < SIGN_SECONDS:
        ALICE.public_key.verify(signer.sign(STATEMENT), STATEMENT)
        return
    with pytest.raises(SignerError, match="did not answer in 50 seconds"):
        signer.sign(STATEMENT)


def test_what_no_agent_would_take_is_not_sent(agent: Agent) -> None:
    signer = opened()
    asked = len(agent.requests)
    with pytest.raises(SignerError, match="at most 256 KiB"):
        signer.sign(pae("application/vnd.example", bytes(MAX_MESSAGE_BYTES)))
    assert len(agent.requests) == asked


@pytest.mark.parametrize(
    "message",
    [
        b"SSHSIG\x00\x00\x00\x04file\x00\x00\x00\x00\x00\x00\x00\x06sha512" + string(bytes(64)),
        string(os.urandom(32)) + b"\x32" + string(b"root") + string(b"ssh-connection"),
        b"DSSEv1",
        b"",
    ],
    ids=["a signed file", "a user authentication", "a prefix", "nothing"],
)
def test_an_agent_is_asked_to_sign_statements_only(agent: Agent, message: bytes) -> None:
    signer = opened()
    asked = len(agent.requests)
    with pytest.raises(MalformedError, match="Only statements"):
        signer.sign(message)
    assert len(agent.requests) == asked


def test_without_an_agent_people_are_told_how_to_start_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(SignerError, match="SSH_AUTH_SOCK is not set"):
        opened()


def test_a_socket_that_nobody_listens_on_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for path in (tmp_path / "absent", tmp_path, tmp_path / ("long" * 40)):
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        with pytest.raises(SignerError, match="can't be used"):
            opened()


def test_an_agent_that_went_away_is_told(agent: Agent) -> None:
    signer = opened()
    with socket.socket(socket.AF_UNIX) as stale:
        gone = AgentSigner(signer.public_key, AgentSocket(f"{os.environ['SSH_AUTH_SOCK']}-gone"))
        stale.bind(gone.socket.path)
    with pytest.raises(SignerError, match="Connection refused"):
        gone.sign(STATEMENT)
