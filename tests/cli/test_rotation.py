"""Rotation: the next key takes the present one's place, or everything stays as it was."""

from __future__ import annotations

import dataclasses
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sealwire.client.errors import ExistsError, TransportError, UnauthenticatedError
from sealwire.client.profile_files import OUTSIDE, Profile, read_fields
from sealwire.client.profiles import Profiles
from sealwire.client.renewal import Means
from sealwire.client.rotation import rotate_key
from sealwire.core.errors import Code, ConfigurationError, SealwireError, StatusError
from sealwire.core.pki import CertificateAuthority, Validity, certificate_pem
from sealwire.core.responses import ResponseVerificationError
from sealwire.interceptors import Binding
from tests.cli.agents import Agent, listening, new_key
from tests.cli.deployments import rewrite
from tests.cli.key_servers import DAY_MS, KeyServer, serial
from tests.cli.test_profiles import FILES
from tests.support.pki import TRUST_DOMAIN

KNOWN = StatusError(Code.ALREADY_EXISTS, "ALREADY_EXISTS", "This key is enrolled already.")
NOT_NOW = StatusError(Code.UNAVAILABLE, "NOT_NOW", "Not now.")
PATIENCE = 1.0
"""Seconds after which a client gives up an answer that never comes."""


@pytest.fixture
def profile(keys: KeyServer, profiles: Profiles) -> Profile:
    return keys.enrol(profiles)


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    """The ssh-agent of this session; it holds two keys."""
    agent = Agent({"one": new_key(), "two": new_key()})
    with listening(agent) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        yield agent


def means(keys: KeyServer, *, timeout: float = 30) -> Means:
    return Means(keys.house.clock, os.urandom, timeout=timeout)


def names(profile: Profile) -> list[str]:
    return sorted(path.name for path in profile.folder.iterdir())


def interrupt(keys: KeyServer, profile: Profile) -> str:
    """Rotate at the server, without the client hearing of it; return the next key's id."""
    keys.answers_rotations = False
    with pytest.raises(TransportError):
        rotate_key(profile.folder, means(keys, timeout=PATIENCE))
    keys.answers_rotations = True
    next_key_id = read_fields(profile.folder / ".next")["public_key_id"]
    assert list(keys.house.directory.keys) == [next_key_id]
    return next_key_id


def test_the_next_key_is_the_profiles_and_the_servers(
    keys: KeyServer, profile: Profile, profiles: Profiles
) -> None:
    rotated = rotate_key(profile.folder, means(keys))
    assert rotated == profiles.load("default")
    assert rotated.public_key_id == rotated.signer.public_key.key_id != profile.public_key_id
    assert list(keys.house.directory.keys) == [rotated.public_key_id]
    assert names(rotated) == sorted(FILES)
    with rotated.connect(clock=keys.house.clock) as client:
        assert client.whoami().public_key_id == rotated.public_key_id
    assert keys.peers[-1] == serial(rotated.tls.certificate_pem)
    assert rotated.tls.key_pem != profile.tls.key_pem


def test_the_replaced_key_is_on_disk_no_more(keys: KeyServer, profile: Profile) -> None:
    old = (profile.folder / "identity.key").read_bytes()
    rotate_key(profile.folder, means(keys))
    assert old not in [path.read_bytes() for path in profile.folder.parent.rglob("*.*")]


def test_what_else_the_profile_says_stays(keys: KeyServer, profile: Profile) -> None:
    rotated = rotate_key(profile.folder, means(keys))
    unchanged = dataclasses.replace(
        rotated,
        public_key_id=profile.public_key_id,
        signer=profile.signer,
        tls=profile.tls,
        certificate_ends=profile.certificate_ends,
    )
    assert unchanged == profile


def test_a_lost_answer_is_found_out_at_the_next_call(
    keys: KeyServer, profile: Profile, profiles: Profiles
) -> None:
    next_key_id = interrupt(keys, profile)
    loaded = profiles.load("default")
    assert loaded.public_key_id == profile.public_key_id
    with loaded.connect(clock=keys.house.clock) as client:
        assert client.whoami().public_key_id == next_key_id
    assert profiles.load("default").public_key_id == next_key_id
    assert names(profile) == sorted(FILES)


async def test_an_asyncio_client_finds_it_out_too(
    keys: KeyServer, profile: Profile, profiles: Profiles
) -> None:
    next_key_id = interrupt(keys, profile)
    async with profiles.load("default").connect_async(clock=keys.house.clock) as client:
        assert (await client.whoami()).public_key_id == next_key_id
    assert profiles.load("default").public_key_id == next_key_id


def test_a_lost_answer_is_found_out_by_the_next_attempt(keys: KeyServer, profile: Profile) -> None:
    next_key_id = interrupt(keys, profile)
    assert rotate_key(profile.folder, means(keys)).public_key_id == next_key_id


