"""A process that holds root keys leaves no core file: case 92."""

from __future__ import annotations

import ctypes
import resource
import sys

import pytest

from sealwire.server.cli import main
from tests.server.processes import PROGRAM
from tests.support.programs import run

PR_GET_DUMPABLE = 3


def help_and_tell() -> None:
    """Run a command, and say what the system would do if the process died now."""
    main()
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    print(limits, ctypes.CDLL(None).prctl(PR_GET_DUMPABLE, 0, 0, 0, 0))


# case 92
@pytest.mark.skipif(sys.platform != "linux", reason="another system has no prctl")
def test_the_program_leaves_no_core_file_and_hands_none_to_another_program() -> None:
    done = run(help_and_tell, [PROGRAM, "--help"])
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().splitlines()[-1] == "(0, 0) 0"
