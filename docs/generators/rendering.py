"""How bytes and messages are shown: hexadecimal, 32 bytes a line, and one field at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, TypeAlias

from google.protobuf.message import Message

Json: TypeAlias = "str | int | bool | list[Json] | dict[str, Json]"

_HEX_A_LINE: Final = 64
_NAME_WIDTH: Final = 15


def wrapped(data: bytes) -> list[str]:
    """Return hexadecimal text, 32 bytes a line."""
    text = data.hex()
    return [text[start : start + _HEX_A_LINE] for start in range(0, len(text), _HEX_A_LINE)]


def fenced(lines: list[str], *, language: str = "text") -> str:
    """Return a Markdown code block."""
    return "\n".join([f"```{language}", *lines, "```"])


def titled(title: str, data: bytes) -> str:
    """Return a caption with the length, and the bytes."""
    return f"{title} ({len(data)} bytes):\n\n{fenced(wrapped(data))}"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def fields(message: Message) -> dict[str, Json]:
    """Return the fields that are present: bytes as hexadecimal, messages and maps as objects."""
    return {field.name: _value(value) for field, value in message.ListFields()}


def encoded_fields(message: Message) -> list[str]:
    """Return, a field a line, what each field adds to the serialized message."""
    lines = []
    width = max(_NAME_WIDTH, *(len(field.name) for field, _ in message.ListFields()))
    for field, value in message.ListFields():
        alone = type(message)()
        if isinstance(value, Message):
            getattr(alone, field.name).CopyFrom(value)
            getattr(alone, field.name).SetInParent()
        else:
            setattr(alone, field.name, value)
        first, *rest = wrapped(alone.SerializeToString(deterministic=True))
        lines.append(f"{field.number} {field.name:<{width}} {first}")
        lines += [" " * (width + 3) + line for line in rest]
    return lines


def pretty_json(value: Mapping[str, Json]) -> str:
    """Return a JSON file's text."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _value(value: object) -> Json:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Message):
        return fields(value)
    if isinstance(value, Mapping):
        return {key: _value(item) for key, item in sorted(value.items())}
    if isinstance(value, str | int):
        return value
    raise TypeError(f"no statement holds a {type(value).__name__}")
