from __future__ import annotations

import pytest

from sealwire.core.errors import ConfigurationError
from sealwire.core.spiffe import TrustDomain
from tests.core.builders import ALICE, BOB

DOMAIN = TrustDomain("records.example")
KEY_ID = ALICE.public_key.key_id


def test_a_key_has_one_name_under_each_trust_domain() -> None:
    assert DOMAIN.key_uri(KEY_ID) == f"spiffe://records.example/key/{KEY_ID}"
    assert DOMAIN.key_uri(KEY_ID) != DOMAIN.key_uri(BOB.public_key.key_id)
    assert DOMAIN.key_uri(KEY_ID) != TrustDomain("records.example.org").key_uri(KEY_ID)


def test_an_invitation_comes_back_from_its_name() -> None:
    uri = DOMAIN.invitation_uri("inv-1")
    assert uri == "spiffe://records.example/invitation/inv-1"
    assert DOMAIN.invitation_id(uri) == "inv-1"


@pytest.mark.parametrize(
    "uri",
    [
        "",
        DOMAIN.key_uri(KEY_ID),
        "spiffe://records.example/invitation",
        "spiffe://records.example.org/invitation/inv-1",
        "spiffe://records.exampl/invitation/inv-1",
        "SPIFFE://records.example/invitation/inv-1",
        "https://records.example/invitation/inv-1",
        " spiffe://records.example/invitation/inv-1",
    ],
)
def test_no_other_name_stands_for_an_invitation(uri: str) -> None:
    assert DOMAIN.invitation_id(uri) is None


@pytest.mark.parametrize("name", ["a", "records.example", "a-b_c.9", "x" * 255])
def test_a_trust_domain_has_the_form_of_spiffe(name: str) -> None:
    assert TrustDomain(name).name == name


@pytest.mark.parametrize(
    "name",
    ["", "Records", "a/b", "a:1", "user@a", "a b", "a\n", "é", "%41", "x" * 256, "a?b", "a#b"],
)
def test_any_other_trust_domain_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="trust domain"):
        TrustDomain(name)


@pytest.mark.parametrize(
    "uri",
    [
        DOMAIN.key_uri(KEY_ID),
        DOMAIN.invitation_uri("inv-1"),
        "spiffe://records.example",
        "spiffe://records.example/",
        "SPIFFE://Records.Example/key/x",
    ],
)
def test_a_name_under_the_trust_domain_is_told_from_others_in_whatever_case(uri: str) -> None:
    assert DOMAIN.names(uri)
    assert not TrustDomain("records.example.org").names(uri)
    assert not TrustDomain("example").names(uri)


@pytest.mark.parametrize(
    "uri", ["", "spiffe://", "https://records.example/key/x", "records.example"]
)
def test_a_name_of_another_form_is_under_no_trust_domain(uri: str) -> None:
    assert not DOMAIN.names(uri)
