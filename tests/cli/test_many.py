"""`sealwire put-many` and `get-many`: JSON lines in batches, with a real server."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from sealwire.client.cli.put_many import MAX_BYTES, MAX_RECORDS, batches
from sealwire.client.profiles import Profiles
from sealwire.v1.records_pb2 import RecordInput
from tests.cli.consent import answer
from tests.cli.deployments import Deployment
from tests.cli.program import Done, User
from tests.cli.test_refusals import pin_another_key

MIB = 1024 * 1024


def lines(objects: Iterable[Mapping[str, Any]]) -> bytes:
    return "".join(f"{json.dumps(entry)}\n" for entry in objects).encode()


def texts(namespace: str, count: int) -> list[dict[str, Any]]:
    return [
        {"namespace": namespace, "name": f"record-{number:04}", "value": f"value {number}"}
        for number in range(1, count + 1)
    ]


def put_many(user: User, objects: Iterable[Mapping[str, Any]], *options: str) -> Done:
    return user.run("put-many", "-", *options, stdin=lines(objects))


def get_many(user: User, addresses: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    done = user.run("get-many", stdin=lines(addresses))
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def test_what_is_put_comes_back(member: User, namespace: str) -> None:
    given: list[dict[str, Any]] = [
        {"namespace": namespace, "name": "text", "value": "Grüße\n\0\u001b"},
        {
            "namespace": f"{namespace}/below",
            "name": "bytes",
            "value_base64": base64.b64encode(b"\xff\0").decode(),
            "content_type": "image/png",
            "labels": {"team": "a"},
            "ttl": "12h",
            "if_version": 0,
        },
    ]
    done = put_many(member, given, "--output", "json")
    assert done.json() == {"stored": 2, "batches": 1}
    text, data = get_many(member, [{k: r[k] for k in ("namespace", "name")} for r in given])
    assert (text["value"], text["version"], text["size"]) == ("Grüße\n\0\u001b", 1, 10)
    assert (data["value_base64"], data["content_type"]) == ("/wA=", "image/png")
    assert data["labels"] == {"team": "a"}
    assert data["expires_at"] is not None
    assert (data["namespace"], data["name"]) == (f"{namespace}/below", "bytes")


def test_a_record_that_is_missing_is_a_line_without_a_value(
    member: User, namespace: str, record: str
) -> None:
    wanted = [{"namespace": namespace, "name": name} for name in ("before", record, "zulu")]
    missing, there, also = get_many(member, wanted)
    assert missing == {"namespace": namespace, "name": "before", "version": 0}
    assert there["value"] == "value"
    assert also["version"] == 0


def test_many_records_go_in_several_batches_in_both_directions(
    member: User, namespace: str
) -> None:
    count = 2 * MAX_RECORDS + 1
    (member.home / "file").write_bytes(lines(texts(namespace, count)) + b"\n \n")
    done = member.run("put-many", "file", "--output", "json")
    assert done.json() == {"stored": count, "batches": 3}
    found = get_many(
        member, ({"namespace": namespace, "name": r["name"]} for r in texts(namespace, count))
    )
    assert [record["value"] for record in found] == [r["value"] for r in texts(namespace, count)]


def test_large_records_go_as_few_at_a_time_as_they_must(member: User, namespace: str) -> None:
    given = [
        {"namespace": namespace, "name": str(number), "value": chr(97 + number) * MIB}
        for number in range(5)
    ]
    assert put_many(member, given, "--output", "json").json() == {"stored": 5, "batches": 2}
    found = get_many(member, ({"namespace": namespace, "name": r["name"]} for r in given))
    assert [record["value"] for record in found] == [record["value"] for record in given]


def test_a_record_that_comes_twice_is_put_twice_in_its_order(member: User, namespace: str) -> None:
    given = [{"namespace": namespace, "name": "a", "value": value} for value in ("one", "two")]
    assert put_many(member, given, "--output", "json").json() == {"stored": 2, "batches": 2}
    assert member.run("get", namespace, "a").out == b"two"


def test_batches_keep_every_record_once_and_their_bounds() -> None:
    sizes = [1, MAX_BYTES // 3, MAX_BYTES // 3, MAX_BYTES // 3, MIB, 0, MAX_BYTES // 2] * 3
    given = [
        (line, RecordInput(namespace="n", name=str(line), value=bytes(size)))
        for line, size in enumerate(sizes, start=1)
    ]
    made = list(batches(given))
    assert [record for batch in made for record in batch.records] == [r for _, r in given]
    assert [batch.last_line for batch in made][-1] == len(sizes)
    assert all(sum(r.ByteSize() for r in batch.records) <= MAX_BYTES for batch in made)


def test_a_batch_that_is_refused_is_not_stored_and_the_ones_before_it_are(
    member: User, namespace: str
) -> None:
    given = texts(namespace, MAX_RECORDS + 2)
    member.run("put", namespace, given[-1]["name"], stdin=b"in the way")
    (member.home / "a file").write_bytes(lines([*given[:-1], {**given[-1], "if_version": 0}]))
    done = member.run("put-many", "a file")
    assert (done.code, done.out) == (2, b"")
    assert "its current version is 1" in done.err
    command = "tail -n +1001 'a file' | sealwire put-many -"
    assert f"The lines up to 1000 are stored. To go on behind them: {command}\n" in done.err
    first, last = given[MAX_RECORDS - 1], given[MAX_RECORDS]
    wanted = ({"namespace": namespace, "name": record["name"]} for record in (first, last))
    assert [record["version"] for record in get_many(member, wanted)] == [1, 0]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"{", "no JSON."),
        (b"\xff", "no JSON."),
        (b"[" * 100_000, "no JSON."),
        (b"[]", "no JSON object."),
        (b'{"name": "a", "value": ""}', "'namespace' is missing"),
        (b'{"namespace": "n", "name": 1, "value": ""}', "'name' is missing, or is no text."),
        (b'{"namespace": "../n", "name": "a", "value": ""}', "A segment of this namespace"),
        (b'{"namespace": "n", "name": "\\ud800", "value": ""}', "lone surrogate"),
        (b'{"namespace": "n", "name": "a"}', "Give either 'value'"),
        (b'{"namespace": "n", "name": "a", "value": "", "value_base64": ""}', "Give either"),
        (b'{"namespace": "n", "name": "a", "value": null}', "'value' is missing"),
        (b'{"namespace": "n", "name": "a", "value": "\\udc00"}', "lone surrogate"),
        (b'{"namespace": "n", "name": "a", "value_base64": "a"}', "no base64"),
        (b'{"namespace": "n", "name": "a", "value_base64": "\xc3\xa9==="}', "no base64"),
        (b'{"namespace": "n", "name": "a", "value": "", "lables": {}}', "'lables' is not known"),
        (b'{"namespace": "n", "name": "a", "value": "", "labels": []}', "'labels' is no object"),
        (b'{"namespace": "n", "name": "a", "value": "", "labels": {"k": 1}}', "'k' is missing"),
        (b'{"namespace": "n", "name": "a", "value": "", "ttl": 5}', "'ttl' is missing"),
        (b'{"namespace": "n", "name": "a", "value": "", "ttl": "5"}', "no duration"),
        (b'{"namespace": "n", "name": "a", "value": "", "if_version": true}', "no version"),
        (b'{"namespace": "n", "name": "a", "value": "", "if_version": -1}', "no version"),
        (b'{"namespace": "n", "name": "a", "value": "%s"}' % (b"x" * (MIB + 1)), "1 MiB"),
        (b" " * (8 * MIB + 1), "longer than any record"),
    ],
    ids=lambda value: value[:60] if isinstance(value, str) else "",
)
def test_a_line_that_is_no_record_is_named_and_nothing_of_its_batch_is_stored(
    member: User, namespace: str, line: bytes, sentence: str
) -> None:
    given = lines(texts(namespace, 1)) + line + b"\n"
    done = member.run("put-many", "-", stdin=given)
    assert (done.code, done.out) == (1, b"")
    first, second = done.err.splitlines()
    assert first == "Nothing was stored."
    assert second.startswith("sealwire: Line 2: ")
    assert sentence in second
    assert member.run("list", namespace).code == 2


def test_a_line_that_is_no_address_is_named(user: User) -> None:
    for line in (b'{"namespace": "n"}', b'{"namespace": "n", "name": "a", "value": ""}', b"1"):
        done = user.run("get-many", stdin=line)
        assert (done.code, done.out) == (1, b"")
        assert "Line 1: " in done.err


def test_nothing_is_done_for_nothing(member: User) -> None:
    assert member.run("put-many", "-", "--output", "json").json() == {"stored": 0, "batches": 0}
    assert member.run("get-many").out == b""


# case 94
def test_nothing_is_printed_unless_all_of_it_verifies(
    member: User, namespace: str, record: str
) -> None:
    pin_another_key(member)
    done = member.run("get-many", stdin=lines([{"namespace": namespace, "name": record}]))
    assert (done.code, done.out) == (2, b"")
    assert "does not verify" in done.err


# case 89
def test_a_batch_without_an_answer_is_not_said_to_have_had_no_effect(
    user: User, profiles: Profiles, absent: Deployment, namespace: str
) -> None:
    absent.enrol(profiles, "default")
    done = put_many(user, texts(namespace, 1))
    assert (done.code, done.out) == (2, b"")
    assert "unknown" in done.err
    assert "Nothing was stored" not in done.err


def test_a_terminal_shows_how_far_it_has_come(member: User, namespace: str) -> None:
    file = Path("file")
    (member.home / file).write_bytes(lines(texts(namespace, 1)))
    done = answer(member, "put-many", file, "--output", "json", typed=b"", question=b"Storing")
    assert (done.code, done.json()) == (0, {"stored": 1, "batches": 1})
