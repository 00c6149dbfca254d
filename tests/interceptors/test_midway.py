"""What was verified of a sender holds for each message: what ends, ends streams and connections."""

from __future__ import annotations

import dataclasses
import queue
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from shop.v1.orders_pb2 import (
    ListOrdersRequest,
    ListOrdersResponse,
    Order,
    PriceOrdersRequest,
)

from sealwire.client import UnauthenticatedError
from sealwire.core.errors import Code
from sealwire.core.pki import parse_bundle
from sealwire.interceptors import Binding, Call, EnrolledKey, TrustedIssuers
from tests.interceptors.shop import APPLES, EVERYTHING, ObservedOrders, Shop, open_shop
from tests.interceptors.watched import Watched, import_two
from tests.support.pki import DAY_MS, TRUST_DOMAIN, Pki
from tests.support.servers import House

Change = Callable[[Shop], object]


def key_change(**changes: Any) -> Change:
    """Return a change of what the server knows of alice's key."""

    def change(known: EnrolledKey) -> EnrolledKey:
        return dataclasses.replace(known, **changes)

    return lambda shop: shop.house.change(shop.alice, change)


def revoke(shop: Shop, *serials: str) -> None:
    key_change(revoked_certificates=frozenset(serials))(shop)


def trust(shop: Shop, *authorities: Pki) -> None:
    """Let the server trust these CAs and no others."""
    issuers = shop.house.certificates
    assert isinstance(issuers, TrustedIssuers)
    issuers.replace([pki.authority.certificate for pki in authorities])


def trust_outside(shop: Shop, *authorities: Pki) -> None:
    """Let the server trust these CAs with names that are not under its trust domain."""
    issuers = shop.house.certificates
    assert isinstance(issuers, TrustedIssuers)
    issuers.replace([], outside=[pki.authority.certificate for pki in authorities])


# Each with the reason that is logged; clients are told the same of all.
ENDINGS: dict[str, tuple[Change, str]] = {
    "the key is removed": (lambda shop: shop.house.directory.keys.clear(), "not active"),
    "the key expires": (
        lambda shop: key_change(expires_at=shop.house.clock())(shop),
        "not active",
    ),
    "the certificate is revoked": (lambda shop: revoke(shop, shop.alice.serial), "is revoked"),
    "the certificate ends": (lambda shop: shop.house.clock.advance(2 * DAY_MS), "not valid now"),
    "the CA is retired": (lambda shop: trust(shop, Pki.create()), "issuer is not trusted"),
    "no CA is left": (trust, "issuer is not trusted"),
    "the CA is an outside one": (lambda shop: trust_outside(shop, shop.house.pki), "not trusted"),
    "another certificate is registered": (
        key_change(certificate_uri="spiffe://elsewhere.example/alice"),
        "belongs to another key",
    ),
}

HARMLESS: dict[str, Change] = {
    "nothing": lambda _: None,
    "another key is removed": lambda shop: shop.house.directory.keys.pop(
        shop.house.enrol("bob").key_id
    ),
    "the key is to expire": lambda shop: key_change(expires_at=shop.house.clock() + 1)(shop),
    "another certificate is revoked": lambda shop: revoke(
        shop, "1", f"0{shop.alice.serial}", shop.alice.serial.upper() + "A"
    ),
    "a CA is added": lambda shop: trust(shop, Pki.create(), shop.house.pki),
}

ended = pytest.mark.parametrize("what", ENDINGS)
harmless = pytest.mark.parametrize("what", HARMLESS)


@pytest.fixture
def house(house: House) -> House:
    house.certificates = TrustedIssuers(parse_bundle(house.pki.ca_pem), trust_domain=TRUST_DOMAIN)
    house.binding = Binding.REGISTERED
    return house


class Paused(ObservedOrders):
    """It lists two orders, between which something happens."""

    def __init__(self, between: Callable[[], object]) -> None:
        super().__init__({"alice": EVERYTHING})
        self.between = between
        self.second = False

    async def ListOrders(
        self, _request: ListOrdersRequest, call: Call
    ) -> AsyncIterator[ListOrdersResponse]:
        self._require_permission(call)
        yield ListOrdersResponse(order=Order(number=1))
        self.between()
        yield ListOrdersResponse(order=Order(number=2))
        self.second = True


