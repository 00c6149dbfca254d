"""The procedures of docs/operations.md work as they stand, one after the other."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from tests.docs.shell import Shell, commands
from tests.packaging.layout import ROOT

OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def test_the_procedures_do_what_they_say(tmp_path: Path) -> None:
    with contextlib.closing(Shell(tmp_path)) as shell:
        printed: dict[str, str] = {}
        for line in commands(OPERATIONS):
            printed[line] = shell.type(_filled_in(shell, line))
    assert len(printed) > 40
    assert printed["sealwire get team/payments pin --profile bob"] == "4711\n"
    explained = printed["sealwire can bob read team/payments --explain --profile bob"]
    assert "the group payments is allowed to read" in explained
    generations = [
        line.split()[:2] for line in printed["sealwire key list --profile alice"].splitlines()[1:]
    ]
    assert generations == [["2", "active"], ["1", "rotated"]]
    history = printed["sealwire identity show bob --profile root"]
    for event in ("identity.suspended", "identity.resumed", "certificate.revoked", "key.revoked"):
        assert event in history
    assert "is not trusted any more" in printed["sealwire-server ca retire deployment --yes"]
    assert "overwritten" in printed["sealwire-server root retire deployment 1 --yes"]
    assert printed["sealwire get team/payments pin --profile alice"] == "4711\n"


def _filled_in(shell: Shell, line: str) -> str:
    """Put in what a person copies from the commands before."""
    if "KEY_ID" in line:
        keys = json.loads(shell.type("sealwire key list bob --profile root --output json"))
        line = line.replace("KEY_ID", keys["keys"][0]["public_key_id"])
    if "SERIAL" in line:
        shown = json.loads(shell.type("sealwire cert show --profile bob --output json"))
        line = line.replace("SERIAL", shown["serial"])
    return line
