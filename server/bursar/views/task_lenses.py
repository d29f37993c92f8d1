"""The lens above a task: what is known of it, and what can be done about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bursar.domain.moments import Here
from bursar.domain.money.forecast import TaskForecast
from bursar.domain.money.usage import Usage, cached_percent
from bursar.domain.resuming import Resumable
from bursar.domain.runs import RunSummary, TaskEstimate
from bursar.domain.specs import SpecTask
from bursar.domain.tasks import OPEN_RUN, truth_of
from bursar.views.annotations import Lens
from bursar.views.figures import count, money, plural, seconds
from bursar.views.forecasts import provenance, usually
from bursar.views.open_run_lenses import open_run_lenses


def task_lenses(
    uri: str,
    task: SpecTask,
    newest: RunSummary | None,
    estimate: TaskEstimate | None,
    mine: frozenset[str],
    forecast: TaskForecast | None,
    *,
    runnable: bool,
    skipped: bool,
    below: Sequence[TaskEstimate | None],
    runs_below: Sequence[RunSummary],
    together: TaskForecast | None = None,
    too_large: bool = False,
    resumable: Resumable | None = None,
    here: Here,
) -> list[Lens]:
    """The lenses of one task, from the left to the right; ``runnable`` says whether its turn could be now.

    ``forecast`` is of this task. ``below`` are the estimates of the tasks that running this one means, as far as they
    are known, ``runs_below`` those tasks' newest runs, ``together`` the forecast of all of them. ``too_large`` says
    that the first request does not fit: then splitting it is offered. ``resumable`` is what is known of going on with
    the newest run.
    """
    truth = truth_of(task.state, None if newest is None else newest.record)
    if newest is not None and newest.record.state in OPEN_RUN:
        return open_run_lenses(
            task.line, newest, resumable, by_hand=truth.ask, ours=newest.record.run in mine, here=here
        )
    if newest is not None and (truth.shown == "done_unsaved" or (truth.shown == "done" and _is_finished(newest))):
        unsaved = "Done, not saved yet · " if truth.shown == "done_unsaved" else ""
        return [Lens(line=task.line, title=unsaved + finished_figures(newest))]
    target = ({"uri": uri, "line": task.line, "title": task.title},)
    if not runnable:
        return _of_parent(task, target, below, runs_below, together)
    title = run_title(estimate, forecast)
    run = Lens(
        line=task.line,
        title=f"Skipped · {title}" if skipped else title,
        command="bursar.runTask",
        arguments=target,
        tooltip=provenance(forecast) if forecast is not None and forecast.is_enough else "",
    )
    if newest is not None and truth.shown == "stopped" and newest.steps_done:
        kept = f"Retry · {plural(newest.steps_done, 'step')} kept"
        return [Lens(line=task.line, title=kept, command="bursar.retryTask", arguments=target), run]
    if too_large:
        return [run, Lens(line=task.line, title="Split into sub-tasks", command="bursar.splitTask", arguments=target)]
    return [run]


def _of_parent(
    task: SpecTask,
    target: tuple[dict[str, Any], ...],
    below: Sequence[TaskEstimate | None],
    runs_below: Sequence[RunSummary],
    together: TaskForecast | None,
) -> list[Lens]:
    """Nothing while one of them runs: its own lens says so, and the others have to wait for it."""
    if not below or any(each.record.owner_alive and each.record.state in OPEN_RUN for each in runs_below):
        return []
    title, tooltip = parent_title(len(below), [each for each in below if each is not None]), ""
    if together is not None and together.is_enough and together.tasks == len(below):
        title, tooltip = f"Run {plural(len(below), 'task')} · {usually(together)}", provenance(together)
    goes_on = sum(1 for each in runs_below if each.record.state in OPEN_RUN)
    if goes_on:
        some = "" if len(below) == 1 else f"{goes_on} of them "
        it = "it" if goes_on == 1 else "they"
        title, tooltip = f"Run {plural(len(below), 'task')} · {some}from where {it} paused", ""
    return [Lens(line=task.line, title=title, command="bursar.runTask", arguments=target, tooltip=tooltip)]


def parent_title(number: int, estimates: Sequence[TaskEstimate]) -> str:
    """What the Run lens of a task with open tasks below it says; the figures once all of them are counted."""
    tasks = plural(number, "task")
    if len(estimates) < number:
        return f"Run {tasks}"
    firsts = [each.first_request_pico for each in estimates]
    cost = " · no price known" if None in firsts else f" ~{money(sum(each or 0 for each in firsts))}"
    tokens = count(sum(each.counted_tokens for each in estimates))
    requests = "first request" if number == 1 else "first requests"
    ceilings = {each.ceiling_pico for each in estimates}
    ceiling = next(iter(ceilings)) if len(ceilings) == 1 else None
    most = "no limit" if ceiling is None else f"at most {money(ceiling)}{'' if number == 1 else ' each'}"
    return f"Run {tasks} · {requests} {tokens} in{cost} · {most}"


def run_title(estimate: TaskEstimate | None, forecast: TaskForecast | None) -> str:
    """What the Run lens says: what similar tasks took where there are enough of them, else what was counted."""
    if estimate is None:
        return "Run"
    if forecast is not None and forecast.is_enough:
        return f"Run · {usually(forecast)}"
    first = f"first request {count(estimate.counted_tokens)} in"
    first += " · no price known" if estimate.first_request_pico is None else f" ~{money(estimate.first_request_pico)}"
    most = "no limit" if estimate.ceiling_pico is None else f"at most {money(estimate.ceiling_pico)}"
    return f"Run · {first} · {most}"


def finished_figures(summary: RunSummary) -> str:
    """``$0.058 · 6 requests · 71 % cached · 41 s``."""
    total = Usage()
    for row in summary.requests:
        total = total + row.usage
    cost = money(summary.cost_pico) if not summary.unpriced_requests else "no price known"
    parts = [cost, plural(len(summary.requests), "request"), f"{cached_percent(total)} % cached"]
    return " · ".join([*parts, seconds(summary.record.seconds_run)])


def _is_finished(newest: RunSummary) -> bool:
    return newest.record.state == "finished"
