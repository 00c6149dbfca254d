"""The contract of a storage engine, and the engines that are held to it.

A storage engine is what runs units of work on a `Transaction`: `Store` with what is below it. The
tests beside this file are the contract. They go through `Store.read`, `Store.write` and
`Transaction` only; whatever looks into a database's files is that engine's own, and is tested
outside of this directory. An engine passes if all of them do:

- test_units.py: a unit that writes has all of its effects or none; on return they are on stable
  storage. Units that are committed together fail one by one. Whatever a unit raises reaches its
  caller and nobody else.
- test_snapshots.py: a unit that reads sees one committed state, no older than its submission. It
  waits for no writer and holds none up, and can't write.
- test_records.py, test_versions.py: every put makes a version that counts on from whatever was
  there before; retention, deletion, destruction, expiry, demands for a version.
- test_listing.py: lists in the order of the names' UTF-8 bytes, page by page, alike whether names
  are sealed or not.
- test_record_changes.py: one order of all changes, without gaps, whatever was undone.
- test_answers.py: how a request was answered, for its asker alone.
- test_namespaces.py, test_invitations.py, test_grants.py: who owns a namespace, an invitation that
  is good once, and which grants cover a name.

An engine of another kind is one more entry in `ENGINES`. See
docs/decisions/0016-storage-contract.md.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from sealwire.storage import Store
from tests.storage.builders import create, opened


class Engine(Protocol):
    """A store that one test has to itself, and that may be opened again, or several times."""

    def create(self) -> None:
        """Make it, empty."""
        ...

    def opened(self, *, seed: str = "store") -> AbstractContextManager[Store]:
        """Open it for a `with` block; two that are open at once need different seeds."""
        ...


@dataclass(frozen=True, slots=True)
class Sqlite:
    """SQLite in a directory."""

    directory: Path

    def create(self) -> None:
        """Make the database, and what stands beside it."""
        create(self._path)

    def opened(self, *, seed: str = "store") -> AbstractContextManager[Store]:
        """Open it."""
        return opened(self._path, seed=seed)

    @property
    def _path(self) -> Path:
        return self.directory / "sealwire.db"


ENGINES: Final[dict[str, Callable[[Path], Engine]]] = {"SQLite": Sqlite}
"""By name; each is given an empty directory."""
