from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealwire.core.encoding import base64url, from_base64url, length_prefixed, prefixed
from sealwire.core.errors import MalformedError

LABELS = st.text(st.characters(max_codepoint=0x7F))
PART_LISTS = st.lists(st.binary(max_size=6), max_size=4)


def test_length_prefixed_is_as_specified() -> None:
    assert length_prefixed("ab") == b"\0\0\0\2ab"
    assert length_prefixed("a", b"", b"xyz") == b"\0\0\0\1a\0\0\0\0\0\0\0\3xyz"


@given(LABELS, PART_LISTS)
def test_length_prefixed_is_the_parts_one_by_one(label: str, parts: list[bytes]) -> None:
    expected = b"".join(map(prefixed, [label.encode(), *parts]))
    assert length_prefixed(label, *parts) == expected


@pytest.mark.parametrize("size", [0, 1, 255, 256, 65_536])
def test_a_prefixed_part_is_its_length_and_its_bytes(size: int) -> None:
    part = bytes([7]) * size
    assert prefixed(part) == size.to_bytes(4, "big") + part


@given(LABELS, PART_LISTS, LABELS, PART_LISTS)
def test_different_parts_never_give_the_same_bytes(
    label: str, parts: list[bytes], other_label: str, other_parts: list[bytes]
) -> None:
    same = length_prefixed(label, *parts) == length_prefixed(other_label, *other_parts)
    assert same == ((label, parts) == (other_label, other_parts))


@given(LABELS, PART_LISTS)
def test_parts_can_be_read_back(label: str, parts: list[bytes]) -> None:
    rest, read = length_prefixed(label, *parts), []
    while rest:
        end = 4 + int.from_bytes(rest[:4], "big")
        read.append(rest[4:end])
        rest = rest[end:]
    assert read == [label.encode("ascii"), *parts]


@given(st.binary(min_size=1, max_size=8), st.integers(min_value=0, max_value=8))
def test_a_byte_can_not_slide_from_one_part_into_the_next(data: bytes, cut: int) -> None:
    one = length_prefixed("label", data[:cut], data[cut:])
    other = length_prefixed("label", data[: cut + 1], data[cut + 1 :])
    assert (one == other) == (cut >= len(data))


def test_a_label_is_ascii() -> None:
    with pytest.raises(UnicodeEncodeError):
        length_prefixed("schlüssel")


@given(st.binary())
def test_base64url_comes_back(data: bytes) -> None:
    text = base64url(data)
    assert from_base64url(text) == data
    assert "=" not in text


def test_base64url_uses_the_url_alphabet() -> None:
    assert base64url(b"\xfb\xff\xfe") == "-__-"
    assert from_base64url("") == b""


@given(st.text(max_size=12))
def test_no_text_is_a_second_form_of_the_same_bytes(text: str) -> None:
    try:
        data = from_base64url(text)
    except MalformedError:
        return
    assert base64url(data) == text


@pytest.mark.parametrize(
    "text",
    [
        "AA==",  # padding
        "A",  # six bits are no byte
        "AB",  # the last four bits must be zero
        "AAB",  # the last two bits must be zero
        "+/8",  # the other alphabet
        "AA AA",
        "AAAA\n",
        "AAAÀ",
        "AA\ud800A",
    ],
)
def test_text_that_no_encoder_makes_is_refused(text: str) -> None:
    with pytest.raises(MalformedError, match="base64url"):
        from_base64url(text)
