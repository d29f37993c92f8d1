"""What short answers bring: the requests of each effort side by side, and whether the work succeeded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bursar.domain.runs import RequestRow, StepRecord

UNKNOWN = "unknown"
"""The effort of a request whose run's text was erased: it is not known any more."""
_CHECK = ".900"


@dataclass(slots=True, kw_only=True)
class EffortGroup:
    """The requests of one effort.

    ``runs`` are those whose last request was of this effort, ``finished`` as many of them as are done; the checks are
    those that followed one of its answers.
    """

    effort: str
    requests: list[RequestRow] = field(default_factory=list)
    runs: int = 0
    finished: int = 0
    checks_passed: int = 0
    checks_failed: int = 0

    @property
    def output_tokens(self) -> int:
        """Of all its requests together."""
        return sum(each.usage.output for each in self.requests)


def by_effort(
    requests: Sequence[RequestRow], steps: Mapping[str, Sequence[StepRecord]], finished: frozenset[str]
) -> list[EffortGroup]:
    """A group for each effort that was used; ``steps`` are those of each run, the ones that were set aside, too.

    ``requests`` are oldest first; ``finished`` are the runs that are done.
    """
    groups: dict[str, EffortGroup] = {}
    last: dict[str, EffortGroup] = {}
    for row in requests:
        effort = _effort_of(steps.get(row.run, ()), row.step, row.attempt)
        last[row.run] = groups.setdefault(effort, EffortGroup(effort=effort))
        last[row.run].requests.append(row)
    for run, group in last.items():
        group.runs += 1
        group.finished += run in finished
    for own in steps.values():
        for each in own:
            # What was copied from another run is counted there.
            if not each.key.endswith(_CHECK) or each.result is None or "from_run" in each.intent:
                continue
            effort = _effort_of(own, f"m{each.key[1:].removesuffix(_CHECK)}", 1)
            group = groups.setdefault(effort, EffortGroup(effort=effort))
            if each.result.get("error"):
                group.checks_failed += 1
            else:
                group.checks_passed += 1
    return sorted(groups.values(), key=lambda each: each.effort)


def _effort_of(steps: Sequence[StepRecord], key: str, attempt: int) -> str:
    """The effort of an attempt at a request: its step says that of its last one, and a step in its place is newer."""
    same = [each for each in steps if each.key == key and each.attempt >= attempt and _is_told(each)]
    if not same:
        return UNKNOWN
    return str(min(same, key=lambda each: each.attempt).intent.get("effort", "normal"))


def _is_told(step: StepRecord) -> bool:
    """Whether its intent still says how it was asked; of one that was erased only what was counted is kept."""
    return bool(step.intent) and not step.intent.get("erased")
