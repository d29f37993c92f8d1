"""Gathers what the report shows: the kept sums, the newest requests and runs, the budgets and what became worse."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

from bursar.domain.money.history import RunFigures
from bursar.domain.money.projection import project
from bursar.domain.money.regressions import WATCHED_RUNS
from bursar.domain.money.report import DaySpent, ModelSpent, Report, text_versions
from bursar.domain.money.rolls import OWN_AGENT, Sums
from bursar.domain.money.spending import Spending, spend_lines
from bursar.domain.money.waste import Waste, wasted
from bursar.domain.ports import Journal
from bursar.domain.runs import RequestRow
from bursar.runs.cache_losses import lost_caches
from bursar.runs.here import here_of
from bursar.runs.watching import watched
from bursar.session.money import wide_states
from bursar.session.ports import Adapters
from bursar.views.report import report_page

_MOST_REQUESTS = 10_000
_MOST_LISTED = 10
_MOST_LOSSES = 200
_MOST_DAYS = 400
_RUNS_READ = 200


async def write_report(adapters: Adapters, folders: tuple[str, ...]) -> str:
    """Write the report of everything into the state folder, beside the loop; where it is."""

    def work() -> str:
        return str(adapters.keep_report(report_page(gather_report(adapters, since=None, workspaces=folders))))

    return await asyncio.to_thread(work)


def gather_report(adapters: Adapters, *, since: str | None, workspaces: tuple[str, ...] = ()) -> Report:
    """Everything the report shows, as the store has it now; blocks."""
    journal, clock = adapters.journal(), adapters.clock
    today = clock.local_day()
    days, models = journal.spending("day", since=since), journal.spending("agent", since=since)
    tasks = journal.spending("task", since=since, agent=OWN_AGENT, most=_MOST_LISTED + 1)
    requests = journal.requests(since=since, newest=_MOST_REQUESTS)
    runs = [each for each in journal.run_figures(WATCHED_RUNS) if since is None or each.ended_at >= since]
    looked_at = runs[-_RUNS_READ:]
    priced = [each for each in requests if each.cost_pico]
    timed = [each for each in requests if each.duration_ms is not None]
    # What is expected goes by the last weeks, whatever the report is about.
    by_day: dict[str, int] = {}
    for each in (days if since is None else journal.spending("day")).rows:
        by_day[each.local_day] = by_day.get(each.local_day, 0) + each.sums.cost_pico
    return Report(
        made_at=clock.now_utc(),
        here=here_of(clock),
        since=since,
        own=models.own,
        others=models.others,
        held_pico=models.held_pico,
        days=_days(days, today),
        month=[by_day.get(f"{today[:8]}{n:02}", 0) for n in range(1, int(today[8:]) + 1)],
        projection=project(by_day, today=today),
        models=_models(models),
        tasks=[each for each in spend_lines("task", tasks) if each.key][:_MOST_LISTED],
        dearest=sorted(priced, key=lambda each: -(each.cost_pico or 0))[:_MOST_LISTED],
        slowest=sorted(timed, key=lambda each: -(each.duration_ms or 0))[:_MOST_LISTED],
        requests_looked_at=len(requests),
        wastes=_wastes(journal, looked_at),
        runs_looked_at=len(looked_at),
        texts=text_versions(runs, journal.prompt_documents),
        findings=watched(journal),
        budgets=wide_states(adapters, journal, adapters.settings(), workspaces=workspaces),
        cache_losses=lost_caches(journal, _of_runs(requests, looked_at), newest=_MOST_LOSSES),
    )


def _days(spending: Spending, today: str) -> list[DaySpent]:
    """Without gaps up to today; of a longer time the newest days."""
    own: dict[str, Sums] = {}
    others: dict[str, Sums] = {}
    for each in spending.rows:
        side = own if each.agent == OWN_AGENT else others
        side[each.local_day] = side.get(each.local_day, Sums()) + each.sums
    known = sorted({*own, *others})
    if not known:
        return []
    last = max(date.fromisoformat(today), date.fromisoformat(known[-1]))
    first = max(date.fromisoformat(known[0]), last - timedelta(days=_MOST_DAYS - 1))
    names = [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]
    return [DaySpent(day=each, own=own.get(each, Sums()), others=others.get(each, Sums())) for each in names]


def _models(spending: Spending) -> list[ModelSpent]:
    sums: dict[tuple[str, str], Sums] = {}
    for each in spending.rows:
        sums[each.agent, each.key] = sums.get((each.agent, each.key), Sums()) + each.sums
    lines = [ModelSpent(agent=agent, model=model, sums=each) for (agent, model), each in sums.items()]
    return sorted(lines, key=lambda each: (-each.sums.cost_pico, -each.sums.requests, each.agent, each.model))


def _of_runs(requests: list[RequestRow], runs: list[RunFigures]) -> list[RequestRow]:
    """The requests of these runs: those of operations stand for themselves and share no beginning."""
    known = {each.run for each in runs}
    return [each for each in requests if each.run in known]


def _wastes(journal: Journal, runs: list[RunFigures]) -> list[Waste]:
    """Of the newest runs; what is not known of its money comes last."""
    found = [
        waste for each in runs for waste in wasted(each.run, journal.steps(each.run), journal.requests(run=each.run))
    ]
    return sorted(found, key=lambda each: -(each.pico or 0))
