"""What lies on the disk between any two steps of a server: what kill -9 would leave there."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from sealwire.server.deployment import Deployment, load_deployment
from tests.server.served import Served, served
from tests.support.event_loops import loop_thread

Files = dict[Path, tuple[bytes, int]]
"""Contents and modes, by paths."""


@dataclass(slots=True)
class Moments:
    """The different states of a deployment's files, in their order, since it was begun to watch."""

    directory: Path
    states: list[Files] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _watching: bool = False

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Take note of every state until the block ends, the first and the last one included."""
        self.states.clear()
        self._take()
        self._watching = True
        yield
        self._watching = False
        self._take()

    def restored(self, number: int, into: Path) -> Deployment:
        """Return a deployment whose files are those of one moment."""
        for path, (data, mode) in self.states[number].items():
            target = into / path
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            target.write_bytes(data)
            target.chmod(mode)
        return load_deployment(into)

    def step(self, frame: FrameType, event: str, _argument: object) -> None:
        """Look at the files behind every call that code of Sealwire has made; for `setprofile`."""
        if self._watching and event.endswith("return") and "/sealwire/" in frame.f_code.co_filename:
            self._take()

    def _take(self) -> None:
        with self._lock:
            files = dict(self._files())
            if not self.states or files != self.states[-1]:
                self.states.append(files)

    def _files(self) -> Iterator[tuple[Path, tuple[bytes, int]]]:
        for path in sorted(self.directory.rglob("*")):
            # SQLite's shared index is made anew by whoever opens the file first.
            if path.is_file() and not path.name.endswith("-shm"):
                with contextlib.suppress(FileNotFoundError):  # another thread has removed it
                    mode = path.stat().st_mode & 0o777
                    yield path.relative_to(self.directory), (path.read_bytes(), mode)


@contextlib.contextmanager
def step_by_step(directory: Path) -> Iterator[tuple[Served, Moments]]:
    """Serve a new deployment, whose threads are watched."""
    moments = Moments(directory)
    threading.setprofile(moments.step)
    try:
        with loop_thread() as loop, served(directory, loop) as house:
            threading.setprofile(None)
            yield house, moments
    finally:
        threading.setprofile(None)
