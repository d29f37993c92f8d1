"""Keeps what going on with each paused run would cost, so that its lens can say so before anybody presses it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import MappingProxyType

from bursar.domain.errors import BursarError
from bursar.domain.resuming import NextRequest, Resumable, budget_in_the_way
from bursar.domain.runs import RunRecord, RunSummary
from bursar.domain.tasks import OPEN_RUN
from bursar.session.faults import tell_faults
from bursar.session.ports import Adapters, Editor
from bursar.session.records import Records

_Key = tuple[int, str]


class Resumes:
    """Counts one run after the other beside the loop; a run that has changed meanwhile is counted again."""

    def __init__(self, *, adapters: Adapters, editor: Editor) -> None:
        self._adapters = adapters
        self._editor = editor
        self._wanted: dict[str, tuple[_Key, RunRecord]] = {}
        self._known: dict[str, tuple[_Key, NextRequest]] = {}
        self._work: asyncio.Task[None] | None = None

    def look(self, summary: RunSummary) -> None:
        """A run was looked at."""
        record = summary.record
        if record.state not in OPEN_RUN or record.owner_alive:
            self._wanted.pop(record.run, None)
            self._known.pop(record.run, None)
            return
        key = (record.epoch, record.updated_at)
        known = self._known.get(record.run)
        if known is not None and known[0] == key:
            return
        self._wanted[record.run] = (key, record)
        if self._work is None:
            self._work = asyncio.create_task(self._count_all(), name="count what resuming costs")
            tell_faults(self._work, self._editor, "Counting what resuming costs")

    def again(self, run: str) -> None:
        """What the run carries is another: it is counted anew with the next look."""
        self._known.pop(run, None)

    def close(self) -> None:
        """Count no more."""
        if self._work is not None:
            self._work.cancel()

    def known(self, records: Records) -> Mapping[str, Resumable]:
        """What is known of each run that can go on, under the budgets as they are now."""
        found = {}
        for summary in (each for here in records.runs.values() for each in here if each.record.run in self._known):
            _, request = self._known[summary.record.run]
            in_the_way = budget_in_the_way(
                summary,
                request.hold_pico,
                run_limit_pico=records.run_limit_pico,
                raised_pico=records.raised_pico.get(summary.record.run, 0),
                wide=[
                    each
                    for each in records.wide
                    if each.scope.kind != "workspace" or each.scope.key == summary.record.workspace
                ],
            )
            found[summary.record.run] = Resumable(next=request, too_small=in_the_way)
        return MappingProxyType(found)

    async def _count_all(self) -> None:
        try:
            while self._wanted:
                run, (key, record) = next(iter(self._wanted.items()))
                request = await self._count(record)
                if self._wanted.get(run, (None,))[0] == key:
                    del self._wanted[run]
                    if request is not None:
                        self._known[run] = (key, request)
                        self._editor.annotations_changed()
        finally:
            self._work = None

    async def _count(self, record: RunRecord) -> NextRequest | None:
        """None where it cannot be told: without its provider, or once the run's text was erased."""
        # Here and not above: what drives runs is loaded when it is first needed, not when the server starts.
        from bursar.runs.assemble import FirstRequest
        from bursar.runs.modes import modes_of
        from bursar.runs.resuming import asked_target, next_request
        from bursar.runs.shapes import shapes_of

        adapters = self._adapters
        try:
            settings = adapters.settings()
            # What a list of runs holds has no text in it; a run by itself has.
            whole = adapters.journal().run(record.run)
            if whole is None or whole.erased_at is not None:
                return None
            began_terse = FirstRequest.from_json(whole.first_request).terse
            events = adapters.journal().events(run=record.run)
            modes, shapes = modes_of(events, began_terse=began_terse), shapes_of(events)
            provider, model = adapters.provider(settings, str(asked_target(whole, modes)))
            steps = adapters.journal().steps(record.run)
            price = adapters.prices(settings).price(provider=provider.name, model=model, at=adapters.clock.now_utc())
            counter = adapters.counter()
            requests = adapters.journal().requests(run=record.run)
            return await asyncio.to_thread(
                lambda: next_request(
                    whole,
                    steps,
                    provider=provider,
                    counter=counter,
                    price=price,
                    modes=modes,
                    requests=requests,
                    shapes=shapes,
                )
            )
        except BursarError:
            # Whoever resumes is told what is missing; a lens that lacks a figure is no message.
            return None
