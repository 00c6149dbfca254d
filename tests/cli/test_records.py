"""Records on a real server: put, read back, listed, deleted."""

from __future__ import annotations

import os

import pytest

from sealwire.client.profiles import Profiles
from tests.cli.program import User


def test_a_record_comes_back_as_the_bytes_that_were_put(member: User, namespace: str) -> None:
    value = os.urandom(1024 * 1024)
    (member.home / "file").write_bytes(value)
    put = member.run("put", namespace, "from/file", "file", "--output", "json").json()
    assert (put["namespace"], put["name"]) == (namespace, "from/file")
    assert (put["version"], put["size"]) == (1, len(value))
    done = member.run("get", namespace, "from/file")
    assert (done.code, done.err) == (0, "")
    assert done.out == value


@pytest.mark.parametrize("value", [b"", b"\n", b"\x1b[31m\0\xff", "Grüße".encode()])
@pytest.mark.parametrize("source", [(), ("-",)])
def test_a_value_is_taken_from_standard_input(
    member: User, namespace: str, value: bytes, source: tuple[str, ...]
) -> None:
    assert member.run("put", namespace, "stdin", *source, stdin=value).code == 0
    assert member.run("get", namespace, "stdin").out == value
    assert member.run("get", namespace, "stdin", "--out", "-").out == value


def test_a_second_put_is_the_next_version(member: User, namespace: str, record: str) -> None:
    put = member.run("put", namespace, record, "--output", "json", stdin=b"new").json()
    assert put["version"] == 2
    assert member.run("get", namespace, record).out == b"new"


def test_a_list_holds_every_record_of_several_pages(member: User, namespace: str) -> None:
    profiles = Profiles(member.profiles.parent)
    names = [f"record-{number:03}" for number in range(205)]
    with profiles.load("default").connect() as client:
        for name in names:
            client.put(namespace, name, b"")
    document = member.run("list", namespace, "--output", "json").json()
    assert document["namespace"] == namespace
    assert [record["name"] for record in document["records"]] == names
    lines = member.run("list", namespace).out.decode().splitlines()
    assert lines[0].split() == ["version", "size", "created", "at", "updated", "at", "name"]
    assert [line.split()[-1] for line in lines[1:]] == names


def test_a_deleted_record_is_gone(member: User, namespace: str, record: str) -> None:
    deleted = member.run("delete", namespace, record, "--output", "json")
    assert deleted.json() == {"namespace": namespace, "name": record, "deleted": True}
    for command in ("get", "delete"):
        done = member.run(command, namespace, record)
        assert (done.code, done.out) == (2, b"")
        assert "no record of that name" in done.err
    assert member.run("list", namespace, "--output", "json").json()["records"] == []


def test_a_value_is_written_to_a_new_private_file(
    member: User, namespace: str, record: str
) -> None:
    done = member.run("get", namespace, record, "--out", "value")
    assert (done.code, done.out) == (0, b"")
    assert (member.home / "value").read_bytes() == b"value"
    assert (member.home / "value").stat().st_mode & 0o777 == 0o600


def test_a_value_is_written_over_no_file(member: User, namespace: str, record: str) -> None:
    (member.home / "value").write_text("mine")
    done = member.run("get", namespace, record, "--out", "value")
    assert done.code == 1
    assert "exists already" in done.err
    assert (member.home / "value").read_text() == "mine"
