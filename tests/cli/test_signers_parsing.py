"""What `--signer` takes, and what it refuses before it touches anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealwire.client.signers import parse_signer
from sealwire.client.signers.pkcs11_uri import Pkcs11Uri
from sealwire.core.errors import ConfigurationError

MODULE = "module-path=/usr/lib/softhsm/libsofthsm2.so"


@pytest.mark.parametrize(
    "text",
    [
        "file",
        "encrypted",
        "file:/etc/alice/.ssh/id_ed25519",
        "agent",
        "agent:alice@example",
        "agent:SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
        f"pkcs11:token=alice;object=signing?{MODULE}",
    ],
)
def test_the_text_of_a_signer_gives_it_again(text: str) -> None:
    spec = parse_signer(text)
    assert spec.text == text
    assert parse_signer(spec.text) == spec


@pytest.mark.parametrize(
    "text", ["", "File", "file:", "agent:", "agents", "encrypted:x", "pkcs12:x", "/etc/alice/key"]
)
def test_what_names_no_place_is_refused_with_all_that_do(text: str) -> None:
    with pytest.raises(ConfigurationError, match="file, encrypted, file:PATH, agent"):
        parse_signer(text)


def test_a_home_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no home"):
        parse_signer("file:~nobody-of-this-name/key")


def test_a_uri_names_a_token_a_key_a_module_and_a_pin() -> None:
    uri = Pkcs11Uri.parse(
        "pkcs11:token=my%20token;serial=12ab;model=m;manufacturer=f;object=a%3Bb;id=%01%ff;"
        f"type=private?{MODULE}&pin-source=file:/etc/alice/pin"
    )
    assert uri.token == {
        "token": "my token",
        "serial": "12ab",
        "model": "m",
        "manufacturer": "f",
    }
    assert (uri.label, uri.id) == ("a;b", b"\x01\xff")
    assert uri.module == Path("/usr/lib/softhsm/libsofthsm2.so")
    assert uri.pin_source == Path("/etc/alice/pin")


def test_a_uri_may_leave_out_all_but_the_module() -> None:
    uri = Pkcs11Uri.parse(f"pkcs11:?{MODULE}&pin-source=file:///etc/alice/pin")
    assert (uri.token, uri.label, uri.id) == ({}, None, None)
    assert uri.pin_source == Path("/etc/alice/pin")


def test_a_uri_is_made_to_name_the_key_that_it_was_found_to_mean() -> None:
    for text in (f"pkcs11:token=a;object=b?{MODULE}", f"pkcs11:?{MODULE}"):
        named = Pkcs11Uri.parse(Pkcs11Uri.parse(text).naming(b"\x01/;&?a"))
        found = Pkcs11Uri.parse(text)
        assert named.id == b"\x01/;&?a"
        assert (named.token, named.label, named.module) == (found.token, found.label, found.module)
        assert named.naming(b"\x02") == named.text
        assert found.naming(b"") == text


# case 91
@pytest.mark.parametrize(
    "text", [f"pkcs11:token=a?{MODULE}&pin-value=998877", "pkcs11:token=a;pin-value=998877"]
)
def test_a_pin_in_a_uri_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ConfigurationError, match="pin-source") as refusal:
        parse_signer(text)
    assert "998877" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("pkcs11:token=a", "module by its whole path"),
        ("pkcs11:token=a?module-path=libsofthsm2.so", "module by its whole path"),
        ("pkcs11:token=a?module-name=softhsm2", "module-path, pin-source"),
        (f"pkcs11:token=a;token=b?{MODULE}", "once each"),
        (f"pkcs11:slot-id=1?{MODULE}", "once each"),
        (f"pkcs11:token?{MODULE}", "once each"),
        (f"pkcs11:token=a;?{MODULE}", "once each"),
        (f"pkcs11:token=%ff?{MODULE}", "no text in UTF-8"),
        (f"pkcs11:object=%ff?{MODULE}", "no text in UTF-8"),
        (f"pkcs11:type=public?{MODULE}", "no private key"),
        (f"pkcs11:token=a?{MODULE}&pin-source=pin", "whole path of a file"),
        (f"pkcs11:token=a?{MODULE}&pin-source=/etc/alice/pin", "whole path of a file"),
        (f"pkcs11:token=a?{MODULE}&pin-source=file:pin", "whole path of a file"),
        (f"pkcs11:token=a?{MODULE}&pin-source=|echo 1234", "whole path of a file"),
    ],
)
def test_a_uri_that_could_mean_something_else_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        parse_signer(text)
