"""`sealwire key` with a real server."""

from __future__ import annotations

import json
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

from sealwire.client import Client
from sealwire.client.profile_files import Profile
from sealwire.client.profiles import Profiles
from sealwire.core.clock import system_clock
from sealwire.core.encoding import base64url
from sealwire.core.keys import thumbprint
from sealwire.core.secret_files import write_new_secret
from tests.cli.program import User
from tests.cli.terminals import converse

DAY_MS = 24 * 60 * 60 * 1000


def profile(user: User) -> Profile:
    return Profiles(user.profiles.parent).load("default")


def test_a_new_identity_has_one_key(alice: User) -> None:
    document = alice.run("key", "list", "--output", "json").json()
    (key,) = document["keys"]
    assert document["identity"] is None
    assert key["public_key_id"] == profile(alice).public_key_id
    assert (key["generation"], key["state"]) == (1, "active")
    assert (key["expires_at"], key["ended_at"], key["certificate_uri"]) == (None, None, None)


def test_a_rotated_key_is_followed_by_another_and_nothing_is_lost(
    alice: User, namespace: str
) -> None:
    alice.run("put", namespace, "record", stdin=b"value")
    old = profile(alice).public_key_id
    rotated = alice.run("key", "rotate", "--output", "json")
    assert (rotated.code, rotated.err) == (0, "")
    document = rotated.json()
    assert document["previous_key_id"] == old
    assert document["public_key_id"] == profile(alice).public_key_id != old
    assert document["signer"] == "file"
    assert alice.run("get", namespace, "record").out == b"value"
    keys = alice.run("key", "list", "--output", "json").json()["keys"]
    assert [(key["generation"], key["state"]) for key in keys] == [(2, "active"), (1, "rotated")]
    assert keys[1]["ended_at"] == keys[0]["created_at"]


# case 17
def test_a_key_that_was_rotated_is_refused(alice: User) -> None:
    shutil.copytree(alice.profiles / "default", alice.profiles / "thief")
    assert alice.run("key", "rotate").code == 0
    done = alice.run("whoami", "--profile", "thief")
    assert (done.code, done.out) == (2, b"")
    assert "not authenticated" in done.err


def test_a_rotation_may_name_where_the_next_key_lives(alice: User) -> None:
    made = alice.run("keygen", "--out", "next.key", "--output", "json").json()["public_key_id"]
    document = alice.run("key", "rotate", "--signer", "file:next.key", "--output", "json").json()
    assert document["public_key_id"] == made
    assert document["signer"] == f"file:{alice.home / 'next.key'}"
    assert alice.run("whoami", "--output", "json").json()["public_key_id"] == made
    assert not (alice.profiles / "default" / "identity.key").exists()


def test_a_rotation_asks_for_the_present_passphrase_once_and_for_the_next_one_twice(
    user: User, admin_client: Client
) -> None:
    invitation = user.home / "invitation"
    write_new_secret(invitation, admin_client.identities.invite(f"alice-{uuid.uuid4()}"))
    write_new_secret(user.home / "passphrase", b"old\n")
    joined = user.run(
        "join", invitation, "--signer", "encrypted", SEALWIRE_PASSPHRASE_FILE="passphrase"
    )
    assert joined.code == 0
    rotated, _ = converse(
        user,
        ["key", "rotate", "--output", "json"],
        ("Passphrase of", b"old\n"),
        ("New passphrase for the new key", b"new\n"),
        ("The same passphrase again", b"new\n"),
    )
    assert (rotated.code, rotated.err) == (0, "")
    assert rotated.json()["signer"] == "encrypted"
    who, _ = converse(user, ["whoami", "--output", "json"], ("Passphrase of", b"new\n"))
    assert who.json()["public_key_id"] == rotated.json()["public_key_id"]


def test_a_key_that_is_enrolled_already_is_not_taken_again(alice: User) -> None:
    old = alice.home / "old.key"
    shutil.copy(alice.profiles / "default" / "identity.key", old)
    assert alice.run("key", "rotate").code == 0
    done = alice.run("key", "rotate", "--signer", f"file:{old}")
    assert (done.code, done.out) == (2, b"")
    assert "enrolled already" in done.err
    assert alice.run("key", "rotate").code == 0


# case 17
def test_a_revoked_key_is_refused_at_once(alice: User) -> None:
    own = profile(alice).public_key_id
    revoked = alice.run("key", "revoke", own, "--yes", "--output", "json")
    assert revoked.json()["state"] == "revoked"
    done = alice.run("whoami")
    assert (done.code, done.out) == (2, b"")


def test_a_key_may_end_later(alice: User, admin: User) -> None:
    own = profile(alice).public_key_id
    document = admin.run("key", "revoke", own, "--at", "7d", "--yes", "--output", "json").json()
    assert document["state"] == "active"
    ends = document["expires_at"]
    keys = alice.run("key", "list", own, "--output", "json").json()["keys"]
    assert [key["expires_at"] for key in keys] == [ends]
    later = admin.run("key", "revoke", own, "--at", "8d", "--yes")
    assert (later.code, later.out) == (2, b"")
    assert "no key's life is made longer" in later.err


# case 53
def test_a_member_ends_nobody_elses_key(alice: User, admin: User) -> None:
    other = profile(admin).public_key_id
    for command in (("key", "list", other), ("key", "revoke", other, "--yes")):
        done = alice.run(*command)
        assert (done.code, done.out) == (2, b"")
        assert "no right" in done.err


def test_an_admin_lists_the_keys_of_a_name(alice: User, admin: User) -> None:
    name = profile(alice).identity_name
    document = admin.run("key", "list", name, "--output", "json").json()
    assert document["identity"] == name
    assert [key["public_key_id"] for key in document["keys"]] == [profile(alice).public_key_id]


@pytest.mark.parametrize("text", ["", "alice", "A" * 42, "A" * 44, "ä" * 43])
def test_what_is_no_key_id_ends_nothing(user: User, text: str) -> None:
    done = user.run("key", "revoke", text, "--yes")
    assert (done.code, done.out) == (1, b"")
    assert "A key id has 43 letters" in done.err


def test_the_public_key_is_printed_in_every_form(alice: User) -> None:
    key = profile(alice).signer.public_key
    line = alice.run("key", "export-public").out.decode().split()
    assert (line[0], line[2]) == ("ssh-ed25519", key.key_id)
    jwk = json.loads(alice.run("key", "export-public", "--form", "jwk").out)
    assert jwk == {"kty": "OKP", "crv": "Ed25519", "x": base64url(key.raw), "kid": key.key_id}
    raw = bytes.fromhex(alice.run("key", "export-public", "--form", "hex").out.decode())
    assert (raw, thumbprint(raw)) == (key.raw, key.key_id)


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
def test_ssh_keygen_reads_the_public_key(alice: User, tmp_path: Path) -> None:
    path = tmp_path / "key.pub"
    path.write_bytes(alice.run("key", "export-public").out)
    subprocess.run(["ssh-keygen", "-l", "-f", path], check=True, capture_output=True)


def test_a_key_that_ends_is_over_at_its_time(alice: User, admin_client: Client) -> None:
    ends = system_clock() + DAY_MS
    key = admin_client.keys.revoke(profile(alice).public_key_id, at=ends)
    assert key.expires_at == ends
