"""What is asked again when no answer came: only what is safe, a few times, each time anew."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from sealwire.client.async_calling import AsyncChannelCaller
from sealwire.client.attempts import (
    FIRST_PAUSE,
    MAX_ATTEMPTS,
    MAX_PAUSE,
    backoff,
    identified,
    is_safe_to_repeat,
)
from sealwire.client.calling import ChannelCaller
from sealwire.client.errors import ExistsError, RemoteError, TransportError
from sealwire.client.identity_operations import IdentityOperations
from sealwire.client.lines import Circumstances
from sealwire.client.operations import Call
from sealwire.client.profile_files import Profile
from sealwire.client.profiles import Profiles
from sealwire.client.record_operations import RecordOperations
from sealwire.client.upkeep import Upkeep
from sealwire.core.errors import AlreadyExistsError, Code, SealwireError, UnavailableError
from sealwire.core.keys import PrivateKey
from sealwire.core.policy import method_policy
from sealwire.core.responses import ResponseVerificationError
from sealwire.interceptors import Call as Served
from sealwire.v1 import identity_pb2, keys_pb2, namespaces_pb2, permissions_pb2, records_pb2
from sealwire.v1.identity_pb2 import (
    CreateInvitationRequest,
    CreateInvitationResponse,
    WhoAmIRequest,
    WhoAmIResponse,
)
from sealwire.v1.keys_pb2 import RenewCertificateRequest, RenewCertificateResponse
from tests.cli.key_servers import KeyServer
from tests.support.servers import House

FILES = (identity_pb2, keys_pb2, namespaces_pb2, permissions_pb2, records_pb2)
NOT_REPEATED = {"Enroll", "RenewCertificate", "RotateKey", "WatchRecords"}
UNAVAILABLE = UnavailableError("Not now.")
WHOAMI: Call[identity_pb2.Identity] = RecordOperations.whoami(None)
INVITE: Call[bytes] = IdentityOperations.invite(None, "bob")
RENEW = Call("/sealwire.v1.KeyService/RenewCertificate", RenewCertificateRequest(), lambda _: None)
T = TypeVar("T")


@dataclass
class Flaky(KeyServer):
    """Answers with the errors that it is given, one for each request, before it does its work."""

    errors: list[SealwireError] = field(default_factory=list)
    request_ids: list[str] = field(default_factory=list)
    asked: int = 0

    async def WhoAmI(self, request: WhoAmIRequest, call: Served) -> WhoAmIResponse:
        self._fail_if_told()
        return await super().WhoAmI(request, call)

    async def CreateInvitation(self, request: object, _call: Served) -> CreateInvitationResponse:
        assert isinstance(request, CreateInvitationRequest)
        self.request_ids.append(request.request_id)
        self._fail_if_told()
        return CreateInvitationResponse(invitation=b"invitation")

    async def RenewCertificate(
        self, request: RenewCertificateRequest, call: Served
    ) -> RenewCertificateResponse:
        self._fail_if_told()
        return await super().RenewCertificate(request, call)

    def _fail_if_told(self) -> None:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)


@dataclass
class Scene:
    """A client at a flaky server. Nobody waits: `pauses` are those that it would have made.

    Its clock goes on by them, and by `attempt_seconds` for each request.
    """

    server: Flaky
    profile: Profile
    pauses: list[float] = field(default_factory=list)
    timeout: float = 20.0
    attempt_seconds: float = 0.0

    def run(self, call: Call[T]) -> T:
        """Make a call as the blocking client does."""
        caller = ChannelCaller(self._upkeep(), self._circumstances(), sleep=self.pauses.append)
        with contextlib.closing(caller):
            return caller.run(call)

    async def run_async(self, call: Call[T]) -> T:
        """Make a call as the asyncio client does."""

        async def sleep(seconds: float) -> None:
            self.pauses.append(seconds)

        caller = AsyncChannelCaller(self._upkeep(), self._circumstances(), sleep=sleep)
        try:
            return await caller.run(call)
        finally:
            await caller.close()

    def _upkeep(self) -> Upkeep:
        return Upkeep(self.profile.access)

    def _circumstances(self) -> Circumstances:
        clock = self.server.house.clock
        return Circumstances(clock, os.urandom, self.timeout, self._monotonic)

    def _monotonic(self) -> float:
        return sum(self.pauses) + self.server.asked * self.attempt_seconds


@pytest.fixture
def scene(house: House, profiles: Profiles) -> Iterator[Scene]:
    server = Flaky(house)
    with house.serving(server.register):
        yield Scene(server, server.enrol(profiles))


Run = Callable[[Scene, Call[Any]], Any]


def asyncio_too(scene: Scene, call: Call[T]) -> T:
    return asyncio.run(scene.run_async(call))


both = pytest.mark.parametrize("run", [Scene.run, asyncio_too])


def paths() -> Iterator[str]:
    for file in FILES:
        for service in file.DESCRIPTOR.services_by_name.values():
            yield from (f"/{service.full_name}/{method.name}" for method in service.methods)


@pytest.mark.parametrize("path", [*paths()])
def test_every_method_only_reads_or_has_a_request_id_or_is_known_to_have_none(path: str) -> None:
    call = identified(Call(path, method_policy(path).request(), lambda _: None), os.urandom)
    assert is_safe_to_repeat(call) != (path.rpartition("/")[2] in NOT_REPEATED)


@both
def test_what_only_reads_is_asked_again_as_a_new_statement(scene: Scene, run: Run) -> None:
    scene.server.errors = [UNAVAILABLE] * (MAX_ATTEMPTS - 1)
    # The house refuses a nonce that it has seen.
    assert run(scene, WHOAMI).name == "default"
    assert scene.server.asked == MAX_ATTEMPTS


@both
def test_all_attempts_at_a_mutation_have_one_request_id(scene: Scene, run: Run) -> None:
    scene.server.errors = [UNAVAILABLE]
    assert run(scene, INVITE) == b"invitation"
    first, again = scene.server.request_ids
    assert first == again == str(uuid.UUID(first))
    assert run(scene, INVITE) == b"invitation"
    assert scene.server.request_ids[2] != first


def test_a_call_that_is_made_twice_stays_as_it_was_described(scene: Scene) -> None:
    scene.run(INVITE)
    assert getattr(INVITE.request, "request_id", None) == ""


@both
def test_it_is_given_up_after_a_few_attempts(scene: Scene, run: Run) -> None:
    scene.server.errors = [UNAVAILABLE] * 10
    with pytest.raises(RemoteError) as refused:
        run(scene, WHOAMI)
    assert refused.value.code is Code.UNAVAILABLE
    assert scene.server.asked == MAX_ATTEMPTS
    assert len(scene.pauses) == MAX_ATTEMPTS - 1


def test_all_attempts_together_have_the_time_of_one_call(scene: Scene) -> None:
    scene.server.errors = [UNAVAILABLE] * 10
    scene.attempt_seconds = 0.6 * scene.timeout
    with pytest.raises(RemoteError):
        scene.run(WHOAMI)
    assert scene.server.asked == 2


@both
@pytest.mark.parametrize(
    "error",
    [
        AlreadyExistsError("There is one."),
    ],
)
def test_a_refusal_is_an_answer(scene: Scene, run: Run, error: SealwireError) -> None:
    scene.server.errors = [error]
    with pytest.raises(ExistsError):
        run(scene, INVITE)
    assert scene.server.asked == 1


@both
def test_what_is_neither_read_nor_identified_is_not_asked_again(scene: Scene, run: Run) -> None:
    scene.server.errors = [UNAVAILABLE] * 2
    with pytest.raises(RemoteError):
        run(scene, RENEW)
    assert scene.server.asked == 1


# case 87
@both
def test_an_answer_that_does_not_verify_ends_the_call(scene: Scene, run: Run) -> None:
    access = scene.profile.access
    other = PrivateKey.generate(os.urandom).public_key
    server = dataclasses.replace(access.server, public_key=other)
    scene.profile = dataclasses.replace(scene.profile, server=server)
    with pytest.raises(ResponseVerificationError):
        run(scene, WHOAMI)
    assert (scene.server.asked, scene.pauses) == (1, [])


@both
def test_nobody_there_is_asked_again_too(scene: Scene, closed_port: int, run: Run) -> None:
    server = dataclasses.replace(scene.profile.server, address=f"127.0.0.1:{closed_port}")
    scene.profile = dataclasses.replace(scene.profile, server=server)
    with pytest.raises(TransportError) as failed:
        run(scene, WHOAMI)
    assert failed.value.code is Code.UNAVAILABLE
    assert len(scene.pauses) == MAX_ATTEMPTS - 1


def test_pauses_double_up_to_a_bound_and_any_fraction_of_one_may_be_taken() -> None:
    longest = [backoff(failures, lambda size: b"\xff" * size) for failures in range(1, 30)]
    assert longest[:3] == pytest.approx([FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE])
    assert longest[-1] == pytest.approx(MAX_PAUSE)
    assert backoff(3, bytes) == 0
