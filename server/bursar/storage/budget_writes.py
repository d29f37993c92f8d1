"""What the journal keeps for budgets: the user's limits and raises, what was told, what providers say, and holds."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from bursar.domain.errors import StorageError
from bursar.domain.money.budget import Scope, Unit, WarnPercent
from bursar.domain.pacing import Window
from bursar.domain.ports import Clock
from bursar.storage import budgets, standing
from bursar.storage.care import Care
from bursar.storage.reading import JournalReads
from bursar.storage.reaping import Orphan, orphans, reap
from bursar.storage.spool import FileSpool
from bursar.storage.windows import keep_context_window, keep_windows
from bursar.storage.writer import Writer


class BudgetWrites(JournalReads):
    """The part of the Journal port that is about budgets."""

    _home: Path
    _care: Care
    _writer: Writer
    _clock: Clock

    def reap_holds(self) -> list[Orphan]:
        """Book what is held for requests that nobody will settle any more; some of them, where there are many.

        Blocks; cheap when there is none. Raises StorageError, and everything is still held then.
        """
        with self._read() as db:
            if not orphans(db, alive=self._locks.alive):
                return []
        at, spool = self._clock.now_utc(), FileSpool(self._home)
        return self._writer.submit(lambda db: reap(db, alive=self._locks.alive, spool=spool, at=at)).result()

    def reap_at_start(self) -> None:
        """Book what nobody will settle any more, and say so; where that cannot be done now it all stays held."""
        with contextlib.suppress(StorageError):
            self._care.tell_of_orphans(self.reap_holds())

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

    async def keep_context_window(self, *, provider: str, model: str, tokens: int) -> None:
        """Keep how many tokens a model takes, as its provider taught it."""
        at = self._clock.now_utc()
        await self._writer.write(
            lambda db: keep_context_window(db, provider=provider, model=model, tokens=tokens, at=at)
        )

    async def alert_once(self, day: str) -> bool:
        """Keep that this day's alerts were told; False where they were already."""
        return await self._writer.write(lambda db: budgets.alert_once(db, day))

    async def set_budget_day(self, day: str) -> None:
        """Take this day for the present one, as the user says."""
        await self._writer.write(lambda db: standing.set_day(db, day))

    async def choose_keep_warm(self, *, on: bool) -> None:
        """Keep the user's answer to whether prompts are kept warm."""
        await self._writer.write(lambda db: budgets.choose_keep_warm(db, on=on))

    async def set_warn_percent(self, percent: WarnPercent) -> None:
        """Keep at which shares of a budget its level changes."""
        await self._writer.write(lambda db: budgets.set_warn_percent(db, percent))
