"""Times as people write them, and never one that they did not mean."""

from __future__ import annotations

import pytest

from sealwire.client.cli.times import duration_text, parse_duration, parse_when
from sealwire.core.errors import MalformedError
from tests.cli.program import User

NOW = 1_700_000_000_000  # 2023-11-14T22:13:20Z


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1s", NOW + 1_000),
        ("30m", NOW + 1_800_000),
        ("12h", NOW + 43_200_000),
        ("7d", NOW + 604_800_000),
        ("2w", NOW + 1_209_600_000),
        ("2023-11-15", 1_700_006_400_000),
        ("2023-11-14T22:13:21Z", NOW + 1_000),
        ("2023-11-14T22:13:20.25Z", NOW + 250),
        ("2023-11-14t22:13:21z", NOW + 1_000),
        ("2023-11-14 22:13:21Z", NOW + 1_000),
        ("2023-11-14T23:13:21+01:00", NOW + 1_000),
        ("2023-11-14T20:13:21-02:00", NOW + 1_000),
        ("9999-12-31T23:59:59Z", 253_402_300_799_000),
    ],
)
def test_a_time_is_read_as_it_is_written(text: str, moment: int) -> None:
    assert parse_when(text, now=NOW) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "7D",
        "7 d",
        "-7d",
        "1.5h",
        "7y",
        "1h30m",
        "\u0667d",
        "9999999999d",
        "999999999w",
        "tomorrow",
        "2023-13-01",
        "2024-02-30",
        "2024-1-1",
        "20240101",
        "2024-W01-1",
        "2024-01-01T00:00:00",
        "2024-01-01T00:00",
        "2024-01-01T25:00:00Z",
        "2024-01-01T00:00:00+0100",
        "2024-01-01T00:00:00 Europe/Berlin",
        "2024-01-01T00:00:00Z\n",
        "1700000001000",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(MalformedError, match=r"is no time: write a time with its zone"):
        parse_when(text, now=NOW)


@pytest.mark.parametrize("text", ["0d", "2023-11-14", "2023-11-14T22:13:20Z", "1969-12-31"])
def test_a_time_that_is_not_to_come_is_refused(text: str) -> None:
    with pytest.raises(MalformedError, match="is not in the future"):
        parse_when(text, now=NOW)


@pytest.mark.parametrize(
    "command",
    [
        ("grant", "bob", "read", "team", "--expires", "yesterday"),
        ("grant", "bob", "read", "team", "--expires", "2001-01-01"),
        ("key", "revoke", "A" * 43, "--at", "soon"),
    ],
)
def test_a_command_says_what_is_wrong_with_its_time(user: User, command: tuple[str, ...]) -> None:
    done = user.run(*command)
    assert (done.code, done.out) == (1, b"")
    assert "Invalid value for '--" in done.err


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("90s", 90), ("30m", 1_800), ("12h", 43_200), ("7d", 604_800), ("2w", 1_209_600)],
)
def test_a_duration_is_read_as_it_is_written(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds
    assert parse_duration(duration_text(seconds)) == seconds


@pytest.mark.parametrize("text", ["", "7", "0s", "1.5h", "-1h", "1 h", "1H", "1h30m", "\u0661h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(MalformedError, match="no duration"):
        parse_duration(text)


def test_a_duration_is_written_in_its_largest_whole_unit() -> None:
    texts = [duration_text(seconds) for seconds in (1, 60, 61, 3_600, 86_400, 30 * 86_400)]
    assert texts == ["1s", "1m", "61s", "1h", "1d", "30d"]
