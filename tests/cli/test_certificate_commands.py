"""`sealwire cert` and `sealwire profile`: what a profile shows, and how it is renewed."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from sealwire.client.profiles import Profiles
from tests.cli.deployments import Deployment, rewrite
from tests.cli.program import User


def test_the_certificate_is_shown_without_a_server(
    user: User, profiles: Profiles, absent: Deployment
) -> None:
    profile = absent.enrol(profiles, "default", days=9)
    document = user.run("cert", "show", "--output", "json").json()
    assert document["profile"] == "default"
    assert document["public_key_id"] == profile.public_key_id
    assert document["begins"] < document["renewed_from"] < document["ends"]
    (ca,) = document["cas"]
    assert ca["ca"] == "CN=CA"
    text = user.run("cert", "show").out.decode()
    assert document["serial"] in text
    assert ca["sha256"] in text


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_the_serial_number_is_the_one_that_openssl_shows(
    user: User, profiles: Profiles, absent: Deployment
) -> None:
    folder = absent.enrol(profiles, "default").folder
    command = ["openssl", "x509", "-in", str(folder / "tls.crt"), "-noout", "-serial"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    serial = user.run("cert", "show", "--output", "json").json()["serial"]
    assert shown.strip().partition("=")[2].lower().lstrip("0") == serial


def test_a_certificate_is_renewed_on_demand(alice: User) -> None:
    before = alice.run("cert", "show", "--output", "json").json()
    renewed = alice.run("cert", "renew", "--output", "json")
    assert (renewed.code, renewed.err) == (0, "")
    assert renewed.json()["serial"] != before["serial"]
    after = alice.run("cert", "show", "--output", "json").json()
    assert after["serial"] == renewed.json()["serial"]
    assert alice.run("whoami").code == 0


# case 7
def test_a_revoked_certificate_is_refused_and_another_one_is_not(alice: User) -> None:
    serial = alice.run("cert", "show", "--output", "json").json()["serial"]
    shutil.copytree(alice.profiles / "default", alice.profiles / "stolen")
    assert alice.run("cert", "renew").code == 0
    shown_by_openssl = f"0{serial.upper()}" if len(serial) % 2 else serial.upper()
    revoked = alice.run("cert", "revoke", shown_by_openssl, "--yes", "--output", "json").json()
    assert (revoked["serial"], revoked["revoked"]) == (serial, True)
    refused = alice.run("whoami", "--profile", "stolen")
    assert (refused.code, refused.out) == (2, b"")
    assert alice.run("whoami").code == 0


def test_only_admins_revoke_the_certificates_of_others(alice: User, admin: User) -> None:
    serial = admin.run("cert", "show", "--output", "json").json()["serial"]
    other = Profiles(admin.profiles.parent).load("default").public_key_id
    done = alice.run("cert", "revoke", serial, "--key", other, "--yes")
    assert (done.code, done.out) == (2, b"")
    own = Profiles(alice.profiles.parent).load("default").public_key_id
    assert admin.run("cert", "revoke", "1", "--key", own, "--yes").code == 0


@pytest.mark.parametrize("text", ["", "0", "xyz", "1a 2b"])
def test_what_is_no_serial_number_is_refused_here(user: User, text: str) -> None:
    done = user.run("cert", "revoke", text, "--yes")
    assert (done.code, done.out) == (1, b"")
    assert "A serial number is hexadecimal" in done.err


def test_a_certificate_of_an_outside_pki_is_renewed_there(
    user: User, profiles: Profiles, absent: Deployment
) -> None:
    folder = absent.enrol(profiles, "default").folder
    rewrite(folder / "profile.json", lambda text: text.replace(b"issued", b"outside"))
    done = user.run("cert", "renew")
    assert (done.code, done.out) == (1, b"")
    assert "comes from an outside PKI" in done.err
    assert user.run("cert", "show", "--output", "json").json()["renewed_from"] is None


def test_profiles_are_listed_and_one_is_used(
    user: User, profiles: Profiles, absent: Deployment
) -> None:
    assert user.run("profile", "list", "--output", "json").json() == {"profiles": []}
    first, second = absent.enrol(profiles, "first"), absent.enrol(profiles, "second")
    listed = user.run("profile", "list", "--output", "json").json()["profiles"]
    assert [(row["profile"], row["in_use"]) for row in listed] == [
        ("first", True),
        ("second", False),
    ]
    assert listed[0]["public_key_id"] == first.public_key_id
    assert listed[0]["server"] == absent.server.address
    used = user.run("profile", "use", "second", "--output", "json").json()
    assert (used["profile"], used["public_key_id"]) == ("second", second.public_key_id)
    assert profiles.in_use() == "second"


def test_a_damaged_profile_does_not_hide_the_others(
    user: User, profiles: Profiles, absent: Deployment
) -> None:
    absent.enrol(profiles, "broken")
    absent.enrol(profiles, "whole")
    rewrite(profiles.directory / "broken" / "tls.key", lambda _: b"garbage")
    broken, whole = user.run("profile", "list", "--output", "json").json()["profiles"]
    assert "is damaged" in broken["problem"]
    assert broken["server"] is None
    assert whole["problem"] is None
    done = user.run("profile", "use", "broken")
    assert (done.code, done.out) == (1, b"")
    assert profiles.in_use() == "broken"  # as it was: the first profile that was made


@pytest.mark.parametrize("name", ["nobody", "../up", ""])
def test_a_profile_that_is_not_there_is_not_used(
    user: User, profiles: Profiles, absent: Deployment, name: str
) -> None:
    absent.enrol(profiles, "default")
    done = user.run("profile", "use", name)
    assert (done.code, done.out) == (1, b"")
    assert profiles.in_use() == "default"


def test_json_of_nested_things_is_one_document(
    user: User, profiles: Profiles, absent: Deployment
) -> None:
    absent.enrol(profiles, "default")
    out = user.run("cert", "show", "--output", "json").out
    assert out.isascii()
    json.loads(out)
