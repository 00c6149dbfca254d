"""Chains of server keys: what leads from a pinned key to another one, and all that does not."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealwire.core.envelope import RESPONSE_TYPE, pae
from sealwire.core.errors import AuthenticationError, MalformedError, SealwireError
from sealwire.core.keys import PrivateKey, PublicKey
from sealwire.core.successions import MAX_SUCCESSIONS, SUCCESSION_TYPE, announce, follow
from sealwire.v1.envelope_pb2 import SignedMessage
from sealwire.v1.keys_pb2 import KeySuccession
from tests.core.builders import ALICE, AUDIENCE, NOW, encoded
from tests.core.edwards import SMALL_ORDER
from tests.core.wire import integer

KEYS = [PrivateKey.from_seed(bytes([0x50 + index]) * 32) for index in range(5)]
FIRST, SECOND, THIRD = KEYS[:3]
STRANGER = PrivateKey.from_seed(bytes([0xEE]) * 32)


def chain(keys: Sequence[PrivateKey] = KEYS, *, audience: str = AUDIENCE) -> list[SignedMessage]:
    return [
        announce(old, new.public_key, audience=audience, issued_at=NOW)
        for old, new in itertools.pairwise(keys)
    ]


def followed(successions: Sequence[SignedMessage], pinned: PrivateKey = FIRST) -> list[PublicKey]:
    return follow(successions, pinned=pinned.public_key, audience=AUDIENCE)


def public(keys: Sequence[PrivateKey]) -> list[PublicKey]:
    return [key.public_key for key in keys]


@pytest.mark.parametrize("pinned", range(len(KEYS)))
def test_from_any_key_of_the_chain_the_later_ones_follow(pinned: int) -> None:  # case 88
    assert followed(chain(), KEYS[pinned]) == public(KEYS[pinned + 1 :])


def test_nothing_follows_where_there_has_been_one_key_only() -> None:  # case 88
    assert followed([]) == []


def test_a_pin_that_is_not_in_the_chain_is_not_followed() -> None:  # case 88
    with pytest.raises(AuthenticationError, match="does not lead from the pinned key"):
        followed(chain(), STRANGER)


def test_a_chain_of_its_full_length_is_followed_and_none_beyond() -> None:  # case 88
    keys = [PrivateKey.from_seed(index.to_bytes(32, "big")) for index in range(1, 67)]
    assert followed(chain(keys[:65]), keys[0]) == public(keys[1:65])
    assert len(chain(keys[:65])) == MAX_SUCCESSIONS
    with pytest.raises(MalformedError, match="more than 64"):
        followed(chain(keys), keys[0])


def resigned(successions: list[SignedMessage]) -> list[SignedMessage]:
    """Return the chain signed by somebody else, who claims to be the keys in it."""
    return [
        SignedMessage(
            payload=signed.payload,
            signature=STRANGER.sign(pae(SUCCESSION_TYPE, signed.payload)),
            public_key_id=signed.public_key_id,
        )
        for signed in successions
    ]


def of_another_domain() -> list[SignedMessage]:
    payload = chain()[0].payload
    signature = FIRST.sign(pae(RESPONSE_TYPE, payload))
    return [
        SignedMessage(payload=payload, signature=signature, public_key_id=FIRST.public_key.key_id)
    ]


def to_another_key() -> list[SignedMessage]:
    """Return a chain in which a signature stands under another statement."""
    good = chain([FIRST, SECOND])[0]
    forged = chain([FIRST, STRANGER])[0]
    forged.signature = good.signature
    return [forged]


def by_another_key() -> list[SignedMessage]:
    forged = chain([FIRST, SECOND])[0]
    forged.public_key_id = STRANGER.public_key.key_id
    forged.signature = STRANGER.sign(pae(SUCCESSION_TYPE, forged.payload))
    return [forged]


def under_another_id() -> list[SignedMessage]:
    renamed = chain([FIRST, SECOND])[0]
    renamed.public_key_id = STRANGER.public_key.key_id
    return [renamed]


def with_content() -> list[SignedMessage]:
    good = chain()[0]
    good.content = b"more"
    return [good]


def unsigned() -> list[SignedMessage]:
    good = chain()[0]
    good.signature = b""
    return [good]


WRONG_CHAINS: dict[str, Callable[[], list[SignedMessage]]] = {
    "from elsewhere": lambda: chain([STRANGER, ALICE]),
    "a link skipped": lambda: chain()[:1] + chain()[2:],
    "the first link skipped": lambda: chain()[1:],
    "links swapped": lambda: [chain()[1], chain()[0], *chain()[2:]],
    "a link twice": lambda: [chain()[0], *chain()],
    "links re-signed": lambda: resigned(chain()),
    "the last link re-signed": lambda: chain()[:-1] + resigned(chain()[-1:]),
    "a loop": lambda: chain([FIRST, SECOND, FIRST]),
    "a loop that goes on": lambda: chain([FIRST, SECOND, FIRST, THIRD]),
    "a later loop": lambda: chain([FIRST, SECOND, THIRD, SECOND]),
    "a key that follows itself": lambda: chain([FIRST, FIRST]),
    "two chains": lambda: chain([FIRST, SECOND]) + chain([STRANGER, ALICE]),
    "two followers": lambda: chain([FIRST, SECOND]) + chain([FIRST, THIRD]),
    "another audience": lambda: chain(audience="other.example"),
    "no audience": lambda: chain(audience=""),
    "one link of another audience": lambda: (
        chain([FIRST, SECOND]) + chain([SECOND, THIRD], audience="other.example")
    ),
    "the signature of a response": of_another_domain,
    "a signature under another statement": to_another_key,
    "another signer": by_another_key,
    "another key id outside than inside": under_another_id,
    "no signature": unsigned,
    "a content": with_content,
    "nothing in it": lambda: [SignedMessage()],
}


@pytest.mark.parametrize("what", WRONG_CHAINS)
def test_a_chain_that_is_not_the_old_keys_word_throughout_is_refused(what: str) -> None:  # case 88
    with pytest.raises((AuthenticationError, MalformedError)):
        followed(WRONG_CHAINS[what]())


def test_a_chain_is_refused_for_what_is_wrong_before_the_pin_as_well() -> None:  # case 88
    for successions in (
        [chain([STRANGER, ALICE])[0], *chain()[1:]],
        [chain(audience="other.example")[0], *chain()[1:]],
        [*chain([THIRD, FIRST]), *chain()],
    ):
        with pytest.raises(AuthenticationError):
            followed(successions, SECOND)


def test_a_chain_cut_at_its_end_leads_to_an_older_key_only() -> None:  # case 88
    assert followed(chain()[:-1])[-1] == KEYS[-2].public_key


def test_the_times_in_a_chain_decide_nothing() -> None:
    backwards = [
        announce(old, new.public_key, audience=AUDIENCE, issued_at=issued_at)
        for (old, new), issued_at in zip(itertools.pairwise(KEYS), (NOW, 0, -1, 1), strict=True)
    ]
    assert followed(backwards) == public(KEYS[1:])


@pytest.mark.parametrize("raw", [b"", bytes(31), *SMALL_ORDER])
def test_a_key_that_may_not_be_let_in_never_follows(raw: bytes) -> None:  # case 37, 88
    payload = encoded(
        KeySuccession(
            audience=AUDIENCE,
            old_public_key_id=FIRST.public_key.key_id,
            new_public_key=raw,
            issued_at=NOW,
        )
    )
    with pytest.raises(MalformedError):
        followed([signed_by_first(payload)])


@pytest.mark.parametrize("more", [integer(4, NOW), integer(5, 1), b"\x22\x00"])
def test_a_statement_that_is_not_canonical_is_refused(more: bytes) -> None:  # case 32, 33, 88
    with pytest.raises(MalformedError):
        followed([signed_by_first(chain()[0].payload + more)])


def signed_by_first(payload: bytes) -> SignedMessage:
    return SignedMessage(
        payload=payload,
        signature=FIRST.sign(pae(SUCCESSION_TYPE, payload)),
        public_key_id=FIRST.public_key.key_id,
    )


def test_a_succession_with_any_bit_altered_is_refused() -> None:  # case 15, 88
    good = chain([FIRST, SECOND])[0]
    for field in ("payload", "signature"):
        for bit in range(8 * len(getattr(good, field))):
            altered = bytearray(getattr(good, field))
            altered[bit // 8] ^= 1 << bit % 8
            signed = SignedMessage()
            signed.CopyFrom(good)
            setattr(signed, field, bytes(altered))
            with pytest.raises((AuthenticationError, MalformedError)):
                followed([signed])


@given(st.data())
def test_of_all_arrangements_of_true_links_only_unbroken_ones_are_followed(  # case 88
    data: st.DataObject,
) -> None:
    links = data.draw(
        st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=5)
    )
    pinned = data.draw(st.integers(0, 4))
    successions = [chain([KEYS[old], KEYS[new]])[0] for old, new in links]
    path = [links[0][0], *(new for _, new in links)]
    unbroken = [old for old, _ in links] == path[:-1] and len(set(path)) == len(path)
    if unbroken and pinned in path:
        expected = [KEYS[index].public_key for index in path[path.index(pinned) + 1 :]]
        assert followed(successions, KEYS[pinned]) == expected
    else:
        with pytest.raises(SealwireError):
            followed(successions, KEYS[pinned])
