"""`sealwire run`: a program finds records in its environment, and is itself in every other way."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping

import pytest

from sealwire.client.cli.running import variable_name
from sealwire.core.errors import ConfigurationError
from tests.cli.program import COMMAND, User
from tests.cli.test_refusals import pin_another_key

PRINT = (sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))")


def stored(user: User, namespace: str, records: Mapping[str, bytes]) -> None:
    for name, value in records.items():
        assert user.run("put", namespace, name, stdin=value).code == 0


def environment(user: User, namespace: str, *options: str) -> dict[str, str]:
    """Return the environment in which a program is run."""
    done = user.run("run", namespace, *options, "--", *PRINT)
    assert done.code == 0, done.err
    found: dict[str, str] = json.loads(done.out)
    return found


def refusal(user: User, namespace: str, *options: str) -> str:
    """Return why nothing is run."""
    done = user.run("run", namespace, *options, "--", *PRINT)
    assert (done.code, done.out) == (1, b"")
    assert "Nothing was run." in done.err
    return done.err


def test_records_are_variables_beside_those_that_there_are(member: User, namespace: str) -> None:
    stored(member, namespace, {"api-key": b"s3cret\n", "db/password": "Grüße".encode()})
    before = member.environment()
    found = environment(member, namespace)
    assert found == {**before, "API_KEY": "s3cret\n", "DB_PASSWORD": "Grüße"}


def test_a_record_is_named_by_what_is_behind_the_last_slash_of_the_prefix(
    member: User, namespace: str
) -> None:
    stored(member, namespace, {"db/user": b"u", "db/pass/word": b"p", "other": b"o"})
    found = environment(member, namespace, "--prefix", "db/")
    assert {"USER", "PASS_WORD"} <= found.keys()
    assert (found["USER"], found["PASS_WORD"]) == ("u", "p")
    assert "OTHER" not in found
    assert environment(member, namespace, "--prefix", "db/p")["PASS_WORD"] == "p"


def test_chosen_records_are_the_only_ones_and_have_their_chosen_names(
    member: User, namespace: str
) -> None:
    stored(member, namespace, {"a": b"1", "b": b"2", "grüße": b"3", "x/c": b"4"})
    found = environment(member, namespace, "--env", "first=a", "--env", "GREETINGS=grüße")
    assert (found["first"], found["GREETINGS"]) == ("1", "3")
    assert not {"A", "B", "C"} & found.keys()
    both = environment(member, namespace, "--env", "A=b", "--prefix", "x/")
    assert (both["A"], both["C"]) == ("2", "4")


@pytest.mark.parametrize(
    ("name", "variable"), [("a", "A"), ("a-b.c/d e", "A_B_C_D_E"), ("_1", "_1"), ("Ab", "AB")]
)
def test_a_name_gives_a_variable(name: str, variable: str) -> None:
    assert variable_name(name, "") == variable


@pytest.mark.parametrize("name", ["1a", "grüße", "a/é", "\u017f", "\u00b2"])
def test_a_name_that_gives_no_variable_is_an_error(name: str) -> None:
    with pytest.raises(ConfigurationError, match="--env"):
        variable_name(name, "")


def test_records_that_would_be_one_variable_are_an_error(member: User, namespace: str) -> None:
    stored(member, namespace, {"a-b": b"1", "a.b": b"2"})
    assert "would both be A_B" in refusal(member, namespace)
    found = environment(member, namespace, "--env", "OTHER=a.b", "--prefix", "")
    assert (found["A_B"], found["OTHER"]) == ("1", "2")


@pytest.mark.parametrize("value", [b"\xff", b"nul\0"])
def test_a_value_that_no_environment_holds_is_an_error(
    member: User, namespace: str, value: bytes
) -> None:
    stored(member, namespace, {"good": b"1", "bad": value})
    assert "'bad' is no text" in refusal(member, namespace)
    assert environment(member, namespace, "--env", "GOOD=good")["GOOD"] == "1"


def test_a_record_that_is_missing_or_too_large_is_an_error(member: User, namespace: str) -> None:
    stored(member, namespace, {"large": bytes(200_000).replace(b"\0", b"x")})
    assert "no record 'small'" in refusal(member, namespace, "--env", "A=small")
    assert "too large" in refusal(member, namespace)
    assert "no such records" in refusal(member, namespace, "--prefix", "none/")


# case 94
def test_nothing_is_run_with_what_does_not_verify(member: User, namespace: str) -> None:
    stored(member, namespace, {"a": b"1"})
    pin_another_key(member)
    done = member.run("run", namespace, "--", *PRINT)
    assert (done.code, done.out) == (2, b"")
    assert "does not verify" in done.err


def test_a_program_that_is_not_there_is_said_before_anything_is_asked(user: User) -> None:
    done = user.run("run", "team", "--", "no-such-program")
    assert (done.code, done.out) == (1, b"")
    assert "no program 'no-such-program'" in done.err


@pytest.mark.parametrize("pair", ["A", "=a", "A=", "1A=a", "A-B=a", "É=a"])
def test_a_choice_is_a_variable_and_a_record(member: User, namespace: str, pair: str) -> None:
    done = member.run("run", namespace, "--env", pair, "--", "true")
    assert (done.code, done.out) == (1, b"")
    assert "VARIABLE=RECORD" in done.err


def test_exit_status_arguments_and_input_are_the_programs_own(member: User, namespace: str) -> None:
    stored(member, namespace, {"a": b"1"})
    command = ("sh", "-c", 'cat; echo "$A" "$@"; exit 7', "sh", "--output", "-x")
    done = member.run("run", namespace, "--", *command, stdin=b"input\n")
    assert (done.code, done.out, done.err) == (7, b"input\n1 --output -x\n", "")


def test_signals_are_the_programs_own(member: User, namespace: str) -> None:
    stored(member, namespace, {"a": b"1"})
    with member.start("run", namespace, "--", "sh", "-c", "echo $$; exec sleep 1000") as program:
        assert program.stdout is not None
        assert int(program.stdout.readline()) == program.pid
        program.send_signal(signal.SIGINT)
        program.communicate()
        assert program.returncode == -signal.SIGINT


def test_a_program_gets_no_other_signals_ignored_and_no_other_files_opened(
    member: User, namespace: str
) -> None:
    stored(member, namespace, {"a": b"1"})
    program = ("sh", "-c", "grep SigIgn /proc/self/status; ls /proc/self/fd")

    def printed(*before: str) -> bytes:
        return subprocess.run(
            [*before, *program],
            env=member.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
        ).stdout

    assert printed(*COMMAND, "run", namespace, "--") == printed()
