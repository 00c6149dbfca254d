"""No core file of a process that holds keys: neither on the disk, nor for a program that asks."""

from __future__ import annotations

import ctypes
import resource
import sys
from typing import Final

_PR_SET_DUMPABLE: Final = 4  # <linux/prctl.h>


def leave_no_core_file() -> None:
    """Have the system write no core file of this process, whatever ends it.

    On Linux, a program in `core_pattern` is not started either, which RLIMIT_CORE alone leaves to
    that program; and other processes of the same user can't read this one's memory.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