def test_while_the_server_is_away_nothing_is_decided(
    keys: KeyServer, profile: Profile, profiles: Profiles
) -> None:
    interrupt(keys, profile)
    address = profile.server.address.encode()
    rewrite(profile.folder / "profile.json", lambda text: text.replace(address, b"127.0.0.1:1"))
    with pytest.raises(TransportError):
        rotate_key(profile.folder, means(keys))
    assert profiles.load("default").public_key_id == profile.public_key_id
    assert ".next" in names(profile)


def test_a_running_client_goes_on_with_the_key_that_another_process_made(
    keys: KeyServer, profile: Profile
) -> None:
    with profile.connect(clock=keys.house.clock) as client:
        client.whoami()
        for _ in range(2):
            rotated = rotate_key(profile.folder, means(keys))
            assert client.whoami().public_key_id == rotated.public_key_id


async def test_a_running_asyncio_client_does_so_too(keys: KeyServer, profile: Profile) -> None:
    async with profile.connect_async(clock=keys.house.clock) as client:
        await client.whoami()
        rotated = rotate_key(profile.folder, means(keys))
        assert (await client.whoami()).public_key_id == rotated.public_key_id


def test_a_key_that_is_refused_for_another_reason_is_asked_about_once(
    keys: KeyServer, profile: Profile
) -> None:
    with profile.connect(clock=keys.house.clock) as client:
        keys.house.directory.keys.clear()
        with pytest.raises(UnauthenticatedError):
            client.whoami()
    assert len(keys.house.refusals) == 1


def test_a_next_key_that_is_not_active_yet_is_not_used(
    keys: KeyServer, profile: Profile, profiles: Profiles
) -> None:
    keys.refusal = NOT_NOW
    with pytest.raises(SealwireError, match="Not now"):
        rotate_key(profile.folder, means(keys))
    with profiles.load("default").connect(clock=keys.house.clock) as client:
        assert client.whoami().public_key_id == profile.public_key_id
    keys.refusal = None
    staged = read_fields(profile.folder / ".next")["public_key_id"]
    assert rotate_key(profile.folder, means(keys)).public_key_id == staged


def test_a_next_key_that_is_refused_for_good_makes_room_for_another(
    keys: KeyServer, profile: Profile
) -> None:
    keys.refusal = KNOWN
    with pytest.raises(ExistsError):
        rotate_key(profile.folder, means(keys))
    assert names(profile) == sorted(FILES)
    keys.refusal = None
    rotate_key(profile.folder, means(keys))


def test_a_certificate_that_is_not_for_the_next_key_stops_the_rotation(
    keys: KeyServer, profile: Profile
) -> None:
    keys.issuer = CertificateAuthority.create("Other", validity=Validity(keys.house.clock(), 30))
    with pytest.raises(ResponseVerificationError, match="not one for the keys made here"):
        rotate_key(profile.folder, means(keys))
    assert list(keys.house.directory.keys) == [profile.public_key_id]
    assert not (profile.folder / ".next" / "tls.crt").exists()


def test_a_certificate_that_the_server_does_not_take_stops_the_rotation(
    keys: KeyServer, profile: Profile
) -> None:
    """Before the present key is given up, the next one's way to the server is tried."""
    keys.issuer = CertificateAuthority.create("Next", validity=Validity(keys.house.clock(), 30))
    keys.bundle = (keys.house.pki.ca_pem + certificate_pem(keys.issuer.certificate)).decode()
    with pytest.raises(TransportError):
        rotate_key(profile.folder, means(keys))
    assert list(keys.house.directory.keys) == [profile.public_key_id]


def test_a_certificate_that_ended_while_the_rotation_waited_is_issued_anew(
    keys: KeyServer, profile: Profile
) -> None:
    keys.rotation_refusal = NOT_NOW
    with pytest.raises(SealwireError, match="Not now"):
        rotate_key(profile.folder, means(keys))
    staged = profile.folder / ".next"
    tls_key = serialization.load_pem_private_key((staged / "tls.key").read_bytes(), None)
    assert isinstance(tls_key, ec.EllipticCurvePrivateKey)
    uri = TRUST_DOMAIN.key_uri(read_fields(staged)["public_key_id"])
    ended = keys.house.pki.authority.issue_client(
        tls_key.public_key(), uri, validity=Validity(keys.house.clock() - 9 * DAY_MS, 1)
    )
    rewrite(staged / "tls.crt", lambda _: certificate_pem(ended))
    keys.rotation_refusal = None
    rotated = rotate_key(profile.folder, means(keys))
    assert rotated.certificate_ends > keys.house.clock()
    assert keys.renewals == 2


