"""Somebody with plain SQLite and write access to the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sealwire.core.errors import SealError
from sealwire.storage import Store, Transaction
from tests.storage.builders import plain

Look = Callable[[Transaction], Any]
ALICES_ID = "(SELECT id FROM identities WHERE name = 'alice')"
BOBS_ID = "(SELECT id FROM identities WHERE name = 'bob')"
BOBS_KEY = f"(SELECT public_key_id FROM keys WHERE identity_id = {BOBS_ID})"  # noqa: S608 - ours


def refused(store: Store, *looks: Look) -> None:
    """Require each to be refused, for reading and for writing."""
    for look in looks:
        for run in (store.read_blocking, store.write_blocking):
            with pytest.raises(SealError):
                run(look)


def execute(database: Path, *statements: str) -> None:
    """Change at least a row with each statement, as any program can."""
    with plain(database) as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount > 0
