"""Certificates that are renewed before they end, under the calls of a client that goes on."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from sealwire.client.connection import Access
from sealwire.client.errors import RemoteError, TransportError
from sealwire.client.profile_files import Profile, read_profile
from sealwire.client.profile_upkeep import ProfileUpkeep
from sealwire.client.profiles import Profiles
from sealwire.client.renewal import Means, renew
from sealwire.core.errors import Code, ConfigurationError, StatusError
from sealwire.core.keys import PrivateKey
from sealwire.core.pki import CertificateAuthority, Validity, certificate_pem
from sealwire.core.responses import ResponseVerificationError
from sealwire.core.secret_files import replace_secret
from sealwire.v1.identity_pb2 import Identity
from tests.cli.key_servers import DAY_MS, KeyServer, serial
from tests.cli.test_profiles import FILES

REFUSAL = StatusError(Code.UNAVAILABLE, "NOT_NOW", "Not now.")
LATE = 5 * DAY_MS
"""Into a certificate of 7 days: less than a third of its life is left."""


@pytest.fixture
def profile(keys: KeyServer, profiles: Profiles) -> Profile:
    return keys.enrol(profiles)


def renew_now(profile: Profile, keys: KeyServer) -> None:
    means = Means(keys.house.clock, os.urandom)
    renew(profile.folder, lambda folder: read_profile(folder).access, means)


def files(profile: Profile) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in profile.folder.iterdir()}


def new_serial(profile: Profile) -> str:
    """Return the serial number of the profile's certificate, which must be another than before."""
    new = serial((profile.folder / "tls.crt").read_bytes())
    assert new != serial(profile.tls.certificate_pem)
    return new


def test_a_renewal_brings_a_certificate_for_a_new_tls_key(
    keys: KeyServer, profile: Profile, profiles: Profiles
) -> None:
    before = files(profile)
    renew_now(profile, keys)
    after = files(profile)
    changed = {name for name in FILES if after[name] != before[name]}
    assert changed == {"tls.key", "tls.crt"}
    assert sorted(after) == sorted(FILES)
    with profiles.load("default").connect(clock=keys.house.clock) as client:
        client.whoami()
    assert keys.peers[-1] == new_serial(profile)


def test_a_renewal_brings_the_cas_to_trust_from_now_on(
    keys: KeyServer, profile: Profile, profiles: Profiles
) -> None:
    another = CertificateAuthority.create("Next CA", validity=Validity(keys.house.clock(), 30))
    keys.bundle = (keys.house.pki.ca_pem + certificate_pem(another.certificate)).decode()
    renew_now(profile, keys)
    assert (profile.folder / "ca.crt").read_text() == keys.bundle
    with profiles.load("default").connect(clock=keys.house.clock) as client:
        assert client.whoami().name == "default"


def test_a_client_renews_before_a_call_when_a_third_is_left(
    keys: KeyServer, profile: Profile
) -> None:
    with profile.connect(clock=keys.house.clock) as client:
        client.whoami()
        assert keys.renewals == 0
        keys.house.clock.advance(LATE)
        client.whoami()
        client.whoami()
    assert keys.renewals == 1
    assert keys.peers[-2:] == [new_serial(profile)] * 2


async def test_an_asyncio_client_renews_likewise(keys: KeyServer, profile: Profile) -> None:
    async with profile.connect_async(clock=keys.house.clock) as client:
        await client.whoami()
        assert keys.renewals == 0
        keys.house.clock.advance(LATE)
        await asyncio.gather(*(client.whoami() for _ in range(8)))
        await client.whoami()
    assert keys.renewals == 1
    assert keys.peers[-1] == new_serial(profile)


def hold_next_call(keys: KeyServer) -> tuple[asyncio.Event, asyncio.Event]:
    """Let the next WhoAmI wait; return the event that it sets, and the one that it waits for."""
    keys.holding, keys.held = asyncio.Event(), asyncio.Event()
    return keys.holding, keys.held


def test_calls_under_way_end_on_the_connection_that_they_began_on(
    keys: KeyServer, profile: Profile
) -> None:
    holding, held = hold_next_call(keys)
    answers: list[Identity] = []
    with profile.connect(clock=keys.house.clock) as client:
        call = threading.Thread(target=lambda: answers.append(client.whoami()))
        call.start()
        keys.house.loop.run(holding.wait())
        keys.house.clock.advance(LATE)
        assert client.whoami().name == "default"
        assert keys.peers[-1] == new_serial(profile)
        assert answers == []
        keys.house.loop.loop.call_soon_threadsafe(held.set)
        call.join()
        client.whoami()
    assert [answer.name for answer in answers] == ["default"]


async def test_asyncio_calls_under_way_do_so_too(keys: KeyServer, profile: Profile) -> None:
    holding, held = hold_next_call(keys)
    async with profile.connect_async(clock=keys.house.clock) as client:
        call = asyncio.create_task(client.whoami())
        await asyncio.to_thread(keys.house.loop.run, holding.wait())
        keys.house.clock.advance(LATE)
        await client.whoami()
        assert keys.peers[-1] == new_serial(profile)
        keys.house.loop.loop.call_soon_threadsafe(held.set)
        assert (await call).name == "default"
        await client.whoami()


