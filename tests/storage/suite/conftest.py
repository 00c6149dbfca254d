"""A store on every engine that there is, and in it a namespace of alice's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sealwire.storage import Namespace, Store
from tests.storage.builders import ALICE, namespace_of
from tests.storage.suite.engines import ENGINES, Engine


@pytest.fixture(params=ENGINES.values(), ids=list(ENGINES))
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    make: Callable[[Path], Engine] = request.param
    made = make(tmp_path)
    made.create()
    return made


@pytest.fixture
def store(engine: Engine) -> Iterator[Store]:
    with engine.opened() as store:
        yield store


@pytest.fixture
def namespace(store: Store) -> Namespace:
    return namespace_of(store, ALICE, "team/payroll")
