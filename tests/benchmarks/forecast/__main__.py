"""``python -m benchmarks.forecast [--traces FILE]``: scores the forecast on recorded sessions, prints the tables.

With ``--traces`` the table of figures is built again from the sessions first.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from benchmarks import report
from benchmarks.forecast import score, table
from benchmarks.forecast.score import Forecasted, Result

NAMES = {"tokens": "tokens", "cost_pico": "money", "time_ms": "time"}
PEER = "quantiles of the other repositories"


def main() -> int:
    """Score, print and write."""
    parser = argparse.ArgumentParser(prog="bench-forecast", description=__doc__)
    parser.add_argument("--traces", type=Path, help="build the table of figures from these sessions first")
    args = parser.parse_args()
    if args.traces:
        table.save(table.build(args.traces))
    rows = table.load()
    forecasts = score.play(rows)
    whole = score.results(forecasts)
    _say(f"{len(rows)} requests of users in {len({each.session for each in rows})} sessions of", end=" ")
    _say(f"{len(table.repositories(rows))} repositories; {len(forecasts)} scored, {len(rows) - len(forecasts)} were")
    _say("broken off (they count as history only). Each repository is forecast without its own requests, but for")
    _say("those that came before. Gain: the share of the pinball loss of the other repositories' quantiles that the")
    _say("forecast saves, with its 95 % interval (sessions resampled in pairs). Covered: outcomes up to the figure.\n")
    _print(whole)
    _say("\nWhat the parts bring (tokens and money on the logarithmic scale, p50 / p90):")
    for name, variant in _variants(rows):
        _say(f"  {name:58} {_short(variant)}")
    _say("\nBy repository (tokens on the logarithmic scale, p50 / p90):")
    for name in table.repositories(rows):
        mine = [each for each in forecasts if each.row.repository == name]
        gains = " / ".join(f"{each.gain:+.1%}" for each in score.results(mine, draws=40) if _is(each, "tokens"))
        _say(f"  {name:20} {len(mine):4} requests  {gains}")
    few = " / ".join(
        f"[{each.gain_low:+.1%}, {each.gain_high:+.1%}]"
        for each in score.results(forecasts, by="repository")
        if _is(each, "tokens")
    )
    _say(f"  interval where whole repositories are resampled, which are few: {few}")
    correlations = ", ".join(
        f"{name} {score.correlation_within_sessions(forecasts, amount):.2f}" for amount, name in NAMES.items()
    )
    inside = {amount: score.within(forecasts, amount, 0.1, 0.9) for amount in NAMES}
    _say("\nOutcomes from p10 to p90, which the lens calls 'usually' (80 % would be right):")
    for amount, number in inside.items():
        low, high = score.wilson(number, len(forecasts))
        _say(f"  {NAMES[amount]:8} {number / len(forecasts):.1%}, Wilson 95 % {low:.1%}-{high:.1%}")
    _say(f"\nCorrelation of what is left within a session: {correlations}")
    path = report.write("forecast", [_row(each) for each in whole], {"bursar": importlib.metadata.version("bursar")})
    _say(f"Written: {path}")
    return 0


def _variants(rows: Sequence[table.Scored]) -> list[tuple[str, list[Forecasted]]]:
    return [
        ("the product", score.play(rows)),
        ("only where it shows figures (5 similar or more)", score.shown(score.play(rows))),
        ("the user's history is the same session only", score.play(rows, own="session")),
        ("no history: prior and first request only", score.play(rows, own="nothing")),
        ("control: what is known is shuffled", score.play(score.shuffled(rows))),
    ]


def _short(forecasts: Sequence[Forecasted]) -> str:
    found = score.results(forecasts, draws=400)
    parts = []
    for amount in ("tokens", "cost_pico"):
        gains = " / ".join(f"{each.gain:+.1%}" for each in found if _is(each, amount))
        parts.append(f"{NAMES[amount]} {gains}")
    return ", ".join(parts)


def _is(result: Result, amount: str) -> bool:
    return result.amount == amount and result.scale == "log"


def _print(results: Sequence[Result]) -> None:
    _say(f"{'':24}{'loss':>9}{'others':>9}{'gain':>8}  {'95 % interval':18}{'covered':>9}  Wilson 95 %")
    for each in results:
        low, high = score.wilson(each.covered, each.number)
        unit = {"tokens": 1e3, "cost_pico": 1e9, "time_ms": 1e3}[each.amount] if each.scale == "plain" else 1
        scale = {"tokens": "thousands", "cost_pico": "$0.001", "time_ms": "s"}[each.amount]
        name = f"{NAMES[each.amount]} p{each.level * 100:.0f} ({scale if each.scale == 'plain' else 'log'})"
        sure = "" if each.gain_low > 0 else "  not significant"
        _say(
            f"{name:24}{each.loss / unit:9.3f}{each.loss_of_others / unit:9.3f}{each.gain:8.1%}"
            f"  [{each.gain_low:+.1%}, {each.gain_high:+.1%}]".ljust(70)
            + f"{each.covered / each.number:7.1%}  {low:.1%}-{high:.1%}{sure}"
        )


def _row(result: Result) -> report.Row:
    scale = "logarithmic" if result.scale == "log" else "plain"
    return report.Row(
        what=f"pinball loss of {NAMES[result.amount]} at p{result.level * 100:.0f}, {scale} scale",
        value=Decimal(f"{result.loss:.6g}"),
        unit="log" if result.scale == "log" else {"time_ms": "ms"}.get(result.amount, result.amount),
        peer=PEER,
        peer_value=Decimal(f"{result.loss_of_others:.6g}"),
    )


def _say(text: str, end: str = "\n") -> None:
    sys.stdout.write(text + end)


if __name__ == "__main__":
    sys.exit(main())
