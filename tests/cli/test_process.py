"""The program around the commands: exit codes, sentences, and a hardened process."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from sealwire.client.cli.commands import cli
from sealwire.client.cli.program import run
from sealwire.client.profiles import Profiles
from tests.cli.deployments import Deployment
from tests.cli.program import COMMAND, User

CALLS = [
    ("whoami",),
    ("put", "team", "name"),
    ("get", "team", "name"),
    ("list", "team"),
    ("versions", "team", "name"),
    ("delete", "team", "name"),
    ("undelete", "team", "name"),
    ("destroy", "team", "name", "--version", "1", "--yes"),
    ("watch", "team"),
    ("run", "team", "--", "true"),
    ("namespace", "list"),
    ("identity", "list"),
    ("identity", "invite", "bob", "--out", "invitation"),
    ("group", "list"),
    ("grants", "team"),
    ("can", "bob", "read", "team"),
    ("key", "list"),
    ("key", "rotate"),
    ("cert", "renew"),
]


def commands(group: click.Group) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command with the words that name it, groups of them included."""
    for name, command in group.commands.items():
        yield (name,), command
        if isinstance(command, click.Group):
            yield from (((name, *words), inner) for words, inner in commands(command))


COMMANDS = dict(commands(cli))


def sentences(err: str) -> int:
    return len(re.findall(r"[.!?](?:\s|$)", err))


@pytest.mark.parametrize("arguments", CALLS)
def test_an_unreachable_server_is_exit_code_2_and_prints_nothing(
    user: User, profiles: Profiles, absent: Deployment, arguments: tuple[str, ...]
) -> None:
    absent.enrol(profiles, "default")
    done = user.run(*arguments)
    assert (done.code, done.out) == (2, b"")
    assert done.err.startswith("sealwire: No signed answer came back")
    assert done.err.count("\n") == 1
    assert "Traceback" not in done.err


@pytest.mark.parametrize("arguments", CALLS)
def test_without_a_profile_every_call_is_a_local_error(
    user: User, arguments: tuple[str, ...]
) -> None:
    done = user.run(*arguments)
    assert (done.code, done.out) == (1, b"")
    assert done.err == ("sealwire: There is no profile yet; make one with: sealwire join FILE\n")


def test_an_ended_certificate_is_told_before_anything_is_sent(
    user: User, profiles: Profiles, silent_server: socket.socket
) -> None:
    port = silent_server.getsockname()[1]
    Deployment.create(f"127.0.0.1:{port}").enrol(profiles, "default", days=1, age_days=2)
    done = user.run("whoami")
    assert done.code == 1
    assert "join again under a new profile name" in done.err
    silent_server.setblocking(False)
    with pytest.raises(BlockingIOError):
        silent_server.accept()


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nonsense",),
        ("--nonsense",),
        ("put",),
        ("list", "a", "b"),
        ("destroy", "team", "name"),
        ("get", "team", "name", "--version", "0"),
        ("watch", "team", "--from", "0"),
        ("run", "team"),
        ("put-many",),
        ("whoami", "--output", "xml"),
        ("get", "../up", "name"),
        ("get", "team", "nul\x01"),
        ("get", "team", "e\u0301"),
        ("get", "team", "\udcff"),
        ("get", "team", "a" * 513),
        ("put", "team", "name", "no/such/file"),
        ("put", "team", "name", "."),
        ("join", "no/such/file"),
        ("whoami", "--profile", "../up"),
    ],
)
def test_a_slip_in_the_command_is_a_local_error(user: User, arguments: tuple[str, ...]) -> None:
    done = user.run(*arguments)
    assert (done.code, done.out) == (1, b"")
    assert done.err
    assert "Traceback" not in done.err
    assert "should not have" not in done.err


# case 91
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_command_takes_a_secret_from_the_command_line(words: tuple[str, ...]) -> None:
    taken = {parameter.name for parameter in COMMANDS[words].params}
    records = {"profile", "output", "out", "file", "namespace", "name"}
    keys = {"signer", "tls_certificate", "tls_key", "encrypt", "key_id", "ends_at", "form"}
    people = {"identity", "group", "labels", "role", "valid_hours", "recover", "yes"}
    grants = {"verbs", "deny", "expires", "exact", "explain"}
    puts = {"if_version", "ttl", "content_type", "version", "versions"}
    lists = {"prefix", "recursive", "deleted", "from_revision", "under"}
    namespaces = {"keep_versions", "keep_for", "sealed_names"}
    others = {"serial", "shell", "chosen", "command"}
    assert taken <= records | keys | people | grants | puts | lists | namespaces | others


def test_a_value_on_the_command_line_is_taken_for_a_file(user: User) -> None:
    done = user.run("put", "team", "name", "hunter2", stdin=b"value")
    assert done.code == 1
    assert "hunter2: No such file" in done.err


