"""The commands of docs/permissions.md do what they say, and its table is the contract's."""

from __future__ import annotations

import contextlib
import json
import re

import pytest

from docs.generators.permissions import methods
from sealwire.server.permissions import PERMISSIONS
from sealwire.storage import Verb
from tests.docs.shell import Shell, blocks, commands
from tests.packaging.layout import ROOT

DOCUMENT = (ROOT / "docs" / "permissions.md").read_text(encoding="utf-8")
DENIED = 3


def _typed(shell: Shell, line: str) -> str:
    """Type a line; the answer of `can` may be no."""
    asks = line.startswith("sealwire can ")
    return shell.type(f"{line} || test $? -eq {DENIED}" if asks else line)


def _join(shell: Shell, name: str, *options: str) -> None:
    role = " ".join(options)
    shell.type(f"sealwire-server invite deployment {name} --out {name}.invitation {role}")
    shell.type(f"sealwire join {name}.invitation --profile {name}")


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each command prints, typed one after the other."""
    with contextlib.closing(Shell(tmp_path_factory.mktemp("permissions"))) as shell:
        shell.type("sealwire-server init deployment")
        shell.type("sealwire-server serve deployment")
        _join(shell, "root", "--role admin")
        for name in ("alice", "bob", "carol"):
            _join(shell, name)
        return {line: _typed(shell, line) for line in commands(DOCUMENT)}


def test_the_grants_are_those_that_are_described(printed: dict[str, str]) -> None:
    assert printed["sealwire get team/payments pin --profile bob"] == "4711\n"
    grants = printed["sealwire grants team/payments/drafts --profile alice"]
    rows = [line.split()[:5] for line in grants.splitlines()[1:]]
    assert ["allow", "read", "group:payments", "subtree", "team/payments"] in rows
    assert ["allow", "write", "bob", "subtree", "team/payments/drafts"] in rows
    assert ["allow", "admin", "alice", "subtree", "team/payments"] in rows
    assert "carol" not in grants  # hers is exact, and above


def test_the_explanations_that_are_shown_are_those_that_are_printed(
    printed: dict[str, str],
) -> None:
    shown = {line: out for line, out in printed.items() if "--explain" in line}
    for block in blocks(DOCUMENT, "text"):
        assert block in [_without_trailing_space(out) for out in shown.values()]
    (answer,) = (json.loads(out) for line, out in shown.items() if "json" in line)
    assert [decision["allowed"] for decision in answer["decisions"]] == [False]


def _without_trailing_space(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def test_every_verb_is_described() -> None:
    described = re.findall(r"^\| `(\w+)` \| [a-z]", DOCUMENT, flags=re.MULTILINE)
    assert described == [str(verb) for verb in Verb]


def test_the_table_has_every_method_and_no_permission_that_no_method_asks_for() -> None:
    named = {method.permission for method in methods()}
    assert named == set(PERMISSIONS)
    for method in methods():  # several may ask for one permission
        service, name = method.path.removeprefix("/sealwire.v1.").split("/")
        assert f"| `{method.permission}` | `{service}.{name}` |" in DOCUMENT


def test_what_brings_a_record_back_claims_no_namespace() -> None:
    (row,) = (line for line in DOCUMENT.splitlines() if line.startswith("| `records.undelete` |"))
    assert row.endswith("| whoever holds `write` in the namespace |")
