"""What became worse, beside what was spent: for people on stderr, for programs in the JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bursar.commandline.output import message
from bursar.domain.money.price import usd_text
from bursar.domain.money.regressions import Finding
from bursar.runs.here import here_of
from bursar.views.findings import finding_text
from bursar.wiring import App


def tell_findings(app: App, found: Iterable[Finding]) -> None:
    """A line for each regression that stands."""
    for each in found:
        message(f"bursar: worse: {finding_text(each, here_of(app.clock))}")


def findings_json(app: App, found: Iterable[Finding]) -> list[dict[str, Any]]:
    """Each regression with its figures, causes and the sentence."""
    return [
        {
            "metric": each.metric,
            "workspace": each.workspace,
            "kind": each.kind,
            "first_run": each.first,
            "began_at": each.began_at,
            "found_at": each.found_at,
            "before": _figure(each.metric, each.before),
            "after": _figure(each.metric, each.after),
            "count_before": each.count_before,
            "count_after": each.count_after,
            "causes": [
                {
                    "kind": cause.kind,
                    "was": cause.was,
                    "now": cause.now,
                    "paths": list(cause.paths),
                    "byte": None if cause.gap is None or cause.gap.broken is None else cause.gap.broken.byte,
                    "part": None if cause.gap is None or cause.gap.broken is None else cause.gap.broken.part,
                    "run": None if cause.gap is None else cause.gap.run,
                    "step": None if cause.gap is None else cause.gap.step,
                }
                for cause in each.causes
            ],
            "message": finding_text(each, here_of(app.clock)),
        }
        for each in found
    ]


def _figure(metric: str, figure: int) -> str:
    """USD, per cent, or a plain number of steps or milliseconds, as decimal text."""
    if metric == "cost":
        return usd_text(figure)
    return f"{figure / 10:.1f}" if metric in ("uncached", "errors") else str(figure)
