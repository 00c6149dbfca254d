"""Servers whose signing key changed: announced by the old key it is followed, otherwise refused."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import os
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from shop.v1.orders_pb2 import ImportOrdersResponse, Item
from shop.v1.orders_pb2_grpc import add_OrderServiceServicer_to_server

from sealwire.client import ForbiddenError, RemoteError, ResponseVerificationError
from sealwire.client.key_lookup import LIST_SERVER_KEYS
from sealwire.client.server_pins import replace_server_key
from sealwire.core.envelope import pae
from sealwire.core.errors import Code, ConfigurationError
from sealwire.core.keys import PrivateKey, PublicKey
from sealwire.core.secret_files import write_new_secret
from sealwire.core.successions import SUCCESSION_TYPE, announce
from sealwire.interceptors import Call, ProtectedServer
from sealwire.v1.envelope_pb2 import SignedMessage, Status
from sealwire.v1.keys_pb2 import ListServerKeysRequest, ListServerKeysResponse
from sealwire.v1.keys_pb2_grpc import KeyServiceServicer, add_KeyServiceServicer_to_server
from tests.interceptors.impostor import Answers, fail
from tests.interceptors.pinned import AsyncPinned, BlockingPinned, Pinned
from tests.interceptors.shop import APPLES, EVERYTHING, ObservedOrders, open_shop
from tests.interceptors.turncoat import ORDERS, PLACED, Explain, Turncoat, explaining
from tests.support.servers import AUDIENCE, House

NOT_SOLD = Item(sku="diamond", quantity=1)
SENTENCE = "The response is signed by another key than the pinned one."


def new_key() -> PrivateKey:
    return PrivateKey.generate(os.urandom)


FIRST, SECOND, THIRD, STRANGER = (new_key() for _ in range(4))


def chain(*keys: PrivateKey, audience: str = AUDIENCE) -> list[SignedMessage]:
    return [
        announce(old, new.public_key, audience=audience, issued_at=1)
        for old, new in itertools.pairwise(keys)
    ]


class ServerKeys(KeyServiceServicer):
    """Tells how the server's key changed, and counts how often."""

    def __init__(self, successions: Sequence[SignedMessage]) -> None:
        self.successions = successions
        self.asked = 0

    async def ListServerKeys(
        self, _request: ListServerKeysRequest, _call: Call
    ) -> ListServerKeysResponse:
        self.asked += 1
        return ListServerKeysResponse(successions=self.successions)

    async def _other(self, _request: object, _call: Call) -> object:
        raise NotImplementedError

    RenewCertificate = RotateKey = ListKeys = RevokeKey = RevokeCertificate = _other


@dataclass
class Rotated:
    """A real server that signs with the last key of a chain, and a customer who pinned one."""

    keys: ServerKeys
    orders: ObservedOrders
    customer: Pinned
    granted: dict[str, frozenset[str]]

    def assert_followed(self, key: PrivateKey) -> None:
        """Fail unless the customer found out once, was told once, and believes `key` now."""
        assert self.customer.server_key == key.public_key
        assert self.customer.told == [key.public_key]
        assert self.keys.asked == 1


@pytest.fixture(params=[BlockingPinned, AsyncPinned])
def kind(request: pytest.FixtureRequest) -> type[Pinned]:
    found: type[Pinned] = request.param
    return found


@contextlib.contextmanager
def rotated(
    house: House, kind: type[Pinned], *keys: PrivateKey, pin: PrivateKey = FIRST
) -> Iterator[Rotated]:
    """Serve with the last of `keys`, which are a chain."""
    house.server_key = keys[-1]
    granted = {"alice": EVERYTHING}
    server_keys, orders = ServerKeys(chain(*keys)), ObservedOrders(granted)

    def register(server: ProtectedServer) -> None:
        add_OrderServiceServicer_to_server(orders, server)
        add_KeyServiceServicer_to_server(server_keys, server)

    customer = kind(house, house.enrol("alice"), pin.public_key)
    with house.serving(register), customer.connected():
        yield Rotated(server_keys, orders, customer, granted)


@pytest.fixture
def shop(house: House, kind: type[Pinned]) -> Iterator[Rotated]:
    """A shop whose key was rotated once since the customer pinned it."""
    with rotated(house, kind, FIRST, SECOND) as opened:
        yield opened


def refused_order(customer: Pinned) -> ResponseVerificationError:
    with pytest.raises(ResponseVerificationError) as refused:
        customer.place()
    return refused.value


def test_the_answer_in_hand_verifies_under_the_announced_key(shop: Rotated) -> None:
    # case 88
    assert shop.customer.place().order.item == APPLES
    shop.assert_followed(SECOND)
    assert len(shop.orders.orders) == 1


