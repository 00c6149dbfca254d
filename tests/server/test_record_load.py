"""Many writers of one record, and a long list."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from sealwire.client import ConflictError, RemoteError
from sealwire.v1.records_pb2 import (
    ListRecordsRequest,
    RecordInput,
)
from sealwire.v1.records_pb2_grpc import RecordServiceStub
from tests.server.batching import (
    MOST,
    put_all,
)
from tests.server.kept import stub_of
from tests.server.members import TIMEOUT, Member
from tests.server.wire import Wire, wire_of
from tests.support.event_loops import LoopThread


@pytest.fixture
def stub(alice: Member) -> Iterator[RecordServiceStub]:
    with stub_of(alice) as stub:
        yield stub


@pytest.fixture
def line(alice: Member) -> Iterator[Wire]:
    with wire_of(alice) as line:
        yield line


# case 84
def test_64_writers_who_demand_what_they_read_lose_no_update(
    alice: Member, namespace: str, loop: LoopThread
) -> None:
    writers, tries = 64, 0

    async def count_up() -> int:
        nonlocal tries
        async with alice.async_client() as client:
            await client.put(namespace, "hot", b"0")

            async def once() -> None:
                nonlocal tries
                while True:
                    found = await client.get(namespace, "hot")
                    tries += 1
                    try:
                        await client.put(
                            namespace,
                            "hot",
                            b"%d" % (int(found.value) + 1),
                            if_version=found.record.version,
                        )
                    except ConflictError:
                        continue
                    return

            await asyncio.gather(*(once() for _ in range(writers)))
            final = await client.get(namespace, "hot")
            assert final.record.version == writers + 1
            return int(final.value)

    assert loop.run(count_up()) == writers
    assert tries > writers  # else they did not meet


# case 83
def test_a_long_list_comes_in_pages_of_bounded_size(
    stub: RecordServiceStub, namespace: str
) -> None:
    names = [f"{number:05}" for number in range(2_500)]
    for start in range(0, len(names), MOST):
        put_all(
            stub,
            *(RecordInput(namespace=namespace, name=name) for name in names[start : start + MOST]),
        )
    listed: list[str] = []
    sizes: list[int] = []
    token = ""
    while token or not sizes:
        page = stub.ListRecords(
            ListRecordsRequest(namespace=namespace, page_size=MOST, page_token=token),
            timeout=TIMEOUT,
        )
        listed += [record.name for record in page.records]
        sizes.append(len(page.records))
        token = page.next_page_token
    assert listed == names
    assert sizes == [MOST, MOST, 500]
    with pytest.raises(RemoteError, match="at most 1000 items"):
        stub.ListRecords(
            ListRecordsRequest(namespace=namespace, page_size=MOST + 1), timeout=TIMEOUT
        )
