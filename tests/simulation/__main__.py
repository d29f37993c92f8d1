"""``python -m tests.simulation SEED...`` prints the log of each seed; ``--digest`` one word for it."""

from __future__ import annotations

import argparse
import sys

from .play import play


def main() -> int:
    """Play the seeds; 1 when one of them has found something wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seeds", nargs="+", help="a number, or FIRST-LAST")
    parser.add_argument("--digest", action="store_true", help="print the seed and a hash of its log, not the log")
    arguments = parser.parse_args()
    code = 0
    for text in arguments.seeds:
        first, _, last = text.partition("-")
        for seed in range(int(first), int(last or first) + 1):
            played = play(seed)
            sys.stdout.write(f"{seed} {played.digest}\n" if arguments.digest else played.log)
            for each in played.problems:
                sys.stderr.write(f"seed {seed}: {each}\n")
                code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
