"""Root keys from files, under a passphrase, from systemd credentials and from a descriptor."""

from __future__ import annotations

import base64
import os
import pty
import select
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from sealwire.core.errors import ConfigurationError
from sealwire.core.key_files import parse_root_key, root_key_text
from sealwire.core.secret_files import write_new_secret
from sealwire.core.wrapped_keys import Cost, is_wrapped
from sealwire.server.cli import main
from sealwire.server.config import read_config
from sealwire.server.deployment import load_deployment
from sealwire.server.handed_secrets import CREDENTIALS_DIRECTORY, read_descriptor
from sealwire.server.invitations import open_store
from sealwire.server.root_key_files import RootKeyFiles
from sealwire.server.root_key_settings import RootKeySettings
from sealwire.server.root_rotation import rotate_root_key
from sealwire.server.root_wrapping import wrap_root_keys
from sealwire.storage import public_half
from tests.server.dying import is_killed
from tests.server.processes import PROGRAM, Done, operate
from tests.support.programs import Program, Surroundings, run

PASSPHRASE = b"correct horse battery staple"
CHEAP = Cost(passes=1, lanes=1, memory_kib=8)


def configured(directory: Path, **settings: str) -> Path:
    """Change `[root_keys]` in a deployment's settings."""
    path = directory / "sealwire.toml"
    text = path.read_text()
    head, table = text.split("[root_keys]")
    for name, value in settings.items():
        before = getattr(read_config(path).root_keys, name)
        table = table.replace(f'{name} = "{before}"', f'{name} = "{value}"')
    path.write_text(f"{head}[root_keys]{table}")
    return directory


def fed(given: bytes, *arguments: str | Path) -> Done:
    """Run a command whose descriptor 0 gives something."""
    done = run(main, [PROGRAM, *arguments], stdin=given)
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def opens(directory: Path) -> bool:
    """Tell whether the store opens with the root keys of the deployment."""
    with open_store(load_deployment(directory), random=os.urandom) as store:
        return store.read_blocking(lambda tx: tx.namespaces.find("none")) is None


def root(directory: Path, version: int = 1) -> Path:
    return directory / "roots" / f"{version}.key"


def holds(directory: Path, key: X25519PrivateKey) -> bool:
    """Tell whether any file in `roots/` holds a private key, as it is or as PEM."""
    raw = key.private_bytes_raw()
    for path in (directory / "roots").iterdir():
        body = b"".join(path.read_bytes().splitlines()[1:-1])
        if raw in path.read_bytes() or raw in base64.b64decode(body + b"==", validate=False):
            return True
    return False


@pytest.fixture
def first(directory: Path) -> X25519PrivateKey:
    """The root key that the deployment was made with."""
    return parse_root_key(root(directory).read_bytes())


# Files.


def test_a_key_file_that_others_can_read_is_not_used(directory: Path) -> None:  # case 94
    root(directory).chmod(0o640)
    operate("serve", directory).assert_refused("1.key is open to other users")


def test_a_key_file_that_is_a_symbolic_link_is_not_used(directory: Path) -> None:
    root(directory).rename(directory / "elsewhere")
    root(directory).symlink_to(directory / "elsewhere")
    operate("serve", directory).assert_refused("must not be a symbolic link")


def test_a_new_key_never_goes_through_a_symbolic_link(directory: Path) -> None:
    root(directory, 2).symlink_to(directory / "elsewhere")
    operate("root", "rotate", directory).assert_refused("must not be a symbolic link")
    assert not (directory / "elsewhere").exists()


def test_what_a_killed_writer_left_is_gone_with_the_next_rotation(directory: Path) -> None:
    left = directory / "roots" / ".2.key.0123456789abcdef.tmp"
    write_new_secret(left, b"half a key")
    rotate_root_key(directory, random=os.urandom)
    assert {path.name for path in (directory / "roots").iterdir()} == {"1.key", "2.key"}


# Under a passphrase.


def wrap(directory: Path, passphrase: bytes = PASSPHRASE) -> Path:
    configured(directory, passphrase="descriptor:0")
    done = fed(passphrase + b"\n", "root", "wrap", directory)
    assert done.code == 0, done
    return directory


