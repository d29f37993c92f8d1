"""What became worse, with the causes that only the recorded requests can tell: where the prompt cache was lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bursar.domain.money.regressions import WATCHED_RUNS, Cause, Finding, Gap, findings
from bursar.domain.ports import Journal
from bursar.domain.prefix import first_break
from bursar.runs.cache_losses import lost_cache, pairs_of

_LOOKED_AT_RUNS = 5
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
    """Where the prompt cache was lost between two requests of these runs, and the bytes or the time did it.

    Broken bytes come before expired ones. What Bursar left out itself, to save more, is none of them.
    """
    expired = []
    for run in runs:
        for pair in pairs_of(journal.requests(run=run)[:_MOST_REQUESTS]):
            found = lost_cache(journal, pair)
            if found is None or found.loss.cause == "trimmed":
                continue
            if found.loss.cause == "expired":
                expired.append(Gap(run=run, step=pair.later.step, broken=None, expired_s=found.loss.waited_s))
                continue
            earlier, later = (journal.body(each.body_sha256) for each in (pair.earlier, pair.later))
            broken = None if earlier is None or later is None else first_break(earlier, later)
            if broken is not None:
                yield Gap(run=run, step=pair.later.step, broken=broken)
    yield from expired