# case 93
def test_a_sentence_about_an_error_is_one_line_that_a_terminal_does_not_obey(user: User) -> None:
    done = user.run("put", "team", "name", "\x1b]0;owned\x07\n\u202efile")
    assert done.code == 1
    assert r"\x1b]0;owned\x07\x0a\u202efile: No such file" in done.err
    assert done.err.count("\n") == 1
    assert "\x1b" not in done.err


def test_more_than_a_record_holds_is_refused_here(user: User) -> None:
    done = user.run("put", "team", "name", "-", stdin=bytes(1024 * 1024 + 1))
    assert done.code == 1
    assert "at most 1 MiB" in done.err


def test_profile_is_taken_from_the_option_then_the_environment(user: User) -> None:
    assert "'named'" in user.run("whoami", SEALWIRE_PROFILE="named").err
    done = user.run("whoami", "--profile", "option", SEALWIRE_PROFILE="named")
    assert "'option'" in done.err


def test_an_interrupt_ends_a_call_with_130(
    user: User, profiles: Profiles, silent_server: socket.socket
) -> None:
    port = silent_server.getsockname()[1]
    Deployment.create(f"127.0.0.1:{port}").enrol(profiles, "default")
    with user.start("whoami") as process:
        connection, _ = silent_server.accept()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
        connection.close()
    assert process.returncode == 130
    assert out == b""
    assert b"Traceback" not in err


def test_a_closed_pipe_ends_the_program_quietly(user: User) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*COMMAND, "--help"],
        env=user.environment(),
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert done.stderr == b""
    assert done.returncode == 1


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo, after the test, what `run` sets for its whole process."""
    for name in ("GRPC_VERBOSITY", "GRPC_SSL_CIPHER_SUITES"):
        monkeypatch.setenv(name, "")


@pytest.fixture
def defect(in_process: None) -> Iterator[None]:
    @cli.command("defect")
    def fail() -> None:
        raise RuntimeError("hunter2 \x1b[31m")

    yield
    del cli.commands["defect"]


@pytest.mark.usefixtures("defect")
def test_a_defect_is_a_sentence_that_says_how_to_report_it() -> None:
    with CliRunner().isolation() as (out, err, _):
        assert run(["defect"]) == 1
    assert out.getvalue() == b""
    assert b"RuntimeError" in err.getvalue()
    assert b"report it" in err.getvalue()
    assert b"hunter2" not in err.getvalue()
    assert b"Traceback" not in err.getvalue()


@pytest.mark.usefixtures("defect")
def test_debugging_shows_the_traceback_with_nothing_that_a_terminal_obeys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SEALWIRE_DEBUG", "1")
    with CliRunner().isolation() as (_, err, _):
        assert run(["defect"]) == 1
    assert b"Traceback" in err.getvalue()
    assert rb"hunter2 \x1b[31m" in err.getvalue()
    assert b"\x1b" not in err.getvalue()


def test_a_file_that_the_system_refuses_is_a_sentence(user: User) -> None:
    (user.home / "config").write_text("in the way")
    (user.home / "invitation").touch(mode=0o600)
    done = user.run("whoami")
    assert done.code == 1
    assert sentences(done.err) <= 2
    assert "Traceback" not in done.err


# case 92
def test_the_program_leaves_no_core_file(user: User) -> None:
    script = (
        "import resource; from sealwire.client.cli.program import run; run(['--help']);"
        "print(resource.getrlimit(resource.RLIMIT_CORE))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=user.environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.endswith("(0, 0)\n")


@pytest.mark.parametrize(
    "arguments", [("--help",), ("put", "--help"), ("key", "rotate", "--help"), ("can", "-h")]
)
def test_help_needs_neither_grpc_nor_keys_nor_a_table(
    user: User, arguments: tuple[str, ...]
) -> None:
    script = (
        f"import sys; from sealwire.client.cli.program import run; run({list(arguments)!r});"
        "print({'grpc', 'google.protobuf', 'cryptography', 'nacl', 'rich'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=user.environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.endswith("set()\n")


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize(
    "arguments", [("--help",), ("-h",), *((*words, "--help") for words in COMMANDS)], ids=" ".join
)
def test_help_is_on_standard_output(arguments: tuple[str, ...]) -> None:
    with CliRunner().isolation() as (out, err, _):
        assert run(arguments) == 0
    assert out.getvalue().startswith(b"Usage: sealwire")
    assert err.getvalue() == b""


def test_help_tells_every_exit_code() -> None:
    context = click.Context(cli, info_name="sealwire")
    assert all(
        code in cli.get_help(context) for code in ("0 done", "1 an", "2 the", "3 `can`", "130")
    )
