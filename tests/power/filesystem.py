"""A file system in a file, whose power can be cut: ext4 on a loop device, and its shutdown ioctl.

After `cut`, nothing more reaches the file, and what was not synced by then is gone, as when a
machine goes dark. Unlike then, programs go on, and an fdatasync(2) that is under way may return
success all the same (seen on Linux 6.18): what is answered after the cut, nobody has heard.

What this can't show is a disk that lies about its own cache.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MIB: Final = 1024 * 1024
SIZE: Final = 256 * MIB
TOOLS: Final = ("mkfs.ext4", "mount", "umount")
_SHUTDOWN: Final = 0x8004587D  # EXT4_IOC_SHUTDOWN
_NO_LOG_FLUSH: Final = 2  # EXT4_GOING_FLAGS_NOLOGFLUSH: not even ext4's journal is written


@dataclass(frozen=True, slots=True)
class Filesystem:
    """The file system that is in `image`, for use at `root`."""

    image: Path
    root: Path

    def make(self) -> None:
        """Make it, empty."""
        with self.image.open("wb") as file:
            file.truncate(SIZE)
        _run("mkfs.ext4", "-q", "-F", self.image)
        self.root.mkdir()

    def mount(self) -> None:
        """Let it be used; ext4 recovers from its journal."""
        _run("mount", "-t", "ext4", "-o", "loop", self.image, self.root)

    def cut(self) -> None:
        """Cut the power; whatever uses it gets errors from now on."""
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(descriptor)

    def unmount(self) -> None:
        """Give it back; nothing may use it any more."""
        _run("umount", self.root)


@contextlib.contextmanager
def filesystem() -> Iterator[Filesystem]:
    """Make one, and use it until the block ends.

    Raises:
        OSError: if this machine does not let us.
    """
    with tempfile.TemporaryDirectory(prefix="sealwire-power-") as folder:
        made = Filesystem(Path(folder) / "image", Path(folder) / "root")
        made.make()
        made.mount()
        try:
            yield made
        finally:
            made.unmount()


def why_not() -> str:
    """Return why no power can be cut on this machine; nothing if it can."""
    if sys.platform != "linux":
        return "this is not Linux"
    if os.geteuid() != 0:
        return "only root mounts file systems; run it as root, in a virtual machine"
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        return f"{missing[0]} is not installed"
    try:
        with filesystem() as trial:
            trial.cut()
    except OSError as error:
        return f"the system does not let us: {error}"
    return ""


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{command[0]} failed: {done.stderr.strip()}")