def test_a_key_is_looked_up_once_and_believed_from_then_on(shop: Rotated) -> None:
    # case 88
    for _ in range(3):
        shop.customer.place()
    assert [answer.order.number for answer in shop.customer.list_orders()] == [1, 2, 3]
    shop.assert_followed(SECOND)


def test_an_answer_to_a_request_stream_is_followed(shop: Rotated) -> None:
    # case 88
    assert shop.customer.bring([APPLES, APPLES]) == ImportOrdersResponse(placed=2)
    shop.assert_followed(SECOND)


def test_a_stream_of_answers_is_followed_from_its_first(shop: Rotated) -> None:
    # case 88
    shop.orders.orders.extend(answer.order for answer in ORDERS)
    assert shop.customer.list_orders() == ORDERS
    shop.assert_followed(SECOND)


def test_a_dialogue_is_followed_from_its_first_answer(shop: Rotated) -> None:
    # case 88
    assert [answer.price for answer in shop.customer.price([APPLES, APPLES])] == [120, 120]
    shop.assert_followed(SECOND)


def test_the_end_of_an_empty_stream_is_followed(shop: Rotated) -> None:
    # case 88
    assert shop.customer.list_orders() == []
    shop.assert_followed(SECOND)


def test_a_signed_error_is_followed_and_believed(shop: Rotated) -> None:
    # case 88, 89
    with pytest.raises(RemoteError) as refused:
        shop.customer.place(NOT_SOLD)
    assert refused.value.status_reason == "UNKNOWN_SKU"
    shop.assert_followed(SECOND)


def test_a_signed_error_before_any_answer_of_a_stream_is_followed(shop: Rotated) -> None:
    # case 88, 89
    shop.granted.clear()
    with pytest.raises(ForbiddenError):
        shop.customer.list_orders()
    shop.assert_followed(SECOND)


@pytest.mark.parametrize("pin", [FIRST, SECOND, THIRD])
def test_a_customer_catches_up_from_wherever_the_pin_is(
    house: House, kind: type[Pinned], pin: PrivateKey
) -> None:
    # case 88
    newest = new_key()
    with rotated(house, kind, FIRST, SECOND, THIRD, newest, pin=pin) as shop:
        shop.customer.place()
        shop.assert_followed(newest)


def test_calls_at_the_same_time_ask_once_together(shop: Rotated) -> None:
    # case 88
    assert len(shop.customer.place_at_once(12)) == 12
    shop.assert_followed(SECOND)


def test_whoever_pinned_the_newest_key_never_asks(house: House, kind: type[Pinned]) -> None:
    with rotated(house, kind, FIRST, SECOND, pin=SECOND) as shop:
        shop.customer.place()
        assert (shop.customer.told, shop.keys.asked) == ([], 0)


def test_what_keeps_the_new_key_may_fail_and_the_key_is_believed_all_the_same(
    shop: Rotated,
) -> None:
    def fail_to_keep(_: PublicKey) -> None:
        raise ConfigurationError("The disk is full.")

    shop.customer.on_new_key = fail_to_keep
    with pytest.raises(ConfigurationError, match="disk is full"):
        shop.customer.place()
    shop.customer.place()
    shop.assert_followed(SECOND)


# What must not be followed: an impostor, who has a certificate of the right CA.


def resigned(*keys: PrivateKey) -> list[SignedMessage]:
    """Return a chain whose links the stranger signed in the names of their keys."""
    links = chain(*keys)
    for link in links:
        link.signature = STRANGER.sign(pae(SUCCESSION_TYPE, link.payload))
    return links


WRONG_CHAINS: dict[str, list[SignedMessage]] = {
    "none": [],
    "from elsewhere": chain(THIRD, STRANGER),
    "to elsewhere": chain(FIRST, SECOND),
    "a link skipped": [*chain(FIRST, SECOND), *chain(THIRD, STRANGER)],
    "re-signed": resigned(FIRST, STRANGER),
    "the last link re-signed": [*chain(FIRST, SECOND), *resigned(SECOND, STRANGER)],
    "a loop": chain(FIRST, STRANGER, FIRST),
    "a loop and on": chain(FIRST, SECOND, FIRST, STRANGER),
    "back to the pin": chain(STRANGER, FIRST),
    "on to yet another key": chain(FIRST, STRANGER, SECOND),
    "another audience": chain(FIRST, STRANGER, audience="other.example"),
    "too long": chain(FIRST, *(new_key() for _ in range(64)), STRANGER),
    "not canonical": [
        SignedMessage(payload=link.payload + b"\x28\x01", signature=link.signature)
        for link in chain(FIRST, STRANGER)
    ],
}


@dataclass
class Deceived:
    """A customer of a server that isn't what it was."""

    server: Turncoat
    customer: Pinned

    def assert_refused(self) -> None:
        """Fail unless the customer refuses as if there were nothing to ask, and is as before."""
        assert str(refused_order(self.customer)).endswith(SENTENCE)
        assert self.customer.server_key == FIRST.public_key
        assert self.customer.told == []