def test_a_certificate_of_an_outside_pki_stays(
    keys: KeyServer, profile: Profile, profiles: Profiles
) -> None:
    """It is registered with the next key, as it was with the one before."""
    rewrite(profile.folder / "profile.json", lambda text: text.replace(b"issued", OUTSIDE.encode()))
    registered = keys.house.directory.keys[profile.public_key_id]
    uri = TRUST_DOMAIN.key_uri(profile.public_key_id)
    keys.house.directory.keys[profile.public_key_id] = dataclasses.replace(
        registered, certificate_uri=uri
    )
    keys.house.binding = Binding.REGISTERED
    with keys.house.serving(keys.register):
        address = keys.house.address.encode()
        rewrite(
            profile.folder / "profile.json",
            lambda text: text.replace(profile.server.address.encode(), address),
        )
        rotated = rotate_key(profile.folder, means(keys))
        assert (rotated.tls, keys.renewals) == (profile.tls, 0)
        with rotated.connect(clock=keys.house.clock) as client:
            assert client.whoami().public_key_id == rotated.public_key_id


def test_the_next_key_may_live_elsewhere(
    keys: KeyServer, profile: Profile, profiles: Profiles, agent: Agent
) -> None:
    key = agent.keys["one"].public_key
    rotated = rotate_key(profile.folder, means(keys), signer_text="agent:one")
    assert (rotated.public_key_id, rotated.signer_text) == (key.key_id, f"agent:{key.key_id}")
    assert names(rotated) == sorted(set(FILES) - {"identity.key"})
    with profiles.load("default").connect(clock=keys.house.clock) as client:
        assert client.whoami().public_key_id == key.key_id
    back = rotate_key(profile.folder, means(keys), signer_text="file")
    assert names(back) == sorted(FILES)
    with back.connect(clock=keys.house.clock) as client:
        assert client.whoami().public_key_id == back.public_key_id


def test_a_rotation_to_a_key_elsewhere_goes_on_after_an_interruption(
    keys: KeyServer, profile: Profile, agent: Agent
) -> None:
    keys.rotation_refusal = NOT_NOW
    with pytest.raises(SealwireError, match="Not now"):
        rotate_key(profile.folder, means(keys), signer_text="agent:two")
    keys.rotation_refusal = None
    rotated = rotate_key(profile.folder, means(keys))
    assert rotated.public_key_id == agent.keys["two"].public_key.key_id


def test_a_rotation_under_way_takes_no_other_key(
    keys: KeyServer, profile: Profile, agent: Agent
) -> None:
    keys.refusal = NOT_NOW
    with pytest.raises(SealwireError, match="Not now"):
        rotate_key(profile.folder, means(keys))
    keys.refusal = None
    with pytest.raises(ConfigurationError, match="finish it first, with: sealwire key rotate"):
        rotate_key(profile.folder, means(keys), signer_text="agent:one")
    assert list(keys.house.directory.keys) == [profile.public_key_id]


@pytest.mark.parametrize("text", ["nonsense", "file:/no/such/key", "agent:nobody"])
def test_a_place_without_a_key_changes_nothing(
    keys: KeyServer, profile: Profile, agent: Agent, text: str
) -> None:
    with pytest.raises(SealwireError):
        rotate_key(profile.folder, means(keys), signer_text=text)
    assert names(profile) == sorted(FILES)
    assert keys.renewals == 0


def test_the_present_key_does_not_follow_itself(
    keys: KeyServer, profile: Profile, tmp_path: Path
) -> None:
    same = tmp_path / "same.key"
    shutil.copy(profile.folder / "identity.key", same)
    with pytest.raises(ConfigurationError, match="the profile's present key"):
        rotate_key(profile.folder, means(keys), signer_text=f"file:{same}")
    assert names(profile) == sorted(FILES)


def test_where_no_key_can_be_made_one_must_be_named(
    keys: KeyServer, profiles: Profiles, agent: Agent
) -> None:
    profile = keys.enrol(profiles, signer="agent:one")
    with pytest.raises(
        ConfigurationError, match="say where the next key is to live, with --signer"
    ):
        rotate_key(profile.folder, means(keys))
    rotated = rotate_key(profile.folder, means(keys), signer_text="agent:two")
    assert rotated.public_key_id == agent.keys["two"].public_key.key_id


# case 90
def test_a_prepared_key_that_others_can_read_is_not_used(keys: KeyServer, profile: Profile) -> None:
    keys.rotation_refusal = NOT_NOW
    with pytest.raises(SealwireError, match="Not now"):
        rotate_key(profile.folder, means(keys))
    keys.rotation_refusal = None
    (profile.folder / ".next" / "identity.key").chmod(0o644)
    with pytest.raises(ConfigurationError, match="open to other users"):
        rotate_key(profile.folder, means(keys))
    assert list(keys.house.directory.keys) == [profile.public_key_id]


def test_two_rotations_at_once_end_with_one_key(keys: KeyServer, profile: Profile) -> None:
    ended: list[object] = []

    def rotate() -> None:
        try:
            ended.append(rotate_key(profile.folder, means(keys)).public_key_id)
        except SealwireError as error:
            ended.append(error)

    threads = [threading.Thread(target=rotate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = Profiles(profile.folder.parent.parent).load("default")
    assert list(keys.house.directory.keys) == [after.public_key_id]
    assert after.public_key_id in ended
    with after.connect(clock=keys.house.clock) as client:
        assert client.whoami().public_key_id == after.public_key_id