def test_wrapped_keys_open_with_their_passphrase_and_nothing_else(
    directory: Path, first: X25519PrivateKey
) -> None:
    wrap(directory)
    assert is_wrapped(root(directory).read_bytes())
    assert not holds(directory, first)
    assert fed(PASSPHRASE, "root", "list", directory).code == 0
    fed(b"another", "root", "list", directory).assert_refused("passphrase does not open")
    fed(b"\n", "serve", directory).assert_refused("is empty")
    operate("serve", directory).assert_refused("is empty")


def test_what_lay_there_before_is_overwritten(directory: Path, tmp_path: Path) -> None:
    kept = tmp_path / "the same bytes on the disk"
    os.link(root(directory), kept)
    size = kept.stat().st_size
    wrap(directory)
    assert kept.read_bytes() == bytes(size)
    assert [path.name for path in (directory / "roots").iterdir()] == ["1.key"]


def test_a_rotated_key_is_wrapped_as_the_one_before_it(directory: Path) -> None:
    wrap(directory)
    done = fed(PASSPHRASE, "root", "rotate", directory)
    assert done.code == 0, done
    assert is_wrapped(root(directory, 2).read_bytes())
    fed(b"another", "root", "list", directory).assert_refused("passphrase does not open")
    assert "version 2, which seals" in fed(PASSPHRASE, "root", "list", directory).out


def test_unwrapped_they_are_what_they_were(directory: Path, first: X25519PrivateKey) -> None:
    before = root(directory).read_bytes()
    wrap(directory)
    fed(b"another", "root", "unwrap", directory).assert_refused("passphrase does not open")
    assert "version 1" in fed(PASSPHRASE, "root", "unwrap", directory).out
    assert root(directory).read_bytes() == before
    assert fed(b"", "root", "unwrap", directory).out == "There was nothing to do.\n"
    assert opens(directory)


def test_all_keys_have_one_passphrase(directory: Path) -> None:
    wrap(directory)
    plain = root_key_text(X25519PrivateKey.generate())
    write_new_secret(root(directory, 2), plain)  # as a rotation leaves it that was killed
    fed(b"another", "root", "wrap", directory).assert_refused("passphrase does not open")
    assert root(directory, 2).read_bytes() == plain
    assert "version 2" in fed(PASSPHRASE, "root", "wrap", directory).out
    assert fed(PASSPHRASE, "root", "wrap", directory).out == "There was nothing to do.\n"


def wrap_cheaply() -> None:
    """Do as `root wrap` does with a directory, without half a second of Argon2."""
    wrap_root_keys(Path(sys.argv[1]), random=os.urandom, cost=CHEAP)


