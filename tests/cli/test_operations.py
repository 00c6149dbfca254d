"""What the clients offer: every RPC of the contract, once, for blocking and asyncio code alike."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from sealwire.client.identity_operations import AsyncIdentities, Identities
from sealwire.client.key_operations import AsyncKeys, Keys
from sealwire.client.namespace_operations import AsyncNamespaces, Namespaces
from sealwire.client.operations import Call, Listing, Subscription
from sealwire.client.permission_operations import AsyncPermissions, Permissions
from sealwire.client.profiles import Profiles
from sealwire.client.record_operations import RecordOperations
from sealwire.core.policy import method_policy
from sealwire.v1 import identity_pb2, keys_pb2, namespaces_pb2, permissions_pb2, records_pb2
from sealwire.v1.permissions_pb2 import VERB_READ, Subject
from tests.cli.key_servers import KeyServer

FILES = (identity_pb2, keys_pb2, namespaces_pb2, permissions_pb2, records_pb2)
OTHERWISE = {"/sealwire.v1.KeyService/ListServerKeys"}
"""Called by the signing channels themselves."""
ARGUMENTS: dict[str, Any] = {
    "namespace": "team",
    "name": "name",
    "value": b"value",
    "versions": [1],
    "records": [],
    "conditions": [],
    "operations": [],
    "identity": "alice",
    "group": "payments",
    "subject": Subject(identity="alice"),
    "verbs": [VERB_READ],
    "labels": {"team": "payments"},
    "public_key_id": "A" * 43,
    "serial": "1a",
    "next_key": keys_pb2.NextKey(),
    "certificate_request": b"request",
}
PAIRS = [
    (Keys, AsyncKeys),
    (Identities, AsyncIdentities),
    (Namespaces, AsyncNamespaces),
    (Permissions, AsyncPermissions),
]


def described(owner: type) -> Iterator[tuple[str, Any]]:
    """Yield each operation of a class by its name, as what describes its call."""
    for name in dir(owner):
        describe = getattr(owner, name)
        returned = inspect.isfunction(describe) and describe.__annotations__.get("return", "")
        if str(returned).startswith(("Call[", "Listing[", "Subscription[")):
            yield name, describe


def described_calls() -> Iterator[Call[object] | Listing[object] | Subscription[object]]:
    for owner in (RecordOperations, *(blocking for blocking, _ in PAIRS)):
        for name, describe in described(owner):
            if name != "enroll":  # takes a whole invitation; the tests of joining call it
                needed = [
                    parameter.name
                    for parameter in inspect.signature(describe).parameters.values()
                    if parameter.default is parameter.empty and parameter.name != "self"
                ]
                yield describe(None, **{given: ARGUMENTS[given] for given in needed})


def test_every_operation_sends_the_request_that_its_method_takes() -> None:
    for call in described_calls():
        assert type(call.request) is method_policy(call.path).request


def test_every_method_of_the_contract_is_offered() -> None:
    declared = {
        f"/{service.full_name}/{method.name}"
        for file in FILES
        for service in file.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }
    offered = {call.path for call in described_calls()} | {"/sealwire.v1.IdentityService/Enroll"}
    assert offered == declared - OTHERWISE


@pytest.mark.parametrize(("blocking", "asyncio"), PAIRS)
def test_both_kinds_of_client_offer_the_same_under_the_same_words(
    blocking: type, asyncio: type
) -> None:
    operations = dict(described(blocking))
    assert operations
    assert operations == dict(described(asyncio))
    for describe in operations.values():
        assert inspect.getdoc(describe)


async def test_an_operation_keeps_its_name_its_words_and_its_parameters(
    keys: KeyServer, profiles: Profiles
) -> None:
    profile = keys.enrol(profiles)
    async with profile.connect_async() as asyncio:
        with profile.connect() as blocking:
            for put in (asyncio.put, blocking.put):
                assert (put.__name__, put.__doc__) == ("put", RecordOperations.put.__doc__)
                parameters = list(inspect.signature(put).parameters)
                assert parameters[:3] == ["namespace", "name", "value"]


def test_a_closed_client_says_that_it_is_closed(keys: KeyServer, profiles: Profiles) -> None:
    client = keys.enrol(profiles).connect()
    client.close()
    client.close()
    with pytest.raises(ValueError, match="closed"):
        client.whoami()


async def test_a_closed_asyncio_client_says_so_too(keys: KeyServer, profiles: Profiles) -> None:
    client = keys.enrol(profiles).connect_async()
    await client.close()
    await client.close()
    with pytest.raises(ValueError, match="closed"):
        await client.whoami()


def test_threads_share_a_client(keys: KeyServer, profiles: Profiles) -> None:
    names: list[str] = []
    with keys.enrol(profiles).connect(clock=keys.house.clock) as client:
        threads = [
            threading.Thread(target=lambda: names.append(client.whoami().name)) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert names == ["default"] * 8
