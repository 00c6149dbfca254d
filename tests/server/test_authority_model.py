"""Random sequences of everything that changes or uses rights, against a plain-Python model.

2,000 sequences of up to 50 steps go straight to the servicers, behind the real guard over a real
store, and some more go through a real server with real signatures. Each answer is compared, and in
the end all that the store knows.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from sealwire.server.client_certificates import ClientCertificates
from sealwire.server.deployment import init_deployment
from sealwire.server.guard import Guard
from sealwire.server.identity_service import IdentityService
from sealwire.server.invitations import inviter_of
from sealwire.server.key_directory import StoreKeyDirectory
from sealwire.server.key_service import KeyService
from sealwire.server.permission_service import PermissionService
from sealwire.server.records_service import RecordService
from sealwire.server.rights import Rights
from sealwire.server.watch_hub import WatchHub
from tests.server.authority_deliveries import Direct, Wired
from tests.server.authority_stage import Stage
from tests.server.authority_steps import Step, sequences
from tests.server.registry import registry
from tests.server.served import HOST, Served
from tests.support.clocks import AdjustableClock

SEQUENCES = 2_000
WIRED_SEQUENCES = 40


@pytest.fixture(scope="module")
def direct(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Servicers over a store, without a server before them."""
    clock, rights = AdjustableClock(), Rights()
    deployment = init_deployment(
        tmp_path_factory.mktemp("model") / "deployment",
        hosts=[HOST],
        listen=f"{HOST}:0",
        clock=clock,
        random=os.urandom,
    )
    with (
        registry(deployment, clock) as opened,
        contextlib.closing(asyncio.new_event_loop()) as loop,
    ):
        guard = Guard(opened.store, rights, StoreKeyDirectory(opened.store, rights, clock), clock)
        certificates = ClientCertificates(
            lambda: deployment.authority, deployment.trust_domain, days=1
        )
        inviter = inviter_of(deployment, random=os.urandom)
        audience = deployment.config.audience
        services = {
            "sealwire.v1.RecordService": RecordService(guard, WatchHub(opened.store, guard.keys)),
            "sealwire.v1.PermissionService": PermissionService(guard),
            "sealwire.v1.IdentityService": IdentityService(guard, certificates, inviter),
            "sealwire.v1.KeyService": KeyService(
                guard, certificates, audience, ca_pem=lambda: b"", successions=()
            ),
        }
        yield Stage(opened, Direct(opened, clock, guard, services, loop), lambda: rights)


@pytest.mark.timeout(400)
@settings(
    max_examples=SEQUENCES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(sequence=sequences)
def test_handlers_and_model_agree_on_every_answer_and_on_what_is_left(
    direct: Stage, sequence: list[Step]
) -> None:
    direct.play(sequence)


@pytest.fixture
def wired(own_server: Served) -> Iterator[Stage]:
    """A real server, and real requests to it."""
    with (
        registry(own_server.deployment, own_server.clock) as opened,
        contextlib.ExitStack() as stack,
    ):
        yield Stage(opened, Wired(opened, own_server.clock, stack), Rights)


@settings(
    max_examples=WIRED_SEQUENCES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(sequence=sequences)
def test_a_server_and_the_model_agree_on_every_signed_answer(
    wired: Stage, sequence: list[Step]
) -> None:
    wired.play(sequence)
