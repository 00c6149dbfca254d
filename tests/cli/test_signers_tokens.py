"""Keys on PKCS #11 tokens, with SoftHSM2. Each command is a process of its own: so is a login."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa

from sealwire.client.signers import SignerError
from sealwire.core.keys import PrivateKey
from sealwire.core.secret_files import replace_secret
from tests.cli.deployments import Deployment
from tests.cli.program import User
from tests.cli.terminals import converse
from tests.cli.tokens import MODULE, PIN, SoftHsm, needs_softhsm

pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed")
QUESTION = "PIN of the token 'alice'"

SIGN = """
import sys
from pathlib import Path
from sealwire.client.signers import SignerError, parse_signer
from sealwire.core.envelope import pae

statement = pae("application/vnd.example", bytes(int(sys.argv[2])))
signer = parse_signer(sys.argv[1]).open(Path())
signer.public_key.verify(signer.sign(statement), statement)
print(signer.public_key.key_id)
again = parse_signer(sys.argv[1]).open(Path())
assert again.sign(statement) == signer.sign(statement)
"""


@pytest.fixture
def hsm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SoftHsm:
    hsm = SoftHsm.create(tmp_path / "hsm")
    monkeypatch.setenv("SOFTHSM2_CONF", str(hsm.settings))
    hsm.new_token("alice")
    return hsm


@pytest.fixture
def key(hsm: SoftHsm) -> PrivateKey:
    return hsm.new_key("alice", "signing", "01ff")


@pytest.fixture
def invitation(user: User, absent: Deployment) -> Path:
    path = user.home / "invitation"
    replace_secret(path, absent.invitation().to_json())
    return path


def signs(user: User, uri: str, *, size: int = 100) -> str:
    """Return the id of the key that signed, in a process of its own, twice."""
    done = subprocess.run(
        [sys.executable, "-c", SIGN, uri, str(size)],
        env=user.environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def refused(user: User, invitation: Path, uri: str) -> str:
    """Return why a command could not use a key; nothing was sent, and nothing is left behind."""
    done = user.run("join", invitation, "--signer", uri)
    assert (done.code, done.out) == (1, b"")
    assert "Traceback" not in done.err
    assert not user.profiles.exists() or list(user.profiles.iterdir()) == []
    return done.err


@needs_softhsm
@pytest.mark.parametrize(
    "path",
    [
        ("token=alice", "object=signing"),
        ("token=alice", "id=%01%ff"),
        ("token=alice", "object=signing", "id=%01%FF", "type=private"),
        ("token=alice",),
        ("object=signing", "model=SoftHSM%20v2", "manufacturer=SoftHSM%20project", "token=alice"),
    ],
)
def test_a_token_signs_with_the_key_that_the_uri_names(
    user: User, hsm: SoftHsm, key: PrivateKey, path: tuple[str, ...]
) -> None:
    assert signs(user, hsm.uri(*path)) == key.public_key.key_id


@needs_softhsm
def test_a_token_signs_a_statement_about_the_largest_value(
    user: User, hsm: SoftHsm, key: PrivateKey
) -> None:
    uri = hsm.uri("token=alice")
    assert signs(user, uri, size=1024 * 1024) == key.public_key.key_id


@needs_softhsm
def test_of_two_keys_the_named_one_signs(user: User, hsm: SoftHsm, key: PrivateKey) -> None:
    other = hsm.new_key("alice", "other", "02")
    assert signs(user, hsm.uri("token=alice", "object=other")) == other.public_key.key_id
    assert signs(user, hsm.uri("token=alice", "id=%01%ff")) == key.public_key.key_id


@needs_softhsm
def test_of_two_keys_that_the_uri_could_mean_none_is_taken(
    user: User, hsm: SoftHsm, invitation: Path, key: PrivateKey
) -> None:
    hsm.new_key("alice", "signing", "02")
    err = refused(user, invitation, hsm.uri("token=alice", "object=signing"))
    assert "has 2 signing keys for Ed25519" in err
    assert "object=LABEL" in err


@needs_softhsm
@pytest.mark.parametrize("path", ["object=missing", "id=%05", "object=signing;id=%05"])
def test_a_key_that_the_token_does_not_have_is_told(
    user: User, hsm: SoftHsm, invitation: Path, key: PrivateKey, path: str
) -> None:
    err = refused(user, invitation, hsm.uri("token=alice", path))
    assert "has 0 signing keys for Ed25519" in err


@needs_softhsm
def test_keys_of_other_kinds_are_not_taken(user: User, hsm: SoftHsm, invitation: Path) -> None:
    hsm.store(rsa.generate_private_key(65537, 2048), "alice", "--label", "signing", "--id", "01")
    other = ec.generate_private_key(ec.SECP256R1())
    hsm.store(other, "alice", "--label", "signing", "--id", "02")
    err = refused(user, invitation, hsm.uri("token=alice", "object=signing"))
    assert "has 0 signing keys for Ed25519" in err


@needs_softhsm
def test_an_ed448_key_is_no_ed25519_key(user: User, hsm: SoftHsm, invitation: Path) -> None:
    hsm.store(ed448.Ed448PrivateKey.generate(), "alice", "--label", "big", "--id", "07")
    err = refused(user, invitation, hsm.uri("token=alice", "object=big"))
    assert "has 32 bytes" in err


@needs_softhsm
def test_a_private_key_without_its_public_half_is_told(
    user: User, hsm: SoftHsm, invitation: Path
) -> None:
    hsm.new_key("alice", "half", "08", "--no-public-key")
    err = refused(user, invitation, hsm.uri("token=alice", "object=half"))
    assert "store the public key beside it" in err


@needs_softhsm
@pytest.mark.parametrize("path", ["token=bob", "serial=0", "token=alice;model=other"])
def test_a_token_that_is_not_there_is_told(
    user: User, hsm: SoftHsm, invitation: Path, key: PrivateKey, path: str
) -> None:
    err = refused(user, invitation, hsm.uri(path))
    assert "has 0 tokens that the URI could mean" in err


@needs_softhsm
def test_of_two_tokens_that_the_uri_could_mean_none_is_logged_in_to(
    user: User, hsm: SoftHsm, invitation: Path, key: PrivateKey
) -> None:
    hsm.new_token("alice")
    err = refused(user, invitation, hsm.uri("token=alice"))
    assert "has 2 tokens that the URI could mean" in err


@needs_softhsm
def test_a_wrong_pin_is_tried_once_and_not_shown(
    user: User, hsm: SoftHsm, invitation: Path, key: PrivateKey
) -> None:
    replace_secret(hsm.directory / "pin", b"271828")
    err = refused(user, invitation, hsm.uri("token=alice"))
    assert "refused the PIN, and it was not tried again" in err
    assert "271828" not in err


# case 90
@needs_softhsm
def test_a_pin_in_a_file_that_others_can_read_is_not_used(
    user: User, hsm: SoftHsm, invitation: Path, key: PrivateKey
) -> None:
    (hsm.directory / "pin").chmod(0o644)
    assert "chmod 600" in refused(user, invitation, hsm.uri("token=alice"))


@needs_softhsm
def test_a_pin_that_is_no_text_is_not_tried(
    user: User, hsm: SoftHsm, invitation: Path, key: PrivateKey
) -> None:
    replace_secret(hsm.directory / "pin", b"\xff\xff\xff\xff")
    assert "was not tried" in refused(user, invitation, hsm.uri("token=alice"))


@needs_softhsm
def test_without_a_pin_source_the_pin_is_typed(
    user: User, hsm: SoftHsm, invitation: Path, key: PrivateKey
) -> None:
    command: list[str | Path] = ["join", invitation, "--signer", hsm.uri("token=alice", query="")]
    done, shown = converse(user, command, (QUESTION, f"{PIN}\n".encode()))
    assert done.code == 2  # the key was opened: all that is missing is the server
    assert PIN not in shown + done.err
    wrong, _ = converse(user, command, (QUESTION, b"271828\n"))
    assert wrong.code == 1
    assert "refused the PIN" in wrong.err


@needs_softhsm
def test_without_a_pin_source_and_a_terminal_no_pin_is_tried(
    user: User, hsm: SoftHsm, invitation: Path, key: PrivateKey
) -> None:
    err = refused(user, invitation, hsm.uri("token=alice", query=""))
    assert "pin-source=file:PATH" in err


@needs_softhsm
@pytest.mark.parametrize("module", ["/nonexistent.so", "/etc/passwd", sys.executable])
def test_what_is_no_module_is_told(user: User, hsm: SoftHsm, invitation: Path, module: str) -> None:
    uri = hsm.uri("token=alice").replace(MODULE, module)
    assert "check the module-path" in refused(user, invitation, uri)


def test_without_python_pkcs11_people_are_told_what_to_install(
    user: User, invitation: Path
) -> None:
    script = (
        "import sys; sys.modules['pkcs11'] = None; from sealwire.client.cli.program import run;"
        "sys.exit(run(sys.argv[1:]))"
    )
    uri = "pkcs11:token=alice?module-path=/usr/lib/softhsm/libsofthsm2.so"
    done = subprocess.run(
        [sys.executable, "-c", script, "join", str(invitation), "--signer", uri],
        env=user.environment(),
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "pip install 'sealwire[pkcs11]'" in done.stderr


def test_a_token_that_one_more_wrong_pin_would_lock_is_not_logged_in_to() -> None:
    from pkcs11 import TokenFlag

    from sealwire.client.signers.tokens import require_tries

    harmless = TokenFlag.LOGIN_REQUIRED | TokenFlag.USER_PIN_COUNT_LOW
    require_tries(harmless)
    for flag in (TokenFlag.USER_PIN_FINAL_TRY, TokenFlag.USER_PIN_LOCKED):
        with pytest.raises(SignerError, match="none was tried"):
            require_tries(harmless | flag)


@needs_softhsm
def test_an_enrolment_goes_on_with_the_key_on_the_token_that_it_began_with(
    user: User, hsm: SoftHsm, key: PrivateKey, invitation: Path
) -> None:
    assert user.run("join", invitation, "--signer", hsm.uri("token=alice")).code == 2
    (staged,) = user.profiles.iterdir()
    assert not (staged / "identity.key").exists()
    begun = (staged / "profile.json").read_bytes()
    assert key.public_key.key_id.encode() in begun
    hsm.new_key("alice", "later", "02")
    assert user.run("join", invitation).code == 2
    named = hsm.uri("token=alice", "object=signing")
    assert user.run("join", invitation, "--signer", named).code == 2
    other = user.run("join", invitation, "--signer", hsm.uri("token=alice", "object=later"))
    assert other.code == 1
    assert f"begun with the key {key.public_key.key_id}" in other.err
    assert (staged / "profile.json").read_bytes() == begun
