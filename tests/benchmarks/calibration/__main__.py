"""``python -m benchmarks.calibration``: how good the estimates of vendors' counts are, leave-out, beside a control."""

from __future__ import annotations

import asyncio
import importlib.metadata
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

from benchmarks import report
from benchmarks.calibration import play
from benchmarks.forecast.score import wilson
from bursar.domain.counting.calibrate import COVERED
from bursar.tokens import TiktokenCounter

ROUNDS = 20
RUNS = 60
SEED = 20261121


async def measure() -> play.Compared:
    """Ask, learn and foretell."""
    counter = TiktokenCounter()
    with tempfile.TemporaryDirectory() as folder:
        async with play.provider(Path(folder)) as sender:
            requests = await play.ask(sender, counter, runs=RUNS, of_each=5, seed=SEED)
    return play.compare(requests, counter, rounds=ROUNDS, seed=SEED)


def main() -> int:
    """Measure, print and write."""
    found = asyncio.run(measure())
    say = sys.stdout.write
    say(f"{RUNS} runs of 5 requests to a simulated provider with a tokenizer of its own, times {play.RATIO};\n")
    say(f"{ROUNDS} times {play.LEARNT_FROM} requests of half of the runs are learnt from, the others are foretold.\n")
    say(f"Covered: the true count lay in the range (made for {COVERED:.0%}), Wilson 95 % in brackets.\n\n")
    say(f"{'':34}{'median error':>14}{'covered':>26}{'mean width':>12}\n")
    for name, score in (
        ("requests of other runs", found.requests),
        ("texts alone (count, check)", found.texts),
        ("requests, kinds swapped (control)", found.swapped_requests),
        ("texts, kinds swapped (control)", found.swapped_texts),
    ):
        low, high = wilson(score.covered, len(score.errors))
        covered = f"{score.coverage:.1%} ({low:.1%}-{high:.1%})"
        say(f"{name:34}{score.error:>14.1%}{covered:>26}{score.width:>12.0%}\n")
    path = report.write("calibration", _rows(found), {"tiktoken": importlib.metadata.version("tiktoken")})
    say(f"\n{path}\n")
    return 0


def _rows(found: play.Compared) -> list[report.Row]:
    rows = []
    for what, own, control in (
        ("requests of other runs", found.requests, found.swapped_requests),
        ("texts alone", found.texts, found.swapped_texts),
    ):
        rows.append(_row(f"median error on {what}", own.error, control.error))
        rows.append(_row(f"covered of {what}", own.coverage, control.coverage))
    return rows


def _row(what: str, own: float, control: float) -> report.Row:
    figures = {"value": Decimal(f"{100 * own:.2f}"), "peer_value": Decimal(f"{100 * control:.2f}")}
    return report.Row(what=what, unit="percent", peer="the same with the kinds of text swapped", **figures)


if __name__ == "__main__":
    sys.exit(main())
