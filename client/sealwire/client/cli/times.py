"""Times as people write them: a moment, a day, how long from now, or simply how long."""

from __future__ import annotations

import datetime
import re
from typing import Final

import click

from sealwire.core.clock import system_clock
from sealwire.core.errors import MalformedError

_DURATION: Final = re.compile(r"([0-9]{1,9})([smhdw])")
_UNIT_MS: Final = {
    "s": 1_000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
}
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT: Final = re.compile(
    rf"{_DAY.pattern}[T ][0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(\.[0-9]+)?(Z|[+-][0-9]{{2}}:[0-9]{{2}})"
)
_LATEST_MS: Final = 253_402_300_799_000  # the last second of the year 9999
_FORMS: Final = (
    "write a time with its zone, such as 2030-01-31T17:00:00Z, a date, such as 2030-01-31 (it "
    "means the day's beginning, UTC), or a duration from now, such as 30m, 12h or 7d"
)


def parse_when(text: str, *, now: int) -> int:
    """Return the moment that `text` means, later than `now`; both in milliseconds since the epoch.

    Raises:
        MalformedError: if it means none, or one that is not to come.
    """
    moment = _parse(text.upper() if "T" in text.upper() else text, now)
    if moment is None or moment > _LATEST_MS:
        raise MalformedError(f"{text!r} is no time: {_FORMS}.")
    if moment <= now:
        raise MalformedError(f"{text!r} is not in the future.")
    return moment


def parse_duration(text: str) -> int:
    """Return how many seconds `text` means, 1 at least.

    Raises:
        MalformedError: if it means none.
    """
    duration = _DURATION.fullmatch(text)
    if duration is None or not int(duration[1]):
        raise MalformedError(f"{text!r} is no duration: write one such as 30m, 12h or 7d.")
    return int(duration[1]) * _UNIT_MS[duration[2]] // 1_000


def duration_text(seconds: int) -> str:
    """Return what `parse_duration` reads as so many seconds: of 86400, "1d"."""
    milliseconds = seconds * 1_000
    unit = next(unit for unit in "dhms" if not milliseconds % _UNIT_MS[unit])
    return f"{milliseconds // _UNIT_MS[unit]}{unit}"


def _parse(text: str, now: int) -> int | None:
    if duration := _DURATION.fullmatch(text):
        return now + int(duration[1]) * _UNIT_MS[duration[2]]
    if _DAY.fullmatch(text):
        return _milliseconds(f"{text}T00:00:00Z")
    return _milliseconds(text) if _MOMENT.fullmatch(text) else None


def _milliseconds(text: str) -> int | None:
    try:
        moment = datetime.datetime.fromisoformat(text)
        return round(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


class _When(click.ParamType[int]):
    """A moment to come, in milliseconds since the Unix epoch."""

    name = "when"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the moment, or end the command with the reason why it is none."""
        if isinstance(value, int):
            return value
        try:
            return parse_when(value, now=system_clock())
        except MalformedError as error:
            self.fail(str(error), param, ctx)


class _Duration(click.ParamType[int]):
    """How long, in seconds; or the word that stands for no bound, as 0."""

    name = "duration"

    def __init__(self, unbounded: str | None = None) -> None:
        """Take this word, too."""
        self._unbounded = unbounded

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the seconds, or end the command with the reason why there are none."""
        if isinstance(value, int):
            return value
        if value == self._unbounded:
            return 0
        try:
            return parse_duration(value)
        except MalformedError as error:
            self.fail(str(error), param, ctx)


DURATION: Final = _Duration()
EVER: Final = "ever"
DURATION_OR_EVER: Final = _Duration(EVER)
WHEN: Final = _When()
WHEN_HELP: Final = "an RFC 3339 time, a date, or a duration from now such as 30m, 12h or 7d"
