"""What the clients make of answers about records: levels, versions, batches and transactions."""

from __future__ import annotations

import pytest

from sealwire.client import ConflictError, MissingError
from sealwire.client.record_operations import Prefix
from sealwire.v1.records_pb2 import Condition, Operation, RecordAddress, RecordInput
from tests.server.members import Member


def test_a_level_has_records_and_prefixes_in_the_order_of_their_names(
    alice: Member, namespace: str
) -> None:
    names = ["a", "a-b", "a/1", "a/2", "b", "c/d/e", "ä/1"]
    with alice.client() as client:
        client.put_many(RecordInput(namespace=namespace, name=name) for name in names)
        for size in (0, 1, 2):
            level = list(client.list_level(namespace, page_size=size))
            assert [entry.name for entry in level] == ["a", "a-b", "a/", "b", "c/", "ä/"]
            assert [isinstance(entry, Prefix) for entry in level] == [0, 0, 1, 0, 1, 1]
        below = client.list_level(namespace, prefix="c/")
        assert list(below) == [Prefix("c/d/")]
        assert [record.name for record in client.list_records(namespace)] == names


def test_versions_are_listed_over_pages_newest_first(alice: Member, namespace: str) -> None:
    with alice.client() as client:
        for _ in range(5):
            client.put(namespace, "record", b"")
        listed = client.versions(namespace, "record", page_size=2)
        assert [version.version for version in listed] == [5, 4, 3, 2, 1]
        client.destroy(namespace, "record", [2, 4])
        gone = [version.destroyed for version in client.versions(namespace, "record")]
        assert gone == [False, True, False, True, False]


async def test_many_records_come_in_the_order_that_they_were_asked_for(
    alice: Member, namespace: str
) -> None:
    async with alice.async_client() as client:
        inputs = [RecordInput(namespace=namespace, name=name, value=b"v") for name in "ab"]
        assert [info.version for info in await client.put_many(inputs)] == [1, 1]
        found = await client.get_many([(namespace, name) for name in ("b", "missing", "a")])
        assert [answer.record.name for answer in found] == ["b", "", "a"]
        assert [answer.HasField("record") for answer in found] == [True, False, True]


def test_a_transaction_is_all_or_nothing_and_a_conflict_says_which_version_there_is(
    alice: Member, namespace: str
) -> None:
    operations = [
        Operation(put=RecordInput(namespace=namespace, name="new", value=b"v")),
        Operation(get=RecordAddress(namespace=namespace, name="old")),
        Operation(delete=RecordAddress(namespace=namespace, name="old")),
    ]
    with alice.client() as client:
        client.put(namespace, "old", b"value")
        expected = Condition(namespace=namespace, name="old", version=2)
        with pytest.raises(ConflictError) as conflict:
            client.transact([expected], operations)
        assert conflict.value.metadata == {"current_version": "1", "condition": "0"}
        with pytest.raises(MissingError):
            client.get(namespace, "new")
        expected.version = 1
        answer = client.transact([expected], operations)
        put, got, deleted = answer.results
        assert (put.put.version, got.get.value, deleted.deleted) == (1, b"value", True)
        with pytest.raises(MissingError):
            client.get(namespace, "old")


def test_what_was_deleted_comes_back_if_it_is_wanted(alice: Member, namespace: str) -> None:
    with alice.client() as client:
        client.put(namespace, "record", b"value")
        client.delete(namespace, "record", if_version=1)
        (shown,) = client.list_records(namespace, show_deleted=True)
        assert shown.deleted_at
        assert client.undelete(namespace, "record").version == 1
        assert client.get(namespace, "record").value == b"value"
