"""``python -m benchmarks.budget [--processes 8] [--count 500] [--limit 25]``: plays the load, prints the table."""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
import tempfile
import time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from benchmarks import report
from benchmarks.budget.play import Played, play
from bursar.domain.money.price import PICO_PER_USD

_CONTROL = "check, then add"


def main() -> int:
    """Play, print and write; 1 where the budget was passed, or less than 95 % of it could be used."""
    parser = argparse.ArgumentParser(prog="bench-budget", description=__doc__)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--limit", type=Decimal, default=Decimal(25), help="in USD")
    args = parser.parse_args()
    limit_pico = int(args.limit * PICO_PER_USD)
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bursar-bench-") as temporary:
        folder = Path(temporary)
        _say(f"{args.processes} processes, {args.count} reservations each, one budget of ${args.limit} for the day")
        ours = play(folder / "ours", processes=args.processes, count=args.count, limit_pico=limit_pico)
        _say("the control: the same load, looking first and adding then")
        control = play(
            folder / "control",
            processes=args.processes,
            count=max(4, args.count // 20),
            limit_pico=limit_pico // 40,
            how="check-then-add",
        )
    rows = [
        report.Row(
            what="share of the budget that was used",
            value=_percent(ours.usable),
            unit="%",
            peer=_CONTROL,
            peer_value=_percent(control.usable),
        ),
        report.Row(
            what="passed by",
            value=_percent(Fraction(ours.overshoot_pico, ours.limit_pico)),
            unit="% of the budget",
            peer=_CONTROL,
            peer_value=_percent(Fraction(control.overshoot_pico, control.limit_pico)),
        ),
        report.Row(
            what="requests sent",
            value=ours.granted,
            unit="requests",
            peer=_CONTROL,
            peer_value=control.granted,
        ),
    ]
    sys.stdout.write(table(ours, control) + "\n")
    path = report.write("budget", rows, {"bursar": importlib.metadata.version("bursar")})
    _say(f"{path}, after {time.monotonic() - began_s:.0f} s")
    return 0 if ours.overshoot_pico == 0 and ours.usable >= Fraction(95, 100) else 1


def table(ours: Played, control: Played) -> str:
    """What both came to, as a table in Markdown."""
    lines = ["| | used | passed by | sent | refused |", "|---|---:|---:|---:|---:|"]
    for name, each in (("Bursar", ours), (f"control: {_CONTROL}", control)):
        over = Fraction(each.overshoot_pico, each.limit_pico)
        lines.append(
            f"| {name} | {_percent(each.usable)} % | {_percent(over)} % | {each.granted:,} | {each.refused:,} |"
        )
    return "\n".join(lines)


def _percent(share: Fraction) -> Decimal:
    return (Decimal(share.numerator) * 100 / Decimal(share.denominator)).quantize(Decimal("0.01"))


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
