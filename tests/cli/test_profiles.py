"""Profiles: private, complete or absent, and refused when somebody touched them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sealwire.client.profiles import Profiles
from sealwire.core.errors import ConfigurationError
from sealwire.core.key_files import private_key_text
from sealwire.core.keys import PrivateKey
from sealwire.core.pki import new_tls_key, tls_key_pem
from tests.cli.deployments import Deployment, rewrite

FILES = ["profile.json", "identity.key", "tls.key", "tls.crt", "ca.crt"]


@pytest.fixture
def folder(profiles: Profiles, absent: Deployment) -> Path:
    absent.enrol(profiles, "work")
    return profiles.directory / "work"


def without(text: bytes, names: set[str]) -> bytes:
    """Return a JSON object without some of its fields."""
    return json.dumps({k: v for k, v in json.loads(text).items() if k not in names}).encode()


def test_a_profile_reads_as_it_was_written(profiles: Profiles, absent: Deployment) -> None:
    written = absent.enrol(profiles, "work")
    assert profiles.load("work") == written
    assert written.server == absent.server
    assert written.identity_name == "alice"


def test_a_profile_shows_no_secret_in_its_repr(profiles: Profiles, absent: Deployment) -> None:
    profile = absent.enrol(profiles, "work")
    assert isinstance(profile.signer, PrivateKey)
    assert "PRIVATE" not in repr(profile)
    assert repr(profile.signer.seed) not in repr(profile)


def test_everything_of_a_profile_is_open_to_its_user_only(profiles: Profiles, folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    for directory in (folder, profiles.directory, profiles.directory.parent):
        assert directory.stat().st_mode & 0o777 == 0o700


# case 90
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601])
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_others_can_open_is_refused(
    profiles: Profiles, folder: Path, name: str, mode: int
) -> None:
    (folder / name).chmod(mode)
    with pytest.raises(ConfigurationError, match="open to other users"):
        profiles.load("work")


# case 90
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_a_symbolic_link_is_refused(
    profiles: Profiles, folder: Path, name: str
) -> None:
    moved = folder.parent / f"moved-{name}"
    (folder / name).rename(moved)
    (folder / name).symlink_to(moved)
    with pytest.raises(ConfigurationError, match="symbolic link"):
        profiles.load("work")


# case 90
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("name", [*FILES, "."])
def test_what_belongs_to_somebody_else_is_refused(
    profiles: Profiles, folder: Path, name: str
) -> None:
    os.chown(folder / name, 65534, -1)
    with pytest.raises(ConfigurationError, match="belongs to another user"):
        profiles.load("work")


# case 90
@pytest.mark.parametrize("mode", [0o750, 0o705, 0o770])
def test_a_directory_that_others_can_open_is_refused(
    profiles: Profiles, folder: Path, mode: int
) -> None:
    folder.chmod(mode)
    with pytest.raises(ConfigurationError, match="chmod 700"):
        profiles.load("work")


def test_a_directory_that_is_a_symbolic_link_is_refused(profiles: Profiles, folder: Path) -> None:
    (folder.parent / "other").symlink_to(folder)
    with pytest.raises(ConfigurationError, match="not a directory"):
        profiles.load("other")


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(profiles: Profiles, folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ConfigurationError, match=rf"{name} does not exist"):
        profiles.load("work")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damaged", [b"", b"\0\xff garbage", b"[" * 100_000, b"[]", b'{"a": 1}'])
def test_a_damaged_file_is_refused_in_a_sentence(
    profiles: Profiles, folder: Path, name: str, damaged: bytes
) -> None:
    (folder / name).write_bytes(damaged)
    with pytest.raises(ConfigurationError, match=r"damaged|no unencrypted"):
        profiles.load("work")


@pytest.mark.parametrize(
    "field",
    [
        "format",
        "address",
        "audience",
        "server_public_key",
        "server_key_id",
        "identity_id",
        "identity_name",
    ],
)
def test_a_profile_without_one_of_its_fields_is_refused(
    profiles: Profiles, folder: Path, field: str
) -> None:
    rewrite(folder / "profile.json", lambda text: text.replace(field.encode(), b"other"))
    with pytest.raises(ConfigurationError, match="damaged"):
        profiles.load("work")


def test_a_server_key_that_is_not_the_one_its_id_names_is_refused(
    profiles: Profiles, folder: Path, absent: Deployment
) -> None:
    pinned = absent.server.public_key.text.encode()
    other = PrivateKey.generate(os.urandom).public_key.text.encode()
    rewrite(folder / "profile.json", lambda text: text.replace(pinned, other))
    with pytest.raises(ConfigurationError, match="damaged"):
        profiles.load("work")


def test_a_tls_key_of_another_certificate_is_refused(profiles: Profiles, folder: Path) -> None:
    rewrite(folder / "tls.key", lambda _: tls_key_pem(new_tls_key()))
    with pytest.raises(ConfigurationError, match="damaged"):
        profiles.load("work")


def test_a_key_that_is_not_the_enrolled_one_is_refused(profiles: Profiles, folder: Path) -> None:
    other = private_key_text(PrivateKey.generate(os.urandom))
    rewrite(folder / "identity.key", lambda _: other)
    with pytest.raises(ConfigurationError, match="not the one that this profile was enrolled with"):
        profiles.load("work")


@pytest.mark.parametrize(
    "later", [{"signer", "public_key_id", "certificate"}, {"signer"}, {"public_key_id"}]
)
def test_a_profile_of_before_signers_could_be_chosen_is_read(
    profiles: Profiles, folder: Path, later: set[str]
) -> None:
    now = profiles.load("work")
    rewrite(folder / "profile.json", lambda text: without(text, later))
    assert profiles.load("work") == now


@pytest.mark.parametrize(
    "change",
    [
        {"public_key_id": 1},
        {"signer": None},
        {"certificate": "stolen"},
    ],
)
def test_a_field_of_no_meaning_is_damage(
    profiles: Profiles, folder: Path, change: dict[str, object]
) -> None:
    rewrite(
        folder / "profile.json", lambda text: json.dumps({**json.loads(text), **change}).encode()
    )
    with pytest.raises(ConfigurationError, match="damaged"):
        profiles.load("work")


def test_a_signer_of_no_kind_is_refused(profiles: Profiles, folder: Path) -> None:
    rewrite(folder / "profile.json", lambda text: text.replace(b'"file"', b'"cloud"'))
    with pytest.raises(ConfigurationError, match="no place where a key can live"):
        profiles.load("work")


def test_the_first_profile_is_put_in_use_and_stays_so(
    profiles: Profiles, absent: Deployment
) -> None:
    absent.enrol(profiles, "first")
    absent.enrol(profiles, "second")
    assert profiles.in_use() == "first"


def test_without_a_profile_people_are_told_how_to_get_one(profiles: Profiles) -> None:
    with pytest.raises(ConfigurationError, match="sealwire join FILE"):
        profiles.in_use()
    with pytest.raises(ConfigurationError, match="--profile other"):
        profiles.load("other")


def test_adopting_never_replaces_a_profile(profiles: Profiles, absent: Deployment) -> None:
    first = absent.enrol(profiles, "work")
    with pytest.raises(ConfigurationError, match="left as it is"):
        absent.enrol(profiles, "work")
    assert profiles.load("work") == first


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", ".hidden", "-x", "ä", "a" * 65])
def test_a_name_that_could_leave_the_directory_is_refused(profiles: Profiles, name: str) -> None:
    with pytest.raises(ConfigurationError, match="can't be the name"):
        profiles.load(name)


def test_a_pointer_to_anything_but_a_profile_name_is_refused(
    profiles: Profiles, folder: Path
) -> None:
    pointer = profiles.directory.parent / "current"
    pointer.write_bytes(b"../\x1b[31m\xff")
    with pytest.raises(ConfigurationError, match="can't be the name"):
        profiles.in_use()


def test_a_profile_connects_until_its_certificate_ends(
    profiles: Profiles, absent: Deployment
) -> None:
    profile = absent.enrol(profiles, "work")
    profile.connect(clock=lambda: profile.certificate_ends - 1).close()
    with pytest.raises(ConfigurationError, match=r"ended on \d{4}-\d\d-\d\d; ask"):
        profile.connect(clock=lambda: profile.certificate_ends)


def test_the_configuration_directory_is_the_xdg_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert Profiles.of_user().directory == tmp_path / "sealwire" / "profiles"


def test_a_relative_xdg_directory_is_ignored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    assert Profiles.of_user().directory.is_relative_to(tmp_path)
