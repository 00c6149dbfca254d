"""Cut the power of a real server under load, again and again, and look what is left: `make crash`.

    sudo python -m tests.power --cuts 20

First it is shown that a loss would be noticed: a server that does not sync must lose something.
Ends with 0 if nothing else was lost, and also where no power can be cut, which is said.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time

from tests.power.cutting import careless_main, cut_again_and_again
from tests.power.filesystem import filesystem, why_not

CONTROL_CUTS = 5


def main() -> None:
    """Run as a program."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("It was told to end."))  # and unmounts
    parser = argparse.ArgumentParser(prog="python -m tests.power")
    parser.add_argument("--cuts", type=int, default=20)
    parser.add_argument("--seed", type=int, default=71)
    arguments = parser.parse_args()
    if reason := why_not():
        print(f"*** SKIPPED: no power was cut, because {reason}. ***", file=sys.stderr)
        return
    with filesystem() as disk:
        control = asyncio.run(
            cut_again_and_again(disk, cuts=CONTROL_CUTS, seed=arguments.seed, program=careless_main)
        )
    if not control.loss:
        sys.exit("A server that does not sync lost nothing: this machine shows no power cuts.")
    print(f"a server that does not sync is found out, at cut {control.cuts}: {control.loss[:160]}")
    begun = time.monotonic()
    with filesystem() as disk:
        outcome = asyncio.run(cut_again_and_again(disk, cuts=arguments.cuts, seed=arguments.seed))
    if outcome.loss:
        sys.exit(f"LOST at cut {outcome.cuts}: {outcome.loss}")
    print(
        f"{outcome.cuts} power cuts, {outcome.acknowledged} acknowledged writes, 0 lost, "
        f"in {time.monotonic() - begun:.0f} s"
    )


if __name__ == "__main__":
    main()
