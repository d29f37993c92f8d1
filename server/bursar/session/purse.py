"""The user's own limits, set from the editor: an amount that was typed, or one of a few that would do."""

from __future__ import annotations

from bursar.domain.errors import BadInput
from bursar.domain.money.budget import amount_text, parse_amount
from bursar.domain.money.figures import money, money_at_least
from bursar.domain.money.price import usd_text
from bursar.domain.resuming import higher_limits
from bursar.session.money import day_state, run_ceiling_pico
from bursar.session.ports import Adapters, Editor
from bursar.session.records import Records
from bursar.session.resuming import Resumes

_WHAT = {"run": "each run", "day": "each day"}


class Purse:
    """Raises BadInput for what is no scope or amount, and StorageError."""

    def __init__(self, *, adapters: Adapters, editor: Editor, records: Records, resumes: Resumes) -> None:
        self._adapters = adapters
        self._editor = editor
        self._records = records
        self._resumes = resumes

    async def set(self, scope: str, amount: str | None, run: str | None) -> str:
        """Set the limit of ``run`` or ``day``; the amount. Without one the user chooses what is enough for ``run``."""
        if scope not in _WHAT:
            raise BadInput(f"'{scope}' is not a scope: choose run or day")
        chosen = amount if amount is not None else await self._choose(scope, run)
        parsed = parse_amount(chosen)
        if scope == "run" and parsed.unit != "usd":
            raise BadInput("the budget of a run is an amount of money for now: give for example 1usd")
        await self._adapters.journal().set_budget(scope, parsed.unit, parsed.value)
        return chosen

    async def unset(self, scope: str) -> str | None:
        """Forget the user's own limit of ``run`` or ``day``; what holds from then on, None for no limit."""
        if scope not in _WHAT:
            raise BadInput(f"'{scope}' is not a scope: choose run or day")
        adapters = self._adapters
        was_set = await adapters.journal().unset_budget(scope)
        settings = adapters.settings()
        limit = adapters.run_limit(settings) if scope == "run" else adapters.day_limit(settings)
        now = "no limit" if limit is None else money(limit.value) if limit.unit == "usd" else amount_text(limit)
        what = "is what the settings say again" if was_set else "was not set here: the settings hold"
        self._editor.say("info", f"The budget of {_WHAT[scope]} {what}: {now}.")
        return None if limit is None else amount_text(limit)

    async def _choose(self, scope: str, run: str | None) -> str:
        adapters, settings = self._adapters, self._adapters.settings()
        if scope == "run":
            limit = run_ceiling_pico(adapters, settings)
        else:
            day = day_state(adapters, adapters.journal(), settings)
            limit = day.limit if day.unit == "usd" else None
        known = self._resumes.known(
            self._records.runs, day=self._records.day, run_limit_pico=self._records.run_limit_pico
        )
        too_small = known[run].too_small if run is not None and run in known else None
        needed = too_small.needed_pico if too_small is not None and too_small.scope == scope else 0
        amounts = {money(each): each for each in higher_limits(max(needed, (limit or 0) + 1))}
        now = "no limit" if limit is None else money(limit)
        asks = f"Raise the budget of {_WHAT[scope]} from {now} to how much?"
        if needed:
            asks += f" The paused run needs at least {money_at_least(needed)}."
        answer = await self._editor.choose(asks, tuple(amounts))
        if answer is None:
            raise BadInput(
                "no amount was chosen: the budget is as it was. 'Bursar: Set Budget' takes any amount, for example 3usd"
            )
        return f"{usd_text(amounts[answer])}usd"
