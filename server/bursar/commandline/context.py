"""``bursar context bench``: policies that trim a context, replayed over recorded sessions."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, TypeVar

from bursar.commandline.output import FINE, message, result, result_json
from bursar.domain.context.bench import Bench, Judged
from bursar.domain.context.policies.registry import ENTRIES
from bursar.domain.context.rates import PRICE_SETS
from bursar.domain.errors import BadInput
from bursar.imports.recorded import read_sessions

_Kind = TypeVar("_Kind")
_HEAD = (
    f"{'policy':<20} {'prices':<6} {'cost':>6} {'eff':>6} {'kept':>6} {'edits':>6} {'quotes':>6} {'worst':>6} "
    f"{'over':>4} {'trims':>6} {'fetch':>6}  against the best peer"
)


def bench(args: argparse.Namespace) -> int:
    """Print a row for each price set and policy."""
    entries = _chosen(ENTRIES, args.policy, "policy")
    sets = _chosen(PRICE_SETS, args.prices, "price set")
    sessions = read_sessions(args.traces)
    measured = Bench(sessions)
    judged: list[Judged] = []
    for prices in sets:
        if sys.stderr.isatty():
            message(f"bursar: {len(sessions)} sessions, {len(entries)} policies, prices {prices.name}")
        judged += measured.rows(entries, prices)
    if args.json:
        result_json({"rows": [_json(each) for each in judged]})
    else:
        result(_HEAD)
        for each in judged:
            result(_line(each))
    return FINE


def _chosen(known: dict[str, _Kind], name: str, what: str) -> list[_Kind]:
    if name == "all":
        return list(known.values())
    if name not in known:
        raise BadInput(f"there is no {what} '{name}': choose all, or one of {', '.join(known)}")
    return [known[name]]


def _json(judged: Judged) -> dict[str, Any]:
    row = judged.row
    figures = ("cost", "eff", "retention", "edit_lines", "quotes", "worst_trace", "trims", "refetches")
    return {
        "policy": row.policy,
        "prices": row.prices,
        **{name: round(getattr(row, name), 6) for name in figures},
        "violations": row.violations,
        "best_peer": judged.best_peer,
        "ci_vs_best_peer": _rounded(judged.interval),
    }


def _rounded(interval: Sequence[float] | None) -> list[float] | None:
    return None if interval is None else [round(each, 6) for each in interval]


def _line(judged: Judged) -> str:
    row = judged.row
    against = ""
    if judged.interval is not None:
        against = f"  {judged.interval[0]:+.3f} .. {judged.interval[1]:+.3f}  {judged.best_peer}"
    return (
        f"{row.policy:<20} {row.prices:<6} {row.cost:6.3f} {row.eff:6.3f} {100 * row.retention:6.1f} "
        f"{100 * row.edit_lines:6.1f} {100 * row.quotes:6.1f} {row.worst_trace:6.2f} {row.violations:4d} "
        f"{row.trims:6.1f} {row.refetches:6.1f}{against}"
    )
