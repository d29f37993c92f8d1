"""What short answers bring: output, money and success of the requests of each effort, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bursar.domain.money.usage import Usage
from bursar.domain.runs import RequestRow, RunSummary, StepRecord

UNKNOWN = "unknown"
"""The effort of a request whose run's text was erased: it is not known any more."""
_CHECK = ".900"


@dataclass(frozen=True, slots=True, kw_only=True)
class EffortRow:
    """The requests of one effort.

    ``runs`` are those whose last request was of this effort, ``finished`` as many of them as are done; the checks are
    those that followed one of its answers.
    """

    effort: str
    requests: int = 0
    usage: Usage = field(default_factory=Usage)
    cost_pico: int = 0
    unpriced_requests: int = 0
    runs: int = 0
    finished: int = 0
    checks_passed: int = 0
    checks_failed: int = 0


def by_effort(summaries: Iterable[RunSummary], steps: Mapping[str, Sequence[StepRecord]]) -> list[EffortRow]:
    """A row for each effort that was used; ``steps`` are those of each run, the ones that were set aside, too."""
    rows: dict[str, EffortRow] = {}
    for summary in summaries:
        own = steps.get(summary.record.run, ())
        for request in summary.requests:
            effort = _effort_of(own, request.step, request.attempt)
            rows[effort] = _with_request(rows.get(effort, EffortRow(effort=effort)), request)
        if summary.requests:
            row = rows[_effort_of(own, summary.requests[-1].step, summary.requests[-1].attempt)]
            finished = summary.record.state == "finished"
            rows[row.effort] = replace(row, runs=row.runs + 1, finished=row.finished + finished)
        for each in own:
            # What was copied from another run is counted there.
            if not each.key.endswith(_CHECK) or each.result is None or "from_run" in each.intent:
                continue
            effort = _effort_of(own, f"m{each.key[1:].removesuffix(_CHECK)}", 1)
            row = rows.get(effort, EffortRow(effort=effort))
            failed = bool(each.result.get("error"))
            rows[effort] = replace(
                row, checks_failed=row.checks_failed + failed, checks_passed=row.checks_passed + (not failed)
            )
    return sorted(rows.values(), key=lambda each: each.effort)


def _effort_of(steps: Sequence[StepRecord], key: str, attempt: int) -> str:
    """The effort of an attempt at a request: its step says that of its last one, and a step in its place is newer."""
    same = [each for each in steps if each.key == key and each.attempt >= attempt and each.intent]
    if not same:
        return UNKNOWN
    return str(min(same, key=lambda each: each.attempt).intent.get("effort", "normal"))


def _with_request(row: EffortRow, request: RequestRow) -> EffortRow:
    return replace(
        row,
        requests=row.requests + 1,
        usage=row.usage + request.usage,
        cost_pico=row.cost_pico + (request.cost_pico or 0),
        unpriced_requests=row.unpriced_requests + request.unpriced,
    )
