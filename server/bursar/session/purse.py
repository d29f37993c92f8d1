"""The user's own limits, set from the editor: an amount that was typed, or one of a few that would do."""

from __future__ import annotations

from bursar.domain.errors import BadInput
from bursar.domain.money.budget import BudgetKind, amount_text, budget_amount
from bursar.domain.money.figures import money, money_at_least
from bursar.domain.money.price import usd_text
from bursar.domain.money.scopes import scope_kind
from bursar.domain.resuming import higher_limits
from bursar.session.ports import Adapters, Editor
from bursar.session.records import Records
from bursar.session.resuming import Resumes


class Purse:
    """Raises BadInput for what is no scope or amount, and StorageError."""

    def __init__(self, *, adapters: Adapters, editor: Editor, records: Records, resumes: Resumes) -> None:
        self._adapters = adapters
        self._editor = editor
        self._records = records
        self._resumes = resumes

    async def set(self, scope: str, amount: str | None, run: str | None) -> str:
        """Set the limit of a scope; the amount. Without one the user chooses what is enough for ``run``."""
        kind = scope_kind(scope)
        chosen = amount if amount is not None else await self._choose(kind, run)
        parsed = budget_amount(chosen)
        await self._adapters.journal().set_budget(kind, parsed.unit, parsed.value)
        return chosen

    async def unset(self, scope: str) -> str | None:
        """Forget the user's own limit of a scope; what holds from then on, None for no limit."""
        kind = scope_kind(scope)
        adapters = self._adapters
        was_set = await adapters.journal().unset_budget(kind)
        limit = adapters.budgets(adapters.settings()).get(kind)
        now = "no limit" if limit is None else money(limit.value) if limit.unit == "usd" else amount_text(limit)
        what = "is what the settings say again" if was_set else "was not set here: the settings hold"
        self._editor.say("info", f"The budget of each {kind} {what}: {now}.")
        return None if limit is None else amount_text(limit)

    async def _choose(self, scope: BudgetKind, run: str | None) -> str:
        own = self._adapters.budgets(self._adapters.settings()).get(scope)
        limit = own.value if own is not None and own.unit == "usd" else None
        known = self._resumes.known(self._records)
        too_small = known[run].too_small if run is not None and run in known else None
        needed = too_small.needed_pico if too_small is not None and too_small.scope == scope else 0
        amounts = {money(each): each for each in higher_limits(max(needed, (limit or 0) + 1))}
        now = "no limit" if limit is None else money(limit)
        asks = f"Raise the budget of each {scope} from {now} to how much?"
        if needed:
            asks += f" The paused run needs at least {money_at_least(needed)}."
        answer = await self._editor.choose(asks, tuple(amounts))
        if answer is None:
            raise BadInput(
                "no amount was chosen: the budget is as it was. 'Bursar: Set Budget' takes any amount, for example 3usd"
            )
        return f"{usd_text(amounts[answer])}usd"