@contextlib.contextmanager
def deceived(
    house: House, kind: type[Pinned], explain: Explain, *, key: PrivateKey = STRANGER
) -> Iterator[Deceived]:
    house.server_key = FIRST
    server = Turncoat(house, key, explain)
    customer = kind(house, house.enrol("alice"), FIRST.public_key)
    with server.serving(), customer.connected():
        yield Deceived(server, customer)


@pytest.mark.parametrize("what", WRONG_CHAINS)
def test_a_key_that_no_chain_leads_to_is_refused(
    house: House, kind: type[Pinned], what: str
) -> None:
    # case 12, 88
    with deceived(house, kind, explaining(house, STRANGER, WRONG_CHAINS[what])) as found:
        found.assert_refused()
        assert found.server.asked == 1


def test_a_chain_explains_no_key_but_its_last(house: House, kind: type[Pinned]) -> None:
    # case 88
    explain = explaining(house, SECOND, chain(FIRST, SECOND, THIRD))
    with deceived(house, kind, explain, key=SECOND) as found:
        found.assert_refused()


def test_a_chain_that_is_cut_short_of_the_signer_is_refused(
    house: House, kind: type[Pinned]
) -> None:
    # case 88
    explain = explaining(house, THIRD, chain(FIRST, SECOND))
    with deceived(house, kind, explain, key=THIRD) as found:
        found.assert_refused()


@pytest.mark.parametrize("signer", [FIRST, THIRD, STRANGER])
def test_a_true_chain_that_another_key_tells_of_is_refused(
    house: House, kind: type[Pinned], signer: PrivateKey
) -> None:
    # case 88
    explain = explaining(house, signer, chain(FIRST, SECOND))
    with deceived(house, kind, explain, key=SECOND) as found:
        found.assert_refused()


def test_a_key_that_another_one_has_followed_by_now_is_refused(
    house: House, kind: type[Pinned]
) -> None:
    # case 88
    explain = explaining(house, THIRD, chain(FIRST, SECOND, THIRD))
    with deceived(house, kind, explain, key=SECOND) as found:
        found.assert_refused()


def refuse(house: House) -> Explain:
    def explain(request: SignedMessage, context: grpc.ServicerContext) -> bytes:
        denied = Status(code=Code.PERMISSION_DENIED, reason="PERMISSION_DENIED", message="No.")
        signed = Answers(house, request, SECOND).status(denied, method=LIST_SERVER_KEYS)
        fail(context, grpc.StatusCode.PERMISSION_DENIED, signed)
        return b""

    return explain


def of_another_question(house: House) -> Explain:
    other = SignedMessage(payload=b"another question")
    return lambda _, context: explaining(house, SECOND, chain(FIRST, SECOND))(other, context)


def flipped(house: House) -> Explain:
    def explain(request: SignedMessage, context: grpc.ServicerContext) -> bytes:
        data = explaining(house, SECOND, chain(FIRST, SECOND))(request, context)
        signed = SignedMessage.FromString(data)
        signed.signature = bytes([signed.signature[0] ^ 1]) + signed.signature[1:]
        return signed.SerializeToString()

    return explain


def of_another_method(house: House) -> Explain:
    body = ListServerKeysResponse(successions=chain(FIRST, SECOND)).SerializeToString()
    return lambda request, _: Answers(house, request, SECOND).body(body).SerializeToString()


WRONG_EXPLANATIONS: dict[str, Callable[[House], Explain]] = {
    "refused": refuse,
    "the answer to another question": of_another_question,
    "of another method": of_another_method,
    "a flipped bit": flipped,
    "garbage": lambda _: lambda *_: b"\xff" * 40,
    "nothing": lambda _: lambda *_: b"",
    "the question itself": lambda _: lambda request, _: request.SerializeToString(),
}


@pytest.mark.parametrize("what", WRONG_EXPLANATIONS)
def test_an_explanation_that_is_not_the_signers_answer_is_none(
    house: House, kind: type[Pinned], what: str
) -> None:
    # case 87, 88
    with deceived(house, kind, WRONG_EXPLANATIONS[what](house), key=SECOND) as found:
        found.assert_refused()
        assert found.server.asked == 1


def test_an_explanation_that_does_not_come_is_not_waited_for_beyond_the_calls_time(
    house: House, kind: type[Pinned]
) -> None:
    # case 88
    over = threading.Event()

    def explain(_request: SignedMessage, _context: grpc.ServicerContext) -> bytes:
        over.wait(60)
        return b""

    with deceived(house, kind, explain) as found:
        try:
            with pytest.raises(ResponseVerificationError, match="another key than the pinned"):
                found.customer.place(timeout=1.0)
        finally:
            over.set()
        assert found.customer.told == []


