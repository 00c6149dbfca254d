from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from sealwire.core.errors import SealError
from sealwire.core.sealing import (
    HEADER_BYTES,
    Purpose,
    RecordAddress,
    SealedBlob,
    SealHeader,
    is_sealed_to,
    read_header,
    seal,
    unseal,
)
from sealwire.core.stream_aead import CHUNK_BYTES, TAG_BYTES
from tests.core.builders import ADDRESS, ALICE, BOB, HeldKey, RepeatableRandom, held_key
from tests.core.edwards import SMALL_ORDER

KEY = held_key()
TEXT = b"salary: 4711"


def sealed(text: bytes = TEXT, *, key: HeldKey = KEY) -> SealedBlob:
    return seal(key, text, address=ADDRESS, random=RepeatableRandom())


def assert_shut(
    blob: bytes, *, key: HeldKey = KEY, address: RecordAddress = ADDRESS, because: str | None = None
) -> None:
    with pytest.raises(SealError, match=because):
        unseal(key, blob, address=address)


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 131072, 200000])
def test_a_value_of_any_size_comes_back(size: int) -> None:
    text = RepeatableRandom("text")(size)
    blob = sealed(text)
    assert unseal(KEY, blob, address=ADDRESS) == text
    assert len(blob) == HEADER_BYTES + size + TAG_BYTES * max(1, -(-size // CHUNK_BYTES))


@given(st.binary(max_size=64), st.text(), st.text(), st.integers(0, 2**64 - 1))
def test_a_value_comes_back_at_its_address(
    text: bytes, namespace: str, name: str, version: int
) -> None:
    address = RecordAddress(namespace, name, version)
    blob = seal(KEY, text, address=address, random=RepeatableRandom())
    assert unseal(KEY, blob, address=address) == text


def test_a_header_says_who_can_open_the_blob() -> None:
    blob = sealed()
    header = read_header(blob)
    assert header == SealHeader(
        root_version=1,
        owner=ALICE.public_key,
        record_salt=RepeatableRandom()(32),
        commitment=blob[74:106],
    )
    assert HEADER_BYTES == 106


@pytest.mark.parametrize("length", [42, HEADER_BYTES, None])
def test_its_first_bytes_tell_whom_a_blob_is_sealed_to(length: int | None) -> None:
    start = sealed()[:length]
    assert is_sealed_to(start, ALICE.public_key, root_version=1)
    assert not is_sealed_to(start, BOB.public_key, root_version=1)
    assert not is_sealed_to(start, ALICE.public_key, root_version=2)


@pytest.mark.parametrize("offset", range(42))
def test_what_is_cut_or_of_another_format_is_sealed_to_nobody(offset: int) -> None:
    blob = bytearray(sealed())
    assert not is_sealed_to(bytes(blob[:offset]), ALICE.public_key, root_version=1)
    blob[offset] ^= 1
    assert not is_sealed_to(bytes(blob), ALICE.public_key, root_version=1)


def test_a_blob_shows_nothing_of_its_value() -> None:
    assert sealed().find(TEXT) == -1
    assert sealed(TEXT * 10_000).find(TEXT) == -1


def test_no_two_blobs_of_a_value_share_salt_key_or_ciphertext() -> None:  # case 67
    random = RepeatableRandom()
    blobs = [seal(KEY, TEXT, address=ADDRESS, random=random) for _ in range(500)]
    assert len({read_header(blob).record_salt for blob in blobs}) == 500
    assert len({read_header(blob).commitment for blob in blobs}) == 500
    assert len({blob[HEADER_BYTES:] for blob in blobs}) == 500


def test_a_blob_with_any_bit_altered_does_not_open() -> None:  # case 62
    blob = sealed()
    for bit in range(8 * len(blob)):
        altered = bytearray(blob)
        altered[bit // 8] ^= 1 << bit % 8
        assert_shut(bytes(altered))


def test_a_blob_cut_anywhere_or_grown_does_not_open() -> None:  # case 63
    blob = sealed()
    for size in range(len(blob)):
        assert_shut(blob[:size])
    assert_shut(blob + b"\0")
    assert_shut(blob + blob[HEADER_BYTES:])


@pytest.mark.parametrize("size", range(HEADER_BYTES))
def test_a_cut_header_is_refused(size: int) -> None:  # case 63
    with pytest.raises(SealError, match="shorter"):
        read_header(sealed()[:size])


@pytest.mark.parametrize("value", [version for version in range(256) if version != 1])
@pytest.mark.parametrize("offset", [4, 5], ids=["format version", "suite"])
def test_an_unknown_version_or_suite_is_refused(offset: int, value: int) -> None:  # case 69
    blob = bytearray(sealed())
    blob[offset] = value
    with pytest.raises(SealError, match="format or suite"):
        read_header(bytes(blob))
    assert_shut(bytes(blob), because="format or suite")


@pytest.mark.parametrize("magic", [b"SWSA", b"swsb", b"\0\0\0\0"])
def test_another_magic_is_refused(magic: bytes) -> None:  # case 69
    assert_shut(magic + sealed()[4:], because="format or suite")


def test_a_header_with_an_owner_that_is_no_key_is_refused() -> None:
    blob = sealed()
    for owner in (*SMALL_ORDER, b"\xff" * 32):
        assert_shut(blob[:10] + owner + blob[42:], because="owner key")


@pytest.mark.parametrize(
    "address",
    [
        ADDRESS._replace(namespace="team/payrol"),
        ADDRESS._replace(name="2027/april"),
        ADDRESS._replace(version=2),
        RecordAddress(namespace=ADDRESS.name, name=ADDRESS.namespace, version=1),
        RecordAddress(namespace="team", name="payroll/2027/march", version=1),
    ],
    ids=["namespace", "name", "version", "exchanged", "slash moved"],
)
def test_a_moved_blob_does_not_open(address: RecordAddress) -> None:  # case 60
    assert_shut(sealed(), address=address, because="commit")


@pytest.mark.parametrize("made", Purpose)
@pytest.mark.parametrize("asked", Purpose)
def test_a_blob_opens_only_for_its_purpose(made: Purpose, asked: Purpose) -> None:  # case 60
    address = ADDRESS._replace(purpose=made)
    blob = seal(KEY, TEXT, address=address, random=RepeatableRandom())
    if made is asked:
        assert unseal(KEY, blob, address=address) == TEXT
    else:
        assert_shut(blob, address=address._replace(purpose=asked), because="commit")


def test_no_two_purposes_share_a_label() -> None:
    assert len({purpose.value for purpose in Purpose}) == len(Purpose) == 5
    assert RecordAddress("a", "b", 1).purpose is Purpose.VALUE


@given(st.binary(max_size=48), st.binary(max_size=48))
def test_a_blob_opens_only_with_its_attributes(made: bytes, asked: bytes) -> None:  # case 62
    address = ADDRESS._replace(attributes=made)
    blob = seal(KEY, TEXT, address=address, random=RepeatableRandom())
    assert unseal(KEY, blob, address=address) == TEXT
    if made != asked:
        assert_shut(blob, address=address._replace(attributes=asked), because="commit")


def test_attributes_with_any_bit_altered_cut_or_grown_refuse_the_blob() -> None:  # case 62
    attributes = bytes(range(40))
    address = ADDRESS._replace(attributes=attributes)
    blob = seal(KEY, TEXT, address=address, random=RepeatableRandom())
    others = [attributes[:size] for size in range(len(attributes))] + [attributes + b"\0"]
    for bit in range(8 * len(attributes)):
        altered = bytearray(attributes)
        altered[bit // 8] ^= 1 << bit % 8
        others.append(bytes(altered))
    for other in others:
        assert_shut(blob, address=address._replace(attributes=other), because="commit")


def test_attributes_do_not_pass_for_a_part_of_the_address() -> None:  # case 60
    # The version is the part before them, and has 8 bytes wherever it stands.
    address = RecordAddress("a", "b", 1, attributes=(1).to_bytes(8, "big"))
    blob = seal(KEY, TEXT, address=address, random=RepeatableRandom())
    for other in (
        RecordAddress("a", "b", 1),
        RecordAddress("a", "b", 1, attributes=b"\x01"),
        RecordAddress("a", "b\0\0\0\x08" + "\0" * 7 + "\x01", 1),
    ):
        assert_shut(blob, address=other, because="commit")


@pytest.mark.parametrize("attributes", [b"", b"attributes"])
def test_attributes_are_not_in_the_blob_and_do_not_lengthen_it(attributes: bytes) -> None:
    address = ADDRESS._replace(attributes=attributes)
    blob = seal(KEY, TEXT, address=address, random=RepeatableRandom())
    assert len(blob) == len(sealed())
    assert not attributes or blob.find(attributes) == -1


@pytest.mark.parametrize(
    "key",
    [held_key(BOB.public_key), held_key(root_version=2)],
    ids=["owner", "root version"],
)
def test_a_blob_of_another_owner_or_root_version_does_not_open(key: HeldKey) -> None:  # case 60
    assert_shut(sealed(), key=key, because="another owner or root key")


@pytest.mark.parametrize(
    "key",
    [
        held_key(root_key=X25519PrivateKey.from_private_bytes(bytes([0x21]) * 32)),
        held_key(deployment_id="deployment-2"),
        held_key(identity_salt=bytes(32)),  # erased and enrolled again
        HeldKey(root_version=1, owner=ALICE.public_key, secret=bytes(32)),
    ],
    ids=["root key", "deployment", "identity salt", "secret"],
)
def test_a_blob_sealed_elsewhere_does_not_open(key: HeldKey) -> None:
    assert_shut(sealed(), key=key, because="commit")


def test_a_header_rewritten_to_another_owner_does_not_open() -> None:  # case 60
    blob = sealed()
    rewritten = blob[:10] + BOB.public_key.raw + blob[42:]
    assert_shut(rewritten, key=held_key(BOB.public_key), because="commit")


@pytest.mark.parametrize(
    "order", [[1, 0, 2], [0, 2], [1, 2], [0, 0, 1, 2], [0, 1, 2, 2], [0, 1], [2]], ids=str
)
def test_a_blob_with_chunks_moved_dropped_or_repeated_does_not_open(order: list[int]) -> None:
    blob = sealed(RepeatableRandom("text")(2 * CHUNK_BYTES + 9))  # case 62
    step = CHUNK_BYTES + TAG_BYTES
    chunks = [blob[start : start + step] for start in range(HEADER_BYTES, len(blob), step)]
    assert len(chunks) == 3
    assert_shut(blob[:HEADER_BYTES] + b"".join(chunks[index] for index in order))


def test_a_chunk_of_another_blob_does_not_fit() -> None:  # case 60
    random = RepeatableRandom()
    one, other = (seal(KEY, TEXT, address=ADDRESS, random=random) for _ in range(2))
    assert_shut(one[:HEADER_BYTES] + other[HEADER_BYTES:])


def test_a_held_keys_secret_is_in_no_refusal() -> None:
    with pytest.raises(SealError) as refusal:
        unseal(held_key(BOB.public_key), sealed(), address=ADDRESS)
    assert repr(KEY.secret)[2:-1] not in str(refusal.value)
