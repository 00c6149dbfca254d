"""Passphrases: typed where nobody sees them, read from a private file, or not had at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sealwire.core.key_files import parse_encrypted_private_key
from sealwire.core.secret_files import read_secret
from tests.cli.program import User
from tests.cli.terminals import INTERRUPT, converse

FIRST = "New passphrase for the new key"
SECOND = "The same passphrase again"


def written(user: User) -> list[str]:
    return sorted(path.name for path in user.home.iterdir())


def passphrase_file(user: User, contents: bytes, mode: int = 0o600) -> str:
    path = user.home / "passphrase"
    path.write_bytes(contents)
    path.chmod(mode)
    return str(path)


def test_a_passphrase_that_is_typed_twice_opens_the_new_key(user: User) -> None:
    done, shown = converse(
        user, ["keygen", "--encrypt"], (FIRST, b"correct horse\n"), (SECOND, b"correct horse\n")
    )
    assert (done.code, done.err) == (0, "")
    key = parse_encrypted_private_key(read_secret(user.home / "identity.key"), b"correct horse")
    assert key.public_key.key_id in done.out.decode()
    assert key.public_key.key_id in (user.home / "identity.key.pub").read_text()
    assert "horse" not in shown + done.out.decode()


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ([(FIRST, b"one\n"), (SECOND, b"another\n")], "differ, so nothing was made"),
        ([(FIRST, b"\n")], "empty, so nothing was made"),
        ([(FIRST, b"\xff\n")], "no text in UTF-8"),
    ],
)
def test_a_passphrase_that_is_not_one_makes_no_key(
    user: User, answers: list[tuple[str, bytes]], sentence: str
) -> None:
    done, _ = converse(user, ["keygen", "--encrypt"], *answers)
    assert (done.code, done.out) == (1, b"")
    assert sentence in done.err
    assert written(user) == []


def test_an_interrupt_at_the_question_makes_no_key(user: User) -> None:
    done, _ = converse(user, ["keygen", "--encrypt"], (FIRST, INTERRUPT))
    assert (done.code, done.out) == (130, b"")
    assert written(user) == []


def test_without_a_terminal_people_are_told_of_the_passphrase_file(user: User) -> None:
    done = user.run("keygen", "--encrypt", stdin=b"correct horse\ncorrect horse\n")
    assert (done.code, done.out) == (1, b"")
    assert "SEALWIRE_PASSPHRASE_FILE" in done.err
    assert written(user) == []


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_passphrase_is_read_from_a_private_file(user: User, end: bytes) -> None:
    path = passphrase_file(user, b"correct horse" + end)
    done = user.run("keygen", "--encrypt", SEALWIRE_PASSPHRASE_FILE=path)
    assert done.code == 0
    parse_encrypted_private_key(read_secret(user.home / "identity.key"), b"correct horse")


# case 90
@pytest.mark.parametrize(
    ("contents", "mode", "sentence"),
    [
        (b"correct horse\n", 0o644, "chmod 600"),
        (b"\n", 0o600, "is empty"),
        (b"", 0o600, "is empty"),
    ],
)
def test_a_passphrase_file_that_others_can_read_or_that_is_empty_is_refused(
    user: User, contents: bytes, mode: int, sentence: str
) -> None:
    path = passphrase_file(user, contents, mode)
    done = user.run("keygen", "--encrypt", SEALWIRE_PASSPHRASE_FILE=path)
    assert (done.code, done.out) == (1, b"")
    assert sentence in done.err
    assert written(user) == ["passphrase"]


# case 91
def test_the_environment_holds_no_passphrase_but_the_name_of_a_file(user: User) -> None:
    done = user.run("keygen", "--encrypt", SEALWIRE_PASSPHRASE_FILE="correct horse")
    assert done.code == 1
    assert "does not exist" in done.err


def test_nobody_is_asked_for_the_passphrase_of_a_key_that_would_not_be_written(user: User) -> None:
    (user.home / "identity.key").write_text("mine")
    done, shown = converse(user, ["keygen", "--encrypt"])
    assert done.code == 1
    assert "exists already" in done.err
    assert shown == ""


def test_asking_for_a_passphrase_needs_no_grpc(user: User) -> None:
    script = (
        "import sys; from sealwire.client.cli.program import run;"
        "code = run(['keygen', '--encrypt']);"
        "import sealwire.client.signers.tokens, sealwire.client.signers.agent;"
        "print(code, {'grpc', 'google.protobuf'} & set(sys.modules))"
    )
    path = passphrase_file(user, b"correct horse")
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=user.home,
        env=user.environment(SEALWIRE_PASSPHRASE_FILE=path),
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.endswith("0 set()\n")


def test_a_key_file_that_is_not_there_is_not_asked_about(user: User, tmp_path: Path) -> None:
    done, shown = converse(user, ["join", tmp_path / "absent", "--signer", "encrypted"])
    assert done.code == 1
    assert shown == ""
