"""What signing, verifying, sealing and deciding cost: `make bench`.

Ratios are measured side by side in one run, and count; milliseconds are this machine's.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks import batches, decisions, requests, scale

Say = Callable[[str], None]
SECTIONS: Final = ("decisions", "requests", "batches", "scale")


def _measured(
    section: str, directory: Path, options: argparse.Namespace, say: Say
) -> list[Table | str]:
    match section:
        case "decisions":
            directory.mkdir()
            return [decisions.table(decisions.measure(directory, say))]
        case "requests":
            return asyncio.run(requests.measure(directory, options.requests, options.puts, say))
        case "batches":
            return asyncio.run(batches.measure(directory, options.batches, say))
        case _:
            return asyncio.run(scale.measure(directory, options.records, say))


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Give what says, on a terminal, how far it is."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("starting") as status:
        yield status.update


def main() -> None:
    """Run the benchmarks and print the tables."""
    parser = argparse.ArgumentParser(description="What requests and decisions cost.")
    parser.add_argument("--only", choices=SECTIONS, help="measure one of them")
    parser.add_argument("--requests", type=int, default=10_000, help="for each load and depth")
    parser.add_argument("--puts", type=int, default=100_000, help="for the memory figure")
    parser.add_argument("--batches", type=int, default=500, help="of 100 records, for each store")
    parser.add_argument("--records", type=int, default=1_000_000, help="in the largest store")
    options = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory(prefix="sealwire-bench-") as temporary, _progress() as say:
        for section in SECTIONS:
            if options.only in {None, section}:
                console.print(
                    *_measured(section, Path(temporary) / section, options, say), sep="\n"
                )


if __name__ == "__main__":
    main()
