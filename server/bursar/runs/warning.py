"""Tells when a budget's warning marks are passed: each once for its scope and period, whoever notices it first."""

from __future__ import annotations

from bursar.domain.money.budget import Standing, level_of, marks_passed
from bursar.domain.money.figures import money
from bursar.domain.money.price import usd_text
from bursar.domain.money.scopes import scope_words
from bursar.domain.runs import RunRecord
from bursar.runs.events import Events
from bursar.runs.sizing import limits_of
from bursar.runs.world import World


async def warn(world: World, run: RunRecord, events: Events) -> None:
    """Look at every budget of the run, and tell the highest mark that was passed and not told of yet.

    What is held for requests in flight is no spending: it may come back.
    """
    journal = world.journal
    percent = journal.warn_percent()
    for each in journal.standings(limits_of(run, world)):
        passed = marks_passed(spent=each.used.charged, limit=each.limit, warn_percent=percent)
        if passed is None or passed <= journal.warned(each.scope, each.unit, each.limit):
            continue
        if await journal.warn_once(each.scope, each.unit, each.limit, passed):
            await events.tell(
                "budget_warning",
                scope=each.scope.kind,
                percent=passed,
                unit=each.unit,
                limit=_plain(each, each.limit),
                spent=_plain(each, each.used.charged),
                level=level_of(taken=each.used.charged, limit=each.limit, warn_percent=percent),
                message=f"{passed} % of the {_amount(each, each.limit)} for {scope_words(each.scope.kind)} is spent "
                f"({_amount(each, each.used.charged)})",
            )


def _amount(standing: Standing, value: int) -> str:
    return money(value) if standing.unit == "usd" else f"{value:,} {standing.unit}"


def _plain(standing: Standing, value: int) -> str | int:
    return usd_text(value) if standing.unit == "usd" else value
