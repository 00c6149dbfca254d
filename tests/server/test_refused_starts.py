"""What `serve` refuses to start with: a sentence that names it, and nothing is changed."""

from __future__ import annotations

import re
import shutil
import socket
import sqlite3
import struct
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from sealwire.core.errors import ConfigurationError
from sealwire.core.key_files import private_key_text, root_key_text
from sealwire.core.keys import PrivateKey
from sealwire.core.pki import new_tls_key, tls_key_pem
from sealwire.server.deployment import load_deployment
from sealwire.server.serve import serve
from tests.core.edwards import SMALL_ORDER, add, base_times
from tests.server.members import enrol, invite
from tests.server.processes import ServerProcess, init, operate

SECRETS = ["ca.key", "server.key", "signing.key", "roots/1.key"]
SETTINGS = ["listen", "address", "audience", "trust_domain"]


def contents(directory: Path) -> dict[str, bytes]:
    """Return every file's bytes; SQLite's shared index, which is no data, is out."""
    return {
        str(path): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and not path.name.endswith("-shm")
    }


def refusal(directory: Path) -> str:
    """Return the sentence with which a start is refused; no file may be changed by it."""
    before = contents(directory)
    with pytest.raises(ConfigurationError) as refused:
        serve(directory, announce=lambda _: pytest.fail("the server started"))
    assert contents(directory) == before
    return str(refused.value)


def set_line(directory: Path, name: str, line: str) -> None:
    """Put a line in the place of a setting's."""
    path = directory / "sealwire.toml"
    changed, count = re.subn(rf"(?m)^{name} = .*$", lambda _: line, path.read_text())
    assert count == 1
    path.write_text(changed)


# The program: whatever the reason, it prints one sentence and no traceback.


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("sealwire.toml", "does not exist; make a deployment with: sealwire-server init"),
        ("ca.crt", "ca.crt can't be read: No such file or directory."),
        ("signing.key", "signing.key does not exist."),
        ("roots/1.key", "does not exist"),
        ("sealwire.db", "There is no database at"),
        ("replay", "The replay journal in"),
    ],
)
def test_a_missing_file_is_named(directory: Path, name: str, sentence: str) -> None:
    path = directory / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    operate("serve", directory).assert_refused(sentence)


def test_a_directory_that_is_no_deployment_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    operate("serve", tmp_path).assert_refused("make a deployment with: sealwire-server init")
    assert list(tmp_path.iterdir()) == []
    operate("serve", tmp_path / "none").assert_refused("No such file or directory")


def assert_not_listened_on(directory: Path, address: str) -> None:
    set_line(directory, "listen", f'listen = "{address}"')
    done = operate("serve", directory)
    done.assert_refused(f"The address {address} can't be listened on: it is in use, or not this")


def test_an_address_that_can_not_be_bound_is_a_sentence(directory: Path) -> None:
    assert_not_listened_on(directory, "203.0.113.1:7443")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert_not_listened_on(directory, f"127.0.0.1:{taken.getsockname()[1]}")
    set_line(directory, "listen", 'listen = "127.0.0.1:0"')
    with ServerProcess(directory) as server:
        assert server.terminate().code == 0


def test_a_second_server_of_one_deployment_is_refused(directory: Path) -> None:
    with ServerProcess(directory) as first:
        operate("serve", directory).assert_refused(f"Another process is serving {directory}.")
        assert first.terminate().code == 0
    with ServerProcess(directory) as again:
        assert again.terminate().code == 0


# Settings.


@pytest.mark.parametrize("name", SETTINGS)
def test_a_missing_setting_is_named(directory: Path, name: str) -> None:
    set_line(directory, name, "")
    assert refusal(directory).endswith(f"sealwire.toml: {name} is missing.")


