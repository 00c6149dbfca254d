"""The table of security cases, made of the list and of the tests that say which case they hold."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from docs.generators.case_list import SECTIONS, Case

ROOT: Final = Path(__file__).resolve().parents[2]
_MARK: Final = re.compile(r"#\s*cases?\s+(\d+(?:\s*,\s*(?:case\s+)?\d+)*)")


def held_by() -> dict[int, list[str]]:
    """Return, for each case number that a test names in a comment, those tests."""
    tests: dict[int, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for number, name in _marks(path):
            entry = f"{path.relative_to(ROOT / 'tests')}: {name}"
            if entry not in tests[number]:
                tests[number].append(entry)
    return tests


def table() -> str:
    """Return the table, section by section."""
    tests = held_by()
    lines: list[str] = []
    for section, cases in SECTIONS.items():
        lines += [
            "",
            f"## {section}",
            "",
            "| # | tried | must happen | held by |",
            "|--:|---|---|---|",
        ]
        lines += [_row(case, tests.get(case.number, [])) for case in cases]
    return "\n".join(lines)


def _row(case: Case, tests: list[str]) -> str:
    held = "<br>".join(f"`{test}`" for test in tests)
    waits = f"*waits for: {case.waits_for}*" if case.waits_for else ""
    last = "<br>".join(filter(None, (held, waits)))
    return f"| {case.number} | {case.tried} | {case.must} | {last} |"


def _marks(path: Path) -> Iterator[tuple[int, str]]:
    """Yield each case number in a comment, with the test that the comment is in or above."""
    text = path.read_text(encoding="utf-8")
    tests = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")
    ]
    for line_number, line in enumerate(text.splitlines(), start=1):
        if mark := _MARK.search(line):
            ends = [test for test in tests if (test.end_lineno or 0) >= line_number]
            # A mark behind the last test speaks of no test, and counts for nothing.
            if ends:
                name = min(ends, key=lambda test: test.lineno).name
                yield from ((int(number), name) for number in re.findall(r"\d+", mark[1]))


BLOCKS: Final[Mapping[str, Callable[[], str]]] = {"security-cases": table}
FILES: Final[Mapping[str, Callable[[], str]]] = {}
