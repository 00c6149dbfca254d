"""Conditions and operations in one request: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sealwire.client import RemoteError
from sealwire.v1.records_pb2 import (
    Condition,
    RecordInput,
    TransactResponse,
)
from sealwire.v1.records_pb2_grpc import RecordServiceStub
from tests.server.batching import (
    MOST,
    deleting,
    getting,
    put_all,
    putting,
    refused,
    transact,
    values,
)
from tests.server.kept import stub_of
from tests.server.members import Member
from tests.server.wire import Wire, wire_of


@pytest.fixture
def stub(alice: Member) -> Iterator[RecordServiceStub]:
    with stub_of(alice) as stub:
        yield stub


@pytest.fixture
def line(alice: Member) -> Iterator[Wire]:
    with wire_of(alice) as line:
        yield line


def test_a_transaction_does_its_operations_in_order(
    stub: RecordServiceStub, namespace: str
) -> None:
    first = put_all(stub, *(RecordInput(namespace=namespace, name=name) for name in "ab"))
    done = transact(
        stub,
        getting(namespace, "a"),
        putting(namespace, "a", b"newer"),
        getting(namespace, "a"),
        deleting(namespace, "b"),
        getting(namespace, "b"),
        deleting(f"{namespace}/none", "b"),
        conditions=(
            Condition(namespace=namespace, name="a", version=1),
            Condition(namespace=namespace, name="none", version=0),
        ),
    )
    before, put, after, deleted, gone, nothing = done.results
    assert (before.get.value, put.put.version, after.get.value) == (b"", 2, b"newer")
    assert (deleted.deleted, gone.get.HasField("record"), nothing.deleted) == (True, False, False)
    assert done.revision == first.revision + 2
    assert transact(stub, getting(namespace, "a")).revision == 0


@pytest.mark.parametrize("version", [0, 1, 3])
def test_a_condition_that_does_not_hold_lets_nothing_happen(
    stub: RecordServiceStub, namespace: str, version: int
) -> None:
    for _ in range(2):
        put_all(stub, RecordInput(namespace=namespace, name="r", value=b"old"))
    conditions = (
        Condition(namespace=namespace, name="r", version=2),
        Condition(namespace=namespace, name="r", version=version),
    )
    operations = [putting(namespace, "r"), putting(namespace, "s")]
    refusal = refused(lambda: transact(stub, *operations, conditions=conditions))
    assert refusal.metadata == {"current_version": "2", "condition": "1"}
    assert values(stub, namespace, "r", "s") == [b"old", None]
    transact(stub, *operations, conditions=conditions[:1])
    assert values(stub, namespace, "r", "s") == [b"new", b"new"]


def test_a_demand_in_the_middle_undoes_what_was_done_before_it(
    stub: RecordServiceStub, namespace: str
) -> None:
    put_all(stub, RecordInput(namespace=namespace, name="b", value=b"old"))
    operations = [
        putting(namespace, "a"),
        deleting(namespace, "b"),
        putting(namespace, "c", if_version=7),
    ]
    refusal = refused(lambda: transact(stub, *operations))
    assert refusal.status_reason == "VERSION_MISMATCH"
    assert values(stub, namespace, "a", "b", "c") == [None, b"old", None]


def test_conditions_alone_are_a_transaction(stub: RecordServiceStub, namespace: str) -> None:
    put_all(stub, RecordInput(namespace=namespace, name="r"))
    there = Condition(namespace=namespace, name="r", version=1)
    assert transact(stub, conditions=(there,)) == TransactResponse()
    too_many = [Condition(namespace=namespace, name=f"{n}") for n in range(MOST + 1)]
    with pytest.raises(RemoteError, match="1 to 1000"):
        transact(stub, conditions=tuple(too_many))
