"""``bursar context bench``: policies that trim a context, replayed over recorded sessions."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from bursar.commandline.output import FINE, message, result, result_json
from bursar.domain.context.bench import Bench, Judged, Seen
from bursar.domain.context.decision import Excerpt
from bursar.domain.context.optimum import can_be_computed
from bursar.domain.context.policies.registry import ENTRIES, OPTIMUM
from bursar.domain.context.rates import PRICE_SETS
from bursar.domain.context.replay import Sent
from bursar.domain.context.session import RecordedSession
from bursar.domain.errors import BadInput
from bursar.imports.recorded import read_sessions

_Kind = TypeVar("_Kind")
_HEAD = (
    f"{'policy':<20} {'prices':<6} {'cost':>6} {'eff':>6} {'kept':>6} {'edits':>6} {'quotes':>6} {'worst':>6} "
    f"{'over':>4} {'trims':>6} {'fetch':>6} {'share':>6}  against the best peer"
)


def bench(args: argparse.Namespace) -> int:
    """Print a row for each price set and policy."""
    entries = _chosen(ENTRIES, args.policy, "policy")
    if args.policy == "all" and not can_be_computed():
        message("bursar: the row 'optimum' is left out: it is computed with numpy (pip install 'bursar[bench]')")
        entries = [each for each in entries if each.name != OPTIMUM]
    sets = _chosen(PRICE_SETS, args.prices, "price set")
    if args.window is not None and args.window < 1:
        raise BadInput(f"a window of {args.window} tokens holds nothing: give a positive number")
    sessions = read_sessions(args.traces)
    measured = Bench(sessions, window_tokens=args.window, cross_validated=args.cv)
    judged: list[Judged] = []
    with _written(args.decisions) as seen:
        for prices in sets:
            if sys.stderr.isatty():
                message(f"bursar: {len(sessions)} sessions, {len(entries)} policies, prices {prices.name}")
            judged += measured.rows(entries, prices, seen)
    if args.json:
        result_json({"rows": [_json(each) for each in judged]})
    else:
        result(_HEAD)
        for each in judged:
            result(_line(each))
    return FINE


@contextmanager
def _written(path: Path | None) -> Iterator[Seen | None]:
    """Takes each request as it is sent into a file; nothing where none is wanted."""
    if path is None:
        yield None
        return
    try:
        with path.open("w", encoding="utf-8") as file:

            def seen(session: RecordedSession, policy: str, prices: str, sent: Sent) -> None:
                record = {"trace": session.id, "policy": policy, "prices": prices, **_decision(sent)}
                file.write(json.dumps(record, ensure_ascii=False) + "\n")

            yield seen
    except OSError as error:
        raise BadInput(f"{path} cannot be written ({error.strerror or error}): give another file") from error


def _decision(sent: Sent) -> dict[str, Any]:
    """What was done to a request, with everything that is needed to price it and to look things up in it."""
    changes: list[dict[str, Any]] = []
    for number, shape in sent.decision.changes.items():
        change: dict[str, Any] = {"turn": sent.window.turns[number].index, "tokens": sent.window.sizes[number]}
        if isinstance(shape, Excerpt):
            change |= {"to": "excerpt", "text": sent.window.visible_text(number)}
        else:
            change |= {"to": shape}
        changes.append(change)
    return {
        "request": sent.request,
        "prompt_tokens": sent.prompt_tokens,
        "cached_tokens": sent.cached_tokens,
        "changes": changes,
        "summary": sent.decision.summary,
        "ping": sent.decision.ping,
    }


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
        "share": None if judged.share is None else round(judged.share, 6),
        "best_peer": judged.best_peer,
        "ci_vs_best_peer": _rounded(judged.interval),
    }


def _rounded(interval: Sequence[float] | None) -> list[float] | None:
    return None if interval is None else [round(each, 6) for each in interval]


def _line(judged: Judged) -> str:
    row = judged.row
    against, share = "", "" if judged.share is None else f"{judged.share:.2f}"
    if judged.interval is not None:
        against = f"  {judged.interval[0]:+.3f} .. {judged.interval[1]:+.3f}  {judged.best_peer}"
    return (
        f"{row.policy:<20} {row.prices:<6} {row.cost:6.3f} {row.eff:6.3f} {100 * row.retention:6.1f} "
        f"{100 * row.edit_lines:6.1f} {100 * row.quotes:6.1f} {row.worst_trace:6.2f} {row.violations:4d} "
        f"{row.trims:6.1f} {row.refetches:6.1f} {share:>6}{against}"
    )
