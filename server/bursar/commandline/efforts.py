"""``bursar usage --by effort``: what the requests of each effort brought, beside what they cost."""

from __future__ import annotations

from collections.abc import Sequence

from bursar.domain.efforts import UNKNOWN, EffortGroup, by_effort
from bursar.domain.ports import Journal
from bursar.domain.runs import RequestRow
from bursar.views.figures import count, plural


def efforts_of(journal: Journal, rows: Sequence[RequestRow]) -> list[EffortGroup]:
    """The requests in groups by their effort, with how the runs and the checks ended."""
    runs = {row.run for row in rows}
    steps = {run: [*journal.steps(run), *(each for _, each in journal.set_aside(run))] for run in runs}
    finished = frozenset(each.run for each in journal.runs() if each.state == "finished")
    return by_effort(rows, steps, finished)


def effort_words(effort: str) -> str:
    """An effort for people; what an erased run asked for is not known any more, its money and tokens are."""
    return "not known (the texts of these runs were erased)" if effort == UNKNOWN else effort


def success_json(group: EffortGroup | None) -> dict[str, int]:
    """What a row by effort has beside the others."""
    if group is None:
        return {}
    return {
        "runs": group.runs,
        "finished": group.finished,
        "checks_passed": group.checks_passed,
        "checks_failed": group.checks_failed,
    }


def success_text(group: EffortGroup | None) -> str:
    """The same for people, with the output."""
    if group is None:
        return ""
    each = group.output_tokens // max(len(group.requests), 1)
    parts = [
        f"{plural(group.output_tokens, 'token')} out ({count(each)} a request)",
        f"{count(group.finished)} of {plural(group.runs, 'run')} done",
    ]
    if group.checks_passed or group.checks_failed:
        parts.append(f"checks: {count(group.checks_passed)} passed, {count(group.checks_failed)} failed")
    return "".join(f", {part}" for part in parts)
