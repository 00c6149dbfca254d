"""A database file, a store over it, and two namespaces with an owner each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sealwire.storage import Namespace, Store
from tests.storage.builders import ALICE, create, namespace_of, opened


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return create(tmp_path / "sealwire.db")


@pytest.fixture
def store(database: Path) -> Iterator[Store]:
    with opened(database) as store:
        yield store


@pytest.fixture
def namespace(store: Store) -> Namespace:
    return namespace_of(store, ALICE, "team/payroll")
