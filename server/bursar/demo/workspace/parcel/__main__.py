"""The command line: arguments in, a table out."""

import argparse
import sys
from collections.abc import Sequence


def build_parser() -> argparse.ArgumentParser:
    """The arguments as the packing room types them."""
    parser = argparse.ArgumentParser(prog="parcel", description="What it costs to send a box.")
    parser.add_argument("weight", type=int, help="grams")
    parser.add_argument("country", help="two letters")
    parser.add_argument("postcode", nargs="?", default="")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Print the quotes for one box; 0 when there are any, 1 when it cannot be sent."""
    build_parser().parse_args(argv)
    print("There are no quotes yet.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
