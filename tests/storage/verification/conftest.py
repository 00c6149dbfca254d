"""Each test has a copy of a database that was filled once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealwire.storage import (
    Namespace,
    Store,
)
from tests.storage.builders import (
    create,
    opened,
)
from tests.storage.verification.filled import (
    fill,
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that was filled once, for tests to take a copy of."""
    path = create(tmp_path_factory.mktemp("prepared") / "sealwire.db")
    with opened(path) as store:
        fill(store)
    return path


@pytest.fixture
def database(prepared: Path, tmp_path: Path) -> Path:
    copied = shutil.copytree(prepared.parent, tmp_path / "copied")
    return Path(copied) / prepared.name


@pytest.fixture
def store(database: Path) -> Iterator[Store]:
    with opened(database, seed="copied") as store:
        yield store


@pytest.fixture
def spaces(store: Store) -> dict[str, Namespace]:
    found = store.read_blocking(lambda tx: tx.namespaces.page(start="", behind=None, limit=9))
    return {namespace.name: namespace for namespace in found}
