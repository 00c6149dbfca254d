"""`sealwire-server backup`, beside a server that is written to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import shutil
from pathlib import Path

import pytest

from sealwire.client import AsyncClient
from tests.server.members import Member, enrol, invite
from tests.server.processes import ServerProcess, operate
from tests.server.restoring import ahead, put_back, take_up
from tests.support.event_loops import LoopThread

WRITERS = 4
BACKUPS = 4
NAMES = 50
LARGE = 100_000


class Load:
    """Writers, and what each of them was told by the time that it is asked."""

    def __init__(self, alice: Member) -> None:
        self.alice = alice
        self.ended = asyncio.Event()
        self.acknowledged: dict[tuple[str, str], tuple[int, bytes]] = {}

    async def write(self, client: AsyncClient, number: int) -> None:
        """Write to old and new names, now and then in a new namespace, which grants something."""
        chance = random.Random(number)  # noqa: S311 - to be repeatable
        count = 0
        while not self.ended.is_set():
            count += 1
            namespace = f"team-{number}" if count % 10 else f"team-{number}-{count}"
            name = str(chance.randrange(NAMES))
            value = chance.randbytes(chance.choice([1, 100, LARGE]))
            info = await client.put(namespace, name, value)
            self.acknowledged[namespace, name] = (info.version, value)

    async def run(self, directory: Path, targets: list[Path]) -> list[dict[tuple[str, str], int]]:
        """Make backups under load; return the versions that were acknowledged before each."""
        seen = []
        async with contextlib.AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(self.alice.async_client()) for _ in range(WRITERS)
            ]
            tasks = [asyncio.create_task(self.write(c, n)) for n, c in enumerate(clients)]
            for target in targets:
                seen.append({place: v for place, (v, _) in self.acknowledged.items()})
                done = await asyncio.to_thread(operate, "backup", directory, target)
                assert (done.code, done.err) == (0, "")
            self.ended.set()
            await asyncio.gather(*tasks)
        return seen


# case 97
@pytest.mark.timeout(300)
def test_each_backup_made_under_load_restores_to_a_state_in_which_everything_opens(
    directory: Path, tmp_path: Path, loop: LoopThread
) -> None:
    targets = [tmp_path / f"{number}.db" for number in range(BACKUPS)]
    with ServerProcess(directory) as server:
        alice = enrol(invite(server.deployment, "alice"))
        load = Load(alice)
        seen = loop.run(load.run(directory, targets))
        assert server.terminate().code == 0
    assert seen[-1]
    for number, (target, acknowledged) in enumerate(zip(targets, seen, strict=True)):
        restored = tmp_path / f"restored-{number}"
        shutil.copytree(directory, restored)
        put_back(target, restored)
        assert take_up(restored).code == 0
        with ServerProcess(restored) as again, ahead(alice, again.identity).client() as client:
            client.put("after", "restoring", b"works")
            for (namespace, name), version in acknowledged.items():
                record = client.get(namespace, name)
                assert record.record.version >= version
                if record.record.version == load.acknowledged[namespace, name][0]:
                    assert record.value == load.acknowledged[namespace, name][1]


def test_it_tells_what_it_made_and_never_replaces_anything(directory: Path, tmp_path: Path) -> None:
    first = operate("backup", directory, tmp_path / "copy.db", "--output", "json")
    size = (tmp_path / "copy.db").stat().st_size
    assert json.loads(first.out) == {"file": str(tmp_path / "copy.db"), "bytes": size}
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600
    before = (tmp_path / "copy.db").read_bytes()
    operate("backup", directory, tmp_path / "copy.db").assert_refused("exists already")
    assert (tmp_path / "copy.db").read_bytes() == before


def test_a_file_that_can_not_be_written_is_refused_with_its_name(
    directory: Path, tmp_path: Path
) -> None:
    operate("backup", directory, tmp_path / "none" / "copy.db").assert_refused(
        f"{tmp_path / 'none' / 'copy.db'} can't be written"
    )
