from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from sealwire.core.errors import SealError
from sealwire.core.stream_aead import CHUNK_BYTES, TAG_BYTES, decrypt, encrypt
from tests.core.builders import RepeatableRandom

KEY = bytes(range(32))
DATA = b"header"
SEALED_CHUNK = CHUNK_BYTES + TAG_BYTES
SIZES = [0, 1, 65535, 65536, 65537, 131072, 200000]
TEXT = RepeatableRandom()(200_000)
SEALED = encrypt(KEY, TEXT, associated_data=DATA)
CHUNKS = [SEALED[start : start + SEALED_CHUNK] for start in range(0, len(SEALED), SEALED_CHUNK)]


def opened(sealed: bytes, *, key: bytes = KEY, associated_data: bytes = DATA) -> bytes:
    return decrypt(key, memoryview(sealed), associated_data=associated_data)


def nonce(index: int, last: int) -> bytes:
    return index.to_bytes(11, "big") + bytes([last])


@pytest.mark.parametrize("size", SIZES)
def test_a_text_of_any_size_comes_back(size: int) -> None:
    text = TEXT[:size]
    sealed = encrypt(KEY, text, associated_data=DATA)
    assert opened(sealed) == text
    assert len(sealed) == size + TAG_BYTES * max(1, -(-size // CHUNK_BYTES))


@given(st.binary(max_size=64), st.binary(max_size=8))
def test_any_small_text_comes_back(text: bytes, data: bytes) -> None:
    assert opened(encrypt(KEY, text, associated_data=data), associated_data=data) == text


def test_each_chunk_is_aes_256_gcm_under_its_counter_and_its_place() -> None:
    cipher = AESGCM(KEY)
    assert encrypt(KEY, b"", associated_data=DATA) == cipher.encrypt(nonce(0, 1), b"", DATA)
    parts = [TEXT[start : start + CHUNK_BYTES] for start in range(0, len(TEXT), CHUNK_BYTES)]
    for index, (chunk, part) in enumerate(zip(CHUNKS, parts, strict=True)):
        last = int(index == len(parts) - 1)
        assert chunk == cipher.encrypt(nonce(index, last), part, DATA)


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES])
def test_a_text_that_fits_a_chunk_is_one_that_is_the_last(size: int) -> None:
    expected = AESGCM(KEY).encrypt(nonce(0, 1), TEXT[:size], DATA)
    assert encrypt(KEY, TEXT[:size], associated_data=DATA) == expected


def test_one_byte_more_than_a_chunk_is_two_chunks() -> None:
    cipher, text = AESGCM(KEY), TEXT[: CHUNK_BYTES + 1]
    first = cipher.encrypt(nonce(0, 0), text[:CHUNK_BYTES], DATA)
    second = cipher.encrypt(nonce(1, 1), text[CHUNK_BYTES:], DATA)
    assert encrypt(KEY, text, associated_data=DATA) == first + second


def test_another_key_or_other_associated_data_does_not_open() -> None:
    with pytest.raises(SealError):
        opened(SEALED, key=bytes(32))
    for data in (b"", b"Header", DATA + b"\0"):
        with pytest.raises(SealError):
            opened(SEALED, associated_data=data)


@pytest.mark.parametrize(
    "order",
    [
        [1, 0, 2, 3],  # swapped
        [0, 1, 3, 2],  # the last one moved
        [1, 2, 3],  # the first dropped
        [0, 2, 3],  # one dropped
        [0, 0, 1, 2, 3],  # repeated
        [0, 1, 2, 3, 3],  # the last repeated
        [0, 1, 2],  # cut at a chunk's end
        [0],
        [3],
        [3, 0],
        [0, 1, 2, 3, 0],  # grown
    ],
    ids=str,
)
def test_chunks_in_any_other_order_do_not_open(order: list[int]) -> None:  # case 62
    assert opened(b"".join(CHUNKS)) == TEXT
    with pytest.raises(SealError):
        opened(b"".join(CHUNKS[index] for index in order))


@pytest.mark.parametrize("chunk", range(4))
@pytest.mark.parametrize("offset", [0, 15, -TAG_BYTES, -1])
def test_an_altered_chunk_does_not_open(chunk: int, offset: int) -> None:  # case 62
    altered = bytearray(CHUNKS[chunk])
    altered[offset] ^= 1
    with pytest.raises(SealError):
        opened(b"".join([*CHUNKS[:chunk], bytes(altered), *CHUNKS[chunk + 1 :]]))


@pytest.mark.parametrize("end", range(1, 4))
@pytest.mark.parametrize("more", [-TAG_BYTES, -1, 0, 1, TAG_BYTES - 1, TAG_BYTES, TAG_BYTES + 1])
def test_a_text_cut_near_a_chunks_end_does_not_open(end: int, more: int) -> None:  # case 63
    with pytest.raises(SealError):
        opened(SEALED[: end * SEALED_CHUNK + more])


@pytest.mark.parametrize("size", [0, 1, TAG_BYTES - 1])
def test_less_than_a_tag_does_not_open(size: int) -> None:  # case 63
    with pytest.raises(SealError):
        opened(encrypt(KEY, b"", associated_data=DATA)[:size])


def test_an_empty_chunk_after_a_full_one_does_not_open() -> None:
    # It authenticates, but would give a text a second sealed form.
    cipher = AESGCM(KEY)
    full = cipher.encrypt(nonce(0, 0), TEXT[:CHUNK_BYTES], DATA)
    assert opened(full + cipher.encrypt(nonce(1, 1), b"x", DATA)) == TEXT[:CHUNK_BYTES] + b"x"
    with pytest.raises(SealError, match="empty chunk"):
        opened(full + cipher.encrypt(nonce(1, 1), b"", DATA))


def test_a_short_chunk_before_the_last_does_not_open() -> None:
    cipher = AESGCM(KEY)
    short = cipher.encrypt(nonce(0, 0), TEXT[: CHUNK_BYTES - 1], DATA)
    with pytest.raises(SealError):
        opened(short + cipher.encrypt(nonce(1, 1), b"x", DATA))