def assert_logged(house: House, what: str) -> None:
    """Assert that one refusal was logged, with its true reason."""
    (refusal,) = house.refusals
    assert ENDINGS[what][1] in str(refusal.error)


@ended
def test_what_ends_is_refused_at_the_next_request_of_an_open_connection(
    house: House, what: str
) -> None:
    # case 7, case 8, case 17
    with open_shop(house) as shop:
        shop.line.place(shop.order())
        ENDINGS[what][0](shop)
        status = shop.line.refusal(shop.order())
        assert status.code == Code.UNAUTHENTICATED
        assert status.message == "The request is not authenticated."
        assert shop.service.entered == 1
        assert_logged(house, what)


@harmless
def test_what_stays_is_accepted_at_the_next_request(house: House, what: str) -> None:
    with open_shop(house) as shop:
        shop.line.place(shop.order())
        HARMLESS[what](shop)
        shop.line.place(shop.order())


@ended
def test_what_ends_midway_ends_a_stream_of_requests_and_nothing_is_done(
    house: House, what: str
) -> None:
    # case 7, case 17, case 47
    service = Watched()
    with open_shop(house, service) as shop:
        with pytest.raises(UnauthenticatedError):
            import_two(shop, service, between=lambda: ENDINGS[what][0](shop))
        assert service.orders == []
        assert service.events.get(timeout=30) == "AuthenticationError"
        assert_logged(house, what)


@harmless
def test_what_stays_midway_completes_a_stream_of_requests(house: House, what: str) -> None:
    service = Watched()
    with open_shop(house, service) as shop:
        assert import_two(shop, service, between=lambda: HARMLESS[what](shop)).placed == 2


def listed(house: House, change: Change) -> tuple[list[int], Paused]:
    """Return the orders that alice gets while `change` happens between the first and the second."""
    numbers: list[int] = []
    service = Paused(lambda: change(shop))
    with open_shop(house, service) as shop:
        try:
            for answer in shop.stub.ListOrders(ListOrdersRequest()):
                numbers.append(answer.order.number)
        except UnauthenticatedError:  # believed only because the server signed it
            numbers.append(-1)
    return numbers, service


@ended
def test_what_ends_midway_ends_a_stream_of_answers_before_the_next_one(
    house: House, what: str
) -> None:
    # case 7, case 17, case 47
    numbers, service = listed(house, ENDINGS[what][0])
    assert numbers == [1, -1]
    assert not service.second
    assert_logged(house, what)


@harmless
def test_what_stays_midway_completes_a_stream_of_answers(house: House, what: str) -> None:
    assert listed(house, HARMLESS[what])[0] == [1, 2]


@ended
def test_what_ends_midway_ends_a_dialogue(house: House, what: str) -> None:
    # case 7, case 17, case 47
    answered: queue.Queue[int] = queue.Queue()

    def questions() -> Iterator[PriceOrdersRequest]:
        yield PriceOrdersRequest(item=APPLES)
        answered.get(timeout=30)
        ENDINGS[what][0](shop)
        yield PriceOrdersRequest(item=APPLES)

    with open_shop(house) as shop:
        answers = shop.stub.PriceOrders(questions())
        answered.put(next(answers).price)
        with pytest.raises(UnauthenticatedError):
            next(answers)
        assert_logged(house, what)


def test_a_key_that_changes_hands_midway_ends_the_stream(house: House) -> None:
    # case 47
    assert listed(house, key_change(identity="mallory"))[0] == [1, -1]


@pytest.mark.parametrize(("early", "accepted"), [(1, True), (0, False), (-1, False)])
def test_a_key_is_good_until_the_very_moment_at_which_it_expires(
    house: House, early: int, accepted: bool
) -> None:
    # case 17
    with open_shop(house) as shop:
        key_change(expires_at=house.clock() + early)(shop)
        order = shop.order()
        if accepted:
            shop.line.place(order)
        else:
            assert shop.line.refusal(order).code == Code.UNAUTHENTICATED
            assert shop.service.entered == 0


def test_a_key_that_expired_reads_the_same_as_one_that_is_not_known(house: House) -> None:
    # case 16
    with open_shop(house) as shop:
        unknown = shop.order()
        unknown.public_key_id = "x" * 43
        key_change(expires_at=1)(shop)
        expired = shop.order()
        assert shop.line.refusal(unknown) == shop.line.refusal(expired)