def test_a_renewal_that_is_refused_is_no_error_and_is_tried_again_later(
    keys: KeyServer, profile: Profile
) -> None:
    before = files(profile)
    keys.refusal = REFUSAL
    with profile.connect(clock=keys.house.clock) as client:
        keys.house.clock.advance(LATE)
        for _ in range(3):
            assert client.whoami().name == "default"
        assert keys.renewals == 1
        assert files(profile) == before
        keys.house.clock.advance(DAY_MS // 4)
        client.whoami()
        assert keys.renewals == 2
        keys.refusal = None
        keys.house.clock.advance(DAY_MS // 4)
        client.whoami()
    assert keys.renewals == 3
    assert keys.peers[-1] == new_serial(profile)


def test_a_client_whose_certificate_has_ended_says_so(keys: KeyServer, profile: Profile) -> None:
    keys.refusal = REFUSAL
    with profile.connect(clock=keys.house.clock) as client:
        keys.house.clock.advance(8 * DAY_MS)
        with pytest.raises(ConfigurationError, match=r"ended on .* an invitation that recovers"):
            client.whoami()


def test_a_certificate_that_another_process_has_renewed_is_used(
    keys: KeyServer, profile: Profile
) -> None:
    with profile.connect(clock=keys.house.clock) as client:
        renew_now(profile, keys)
        keys.house.clock.advance(LATE)
        client.whoami()
    assert keys.renewals == 1
    assert keys.peers[-1] == new_serial(profile)


def test_a_profile_that_can_not_be_written_is_renewed_for_the_process(
    keys: KeyServer, profile: Profile
) -> None:
    replaced = profile.folder.with_name("moved")
    with profile.connect(clock=keys.house.clock) as client:
        keys.house.clock.advance(LATE)
        profile.folder.rename(replaced)
        client.whoami()
        assert keys.renewals == 0
        replaced.rename(profile.folder)
        (profile.folder / ".renewed").touch()
        keys.house.clock.advance(DAY_MS // 4)
        client.whoami()
    assert keys.renewals == 1
    assert (profile.folder / "tls.crt").read_bytes() == profile.tls.certificate_pem
    assert keys.peers[-1] != serial(profile.tls.certificate_pem)


def test_a_servers_new_key_is_pinned_in_the_profile(
    keys: KeyServer, profile: Profile, profiles: Profiles
) -> None:
    new = PrivateKey.generate(os.urandom).public_key
    upkeep = ProfileUpkeep(profile, read=read_profile, means=Means(keys.house.clock, os.urandom))
    upkeep.remember(new)
    assert profiles.load("default").server.public_key == new
    assert profiles.load("default").public_key_id == profile.public_key_id


def test_a_change_meanwhile_is_not_overwritten(keys: KeyServer, profile: Profile) -> None:
    def read_and_change(folder: Path) -> Access:
        access = read_profile(folder).access
        replace_secret(folder / "tls.crt", profile.tls.certificate_pem + b"\n")
        return access

    with pytest.raises(ConfigurationError, match="changed this profile meanwhile"):
        renew(profile.folder, read_and_change, Means(keys.house.clock, os.urandom))
    assert (profile.folder / "tls.key").read_bytes() == profile.tls.key_pem


def test_a_certificate_by_a_ca_that_the_server_does_not_trust_is_not_kept(
    keys: KeyServer, profile: Profile
) -> None:
    """The operator's mistake: the next CA issues already, but no server takes its certificates."""
    before = files(profile)
    keys.issuer = CertificateAuthority.create("Next CA", validity=Validity(keys.house.clock(), 30))
    next_ca = certificate_pem(keys.issuer.certificate)
    keys.bundle = (keys.house.pki.ca_pem + next_ca).decode()
    with pytest.raises(TransportError):
        renew_now(profile, keys)
    assert files(profile) == before


def test_a_bundle_without_the_servers_own_ca_is_not_kept(keys: KeyServer, profile: Profile) -> None:
    before = files(profile)
    keys.issuer = CertificateAuthority.create("Next CA", validity=Validity(keys.house.clock(), 30))
    keys.bundle = certificate_pem(keys.issuer.certificate).decode()
    with pytest.raises(TransportError):
        renew_now(profile, keys)
    assert files(profile) == before


@pytest.mark.parametrize("bundle", ["", "no certificate"])
def test_an_answer_without_cas_changes_nothing(
    keys: KeyServer, profile: Profile, bundle: str
) -> None:
    before = files(profile)
    keys.bundle = bundle
    with pytest.raises(ResponseVerificationError):
        renew_now(profile, keys)
    assert files(profile) == before


def test_a_refusal_changes_nothing(keys: KeyServer, profile: Profile) -> None:
    before = files(profile)
    keys.refusal = REFUSAL
    with pytest.raises(RemoteError, match=r"Not now\. Nothing was acknowledged"):
        renew_now(profile, keys)
    assert files(profile) == before
