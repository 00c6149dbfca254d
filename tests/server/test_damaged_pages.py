from __future__ import annotations

from pathlib import Path

from sealwire.v1.records_pb2 import GetRecordRequest, GetRecordResponse, ListRecordsRequest
from tests.server.members import enrol, invite
from tests.server.processes import ServerProcess
from tests.server.wire import DAMAGED, GET, LIST, wire_of
from tests.storage.builders import blob

PAGE_BYTES = 4096
VALUES = {f"record-{number}": bytes([number]) * 3000 for number in range(30)}


def damage(database: Path, names: list[str]) -> None:
    """Write nonsense over the page that each record's sealed value begins in."""
    content = bytearray(database.read_bytes())
    for name in names:
        start = content.index(blob(database, name)[:64]) // PAGE_BYTES * PAGE_BYTES
        content[start : start + PAGE_BYTES] = b"\xa5" * PAGE_BYTES
    database.write_bytes(content)


# case 75
def test_a_damaged_page_is_data_loss_to_clients_and_an_alarm_to_the_operator(
    directory: Path,
) -> None:
    with ServerProcess(directory) as server:
        alice = enrol(invite(server.deployment, "alice"))
        with alice.client() as client:
            for name, value in VALUES.items():
                client.put("team", name, value)
        assert server.terminate().code == 0
    damage(directory / "sealwire.db", ["record-3", "record-7", "record-29"])
    with ServerProcess(directory) as server, wire_of(alice.at(server.identity)) as line:
        damaged = 0
        for name, value in VALUES.items():
            request = GetRecordRequest(namespace="team", name=name)
            answer = line.answer(GET, alice.signed(GET, request))
            if answer.HasField("status"):
                assert answer.status == DAMAGED
                damaged += 1
            else:
                assert GetRecordResponse.FromString(answer.body).value == value
        everything = ListRecordsRequest(namespace="team", page_size=1000)
        assert line.refusal(LIST, alice.signed(LIST, everything)) == DAMAGED
        server.terminate()
        alarms = [entry for entry in server.log() if entry["level"] == "error"]
    assert 3 <= damaged < len(VALUES)
    assert len(alarms) == damaged + 1
    assert all("malformed" in alarm["exception"] for alarm in alarms)
