"""What the journal keeps for budgets: the user's limits and raises, what was told, and what the providers say."""

from __future__ import annotations

from collections.abc import Sequence

from bursar.domain.money.budget import Scope, Unit, WarnPercent
from bursar.domain.pacing import Window
from bursar.domain.ports import Clock
from bursar.storage import budgets, standing
from bursar.storage.reading import JournalReads
from bursar.storage.windows import keep_windows
from bursar.storage.writer import Writer


class BudgetWrites(JournalReads):
    """The part of the Journal port that is about budgets."""

    _writer: Writer
    _clock: Clock

    async def set_budget(self, kind: str, unit: str, value: int) -> None:
        """Keep the user's own limit for a scope kind."""
        await self._writer.write(lambda db: budgets.set_limit(db, kind, unit, value))

    async def unset_budget(self, kind: str) -> bool:
        """Forget the user's own limit for a scope kind; False without one."""
        return await self._writer.write(lambda db: budgets.unset_limit(db, kind))

    async def raise_once(self, run: str, scope: Scope, unit: Unit, value: int) -> None:
        """Raise a limit for this scope and period alone, and keep who asked for it."""
        at = self._clock.now_utc()
        await self._writer.write(lambda db: budgets.raise_once(db, scope, unit, value, run=run, at=at))

    async def warn_once(self, scope: Scope, unit: Unit, limit: int, percent: int) -> bool:
        """Keep that this share of a limit was told of; False where it was already."""
        at = self._clock.now_utc()
        return await self._writer.write(lambda db: budgets.warn_once(db, scope, unit, limit, percent, at))

    async def keep_windows(self, *, provider: str, model: str, windows: Sequence[Window]) -> None:
        """Keep what a provider said last of its own limits."""
        at = self._clock.now_utc()
        await self._writer.write(lambda db: keep_windows(db, provider=provider, model=model, windows=windows, at=at))

    async def alert_once(self, day: str) -> bool:
        """Keep that this day's alerts were told; False where they were already."""
        return await self._writer.write(lambda db: budgets.alert_once(db, day))

    async def set_budget_day(self, day: str) -> None:
        """Take this day for the present one, as the user says."""
        await self._writer.write(lambda db: standing.set_day(db, day))

    async def set_warn_percent(self, percent: WarnPercent) -> None:
        """Keep at which shares of a budget its level changes."""
        await self._writer.write(lambda db: budgets.set_warn_percent(db, percent))
