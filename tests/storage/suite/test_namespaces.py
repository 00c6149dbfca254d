"""Namespaces: whose they are, how they keep records, and which there are."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sealwire.core.errors import AlreadyExistsError
from sealwire.core.keys import PrivateKey
from sealwire.storage import DEFAULT_KEEP_VERSIONS, Namespace, Store, Transaction
from tests.storage.builders import ALICE, BOB, NOW, enrolled, namespace_of, sealed_namespace_of
from tests.storage.suite.engines import Engine

Make = Callable[[Store, PrivateKey, str], Namespace]
NAMES = ["a", "a.b", "a/b", "a/b/c", "a0", "b", "é"]  # in the order of their bytes


def found(store: Store, name: str) -> Namespace | None:
    return store.read_blocking(lambda tx: tx.namespaces.find(name))


@pytest.fixture
def many(store: Store) -> list[Namespace]:
    made = {name: namespace_of(store, ALICE, name) for name in reversed(NAMES)}
    return [made[name] for name in NAMES]


@pytest.mark.parametrize("make", [namespace_of, sealed_namespace_of])
def test_a_namespace_is_found_as_it_was_made(engine: Engine, store: Store, make: Make) -> None:
    made = make(store, ALICE, "team/secret")
    owner = store.read_blocking(lambda tx: enrolled(tx, ALICE))
    assert (made.name, made.owner_id, made.created_at) == ("team/secret", owner, NOW)
    assert (made.keep_versions, made.keep_ms) == (DEFAULT_KEEP_VERSIONS, 0)
    assert found(store, "team/secret") == made
    assert store.read_blocking(lambda tx: tx.namespaces.find_by_id(made.id)) == made
    assert found(store, "team") is None
    store.close()
    with engine.opened(seed="again") as again:
        assert found(again, "team/secret") == made


@pytest.mark.parametrize("make", [namespace_of, sealed_namespace_of])
def test_a_name_is_given_once(store: Store, make: Make) -> None:
    first = namespace_of(store, ALICE, "team")
    with pytest.raises(AlreadyExistsError):
        make(store, BOB, "team")
    assert found(store, "team") == first


def test_how_long_versions_are_kept_can_be_changed(store: Store) -> None:
    made = sealed_namespace_of(store, ALICE, "team")

    def unit(tx: Transaction) -> Namespace:
        return tx.namespaces.set_retention(made, keep_versions=3, keep_ms=60_000)

    changed = store.write_blocking(unit)
    assert (changed.keep_versions, changed.keep_ms) == (3, 60_000)
    assert (changed.id, changed.name_key) == (made.id, made.name_key)
    assert found(store, "team") == changed


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_pages_list_every_namespace_in_the_order_of_the_names_bytes(
    store: Store, many: list[Namespace], limit: int
) -> None:
    listed, start = [], ""
    while page := store.read_blocking(
        lambda tx: tx.namespaces.page(start=start, behind=None, limit=limit)  # noqa: B023
    ):
        listed += page
        start = f"{page[-1].name}\0"
    assert listed == many
    below = store.read_blocking(lambda tx: tx.namespaces.page(start="a/", behind="a0", limit=9))
    assert [namespace.name for namespace in below] == ["a/b", "a/b/c"]


@pytest.mark.parametrize(
    ("name", "has"),
    [("a/b", True), ("a/b/c/d", True), ("a/x", True), ("c", False), ("a.", False), ("e", False)],
)
def test_a_namespaces_relatives_are_what_holds_it_and_what_it_holds(
    store: Store, many: list[Namespace], name: str, has: bool
) -> None:
    assert store.read_blocking(lambda tx: tx.namespaces.has_relatives(name)) == has