def test_wrapping_that_is_killed_at_any_step_leaves_a_key_that_opens_and_is_finished(  # case 70
    directory: Path, tmp_path: Path, first: X25519PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_new_secret(tmp_path / "passphrase", PASSPHRASE)
    monkeypatch.setenv(CREDENTIALS_DIRECTORY, str(tmp_path))
    configured(directory, passphrase="credential:passphrase")
    wrapped, killed, step = [], True, 0
    while killed:
        copy = Path(shutil.copytree(directory, tmp_path / str(step)))
        killed, step = is_killed(copy, copy, at=step, program=wrap_cheaply), step + 1
        assert opens(copy)
        wrapped.append(is_wrapped(root(copy).read_bytes()))
        wrap_root_keys(copy, random=os.urandom, cost=CHEAP)
        assert is_wrapped(root(copy).read_bytes())
        assert not holds(copy, first)
        assert [path.name for path in (copy / "roots").iterdir()] == ["1.key"]
    assert wrapped == sorted(wrapped)
    assert wrapped.count(False) > 2
    assert wrapped.count(True) > 2


def test_unwrapping_that_was_killed_is_finished(directory: Path, tmp_path: Path) -> None:
    wrap(directory)
    os.link(root(directory), directory / "roots" / "1.key.old")
    assert "version 1" in fed(PASSPHRASE, "root", "unwrap", directory).out
    assert [path.name for path in (directory / "roots").iterdir()] == ["1.key"]
    root(directory).rename(directory / "roots" / "1.key.old")
    fed(PASSPHRASE, "root", "wrap", directory).assert_refused("may be the only copy")
    assert (directory / "roots" / "1.key.old").exists()


def test_a_process_that_began_before_keys_were_wrapped_says_that_it_lacks_the_passphrase(
    directory: Path,
) -> None:
    keys = RootKeyFiles(directory / "roots")
    assert keys.load(1) is keys.load(1)
    wrap(directory)
    with pytest.raises(ConfigurationError, match="start it again"):
        keys.load(1)
    with pytest.raises(ConfigurationError, match="start it again"):
        keys.provide(2, random=os.urandom)


def at_terminal() -> None:
    """Become a command that has a controlling terminal, whose name comes before its arguments."""
    _, terminal, *arguments = sys.argv
    os.open(terminal, os.O_RDWR)  # a session leader without a terminal gets this one
    sys.argv = [PROGRAM, *arguments]
    main()


def typed(*arguments: str | Path, answers: list[bytes]) -> Done:
    """Run a command at a terminal, and type an answer whenever it asks."""
    leader, follower = pty.openpty()
    around = Surroundings(session=True)
    name = os.ttyname(follower)
    program = Program(at_terminal, [PROGRAM, name, *arguments], around)
    with os.fdopen(leader, "r+b", buffering=0) as terminal, os.fdopen(follower, "rb"):
        for answer in answers:
            shown = b""
            while not shown.endswith(b": "):
                ready, _, _ = select.select([leader], [], [], 30)
                assert ready, "it asked for nothing"
                shown += os.read(leader, 1024)
            terminal.write(answer + b"\n")
        out, err = program.communicate(60)
    return Done(program.wait(), out.decode(), err.decode())


def test_at_a_terminal_it_asks(directory: Path) -> None:
    arguments = ("root", "wrap", directory)
    differing = typed(*arguments, answers=[PASSPHRASE, b"another"])
    differing.assert_refused("The two passphrases differ")
    assert not is_wrapped(root(directory).read_bytes())
    assert typed(*arguments, answers=[PASSPHRASE, PASSPHRASE]).code == 0
    assert typed("root", "list", directory, answers=[PASSPHRASE]).code == 0
    typed("root", "list", directory, answers=[b"another"]).assert_refused("does not open")


def test_with_nobody_to_ask_it_says_what_else_there_is(directory: Path) -> None:
    around = Surroundings(session=True)
    done = run(main, [PROGRAM, "root", "wrap", str(directory)], around)
    ended = Done(done.returncode, done.stdout.decode(), done.stderr.decode())
    ended.assert_refused('root_keys.passphrase to "credential:NAME" or "descriptor:N"')


# Systemd credentials.


@pytest.fixture
def credentials(directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The credentials of a unit whose deployment has no root key of its own."""
    place = tmp_path / "credentials"
    place.mkdir(mode=0o700)
    root(directory).rename(place / "roots_1.key")
    (place / "roots_1.key").chmod(0o440)  # as an ACL looks
    (directory / "roots").rmdir()
    configured(directory, source="credentials")
    monkeypatch.setenv(CREDENTIALS_DIRECTORY, str(place))
    return place


def test_root_keys_come_from_credentials(directory: Path, credentials: Path) -> None:
    assert opens(directory)
    (credentials / "roots_1.key").chmod(0o444)
    operate("serve", directory).assert_refused("roots_1.key is open to other users")
    (credentials / "roots_1.key").unlink()
    operate("serve", directory).assert_refused("roots_1.key can't be opened")


def test_without_credentials_it_says_how_they_are_given(
    directory: Path, credentials: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(CREDENTIALS_DIRECTORY)
    operate("serve", directory).assert_refused("LoadCredential=")


def test_a_credential_that_is_a_symbolic_link_is_not_used(
    directory: Path, credentials: Path
) -> None:
    (credentials / "roots_1.key").rename(credentials / "other")
    (credentials / "roots_1.key").symlink_to(credentials / "other")
    operate("serve", directory).assert_refused("can't be opened")


def test_a_new_credential_is_made_by_hand_and_then_used(directory: Path, credentials: Path) -> None:
    refused = operate("root", "rotate", directory)
    refused.assert_refused("openssl genpkey -algorithm X25519")
    assert "as the credential roots_2.key" in refused.err
    command = ["openssl", "genpkey", "-algorithm", "X25519"]
    made = subprocess.run(command, check=True, capture_output=True)
    write_new_secret(credentials / "roots_2.key", made.stdout)
    assert "Root key version 2 seals from now on." in operate("root", "rotate", directory).out
    assert operate("reseal", directory).code == 0
    retired = operate("root", "retire", directory, "1", "--yes")
    assert "Remove it from the systemd credentials" in retired.out
    assert (credentials / "roots_1.key").exists()
    operate("root", "retire", directory, "1", "--yes").assert_refused("no root key version 1")


def test_what_is_not_in_files_is_not_wrapped(directory: Path, credentials: Path) -> None:
    operate("root", "wrap", directory).assert_refused("are not in its files")


# A descriptor.


@pytest.fixture
def keys(directory: Path) -> bytes:
    """What descriptor 0 gives to the commands of a deployment that has no root key of its own."""
    text = b"version 1\n" + root(directory).read_bytes()
    shutil.rmtree(directory / "roots")
    configured(directory, source="descriptor:0")
    return text


def test_root_keys_come_from_a_descriptor(directory: Path, keys: bytes) -> None:
    assert "version 1, which seals" in fed(keys, "root", "list", directory).out
    more = keys + b"version 2\n" + root_key_text(X25519PrivateKey.generate())
    assert "version 2" not in fed(more, "root", "list", directory).out
    fed(keys, "root", "rotate", directory).assert_refused("behind a line `version 2`")
    assert "Root key version 2 seals" in fed(more, "root", "rotate", directory).out
    fed(keys, "serve", directory).assert_refused("There is no root key version 2")


@pytest.mark.parametrize("spoil", ["nothing", "bare", "twice", "trailing", "zero"])
def test_a_descriptor_that_gives_something_else_is_refused(
    directory: Path, keys: bytes, spoil: str
) -> None:
    texts = {
        "nothing": b"",
        "bare": keys.removeprefix(b"version 1\n"),
        "twice": keys + keys,
        "trailing": keys + b"x",
        "zero": keys.replace(b"version 1", b"version 0"),
    }
    fed(texts[spoil], "serve", directory).assert_refused("must give root keys as PEM")


def test_a_descriptor_of_this_process_is_none_that_was_inherited(tmp_path: Path) -> None:
    """Else its lock, or its database, could be taken for the keys, and closed."""
    with (tmp_path / "own").open("w+b") as own:
        own.write(b"not handed to us")
        with pytest.raises(ConfigurationError, match="was not inherited"):
            read_descriptor(own.fileno())
        assert not own.closed
        own.flush()
    with pytest.raises(ConfigurationError, match="was not inherited"):
        read_descriptor(9_999)


# Settings.


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"source": "vault"}, "root_keys.source must be"),
        ({"source": "descriptor:1"}, "root_keys.source must be"),
        ({"passphrase": "secret"}, "root_keys.passphrase must be"),
        ({"passphrase": "credential:../x"}, "root_keys.passphrase must be"),
        ({"source": "descriptor:3", "passphrase": "descriptor:3"}, "the same file descriptor"),
        ({"sauce": "x"}, "root_keys.sauce is no setting"),
        ({"source": 3}, "root_keys.source must be of type str"),
    ],
)
def test_a_setting_that_says_nothing_is_named(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        RootKeySettings.of(settings)


def test_settings_without_the_table_are_those_of_before(directory: Path) -> None:
    path = directory / "sealwire.toml"
    assert read_config(path).root_keys == RootKeySettings()
    path.write_text(path.read_text().split("[root_keys]")[0])
    assert read_config(path).root_keys == RootKeySettings()
    path.write_text(path.read_text() + "root_keys = 3\n")
    operate("serve", directory).assert_refused("root_keys must be of type")


def test_a_process_that_knows_the_passphrase_opens_a_version_that_is_added_later(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_new_secret(tmp_path / "passphrase", PASSPHRASE)
    monkeypatch.setenv(CREDENTIALS_DIRECTORY, str(tmp_path))
    configured(directory, passphrase="credential:passphrase")
    wrap_root_keys(directory, random=os.urandom, cost=CHEAP)
    running = load_deployment(directory).root_keys
    monkeypatch.delenv(CREDENTIALS_DIRECTORY)  # it is not asked for again
    first = public_half(running.load(1))
    monkeypatch.setenv(CREDENTIALS_DIRECTORY, str(tmp_path))
    rotate_root_key(directory, random=os.urandom)
    monkeypatch.delenv(CREDENTIALS_DIRECTORY)
    assert public_half(running.load(2)) != first
