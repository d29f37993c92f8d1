"""``python -m benchmarks.context --traces FILE``: policies under all price sets, beside another simulator's figures.

The sessions have to be the 34 that the other simulator was given. Writes ``build/bench/context-policies.json``; ends
with 1 where a figure is further off than the tolerance.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from benchmarks import report
from benchmarks.context.elsewhere import FIGURES, SESSIONS, TIGHT, TIGHT_WINDOW, TOLERANCE
from bursar.domain.context.bench import Bench
from bursar.domain.context.policies.registry import ENTRIES
from bursar.domain.context.rates import PRICE_SETS
from bursar.domain.context.score import Row
from bursar.imports.recorded import read_sessions

PEER = "another simulator"


def main() -> int:
    """Replay, compare, print and write."""
    parser = argparse.ArgumentParser(prog="bench-context", description=__doc__)
    parser.add_argument("--traces", type=Path, required=True)
    sessions = read_sessions(parser.parse_args().traces)
    if len(sessions) != SESSIONS:
        _say(f"these are {len(sessions)} sessions, and the other figures are for {SESSIONS}: nothing to compare")
        return 2
    whole, tight = Bench(sessions), Bench(sessions, window_tokens=TIGHT_WINDOW)
    entries = list(ENTRIES.values())
    rows = [judged.row for prices in PRICE_SETS.values() for judged in whole.rows(entries, prices)]
    narrow = [judged.row for judged in tight.rows(entries, PRICE_SETS["A"])]
    written = [*_compared("", rows, FIGURES), *_compared(f", window {TIGHT_WINDOW:,}", narrow, TIGHT)]
    off = [each for each in written if abs(each.value - each.peer_value) > Decimal(str(TOLERANCE))]
    exact = sum(abs(each.value - each.peer_value) <= Decimal("0.0005") for each in written)
    _say(
        f"{len(written)} figures compared: {exact} the same to the last digit, {len(off)} off by more than {TOLERANCE}"
    )
    report.write("context-policies", written, {"bursar": importlib.metadata.version("bursar")})
    return 1 if off else 0


def _compared(where: str, rows: Sequence[Row], figures: Mapping[tuple[str, str, str], float]) -> list[report.Row]:
    found: list[report.Row] = []
    by_name = {(each.policy, each.prices): each for each in rows}
    for (policy, prices, figure), other in figures.items():
        own = getattr(by_name[policy, prices], figure)
        if abs(own - other) > 0.0005:
            _say(f"{policy:<20} {prices:<5} {figure:<10} {own:.4f}  {PEER} {other:.4f}  {own - other:+.4f}{where}")
        found.append(
            report.Row(
                what=f"{figure} of {policy}, prices {prices}{where}",
                value=Decimal(f"{own:.4f}"),
                unit="share",
                peer=PEER,
                peer_value=Decimal(f"{other:.4f}"),
            )
        )
    return found


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
