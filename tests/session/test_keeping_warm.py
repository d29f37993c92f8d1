"""After a pause that is the user's to end, the process that drove the run keeps its prompt warm: once, if chosen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bursar.domain.money.usage import Usage
from bursar.runs.warming import KEPT_WARM
from bursar.session.jobs import RunJobs
from support.world import ScriptedModel, Workshop, finish, reply, text

from .conftest import WAIT_S, Adapters, Window

KEPT, READ = Usage(cache_write_5m=30_000, output=5), Usage(cache_read=30_000, output=1)
IDLE = [reply(text("Hm."), usage=KEPT)] * 3
"""An answer without a call, three times: the run pauses, and somebody must look."""


@dataclass
class Driven:
    shop: Workshop
    model: ScriptedModel
    jobs: RunJobs
    run: str

    def begin(self) -> None:
        record = self.shop.journal.run(self.run)
        assert record is not None
        self.jobs.start(record)

    async def until_quiet(self) -> None:
        """Until nothing is driven and nothing is kept warm any more."""
        async with asyncio.timeout(WAIT_S):
            while self.jobs.mine or any(each.get_name().startswith("keep warm") for each in asyncio.all_tasks()):
                await asyncio.sleep(0.01)

    @property
    def told(self) -> list[str]:
        return [each.kind for each in self.shop.journal.events(run=self.run)]


@asynccontextmanager
async def driven(folder: Path, *, keep_warm: Literal["ask", "on", "off"]) -> AsyncIterator[Driven]:
    shop = Workshop(folder)
    model = ScriptedModel(clock=shop.clock)

    async def wanted(record: object) -> bool:
        return True

    jobs = RunJobs(
        adapters=Adapters(shop, model, keep_warm=keep_warm),
        editor=Window(),
        asker=shop.person,
        buffers=shop.editor,
        changed=lambda: None,
        may_run=lambda: True,
        trusted=lambda: True,
        wanted=wanted,
        ended=lambda record, outcome: None,
    )
    try:
        yield Driven(shop, model, jobs, await shop.begin(model))
    finally:
        await jobs.close(frozenset())
        shop.close()


async def test_a_run_that_waits_for_its_user_is_kept_warm_once(tmp_path: Path) -> None:
    async with driven(tmp_path, keep_warm="on") as it:
        it.model.script = [*IDLE, reply(text(""), usage=READ)]
        it.begin()
        await it.until_quiet()
        assert it.told.count(KEPT_WARM) == 1 and len(it.model.bodies) == 4
        last, ping = it.model.requests[-2:]
        assert ping == {**last, "max_tokens": 1}


async def test_where_it_was_not_chosen_nothing_is_sent(tmp_path: Path) -> None:
    async with driven(tmp_path, keep_warm="off") as it:
        it.model.script = [*IDLE]
        it.begin()
        await it.until_quiet()
        assert KEPT_WARM not in it.told and len(it.model.bodies) == 3


async def test_a_run_that_is_over_is_not_kept_warm(tmp_path: Path) -> None:
    async with driven(tmp_path, keep_warm="on") as it:
        it.model.script = [finish()]
        it.begin()
        await it.until_quiet()
        assert KEPT_WARM not in it.told and len(it.model.bodies) == 1