def test_a_server_that_lists_no_keys_is_refused_as_it_ever_was(
    house: House, kind: type[Pinned]
) -> None:
    # case 88
    house.server_key = SECOND
    customer = kind(house, house.enrol("alice"), FIRST.public_key)
    with open_shop(house), customer.connected():
        assert str(refused_order(customer)).endswith(SENTENCE)
        assert (customer.server_key, customer.told) == (FIRST.public_key, [])


@pytest.fixture
def turned(house: House, kind: type[Pinned]) -> Iterator[Deceived]:
    """A server that was rotated, and explains it."""
    with deceived(house, kind, explaining(house, SECOND, chain(FIRST, SECOND)), key=SECOND) as it:
        yield it


def test_an_answer_of_the_old_key_is_refused_once_it_was_succeeded(turned: Deceived) -> None:
    # case 88
    customer, server = turned.customer, turned.server
    assert customer.place() == PLACED
    server.key, server.explain = FIRST, explaining(server.house, FIRST, [])
    refused_order(customer)
    server.explain = explaining(server.house, FIRST, chain(FIRST, SECOND))
    refused_order(customer)
    server.explain = explaining(server.house, FIRST, chain(STRANGER, FIRST))
    refused_order(customer)
    assert customer.told == [SECOND.public_key] == [customer.server_key]


def test_a_forged_answer_is_refused_although_the_key_was_truly_rotated(turned: Deceived) -> None:
    # case 86, 88
    turned.server.key = PrivateKey(SECOND.public_key, STRANGER._secret)
    with pytest.raises(ResponseVerificationError, match="signature does not hold"):
        turned.customer.place()


def test_a_key_does_not_change_within_a_stream(turned: Deceived) -> None:
    # case 88
    turned.server.stream_keys = [FIRST, SECOND, SECOND]
    with pytest.raises(ResponseVerificationError):
        turned.customer.list_orders()
    assert turned.customer.seen == ORDERS[:1]
    assert (turned.server.asked, turned.customer.told) == (0, [])


def test_a_key_does_not_change_at_the_end_of_a_stream(turned: Deceived) -> None:
    # case 88
    turned.server.stream_keys = [FIRST, FIRST, SECOND]
    with pytest.raises(ResponseVerificationError):
        turned.customer.list_orders()
    assert turned.customer.seen == ORDERS
    assert (turned.server.asked, turned.customer.told) == (0, [])


@pytest.mark.parametrize("later", [[FIRST, SECOND], [SECOND, FIRST], [STRANGER, SECOND]])
def test_a_followed_stream_stays_with_its_key(turned: Deceived, later: list[PrivateKey]) -> None:
    # case 88
    turned.server.stream_keys = [SECOND, *later]
    with pytest.raises(ResponseVerificationError):
        turned.customer.list_orders()
    assert turned.customer.seen == ORDERS[: 1 + later.index(next(k for k in later if k != SECOND))]
    assert turned.customer.server_key == SECOND.public_key


# What a profile remembers.

FIELDS = {
    "format": "sealwire-profile-v1",
    "audience": AUDIENCE,
    "server_public_key": FIRST.public_key.text,
    "server_key_id": FIRST.public_key.key_id,
}


def profile(folder: Path, text: bytes) -> Path:
    write_new_secret(folder / "profile.json", text)
    return folder / "profile.json"


def test_a_profile_is_given_the_new_key_and_keeps_the_rest(tmp_path: Path) -> None:
    path = profile(tmp_path, json.dumps(FIELDS).encode())
    replace_server_key(tmp_path, SECOND.public_key)
    assert json.loads(path.read_bytes()) == {
        **FIELDS,
        "server_public_key": SECOND.public_key.text,
        "server_key_id": SECOND.public_key.key_id,
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"format": 1}'])
def test_a_damaged_profile_is_left_as_it_is(tmp_path: Path, text: bytes) -> None:
    path = profile(tmp_path, text)
    with pytest.raises(ConfigurationError, match="left as it is"):
        replace_server_key(tmp_path, SECOND.public_key)
    assert path.read_bytes() == text


def test_a_profile_that_others_can_open_is_left_as_it_is(tmp_path: Path) -> None:
    path = profile(tmp_path, json.dumps(FIELDS).encode())
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        replace_server_key(tmp_path, SECOND.public_key)
    assert json.loads(path.read_bytes()) == FIELDS


def test_a_profile_remembers_what_a_call_found_out(shop: Rotated, tmp_path: Path) -> None:
    # case 88
    path = profile(tmp_path, json.dumps(FIELDS).encode())
    shop.customer.on_new_key = functools.partial(replace_server_key, tmp_path)
    shop.customer.place()
    assert json.loads(path.read_bytes())["server_key_id"] == SECOND.public_key.key_id
