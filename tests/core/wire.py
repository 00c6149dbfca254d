"""The protobuf wire format by hand, to make bytes that no serializer makes."""

from __future__ import annotations

_VARINT = 0
_LENGTH_DELIMITED = 2


def varint(value: int) -> bytes:
    """Return the shortest encoding of an unsigned integer."""
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


def overlong(value: int) -> bytes:
    """Return an encoding of an unsigned integer that is one byte longer than it need be."""
    shortest = varint(value)
    return shortest[:-1] + bytes([shortest[-1] | 0x80, 0])


def integer(number: int, value: int) -> bytes:
    """Return an integer field."""
    return varint(number << 3 | _VARINT) + varint(value)


def chunk(number: int, data: bytes) -> bytes:
    """Return a bytes, string or message field."""
    return varint(number << 3 | _LENGTH_DELIMITED) + varint(len(data)) + data
