from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sealwire.storage.locked_memory import LockedMemory

SMAPS = Path("/proc/self/smaps")
REFUSED = """
import logging, os, resource
from sealwire.storage.locked_memory import LockedMemory
logging.basicConfig(format="%(levelname)s %(name)s %(message)s")
resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
if os.geteuid() == 0:
    os.setuid(65534)
memory = LockedMemory(32768)
memory.part(0, 4)[:] = b"keys"
print(memory.locked, bytes(memory.part(0, 4)))
"""


def flags_of(view: memoryview) -> set[str]:
    """Return the kernel's flags of the mapping that `view` lies in."""
    address = ctypes.addressof(ctypes.c_char.from_buffer(view))
    inside = False
    for line in SMAPS.read_text().splitlines():
        if mapping := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
            inside = int(mapping[1], 16) <= address < int(mapping[2], 16)
        elif inside and line.startswith("VmFlags:"):
            return set(line.split()[1:])
    raise AssertionError("The kernel lists no such mapping.")


@pytest.mark.skipif(not SMAPS.exists(), reason="this system does not show its mappings")
def test_the_memory_is_kept_out_of_core_dumps_and_swap() -> None:
    memory = LockedMemory(32768)
    flags = flags_of(memory.part(0, 32))
    assert "dd" in flags
    assert ("lo" in flags) == memory.locked


@pytest.mark.skipif(not SMAPS.exists(), reason="this system does not show its mappings")
def test_ordinary_memory_is_not() -> None:
    assert not {"dd", "lo"} & flags_of(memoryview(bytearray(32768)))


def test_parts_are_zero_at_first_and_gone_after_closing() -> None:
    memory = LockedMemory(64)
    part = memory.part(32, 32)
    assert bytes(part) == bytes(32)
    part.release()
    memory.close()
    memory.close()
    with pytest.raises(ValueError, match="released"):
        memory.part(0, 32)


def test_where_memory_can_not_be_locked_the_log_says_so_and_work_goes_on() -> None:
    done = subprocess.run(
        [sys.executable, "-c", REFUSED],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout.split(maxsplit=1) == ["False", "b'keys'\n"]
    assert done.stderr.startswith("WARNING sealwire.storage.locked_memory")
    assert "RLIMIT_MEMLOCK" in done.stderr
