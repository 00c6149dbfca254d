"""Ten thousand malformed inputs over one connection: none gets past the interceptor."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealwire.core.clock import system_clock
from sealwire.core.envelope import REQUEST_TYPE, pae
from sealwire.core.errors import Code
from sealwire.core.keys import PrivateKey
from sealwire.core.requests import RequestFactory
from sealwire.v1.envelope_pb2 import SignedMessage, Status
from tests.interceptors.shop import IMPORT, LIST, ORDER, PLACE, PRICE, Shop
from tests.support.servers import AUDIENCE

INPUTS = 10_000
STREAM_INPUTS = 400
AT_ONCE = 100
ELSEWHERE = "/shop.v1.OrderService/Elsewhere"

ALICE = PrivateKey.from_seed(bytes([0xA1]) * 32)
SIGNED = RequestFactory(ALICE, AUDIENCE, system_clock, os.urandom).unary(ELSEWHERE, ORDER)
ENVELOPE = SIGNED.SerializeToString()

Edit = tuple[int, bytes, int]
"""Where, what, and instead of how many bytes; `SAME` overwrites as many as there are."""

SAME = -1

EDITS = st.lists(
    st.tuples(
        st.integers(0, len(ENVELOPE)), st.binary(max_size=12), st.sampled_from([SAME, 0, 1, 60])
    ),
    min_size=1,
    max_size=4,
)

OVERWRITES = st.lists(
    st.tuples(st.integers(0, len(ENVELOPE)), st.binary(min_size=1, max_size=4), st.just(SAME)),
    min_size=1,
    max_size=3,
)


def edited(data: bytes, edits: list[Edit]) -> bytes:
    """Return `data` after each edit."""
    for position, put, removed in edits:
        start = position % (len(data) + 1)
        end = start + (len(put) if removed == SAME else removed)
        data = data[:start] + put + data[end:]
    return data


def signed_payload(payload: bytes) -> bytes:
    """Return an envelope whose signature holds over anything: it gets as far as step 5."""
    signed = SignedMessage(
        payload=payload,
        signature=ALICE.sign(pae(REQUEST_TYPE, payload)),
        public_key_id=ALICE.public_key.key_id,
    )
    return signed.SerializeToString()


MALFORMED = st.one_of(
    st.binary(max_size=200),
    st.builds(edited, st.just(ENVELOPE), EDITS),
    st.builds(edited, st.just(SIGNED.payload), OVERWRITES).map(signed_payload),
    st.builds(edited, st.just(ENVELOPE), OVERWRITES),
    st.builds(edited, st.just(SIGNED.payload), EDITS).map(signed_payload),
    st.binary(max_size=100).map(signed_payload),
)


def generated(count: int) -> list[bytes]:
    """Return the same inputs in each run."""
    found: list[bytes] = []

    @settings(
        max_examples=count,
        database=None,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(MALFORMED)
    def collect(data: bytes) -> None:
        found.append(data)

    collect()
    return found


def batches(inputs: list[bytes]) -> Iterator[list[bytes]]:
    """Give the inputs so many at a time."""
    for start in range(0, len(inputs), AT_ONCE):
        yield inputs[start : start + AT_ONCE]


def outcome(shop: Shop, future: grpc.Future[bytes], data: bytes, path: str) -> Status:
    """Return the status of a call, which must have failed and must be signed."""
    check = shop.line.signed_end if path in {LIST, PRICE} else shop.line.signed_status
    return check(future.exception(), [data], path=path)


@pytest.mark.timeout(120)
def test_ten_thousand_malformed_inputs_reach_no_handler_and_upset_no_server(shop: Shop) -> None:
    # case 31
    shop.house.know(ALICE, "alice")
    inputs = generated(INPUTS)
    assert len(inputs) >= INPUTS
    codes: Counter[int] = Counter()
    for number, batch in enumerate(batches(inputs)):
        path = (PLACE, IMPORT, LIST, PRICE)[number % 4]
        sent = [(data, shop.line.future(data, path=path)) for data in batch]
        codes.update(outcome(shop, future, data, path).code for data, future in sent)
    assert set(codes) == {Code.UNAUTHENTICATED, Code.INVALID_ARGUMENT}
    assert min(codes.values()) > INPUTS // 20
    assert shop.service.entered == 0
    shop.line.place(shop.order())


def test_malformed_inputs_midway_in_a_stream_commit_nothing(shop: Shop) -> None:
    # case 42
    for data in generated(STREAM_INPUTS):
        stream = shop.house.requests(shop.alice).stream(IMPORT)
        status = shop.line.stream_refusal([stream.message(ORDER), data, stream.close()])
        assert status.code in {Code.UNAUTHENTICATED, Code.INVALID_ARGUMENT}
    assert shop.service.orders == []
