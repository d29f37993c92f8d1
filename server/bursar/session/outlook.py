"""From the session's state to what is forecast, and from the forecasts to what is shown of them."""

from __future__ import annotations

from bursar.domain.moments import in_local_time
from bursar.domain.specs import open_tasks
from bursar.domain.tasks import runs_for, skipped_tasks
from bursar.session.analysis import keyed_tasks
from bursar.session.forecasting import Work, outlook_of
from bursar.session.model import Analysis, Document, Snapshot
from bursar.session.shown import spec_now
from bursar.views.annotations import Card
from bursar.views.forecasts import task_hover


def work_of(document: Document, analysis: Analysis, snapshot: Snapshot) -> Work:
    """What is to be forecast in a tasks file."""
    spec, _ = spec_now(document, analysis)
    keys = {each.index: key for key, each in keyed_tasks(spec)}
    runs = [each for each in snapshot.runs.get(document.workspace, ()) if each.record.spec == document.spec]
    skipped = skipped_tasks(spec, document.spec, snapshot.skips.get(document.workspace, ()), runs)
    runnable = open_tasks(spec)
    alone = {each.index for each in runnable}
    below = {
        keys[each.index]: tuple(keys[child.index] for child in runs_for(spec, each, skipped))
        for each in spec.tasks
        if each.is_open and each.index not in alone
    }
    return Work(
        document=document,
        estimates=analysis.estimates,
        groups={key: children for key, children in below.items() if children},
        all_open=tuple(keys[each.index] for each in runnable if not each.optional and each.index not in skipped),
    )


def forecast_at(document: Document, analysis: Analysis, snapshot: Snapshot, line: int) -> Card | None:
    """What is told about the task on this line; None on other lines.

    The line of the first heading tells about all open tasks together.
    """
    if document.kind != "tasks":
        return None
    spec, gone = spec_now(document, analysis)
    keyed = [(key, each) for key, each in keyed_tasks(spec) if each.index not in gone]
    known = snapshot.forecasts.get(document.uri)
    outlook = outlook_of(known, keyed, rooms=snapshot.rooms, workspace=document.workspace)
    first, end, estimate = line, line + 1, None
    for key, task in keyed:
        if task.line <= line < task.end_line:
            forecast = outlook.tasks.get(task.line) or outlook.groups.get(task.line)
            first, end, estimate = task.line, task.end_line, analysis.estimates.get(key)
            break
    else:
        at = min((each.line for each in spec.headings), default=0)
        forecast = outlook.total if line == at and outlook.total is not None and outlook.total.tasks > 1 else None
    if forecast is None:
        return None
    text = in_local_time(task_hover(forecast, estimate, outlook.rooms), snapshot.here)
    return Card(line=first, end_line=end, markdown=text)
