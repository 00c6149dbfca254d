"""The shell completes commands, verbs and profiles; quickly, as it asks at every key press."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from sealwire.client.cli.words import VERBS
from sealwire.client.profiles import Profiles
from sealwire.v1 import permissions_pb2
from tests.cli.deployments import Deployment
from tests.cli.program import User

SHELLS = ["bash", "zsh", "fish"]


def completed(user: User, *words: str) -> set[str]:
    """Return what bash is told may stand for the last of `words`."""
    done = user.run(
        _SEALWIRE_COMPLETE="bash_complete",
        COMP_WORDS=" ".join(("sealwire", *words)),
        COMP_CWORD=str(len(words)),
    )
    assert done.code == 0, done.err
    return {line.partition(",")[2] for line in done.out.decode().splitlines() if line}


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_gets_a_script(user: User, shell: str) -> None:
    done = user.run("completion", shell)
    assert (done.code, done.err) == (0, "")
    assert b"_SEALWIRE_COMPLETE" in done.out


def test_an_unknown_shell_gets_none(user: User) -> None:
    done = user.run("completion", "cmd")
    assert (done.code, done.out) == (1, b"")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_one_that_the_shell_takes(user: User, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = user.run("completion", shell).out
    subprocess.run([shell, "-n"], input=script, check=True)


def test_commands_are_completed(user: User) -> None:
    assert completed(user, "gr") == {"grant", "grants", "group"}
    assert completed(user, "de") == {"delete", "destroy"}
    assert completed(user, "namespace", "s") == {"set", "show"}
    assert completed(user, "identity", "re") == {"resume", "remove"}


def test_the_verbs_are_those_of_the_contract() -> None:
    named = {f"VERB_{verb.upper()}" for verb in VERBS}
    assert named | {"VERB_UNSPECIFIED"} == set(permissions_pb2.Verb.keys())


def test_verbs_are_completed_one_after_the_other(user: User) -> None:
    assert completed(user, "grant", "bob", "") == set(VERBS)
    assert completed(user, "grant", "bob", "re") == {"read"}
    assert completed(user, "can", "bob", "read,w") == {"read,write"}
    assert completed(user, "ungrant", "bob", "read,") == {f"read,{v}" for v in VERBS if v != "read"}


def test_profiles_are_completed(user: User, profiles: Profiles, absent: Deployment) -> None:
    absent.enrol(profiles, "work")
    absent.enrol(profiles, "play")
    assert completed(user, "profile", "use", "") == {"work", "play"}
    assert completed(user, "whoami", "--profile", "w") == {"work"}


def test_without_profiles_none_is_completed(user: User) -> None:
    assert completed(user, "profile", "use", "") == set()


def test_completing_needs_neither_grpc_nor_keys(user: User) -> None:
    script = (
        "import sys; from sealwire.client.cli.program import run\n"
        "try: run([])\n"
        "finally: print({'grpc', 'google.protobuf', 'cryptography', 'nacl'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=user.environment(
            _SEALWIRE_COMPLETE="bash_complete",
            COMP_WORDS="sealwire whoami --profile ",
            COMP_CWORD="3",
        ),
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.endswith("set()\n")
