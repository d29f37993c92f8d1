"""What becomes of a run whose next request a budget has no room for: a raise, a cheaper model, its end, or a pause."""

from __future__ import annotations

from collections.abc import Sequence

from bursar.domain.money.budget import Amount, RefusedByBudget, Unit
from bursar.domain.money.figures import money, money_at_least
from bursar.domain.money.price import usd_text
from bursar.domain.money.raising import raise_by
from bursar.domain.money.scopes import scope_words, whose_budget
from bursar.domain.runs import RunRecord, StepRecord
from bursar.domain.safety.show import question_for_budget
from bursar.runs.events import Events
from bursar.runs.fold import AskModel
from bursar.runs.modes import Modes
from bursar.runs.switching import Switches
from bursar.runs.world import Paused, Stopped, World

STOP = "Stop"
_ENDED = Stopped(detail="Stopped as answered: a budget had no room for the next request. What was done stays as it is.")


class Refusals:
    """Asks once for each refusal; a question that is closed, and nobody to ask, leave the run paused."""

    def __init__(self, world: World, run: RunRecord, events: Events, switches: Switches) -> None:
        self._world = world
        self._run = run
        self._events = events
        self._switches = switches

    async def decide(
        self, act: AskModel, steps: Sequence[StepRecord], modes: Modes, paused: Paused
    ) -> Modes | Paused | Stopped:
        """The mode to go on in, or how the run stands still. What is raised is raised before this returns."""
        cheaper = self._switches.cheaper(act, steps, modes)
        if cheaper is not None and self._world.economy == "on":
            return await self._switches.take(act, cheaper)
        refused = paused.refused
        if refused is None:
            return paused
        by = raise_by(refused)
        higher = f"Raise once to {_amount(refused.unit, refused.limit + by)}"
        choices = (higher, *([] if cheaper is None else [cheaper.label]), STOP)
        about = "" if cheaper is None else f" {cheaper.about}"
        answer = await self._events.ask(question_for_budget(self._run.run, f"{_words(refused)}{about}", choices))
        if answer == higher:
            await self._raise(refused, by)
            return modes
        if cheaper is not None and answer == cheaper.label:
            return await self._switches.take(act, cheaper)
        return _ENDED if answer == STOP else paused

    async def _raise(self, refused: RefusedByBudget, by: int) -> None:
        """Raise the limit for this scope and period alone."""
        scope, unit = refused.scope, refused.unit
        await self._world.journal.raise_once(self._run.run, scope, unit, by)
        to = refused.limit + by
        await self._events.tell(
            "budget_raised",
            scope=scope.kind,
            key=scope.key,
            unit=unit,
            by=_plain(unit, by),
            limit=_plain(unit, to),
            message=f"The budget for {scope_words(scope.kind)} is raised once to {_amount(unit, to)}",
        )


def _words(refused: RefusedByBudget) -> str:
    """The question, short enough for a box with buttons."""
    unit = refused.unit
    least = money_at_least(refused.wanted) if unit == "usd" else _amount(unit, refused.wanted)
    left = _amount(unit, max(refused.limit - refused.taken, 0))
    return (
        f"{whose_budget(refused.scope.kind)} of {_amount(unit, refused.limit)} has no room for the next request: it"
        f" needs at least {least}, and {left} is left. Closed without an answer, the run stays paused."
    )


def _amount(unit: Unit, value: int) -> str:
    return money(value) if unit == "usd" else f"{value:,} {unit.removesuffix('s') if value == 1 else unit}"


def _plain(unit: Unit, value: int) -> str | int:
    return usd_text(value) if unit == "usd" else Amount(unit=unit, value=value).value
