"""Taking up a database that was put back from a backup, after which it may be served."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sealwire.core.clock import Clock
from sealwire.core.errors import ConfigurationError
from sealwire.server.deployment import Deployment
from sealwire.server.restored_facts import described
from sealwire.server.sole_server import sole_server
from sealwire.storage import (
    AuthorityJournal,
    Fact,
    JournalLine,
    KeyState,
    Store,
    Transaction,
    finish_erasures,
    restore,
)

Confirm = Callable[[str], None]
"""Given what will happen; raises unless somebody agrees."""

_WARNING: Final = (
    "The database knows {known} changes of who may do what, and the journal {journalled}. What has "
    "ended since then ends in it again, and what was given since then is lost."
)


@dataclass(frozen=True, slots=True)
class Report:
    """What was done. `lost` was given since the backup, and is not in it.

    `locked_out` are the names of those who had a key, and have none now. `incomplete` says that the
    journal does not go back to the backup, so that more may have ended.
    """

    reapplied: Sequence[str]
    lost: Sequence[str]
    locked_out: Sequence[str]
    incomplete: bool


def take_up(deployment: Deployment, *, confirm: Confirm, clock: Clock) -> Report:
    """End in a restored database what ended since the backup, and refuse requests from before now.

    Both hold from the next start on. Asks before it changes a database that is older. Killed
    midway, it is finished by doing it again.

    Raises:
        ConfigurationError: if the deployment is being served, or can't be.
        SealError: if a row in the backup was altered; nothing is changed then.
    """
    with sole_server(deployment.directory):
        journal = AuthorityJournal(deployment.authority_journal, clock)
        lines = journal.read()
        with contextlib.closing(_opened(deployment, journal)) as store:
            known = store.read_blocking(lambda tx: tx.authority.version().sequence)
            if known < journal.last:
                confirm(_WARNING.format(known=known, journalled=journal.last))
            _forget_nonces(deployment.journal)
            report = store.write_blocking(lambda tx: _restore(tx, lines, now=clock()))
            finish_erasures(store)
            return report


def _opened(deployment: Deployment, journal: AuthorityJournal) -> Store:
    return Store.open_restored(
        deployment.database,
        root_keys=deployment.root_keys,
        journal=journal,
        salts=deployment.salts,
        random=os.urandom,
        monotonic=time.monotonic,
    )


def _restore(tx: Transaction, lines: Sequence[JournalLine], *, now: int) -> Report:
    outcome = restore(tx, lines, now=now)
    return Report(
        reapplied=described(tx, outcome.reapplied, lines),
        lost=described(tx, outcome.lost, lines),
        locked_out=_locked_out(tx, outcome.reapplied),
        incomplete=outcome.incomplete,
    )


def _locked_out(tx: Transaction, reapplied: Sequence[Fact]) -> list[str]:
    ended = {fact.row["public_key_id"] for fact in reapplied if fact.table == "keys"}
    found = [pair for pair in map(tx.identities.find_by_key, ended) if pair is not None]
    return sorted(
        {
            identity.name
            for identity, _ in found
            if not identity.is_gone
            and not any(key.state == KeyState.ACTIVE for key in tx.keys.of_identity(identity.id))
        }
    )


def _forget_nonces(directory: Path) -> None:
    """Let the next start refuse whatever may have been accepted since the backup."""
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        for path in directory.iterdir():
            path.unlink()
    except OSError as error:
        raise ConfigurationError(f"{directory} can't be emptied: {error.strerror}.") from error
