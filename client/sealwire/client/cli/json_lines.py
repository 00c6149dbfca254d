"""Many things in a file or on standard input: one JSON object a line, with known members only."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

from sealwire.client.cli.times import parse_duration
from sealwire.core.errors import ConfigurationError, MalformedError

if TYPE_CHECKING:
    from sealwire.v1.records_pb2 import RecordInput

MAX_LINE_BYTES: Final = 8 * 1024 * 1024
"""More than the largest value takes, however it is escaped."""
_ADDRESS: Final = frozenset({"namespace", "name"})
_VALUE: Final = frozenset({"value", "value_base64"})
_RECORD: Final = _ADDRESS | _VALUE | {"content_type", "labels", "ttl", "if_version"}


class _LineError(Exception):
    """What is wrong with a line; the sentence does not say which."""


@dataclass(frozen=True, slots=True)
class _Members:
    """The members of one object, taken out by their kinds."""

    found: Mapping[str, object]

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text, which must be there unless there is a default."""
        value = self.found.get(name, default)
        if not isinstance(value, str):
            raise _LineError(f"{name!r} is missing, or is no text.")
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise _LineError(f"{name!r} holds a lone surrogate, so it is no text.") from None
        return value

    def value(self) -> bytes:
        """Return the value of a record, which is there once."""
        given = _VALUE & self.found.keys()
        if len(given) != 1:
            raise _LineError("Give either 'value', for text, or 'value_base64'.")
        if "value" in given:
            return self.text("value").encode("utf-8")
        try:
            return base64.b64decode(self.text("value_base64"), validate=True)
        except (binascii.Error, ValueError):
            raise _LineError("'value_base64' is no base64.") from None

    def labels(self) -> dict[str, str]:
        """Return the labels; none, if there are none."""
        labels = self.found.get("labels", {})
        if not isinstance(labels, dict):
            raise _LineError("'labels' is no object.")
        members = _Members(labels)
        return {key: members.text(key) for key in labels}

    def if_version(self) -> int | None:
        """Return the version that is demanded, if one is."""
        version = self.found.get("if_version")
        if version is None or (type(version) is int and 0 <= version < 2**63):
            return version
        raise _LineError("'if_version' is no version.")


def records(stream: IO[bytes]) -> Iterator[tuple[int, RecordInput]]:
    """Yield the records to be of a stream, with the number of each one's line.

    Raises:
        ConfigurationError: naming the first line that is none.
    """
    for number, members in _objects(stream, _RECORD):
        try:
            yield number, _record(members)
        except (_LineError, MalformedError) as error:
            raise _wrong(number, error) from error


def addresses(stream: IO[bytes]) -> Iterator[tuple[str, str]]:
    """Yield namespace and name of every line.

    Raises:
        ConfigurationError: naming the first line that has something else.
    """
    for number, members in _objects(stream, _ADDRESS):
        try:
            yield _address(members)
        except (_LineError, MalformedError) as error:
            raise _wrong(number, error) from error


def _record(members: _Members) -> RecordInput:
    from sealwire.core.names import MAX_VALUE_BYTES
    from sealwire.v1.records_pb2 import RecordInput

    (namespace, name), value = _address(members), members.value()
    if len(value) > MAX_VALUE_BYTES:
        raise _LineError("A record holds at most 1 MiB, and this is more; split it.")
    return RecordInput(
        namespace=namespace,
        name=name,
        value=value,
        content_type=members.text("content_type", ""),
        labels=members.labels(),
        ttl_seconds=parse_duration(members.text("ttl")) if "ttl" in members.found else 0,
        if_version=members.if_version(),
    )


def _address(members: _Members) -> tuple[str, str]:
    from sealwire.core.names import check_namespace, check_record_name

    return check_namespace(members.text("namespace")), check_record_name(members.text("name"))


def _objects(stream: IO[bytes], known: Collection[str]) -> Iterator[tuple[int, _Members]]:
    """Yield the objects, with the numbers of their lines; empty lines are passed over."""
    number = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            raise _wrong(number, _LineError("It is longer than any record can be."))
        if line.strip():
            yield number, _members(number, line, known)


def _members(number: int, line: bytes, known: Collection[str]) -> _Members:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:  # also for what is no UTF-8
        raise _wrong(number, _LineError("It is no JSON.")) from error
    if not isinstance(found, dict):
        raise _wrong(number, _LineError("It is no JSON object."))
    if unknown := sorted(found.keys() - known):
        names = ", ".join(sorted(known))
        raise _wrong(number, _LineError(f"{unknown[0]!r} is not known; there are: {names}."))
    return _Members(found)


def _wrong(number: int, error: Exception) -> ConfigurationError:
    return ConfigurationError(f"Line {number}: {error}")
