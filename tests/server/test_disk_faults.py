"""A disk that fails under a real server: what clients are told, and what is true then."""

from __future__ import annotations

import errno
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sealwire.core.errors import Code
from sealwire.v1.envelope_pb2 import ResponseStatement, Status
from sealwire.v1.records_pb2 import (
    GetRecordRequest,
    GetRecordResponse,
    PutRecordRequest,
    PutRecordResponse,
)
from tests.server.members import Member
from tests.server.served import served
from tests.server.wire import GET, PUT, Wire, wire_of
from tests.storage.disks import NO_FAULT, SYNC, WRITE, Disk, in_use, lasting, nth
from tests.storage.sqlite_vfs import library
from tests.support.event_loops import LoopThread

NAMESPACE = "team"


@dataclass(frozen=True, slots=True)
class Scene:
    """A member of a server on a disk that fails when it is told to."""

    disk: Disk
    alice: Member
    line: Wire

    def put(self, value: bytes, request_id: str = "") -> ResponseStatement:
        """Put the record."""
        request = PutRecordRequest(
            namespace=NAMESPACE, name="march", value=value, request_id=request_id
        )
        return self.line.answer(PUT, self.alice.signed(PUT, request))

    def refused(self, value: bytes, request_id: str = "") -> Status:
        """Put the record, which must fail."""
        statement = self.put(value, request_id)
        assert statement.HasField("status")
        return statement.status

    def stored(self) -> tuple[int, bytes]:
        """Return the record's version and value."""
        request = GetRecordRequest(namespace=NAMESPACE, name="march")
        statement = self.line.answer(GET, self.alice.signed(GET, request))
        answer = GetRecordResponse.FromString(statement.body)
        return answer.record.version, answer.value

    def fail_next(self, kind: str) -> None:
        """Let the disk's next call of a kind fail."""
        self.disk.fault = nth(kind, self.disk.counts[kind] + 1)


@pytest.fixture
def scene(tmp_path: Path, loop: LoopThread) -> Iterator[Scene]:
    sqlite = library()
    if sqlite is None:
        pytest.skip(
            "NOT TESTED: this Python hides its SQLite's functions, so no call can be failed"
        )
    disk = Disk(tmp_path)
    with in_use(disk, sqlite), served(tmp_path / "deployment", loop) as house:
        alice = house.enrol("alice")
        with wire_of(alice) as line:
            scene = Scene(disk, alice, line)
            assert scene.put(b"value").HasField("body")
            yield scene
            disk.fault = NO_FAULT


# case 72
def test_on_a_full_disk_a_write_is_refused_as_one_that_did_nothing_and_reads_go_on(
    scene: Scene,
) -> None:
    scene.disk.fault = lasting(WRITE, error=errno.ENOSPC)
    status = scene.refused(b"newer")
    assert (status.code, dict(status.metadata)) == (Code.UNAVAILABLE, {})
    assert "the disk is full" in status.message
    assert scene.stored() == (1, b"value")
    scene.disk.fault = NO_FAULT
    assert scene.put(b"newer").HasField("body")
    assert scene.stored() == (2, b"newer")


# case 73, case 77
def test_after_a_commit_in_doubt_the_same_request_id_has_one_effect(scene: Scene) -> None:
    request_id = str(uuid.uuid4())
    scene.fail_next(SYNC)
    status = scene.refused(b"newer", request_id)
    assert (status.code, dict(status.metadata)) == (Code.UNAVAILABLE, {"outcome": "unknown"})
    answers = [PutRecordResponse.FromString(scene.put(b"newer", request_id).body) for _ in "12"]
    assert answers[0] == answers[1]
    assert answers[0].record.version == 2
    assert scene.stored() == (2, b"newer")


# case 73
def test_while_no_sync_works_nothing_is_acknowledged_and_reads_go_on(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.disk.fault = lasting(SYNC)
    assert {scene.refused(b"newer").code for _ in range(3)} == {Code.UNAVAILABLE}
    assert scene.stored() == (1, b"value")
    alarms = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert len(alarms) == 3
    assert "SQLITE_IOERR_FSYNC" in alarms[0]
    scene.disk.fault = NO_FAULT
    assert scene.put(b"newer").HasField("body")
