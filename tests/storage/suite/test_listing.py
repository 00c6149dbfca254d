"""Lists: by prefix, one level at a time, in pages that end anywhere; names sealed or not."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealwire.storage import Namespace, NewRecord, Page, Query, RecordRow, Store, Transaction
from sealwire.storage.listing import MAX_LOOKS
from tests.storage.builders import ALICE, BOB, NOW, namespace_of, put, sealed_namespace_of

NAMES = ["B", "a", "a/b", "b", "z", "é", "\uff5e", "\U0001f512"]  # in the order of their bytes
LATER = NOW + 10
KINDS = [namespace_of, sealed_namespace_of]


@pytest.fixture(params=KINDS, ids=["plain names", "sealed names"])
def namespace(store: Store, request: pytest.FixtureRequest) -> Namespace:
    make: Callable[..., Namespace] = request.param
    return make(store, ALICE, "team/payroll")


def page(store: Store, namespace: Namespace, query: Query, *, now: int = NOW) -> Page:
    return store.read_blocking(lambda tx: tx.listing.page(namespace, query, now=now))


def pages(store: Store, namespace: Namespace, query: Query, *, now: int = NOW) -> Iterator[Page]:
    """Yield the pages of a query, each from where the one before ended."""
    start: str | None = query.start
    while start is not None:
        found = page(store, namespace, dataclasses.replace(query, start=start), now=now)
        assert len(found.rows) + len(found.prefixes) <= query.limit
        yield found
        start = found.next


def listed(store: Store, namespace: Namespace, query: Query, *, now: int = NOW) -> list[str]:
    """Return the names and beginnings on all pages, in the order in which they come."""
    return [
        text
        for found in pages(store, namespace, query, now=now)
        for text in sorted([row.name for row in found.rows] + found.prefixes)
    ]


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_pages_list_every_record_once_in_the_order_of_the_names_bytes(
    store: Store, namespace: Namespace, limit: int
) -> None:
    for name in reversed(NAMES):
        put(store, namespace, name, b"value")
    put(store, namespace_of(store, BOB, "other"), "c", b"value")
    assert listed(store, namespace, Query(limit=limit)) == NAMES == sorted(NAMES, key=str.encode)


def test_a_page_tells_version_size_times_and_metadata(store: Store, namespace: Namespace) -> None:
    put(store, namespace, "march", b"first")
    new = NewRecord("march", b"again!", b"metadata", expires_at=LATER)
    store.write_blocking(lambda tx: tx.records.put(namespace, new, now=NOW + 1))
    found = page(store, namespace, Query(), now=NOW + 1)
    assert found.rows == [
        RecordRow("march", 2, 6, NOW, NOW + 1, expires_at=LATER, metadata=b"metadata")
    ]
    assert (found.prefixes, found.next) == ([], None)


def test_a_page_that_holds_the_last_record_is_the_last(store: Store, namespace: Namespace) -> None:
    for name in NAMES:
        put(store, namespace, name, b"value")
    assert page(store, namespace, Query(limit=len(NAMES))).next is None
    assert page(store, namespace, Query(limit=len(NAMES) - 1)).next is not None
    assert page(store, namespace, Query(start="\U0001f513")) == Page([], [], None)


def test_an_empty_namespace_has_one_empty_page(store: Store, namespace: Namespace) -> None:
    assert list(pages(store, namespace, Query())) == [Page([], [], None)]


def test_a_list_goes_on_where_it_was_when_its_last_record_was_deleted(
    store: Store, namespace: Namespace
) -> None:
    for name in NAMES:
        put(store, namespace, name, b"value")
    first = page(store, namespace, Query(limit=3))
    assert first.next is not None
    store.write_blocking(lambda tx: tx.records.delete(namespace, "a/b", now=NOW))
    put(store, namespace, "a/c", b"value")
    rest = listed(store, namespace, Query(start=first.next))
    assert rest == ["a/c", *NAMES[3:]]


def test_whatever_is_not_there_any_more_takes_no_place_on_a_page(
    store: Store, namespace: Namespace
) -> None:
    """A page looks at so many records and no more: one may be empty, and not be the last."""
    count = MAX_LOOKS + 50

    def unit(tx: Transaction) -> None:
        for number in range(count):
            tx.records.put(namespace, NewRecord(f"{number:05}", b""), now=NOW)
            tx.records.delete(namespace, f"{number:05}", now=NOW)
        tx.records.put(namespace, NewRecord("z", b""), now=NOW)

    store.write_blocking(unit)
    found = list(pages(store, namespace, Query(limit=1)))
    assert [[row.name for row in each.rows] for each in found] == [[], ["z"]]
    shown = page(store, namespace, Query(limit=1000, show_deleted=True))
    assert [row.deleted_at for row in shown.rows] == [NOW] * 1000


# The same in plain Python, on whatever comes.

STATES: Mapping[str, Callable[[Transaction, Namespace, str], object]] = {
    "live": lambda tx, space, name: None,
    "twice": lambda tx, space, name: tx.records.put(space, NewRecord(name, b"2"), now=NOW),
    "deleted": lambda tx, space, name: tx.records.delete(space, name, now=NOW),
    "destroyed": lambda tx, space, name: tx.records.destroy(space, name, [1], now=NOW),
    "expired": lambda tx, space, name: tx.records.put(
        space, NewRecord(name, b"", expires_at=LATER), now=NOW
    ),
}
SHOWN = {"live", "twice"}

texts = st.lists(st.sampled_from(["a", "b", "/", "0", ".", "é", "\U0001f512"]), max_size=5)
names = texts.map("".join).filter(bool)
contents = st.dictionaries(names, st.sampled_from(sorted(STATES)), max_size=12)
queries = st.builds(
    Query,
    prefix=st.one_of(st.just(""), texts.map("".join)),
    limit=st.integers(1, 5),
    one_level=st.booleans(),
    show_deleted=st.booleans(),
)


def expected(content: Mapping[str, str], query: Query) -> list[str]:
    """Return what a list must hold, by looking at every name."""
    shown = SHOWN | ({"deleted"} if query.show_deleted else set())
    found = set()
    for name, state in content.items():
        if state in shown and name.startswith(query.prefix):
            rest = name[len(query.prefix) :]
            folded = query.one_level and "/" in rest
            found.add(query.prefix + rest[: rest.index("/") + 1] if folded else name)
    return sorted(found, key=str.encode)


NUMBERS = itertools.count()


@given(content=contents, query=queries)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_a_list_holds_what_looking_at_every_name_finds_and_sealing_names_changes_nothing(
    store: Store, content: dict[str, str], query: Query
) -> None:
    number = next(NUMBERS)
    spaces = [make(store, ALICE, f"{make.__name__}/{number}") for make in KINDS]

    def unit(tx: Transaction) -> None:
        for space in spaces:
            for name, state in content.items():
                tx.records.put(space, NewRecord(name, b"1"), now=NOW)
                STATES[state](tx, space, name)

    store.write_blocking(unit)
    plain, sealed = (list(pages(store, space, query, now=LATER)) for space in spaces)
    assert plain == sealed
    assert listed(store, spaces[0], query, now=LATER) == expected(content, query)