def test_an_unknown_setting_is_named_with_those_that_exist(directory: Path) -> None:
    set_line(directory, "skew_seconds", "slack_seconds = 10")
    sentence = refusal(directory)
    assert "slack_seconds is no setting; these are: listen, address" in sentence


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("listen", "7443", "str"),
        ("audience", "[]", "str"),
        ("trust_domain", "1979-05-27", "str"),
        ("window_seconds", '"60"', "int"),
        ("skew_seconds", "10.0", "int"),
        ("drain_seconds", "true", "int"),
    ],
)
def test_a_setting_of_another_type_is_named(
    directory: Path, name: str, value: str, kind: str
) -> None:
    set_line(directory, name, f"{name} = {value}")
    assert refusal(directory).endswith(f"{name} must be of type {kind}.")


@pytest.mark.parametrize(
    "name", ["window_seconds", "skew_seconds", "drain_seconds", "client_certificate_days"]
)
@pytest.mark.parametrize("value", [-1, 0, 3651, 10**30])
def test_a_number_out_of_bounds_is_named(directory: Path, name: str, value: int) -> None:
    set_line(directory, name, f"{name} = {value}")
    assert f"{name} must be from 1 to " in refusal(directory)


@pytest.mark.parametrize(
    ("name", "line", "sentence"),
    [
        ("listen", 'listen = "7443"', "listen is '7443', which is not HOST:PORT."),
        ("listen", 'listen = "unix:/run/sealwire"', "which is not HOST:PORT."),
        ("address", 'address = "db.example.com"', "which is not HOST:PORT."),
        ("trust_domain", 'trust_domain = "Example Domain"', "is no trust domain"),
        ("listen", 'listen = "a:1', "can't be read"),
        ("listen", 'listen = "a:1"\nlisten = "b:1"', "can't be read"),
        ("listen", "[listen]", "listen must be of type str"),
    ],
)
def test_a_setting_that_can_not_work_is_a_sentence(
    directory: Path, name: str, line: str, sentence: str
) -> None:
    set_line(directory, name, line)
    assert sentence in refusal(directory)


def test_settings_that_are_no_text_are_a_sentence(directory: Path) -> None:
    (directory / "sealwire.toml").write_bytes(b"\xff\xfe\x00")
    assert "sealwire.toml can't be read" in refusal(directory)


# Keys and certificates.


# case 90
@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_secret_that_others_can_open_is_refused(directory: Path, name: str, mode: int) -> None:
    path = directory / name
    path.chmod(mode)
    assert f"{path} is open to other users, so it was not read" in refusal(directory)


# case 90
@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_behind_a_link_is_refused(directory: Path, name: str) -> None:
    path = directory / name
    path.rename(directory.parent / "elsewhere")
    path.symlink_to(directory.parent / "elsewhere")
    assert f"{path} can't be opened" in refusal(directory)


Make = Callable[[], bytes]


def rsa_key() -> bytes:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def encrypted_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"passphrase"),
    )


def ed25519_key() -> bytes:
    return private_key_text(PrivateKey.from_seed(bytes(range(32))))


def with_public_half(point: bytes) -> bytes:
    """Return an OpenSSH private key file that states another public key than its own."""
    key = PrivateKey.from_seed(bytes(range(32)))
    first, *lines, last = private_key_text(key).splitlines()
    inner = b64decode(b"".join(lines)).replace(key.public_key.raw, point)
    return b"\n".join([first, b64encode(inner), last, b""])


JUNK: list[Make] = [
    lambda: b"",
    lambda: b"\0" * 32,
    lambda: b"-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n",
    lambda: (
        b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA==\n-----END OPENSSH PRIVATE KEY-----\n"
    ),
    encrypted_key,
    rsa_key,
    lambda: tls_key_pem(new_tls_key()),
]
NO_KEY: dict[str, list[Make]] = {
    "ca.key": [*JUNK, ed25519_key],
    "server.key": [*JUNK, ed25519_key],
    "signing.key": [*JUNK, lambda: root_key_text(X25519PrivateKey.generate())],
    "roots/1.key": [*JUNK, ed25519_key],
}


@pytest.mark.parametrize(
    ("name", "make"), [(name, make) for name, makes in NO_KEY.items() for make in makes]
)
def test_a_key_file_with_something_else_in_it_is_named(
    directory: Path, name: str, make: Make
) -> None:
    (directory / name).write_bytes(make())
    assert str(directory / name) in refusal(directory)


