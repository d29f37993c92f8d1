"""Worlds with one fault each: what a simulation is worth is what it finds in them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import Any, Literal

from bursar.domain.money.budget import Granted, Limit, RefusedByBudget
from bursar.domain.ports import EditPlan
from bursar.domain.runs import RunEvent
from bursar.storage import SqliteJournal
from bursar.storage.locks import RunLocks
from bursar.workspace import LocalFiles

from .scene import Mutation
from .seeded import SeededClock, SeededIds


class _Forgets(SqliteJournal):
    """Books an answer and forgets what it was."""

    async def settle_request(self, *, run: str, key: str, **given: Any) -> None:
        await super().settle_request(run=run, key=key, **given)
        if key == "m2":
            await self._writer.write(
                lambda db: db.execute(
                    "UPDATE step SET status = 'failed', result = NULL WHERE run = ? AND key = ?", (run, key)
                ).fetchall()
            )


class _Drops(SqliteJournal):
    """Gives a hold back without a row in the ledger."""

    async def settle_request(self, *, run: str, key: str, result: dict[str, Any] | None, **given: Any) -> None:
        await super().settle_request(run=run, key=key, result=result, **given)
        if key == "m2" and result is not None:
            await self._writer.write(
                lambda db: db.execute(
                    "DELETE FROM ledger WHERE n = (SELECT max(n) FROM ledger WHERE run = ?)", (run,)
                ).fetchall()
            )


class _NoLocks(RunLocks):
    def take(self, run: str, owner: str) -> str | None:
        super().take(run, owner)
        return None

    def alive(self, run: str) -> bool:
        return self.mine(run)


class _LetsTwoIn(SqliteJournal):
    """Its locks hold nobody back."""

    def __init__(self, home: Any, *given: Any, **more: Any) -> None:
        super().__init__(home, *given, **more)
        self._locks = self._owning._locks = _NoLocks(home / "locks")


class _Generous(SqliteJournal):
    """Grants whatever is asked for."""

    async def begin_request(self, *, limits: Sequence[Limit], **given: Any) -> Granted | RefusedByBudget:
        return await super().begin_request(limits=(), **given)


class _RunsAgain(SqliteJournal):
    """Forgets that something had been begun, so it is not looked at after a crash."""

    async def begin_step(self, *, intent: dict[str, Any], **given: Any) -> None:
        await super().begin_step(intent={**intent, "only_said": True}, **given)


class _WordsFirst(SqliteJournal):
    """Forgets behind what of an answer the words for economy were put."""

    async def append_event(self, *, run: str, kind: str, data: dict[str, Any]) -> RunEvent:
        return await super().append_event(run=run, kind=kind, data={**data, "parts": 0} if "parts" in data else data)


class _Blind(LocalFiles):
    """Never sees that an edit was made."""

    def probe(self, plan: EditPlan) -> Literal["before", "after", "conflict"]:
        return "before"


class _Wandering(SeededClock):
    """Asks the machine for the time, past the port."""

    def now_utc(self) -> str:
        return f"{super().now_utc()[:-1]}{time.monotonic_ns() % 1_000:03d}Z"


class _Drawing(SeededIds):
    """Draws the id of an answer without one past the seed."""

    def new(self, prefix: str) -> str:
        return f"{prefix}-{secrets.token_hex(12)}" if prefix == "local" else super().new(prefix)


FORGETS = Mutation(name="a journal that forgets an answer", journal=_Forgets)
DROPS = Mutation(name="a booking that drops a row", journal=_Drops)
LETS_TWO_IN = Mutation(name="a lock that lets two in", journal=_LetsTwoIn)
GENEROUS = Mutation(name="a budget that is not checked", journal=_Generous)
RUNS_AGAIN = Mutation(name="a journal that forgets what was begun", journal=_RunsAgain)
WORDS_FIRST = Mutation(name="words put before what was sent", journal=_WordsFirst, first_seed=90)
BLIND = Mutation(name="an edit that is not looked at", files=_Blind)
WANDERING = Mutation(name="a clock past the port", clock=_Wandering)
DRAWING = Mutation(name="an id past the port", ids=_Drawing)

FAULTY = (FORGETS, DROPS, LETS_TWO_IN, GENEROUS, RUNS_AGAIN, WORDS_FIRST, BLIND)
"""Those that an oracle must find; a clock or an id past the port shows as two logs of one seed."""
