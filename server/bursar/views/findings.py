"""A regression in words: what became worse, since when, by how much, and what changed at the same time."""

from __future__ import annotations

from bursar.domain.moments import Here, moment_words
from bursar.domain.money.regressions import Cause, Finding
from bursar.views.figures import count, money, plural, seconds

_WHAT = {
    "cost": "Tasks of the kind “{kind}” cost",
    "steps": "Tasks of the kind “{kind}” take",
    "uncached": "Runs pay without the prompt cache for",
    "errors": "Requests fail:",
    "p95": "Slow requests (p95 of a run) take",
}


def finding_text(finding: Finding, here: Here) -> str:
    """One sentence about the change, and one for each cause."""
    before, after = (figure_text(finding.metric, each) for each in (finding.before, finding.after))
    noun = "task" if finding.metric in ("cost", "steps") else "run"
    what = _WHAT[finding.metric].format(kind=finding.kind)
    times = _times(finding)
    since = f"since {moment_words(finding.began_at, here)} in {finding.workspace}"
    figures = (
        f"{after}{times}, median of {plural(finding.count_after, noun)}; it was {before} in {finding.count_before}"
    )
    reasons = [cause_text(each) for each in finding.causes]
    why = "What changed with it: " + "; ".join(reasons) if reasons else "What caused it cannot be told from the records"
    return f"{what} {figures} before ({since}). {why}."


def figure_text(metric: str, figure: int) -> str:
    """A figure of a metric: ``$0.42``, ``14 steps``, ``38.2%``, ``41 s``."""
    match metric:
        case "cost":
            return money(figure)
        case "steps":
            return plural(figure, "step")
        case "uncached":
            return f"{figure / 10:.1f}% of the input"
        case "errors":
            return f"{figure / 10:.1f}% of the attempts"
        case _:
            return seconds(figure / 1_000)


def cause_text(cause: Cause) -> str:
    """What changed, without an end mark."""
    match cause.kind:
        case "model":
            return f"the model is {cause.now} and was {cause.was}"
        case "prompt":
            more = int(cause.now) - int(cause.was)
            changed = f" (changed: {', '.join(cause.paths)})" if cause.paths else ""
            return f"the first request grew by {count(more)} tokens, from {count(int(cause.was))}{changed}"
        case "cache_break" if cause.gap is not None and cause.gap.broken is not None:
            broken = cause.gap.broken
            where = f"between the requests before {cause.gap.step} of {cause.gap.run}"
            if broken.model:
                return f"the prompt cache was lost {where}: the model changed from {broken.was} to {broken.now}"
            return (
                f"the prompt cache was broken at byte {count(broken.byte)} in {broken.part} {where}: "
                f"“{broken.was}” became “{broken.now}”"
            )
        case "cache_expired" if cause.gap is not None and cause.gap.expired_s is not None:
            waited = seconds(cause.gap.expired_s)
            return f"the prompt cache had expired: {waited} passed before {cause.gap.step} of {cause.gap.run}"
        case _:
            return "the prompt cache was lost"


def _times(finding: Finding) -> str:
    if not finding.before:
        return ""
    return f" ({finding.after / finding.before:.1f} times as much)"
