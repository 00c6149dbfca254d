"""Writes what the documents take from the code; with `--check`, only tells what is out of date.

Generated text stands in docs/*.md and README.md between two comments, which stay:

    <!-- generated: NAME -->
    <!-- end -->

To add some: write a function without parameters in a module under docs/generators/, name it in
that module's BLOCKS (text between comments) or FILES (a whole file under docs/), and list the
module in MODULES here.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, Protocol

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # for `docs.generators`, when this file is run as a program

from docs.generators import cases, contract, examples, permissions, protocol, sealing  # noqa: E402


class Module(Protocol):
    """What a module under docs/generators/ provides, by name."""

    @property
    def BLOCKS(self) -> Mapping[str, Callable[[], str]]:  # noqa: N802 - a module's constant
        """Text between comments."""
        ...

    @property
    def FILES(self) -> Mapping[str, Callable[[], str]]:  # noqa: N802 - a module's constant
        """Whole files, by their path under docs/."""
        ...


MODULES: Final[tuple[Module, ...]] = (cases, contract, examples, permissions, protocol, sealing)
_BLOCK: Final = re.compile(
    r"(?P<start><!-- generated: (?P<name>[\w-]+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL
)
_COMMENT: Final = re.compile(r"<!-- (?:generated: .*|end) -->")


class GenerationError(Exception):
    """A document can't be generated; the sentence names it."""


def filled(document: Path, blocks: Mapping[str, Callable[[], str]]) -> str:
    """Return the text of a document with every block generated anew.

    Raises:
        GenerationError: for a block that nothing generates, or a comment without its counterpart.
    """

    def fill(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in blocks:
            known = ", ".join(sorted(blocks))
            raise GenerationError(
                f"{document.name} wants {name!r}, which nothing generates; there are: {known}."
            )
        return f"{match['start']}{blocks[name]().strip()}\n{match['end']}"

    text = document.read_text(encoding="utf-8")
    if len(_COMMENT.findall(text)) != 2 * len(_BLOCK.findall(text)):
        raise GenerationError(
            f"{document.name} has a `generated` comment without its `end`, or the other way round."
        )
    return _BLOCK.sub(fill, text)


def generated(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield every file that holds something generated, and what it should hold."""
    blocks = {name: block for module in MODULES for name, block in module.BLOCKS.items()}
    for document in (*sorted((root / "docs").glob("*.md")), root / "README.md"):
        if document.exists():
            yield document, filled(document, blocks)
    for module in MODULES:
        for name, content in module.FILES.items():
            yield root / "docs" / name, content()


def stale(root: Path) -> list[tuple[Path, str]]:
    """Return the files that differ from what is generated, with what they should hold."""
    return [
        (path, text)
        for path, text in generated(root)
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def main(arguments: list[str] | None = None, *, root: Path = ROOT) -> int:
    """Rewrite or check; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if stale")
    options = parser.parse_args(arguments)
    try:
        outdated = stale(root)
    except GenerationError as error:
        print(error, file=sys.stderr)
        return 1
    for path, text in outdated:
        name = path.relative_to(root)
        if options.check:
            print(f"{name} is out of date; run: python docs/generate.py", file=sys.stderr)
            continue
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"{name} was rewritten.")
    return 1 if options.check and outdated else 0


if __name__ == "__main__":
    sys.exit(main())
