"""The messages of an ssh-agent: read whole and well-formed, or not at all."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealwire.client.signers.agent_messages import (
    AgentIdentity,
    identities_request,
    key_blob,
    parse_identities,
    parse_signature,
    sign_request,
)
from sealwire.core.errors import MalformedError
from tests.cli.agents import identities, private_key, signature, string
from tests.core.edwards import NON_CANONICAL, SMALL_ORDER, add, base_times

ALICE = private_key(1)
BOB = private_key(2)
MIXED_ORDER = add(base_times(7), SMALL_ORDER[2])
SIGNED = ALICE.sign(b"message")
ALICE_LISTED = (key_blob(ALICE.public_key), b"alice@example")
RSA_LISTED = (string(b"ssh-rsa") + string(b"\x01\x00\x01") + string(bytes(257)), b"rsa")
SK_LISTED = (string(b"sk-ssh-ed25519@openssh.com") + string(BOB.public_key.raw), b"stick")


def test_requests_are_the_drafts() -> None:
    blob = bytes.fromhex("0000000b") + b"ssh-ed25519" + bytes.fromhex("00000020")
    blob += ALICE.public_key.raw
    assert key_blob(ALICE.public_key) == blob
    assert identities_request() == b"\x0b"
    signing = b"\x0d\x00\x00\x00\x33" + blob + b"\x00\x00\x00\x03abc" + bytes(4)
    assert sign_request(ALICE.public_key, b"abc") == signing


def test_a_fingerprint_is_the_one_that_ssh_shows() -> None:
    line = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
    (github,) = parse_identities(identities((base64.b64decode(line), b"github.com")))
    assert github.fingerprint == "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"


def test_the_ed25519_keys_of_an_agent_are_listed_each_once() -> None:
    answer = identities(RSA_LISTED, ALICE_LISTED, SK_LISTED, ALICE_LISTED)
    assert parse_identities(answer) == [AgentIdentity(ALICE.public_key, "alice@example")]
    assert parse_identities(identities()) == []


# case 37, case 39, case 40
@pytest.mark.parametrize("raw", [*SMALL_ORDER, MIXED_ORDER, *NON_CANONICAL, b"", bytes(31)])
def test_a_key_outside_the_prime_order_group_is_refused(raw: bytes) -> None:
    listed = (string(b"ssh-ed25519") + string(raw), b"weak")
    with pytest.raises(MalformedError):
        parse_identities(identities(ALICE_LISTED, listed))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x05",
        b"\x0c",
        identities(ALICE_LISTED) + b"\x00",
        b"\x0e" + identities(ALICE_LISTED)[1:],
        b"\x0c\xff\xff\xff\xff" + identities(ALICE_LISTED)[5:],
        b"\x0c\x00\x00\x00\x00" + identities(ALICE_LISTED)[5:],
        identities((ALICE_LISTED[0] + b"\x00", b"longer")),
        identities((b"", b"empty")),
    ],
)
def test_a_list_of_keys_that_is_not_whole_and_well_formed_is_refused(answer: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_identities(answer)


def test_every_list_that_is_cut_short_is_refused() -> None:
    answer = identities(ALICE_LISTED, RSA_LISTED)
    for size in range(len(answer)):
        with pytest.raises(MalformedError):
            parse_identities(answer[:size])


def test_a_signature_is_64_bytes_of_ed25519() -> None:
    assert parse_signature(signature(SIGNED)) == SIGNED


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x05",
        b"\x0c" + signature(SIGNED)[1:],
        signature(SIGNED) + b"\x00",
        signature(SIGNED[:-1]),
        signature(SIGNED + b"\x00"),
        signature(SIGNED, kind=b"ssh-rsa"),
        signature(SIGNED, kind=b"rsa-sha2-256"),
        b"\x0e" + string(string(b"ssh-ed25519") + string(SIGNED) + b"\x00"),
        b"\x0e" + string(b""),
    ],
)
def test_what_is_not_exactly_one_signature_is_refused(answer: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_signature(answer)


def test_every_signature_that_is_cut_short_is_refused() -> None:
    answer = signature(SIGNED)
    for size in range(len(answer)):
        with pytest.raises(MalformedError):
            parse_signature(answer[:size])


@given(st.binary(max_size=200))
def test_hostile_bytes_parse_or_are_malformed(data: bytes) -> None:
    for parse in (parse_identities, parse_signature):
        for answer in (data, b"\x0c" + data, b"\x0e" + data):
            try:
                parse(answer)
            except MalformedError:
                continue
