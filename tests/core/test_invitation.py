from __future__ import annotations

import json
from typing import Any

import pytest

from sealwire.core.encoding import base64url
from sealwire.core.errors import ConfigurationError
from sealwire.core.invitation import FORMAT, TOKEN_BYTES, Invitation, ServerIdentity
from tests.core.builders import ALICE, NOW, SERVER

INVITATION = Invitation(
    server=ServerIdentity(
        address="records.example:8443",
        audience="records.example",
        public_key=SERVER.public_key,
        ca_pem="-----BEGIN CERTIFICATE-----\nca\n-----END CERTIFICATE-----\n",
    ),
    invitation_id="inv-1",
    name="Zoë",
    expires_at=NOW,
    certificate_pem="-----BEGIN CERTIFICATE-----\nleaf\n-----END CERTIFICATE-----\n",
    token=bytes(range(TOKEN_BYTES)),
    certificate_key_pem="the bootstrap key",
)
FIELDS: dict[str, Any] = json.loads(INVITATION.to_json())


def changed(name: str, value: object) -> bytes:
    return json.dumps({**FIELDS, name: value}).encode()


def assert_refused(data: bytes) -> None:
    with pytest.raises(ConfigurationError, match="no invitation") as refusal:
        Invitation.from_json(data)
    assert FIELDS["token"] not in str(refusal.value)
    assert refusal.value.__suppress_context__


def test_an_invitation_comes_back_from_its_file() -> None:
    assert Invitation.from_json(INVITATION.to_json()) == INVITATION


def test_an_invitation_file_says_what_it_is_and_ends_its_line() -> None:
    assert FIELDS["format"] == FORMAT
    assert INVITATION.to_json().endswith(b"}\n")
    assert len(FIELDS) == 12


@pytest.mark.parametrize("name", FIELDS)
def test_an_invitation_without_one_of_its_fields_is_refused(name: str) -> None:
    fields = {key: value for key, value in FIELDS.items() if key != name}
    assert_refused(json.dumps(fields).encode())


@pytest.mark.parametrize("value", [None, True, 1.5, [], {}, ["text"]], ids=repr)
@pytest.mark.parametrize("name", FIELDS)
def test_an_invitation_with_a_field_of_another_type_is_refused(name: str, value: object) -> None:
    assert_refused(changed(name, value))


@pytest.mark.parametrize("name", FIELDS)
def test_a_number_is_no_text_and_a_text_no_number(name: str) -> None:
    assert_refused(changed(name, str(NOW) if name == "expires_at" else 7))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format", "sealwire-invitation-v2"),
        ("format", ""),
        ("token", ""),
        ("token", base64url(bytes(31))),
        ("token", base64url(bytes(33))),
        ("token", base64url(bytes(32)) + "="),
        ("token", "+" * 43),
        ("server_public_key", ""),
        ("server_public_key", base64url(bytes(32))),  # small order
        ("server_public_key", ALICE.public_key.text),  # not that of the key id
        ("server_key_id", ALICE.public_key.key_id),
        ("server_key_id", ""),
    ],
)
def test_an_invitation_with_a_field_of_another_form_is_refused(name: str, value: str) -> None:
    assert_refused(changed(name, value))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"7",
        b"{}",
        b"not json",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"expires_at": ' + b"9" * 5000 + b"}",
    ],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_no_invitation_is_refused(data: bytes) -> None:
    assert_refused(data)


def test_an_invitation_cut_anywhere_is_refused() -> None:
    data = INVITATION.to_json().rstrip()
    for size in range(len(data)):
        assert_refused(data[:size])


def test_an_invitations_repr_shows_neither_of_its_secrets() -> None:
    shown = repr(INVITATION)
    assert "inv-1" in shown
    assert "bootstrap key" not in shown
    assert repr(INVITATION.token)[2:-1] not in shown