@pytest.mark.parametrize(
    "point",
    [*SMALL_ORDER, *(add(base_times(7), torsion) for torsion in SMALL_ORDER), bytes([2] * 32)],
    ids=bytes.hex,
)
def test_a_public_half_that_the_signing_key_file_states_is_never_used(
    directory: Path, point: bytes
) -> None:
    (directory / "signing.key").write_bytes(with_public_half(point))
    own = PrivateKey.from_seed(bytes(range(32))).public_key
    assert load_deployment(directory).signing_key.public_key == own


@pytest.mark.parametrize("name", ["ca.crt", "server.crt"])
@pytest.mark.parametrize("text", [b"", b"\0", b"-----BEGIN CERTIFICATE-----\nMA==\n"])
def test_a_certificate_that_is_none_is_named(directory: Path, name: str, text: bytes) -> None:
    (directory / name).write_bytes(text)
    assert str(directory / name) in refusal(directory)


@pytest.mark.parametrize("stem", ["ca", "server"])
def test_a_certificate_and_a_key_that_do_not_belong_together_are_named(
    directory: Path, tmp_path: Path, stem: str
) -> None:
    (directory / f"{stem}.key").write_bytes(tls_key_pem(new_tls_key()))
    sentence = f"{directory / stem}.key is not the key of {directory / stem}.crt."
    assert refusal(directory) == sentence


# The database.


@pytest.fixture
def crashed(directory: Path) -> Path:
    """A deployment with a record, whose server was killed, so that the log must be recovered."""
    with ServerProcess(directory) as server:
        alice = enrol(invite(server.deployment, "alice"))
        with alice.client() as client:
            client.put("team", "record", b"value")
            server.kill()
    assert (directory / "sealwire.db-wal").stat().st_size > 0
    return directory


# case 64
def test_with_the_wrong_root_key_no_byte_of_the_database_is_changed(crashed: Path) -> None:
    before = contents(crashed)
    key = crashed / "roots" / "1.key"
    key.write_bytes(root_key_text(X25519PrivateKey.generate()))
    refused = operate("serve", crashed)
    refused.assert_refused("The database was made with other root keys than these")
    after = contents(crashed)
    assert {path for path in after if after[path] != before.get(path)} == {str(key)}
    assert after.keys() == before.keys()


# case 64
def test_a_root_key_under_the_number_of_another_is_the_wrong_one(directory: Path) -> None:
    (directory / "roots" / "1.key").rename(directory / "roots" / "2.key")
    assert "The database needs root key version 1" in refusal(directory)


# case 65
def test_the_database_of_another_deployment_is_refused(crashed: Path, tmp_path: Path) -> None:
    other = init(tmp_path / "other")
    for path in crashed.glob("sealwire.db*"):
        shutil.copy(path, other / path.name)
    operate("serve", other).assert_refused("was made with other root keys than these")


def execute(directory: Path, statement: str) -> None:
    database = sqlite3.connect(directory / "sealwire.db", isolation_level=None)
    database.execute(statement)
    database.close()


# case 100
@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_schema_of_a_newer_version_is_refused_and_left_as_it_is(
    directory: Path, command: str
) -> None:
    execute(directory, "UPDATE alembic_version SET version_num = '9999'")
    before = contents(directory)
    operate(command, directory).assert_refused("was made by a newer version of Sealwire")
    assert contents(directory) == before


@pytest.mark.parametrize("statement", ["DELETE FROM alembic_version", "DROP TABLE alembic_version"])
def test_a_database_without_a_version_is_refused(directory: Path, statement: str) -> None:
    execute(directory, statement)
    assert "is not a Sealwire database" in refusal(directory)


@pytest.mark.parametrize(
    "content", [b"", b"nonsense" * 1000, b"SQLite format 3\0" + struct.pack(">H", 4096) + bytes(99)]
)
def test_a_file_that_is_no_database_is_refused(directory: Path, content: bytes) -> None:
    (directory / "sealwire.db").write_bytes(content)
    assert "is not a Sealwire database" in refusal(directory)
