"""Rewinding a run from the editor: the diff is shown beside the question, unsaved documents are changed there."""

from __future__ import annotations

from typing import Any

from bursar.domain.errors import BadInput, Refused
from bursar.domain.money.price import usd_text
from bursar.domain.ports import Journal
from bursar.domain.runs import RunSummary, StepOutline
from bursar.runs.world import World
from bursar.views.steps import step_title


async def rewind_in_editor(world: World, run: str, step: str) -> dict[str, Any]:
    """Ask, rewind, and say what came of it. Raises BadInput, Refused and StorageError with a sentence."""
    # Here and not above: what drives runs is loaded when it is first needed, not when the server starts.
    from bursar.runs.rewinding import plan_rewind, rewind

    done = await rewind(world, await plan_rewind(world, run, step), can_ask=True)
    return {
        "run": run,
        "step": done.plan.step.key,
        "rewound": done.done,
        "files": list(done.files),
        "left": list(done.left),
    }


def refuse_unless_idle(run: str, mine: frozenset[str], *, may_write: bool) -> None:
    """Raises BadInput while this process drives the run, and Refused where nothing may be written."""
    if run in mine:
        raise BadInput(f"{run} is running: pause it first, then rewind it")
    if not may_write:
        raise Refused("this workspace is not trusted: nothing is written in it")


def steps_json(journal: Journal, summaries: list[RunSummary]) -> dict[str, list[dict[str, Any]]]:
    """The steps of each run, as a client offers them to rewind to."""
    outlines = journal.outlines([each.record.run for each in summaries])
    return {each.record.run: [_step_json(each, step) for step in outlines[each.record.run]] for each in summaries}


def _step_json(summary: RunSummary, step: StepOutline) -> dict[str, Any]:
    first, last = step.attempts
    rows = [each for each in summary.requests if each.step == step.key and first <= each.attempt <= last]
    return {
        "key": step.key,
        "kind": step.kind,
        "title": step_title(key=step.key, kind=step.kind, tool=step.tool, about=step.about),
        "at": step.at,
        "cost_usd": usd_text(sum(each.cost_pico or 0 for each in rows)) if rows else None,
    }
