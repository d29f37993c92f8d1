"""What became worse, with the causes that only the recorded requests can tell: where the prompt cache was lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

from bursar.domain.money.regressions import WATCHED_RUNS, Cause, Finding, Gap, findings
from bursar.domain.ports import Journal
from bursar.domain.prefix import first_break
from bursar.domain.runs import RequestRow

_LOOKED_AT_RUNS = 5
_CACHE_LIVES_S = 300
_MOST_REQUESTS = 40


def watched(journal: Journal) -> tuple[Finding, ...]:
    """The regressions that stand, with their causes; blocks."""
    found = findings(journal.run_figures(WATCHED_RUNS), journal.prompt_documents)
    return tuple(_with_gaps(journal, each) for each in found)


def _with_gaps(journal: Journal, finding: Finding) -> Finding:
    if finding.metric not in ("cost", "uncached"):
        return finding
    gap = next(iter(gaps(journal, finding.last[:_LOOKED_AT_RUNS])), None)
    if gap is None:
        return finding
    cause = Cause(kind="cache_break" if gap.broken is not None else "cache_expired", gap=gap)
    return replace(finding, causes=(*finding.causes, cause))


def gaps(journal: Journal, runs: Iterable[str]) -> Iterable[Gap]:
    """Where the prompt cache was lost between two requests in a row of these runs; broken bytes before expired ones."""
    expired = []
    for run in runs:
        steps = {each.key: each for each in journal.steps(run) if each.kind == "model"}
        for one, other in pairwise(journal.requests(run=run)[:_MOST_REQUESTS]):
            bodies = [steps[each.step].body_sha256 if each.step in steps else None for each in (one, other)]
            if one.step == other.step or None in bodies:
                continue
            earlier, later = (journal.body(each or "") for each in bodies)
            broken = None if earlier is None or later is None else first_break(earlier, later)
            if broken is not None:
                yield Gap(run=run, step=other.step, broken=broken)
            elif (waited_s := _waited_s(one, other)) > _CACHE_LIVES_S and not other.usage.cache_read:
                expired.append(Gap(run=run, step=other.step, broken=None, expired_s=waited_s))
    yield from expired


def _waited_s(one: RequestRow, other: RequestRow) -> int:
    """Between two answers: what is recorded of a request is when it was settled."""
    try:
        between = datetime.fromisoformat(other.at) - datetime.fromisoformat(one.at)
    except ValueError:
        return 0
    return int(between.total_seconds()) - (other.duration_ms or 0) // 1_000
