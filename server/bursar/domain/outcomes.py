"""What came of the work that a model was given, as far as a check or the user said so; folded from the journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bursar.domain.routes import Role, Target
from bursar.domain.runs import MODEL_CHOSEN, RequestRow, RunEvent, RunKind, RunRecord, StepRecord

Verdict = Literal["passed", "accepted", "failed", "escalated"]
SUCCESSES: frozenset[Verdict] = frozenset({"passed", "accepted"})
_CHECK = ".900"
_ROLES: dict[RunKind, Role] = {
    "task": "edit",
    "split": "plan",
    "review": "check",
    "keep_warm": "edit",
    "compact": "summarise",
}
_OPERATION_VERDICTS: dict[str, Verdict] = {"accepted": "accepted", "declined": "failed", "bad_answer": "failed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one model did in one run: its own requests with their money and their share of the run's time.

    ``verdict`` is None where nobody said whether it was right: there is no check, the run goes on, or more than one
    model worked on it. ``cost_pico`` counts a request whose bill is not known at the most it can have cost
    (``is_bound``), and leaves out ``unpriced`` ones.
    """

    role: Role
    task: str
    model: str
    verdict: Verdict | None
    cost_pico: int
    is_bound: bool
    unpriced: int
    seconds: float


def outcomes_of(
    record: RunRecord, steps: Sequence[StepRecord], events: Sequence[RunEvent], rows: Sequence[RequestRow]
) -> list[Outcome]:
    """The outcomes of a run or an operation, one for each model that was asked; ``steps`` with those set aside."""
    verdicts = _verdicts(record, steps, events)
    asked = {row.request_id: _asked(row, steps, record) for row in rows}
    models = list(dict.fromkeys(asked.values()))
    took: Counter[str] = Counter()
    for row in rows:
        took[asked[row.request_id]] += row.duration_ms or 0
    return [
        Outcome(
            role=_ROLES[record.kind],
            task=f"{record.workspace}/{record.spec}#{record.task_title_sha256}",
            model=model,
            verdict=_verdict_on(model, models, verdicts),
            cost_pico=sum(
                row.at_most_pico if row.certainty == "unknown" else row.cost_pico or 0
                for row in rows
                if asked[row.request_id] == model
            ),
            is_bound=any(row.certainty == "unknown" for row in rows if asked[row.request_id] == model),
            unpriced=sum(row.unpriced and row.certainty != "unknown" for row in rows if asked[row.request_id] == model),
            seconds=record.seconds_run * (took[model] / took.total() if took.total() else 1 / len(models)),
        )
        for model in models
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdicts:
    """On the model that ended the run, and the stronger one that took over from another, where one did."""

    last: Verdict | None
    stronger: str | None


def _verdicts(record: RunRecord, steps: Sequence[StepRecord], events: Sequence[RunEvent]) -> _Verdicts:
    stronger = _stronger(events)
    if record.kind != "task":
        ended = record.reason if record.state in ("finished", "failed") else None
        return _Verdicts(last=_OPERATION_VERDICTS.get(ended or ""), stronger=None)
    # What was copied from another run is counted there.
    checks = [
        each
        for each in steps
        if each.key.endswith(_CHECK) and each.result is not None and "from_run" not in each.intent
    ]
    newest = max(checks, key=lambda each: each.started_at, default=None)
    last: Verdict | None = None
    if record.state == "finished" and any(each.kind == "accepted" for each in events):
        last = "accepted"
    elif newest is not None and newest.result is not None:
        failed = bool(newest.result.get("error"))
        if record.state == "finished" and not failed:
            last = "passed"
        elif failed and (record.state == "failed" or (record.state == "paused" and record.reason == "check")):
            last = "failed"
    return _Verdicts(last=last, stronger=stronger)


def _stronger(events: Sequence[RunEvent]) -> str | None:
    """The stronger model that took over for good: not where that was taken back, or the user chose another after it."""
    model, begins = None, 0
    for each in events:
        if each.kind == "escalated":
            model, begins = str(each.data["model"]), int(each.data.get("n", 0))
        elif each.kind == MODEL_CHOSEN or (each.kind == "rewound" and _request_of(each) < begins):
            model = None
    return model


def _request_of(rewound: RunEvent) -> int:
    """The number of the request that a rewind went back to."""
    return int(str(rewound.data["step"])[1:].partition(".")[0])


def _verdict_on(model: str, models: Sequence[str], verdicts: _Verdicts) -> Verdict | None:
    others = [each for each in models if each != verdicts.stronger]
    if model == verdicts.stronger:
        return verdicts.last
    if len(others) > 1:
        return None
    return verdicts.last if verdicts.stronger is None else "escalated"


def _asked(row: RequestRow, steps: Sequence[StepRecord], record: RunRecord) -> str:
    """Whom a request went to: its step says that of its last attempt, and a step in its place is newer."""
    same = [each for each in steps if each.key == row.step and each.attempt >= row.attempt]
    intent = min(same, key=lambda each: each.attempt).intent if same else {}
    return str(
        Target(provider=str(intent.get("provider", record.provider)), model=str(intent.get("model", record.model)))
    )
