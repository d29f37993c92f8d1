"""Counts the open documents beside the loop: at once after a rest, then no more often than the user pauses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bursar.domain.counting import Calibration
from bursar.domain.errors import BadInput, BursarError
from bursar.domain.text.counts import forget
from bursar.session.analysis import Estimating, analyse, analyse_lines
from bursar.session.counting import Counting
from bursar.session.documents import Buffers, FrozenBuffers
from bursar.session.estimating import Estimates
from bursar.session.faults import tell_faults
from bursar.session.forecasting import Forecasts, Work
from bursar.session.looking import Looking
from bursar.session.model import ENCODING, Analysis, Document, Snapshot
from bursar.session.money import default_settings, run_ceiling_pico
from bursar.session.outlook import work_of
from bursar.session.pauses import Pauses
from bursar.session.places import Places
from bursar.session.placing import Placing, is_too_large
from bursar.session.ports import Adapters, Editor
from bursar.settings import ESTIMATE_MODEL, Settings

if TYPE_CHECKING:
    from bursar.domain.context.pins import Pin
    from bursar.runs.mapping import RepositoryMaps

_SHOWN_S = 0.5
_KEEP_S = 60.0


class Analyst:
    """Keeps the newest analysis of every annotated document; one that was overtaken by an edit is dropped."""

    def __init__(
        self,
        *,
        adapters: Adapters,
        editor: Editor,
        buffers: Buffers,
        document: Callable[[str], Document | None],
        settings: Callable[[], Settings],
        problem: Callable[[str], None],
        snapshot: Callable[[], Snapshot],
        places: Places,
        beside: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._adapters = adapters
        self._editor = editor
        self._buffers = buffers
        self._document = document
        self._settings = settings
        self._problem = problem
        self._snapshot = snapshot
        self._places = places
        self._stale: set[str] = set()
        self._sure: set[str] = set()
        self._pauses = Pauses(adapters.clock)
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self.small_hints = False
        self._looked: dict[str, tuple[int, int]] = {}
        self._keep_at_s = 0.0
        self._counting = Counting(adapters.counter)
        self.analyses: dict[str, Analysis] = {}
        self.estimates = Estimates(
            adapters=adapters, settings=settings, beside=beside, changed=editor.annotations_changed
        )
        self.forecasts = Forecasts(adapters=adapters, editor=editor, work=self._to_forecast, problem=problem)

    def count(self, uri: str) -> None:
        """Count this document again, soon."""
        self._stale.add(uri)
        self._pauses.changed(uri)
        if uri not in self._jobs:
            job = self._jobs[uri] = asyncio.create_task(self._work(uri), name=f"count {uri}")
            tell_faults(job, self._editor, "Counting a document")

    def count_all(self) -> None:
        """Count every annotated document again, soon."""
        for each in self._snapshot().documents.values():
            if each.kind != "other":
                self.count(each.uri)

    def count_dependents(self, path: str | None) -> None:
        """Count what says something else once the file at this path has changed, soon."""
        for each in self._places.dependents(self._snapshot().documents.values(), self.analyses, path):
            self.count(each.uri)

    def toggle_small_hints(self) -> bool:
        """Show the sizes of small parts, too, or no longer; whether they are shown now."""
        self.small_hints = not self.small_hints
        self._editor.annotations_changed()
        return self.small_hints

    async def tokens(self, document: Document) -> int:
        """The tokens of a document, exact; counted beside the loop unless little of it is not known."""
        return await self._counting.total(document.blocks)

    def edited(self, document: Document) -> None:
        """Count what edits made anew, at once, so that a question for the total finds it."""
        self._counting.edited(document.blocks)

    def look_at(self, uri: str, first: int, end: int) -> None:
        """The user looks at the lines from ``first`` to before ``end``: count those first."""
        self._looked[uri] = (first, end)

    def forget(self, uri: str) -> None:
        """This document is no longer annotated."""
        self._stale.discard(uri)
        self._pauses.forget(uri)
        self._sure.discard(uri)
        self._looked.pop(uri, None)
        self.analyses.pop(uri, None)

    def close(self) -> None:
        """Start nothing more; what is being counted is left to its thread."""
        for job in list(self._jobs.values()):
            job.cancel()
        self.forecasts.close()

    async def _work(self, uri: str) -> None:
        try:
            while uri in self._stale:
                self._stale.discard(uri)
                await self._once(uri)
        finally:
            # Here and not in a callback: in between, a document that is stale again would find a job that is over.
            del self._jobs[uri]

    async def _once(self, uri: str) -> None:
        if uri in self.analyses:
            await self._adapters.clock.sleep(self._pauses.wait_s(uri))
        document = self._document(uri)
        if uri in self._stale or document is None or document.kind == "other" or is_too_large(document):
            return
        sure = self._adapters.counter().ready(ENCODING)
        began_s = self._adapters.clock.monotonic_s()
        try:
            await self._count_in_slices(document)
            if uri in self._stale:
                return
            before = self.analyses.get(uri) if sure and uri in self._sure else None
            result = await self._analyse(document, before)
        except BursarError as error:
            self._problem(str(error))
            return
        took_s, current = self._adapters.clock.monotonic_s() - began_s, self._document(uri)
        if current is not None:
            self._pauses.took(uri, took_s)
        if current is not None and current.blocks is document.blocks:
            self.analyses[uri] = result
            self._editor.annotations_changed()
            self.forecasts.look_soon()
            if sure:
                self._sure.add(uri)
            else:
                self._sure.discard(uri)
                await self._make_sure(document)
            await self._keep()

    async def _make_sure(self, document: Document) -> None:
        """Figures may be remembered ones: load the ranks once they are on the screen, count, and show what differs."""
        uri = document.uri
        await self._adapters.clock.sleep(_SHOWN_S)
        try:
            await asyncio.to_thread(self._adapters.counter().load, ENCODING)
            forget(document.blocks, ENCODING)
            await self._count_in_slices(document)
            if uri in self._stale:
                return
            result = await self._analyse(document)
        except BursarError as error:
            self._problem(str(error))
            return
        current = self._document(uri)
        if current is not None and current.blocks is document.blocks and result != self.analyses.get(uri):
            self.analyses[uri] = result
            self._editor.annotations_changed()

    async def _keep(self) -> None:
        """Keep the counts for the next start, now and then: a process that is killed has kept most."""
        now_s = self._adapters.clock.monotonic_s()
        if now_s >= self._keep_at_s:
            self._keep_at_s = now_s + _KEEP_S
            await asyncio.to_thread(self._adapters.keep_counts)

    async def _count_in_slices(self, document: Document) -> None:
        """Count the whole text; once the part that is looked at is counted, what is in it is shown."""
        uri = document.uri
        shown = uri in self.analyses

        def line() -> int:
            return self._looked.get(uri, (0, 0))[0]

        async for _ in self._counting.slices(document.blocks, line):
            if uri in self._stale:
                return
            if not shown and uri in self._looked:
                shown = True
                counter, (first, end) = self._adapters.counter(), self._looked[uri]
                self.analyses[uri] = await asyncio.to_thread(analyse_lines, document, counter, first, end)
                self._editor.annotations_changed()

    def _to_forecast(self) -> dict[str, Work]:
        snapshot = self._snapshot()
        counted = [(each, self.analyses.get(each.uri)) for each in snapshot.documents.values() if each.kind == "tasks"]
        return {each.uri: work_of(each, known, snapshot) for each, known in counted if known is not None}

    async def _analyse(self, document: Document, before: Analysis | None = None) -> Analysis:
        settings = self._settings()
        unsaved = FrozenBuffers(texts=self._buffers.unsaved())
        ceiling_pico = self._ceiling_pico(settings)
        calibration = await self.estimates.calibration()

        def work() -> Analysis:
            estimating = estimating_for(self._adapters, settings, document, unsaved, ceiling_pico, calibration)
            looking = looking_at(self._adapters, settings, document.workspace)
            return analyse(document, self._adapters.counter(), estimating, looking, before)

        return await asyncio.to_thread(work)

    def _ceiling_pico(self, settings: Settings) -> int | None:
        try:
            return run_ceiling_pico(self._adapters, settings)
        except BursarError:
            # The store cannot say; what the user set in the settings is the best that is known, and nothing is sent.
            own = settings.budgets.get("run")
            return own.value if own is not None and own.unit == "usd" else None


def looking_at(adapters: Adapters, settings: Settings, workspace: str) -> Looking:
    """How this workspace is looked at under these settings."""
    texts = adapters.instruction_texts(Path(workspace))
    return Looking(texts=texts, globs=settings.files, silenced=settings.silenced)


def estimating_for(
    adapters: Adapters,
    settings: Settings,
    document: Document,
    unsaved: FrozenBuffers,
    ceiling_pico: int | None,
    calibration: Calibration | None,
) -> Estimating:
    """What a document's tasks are estimated with; where the chosen provider is none, the default for estimates."""
    try:
        provider, model = adapters.provider(settings)
    except BadInput:
        provider, model = adapters.provider(default_settings(), f"anthropic/{ESTIMATE_MODEL}")
    prices = adapters.prices(settings)
    return Estimating(
        files=adapters.files(Path(document.workspace), unsaved),
        buffers=unsaved,
        provider=provider,
        model=model,
        price=prices.price(provider=provider.name, model=model, at=adapters.clock.now_utc()),
        ceiling_pico=ceiling_pico,
        window_tokens=prices.window_tokens(provider=provider.name, model=model),
        terse=settings.route is not None and settings.route.effort == "terse",
        local_only=settings.local_only,
        placing=Placing(adapters, settings),
        calibration=calibration,
        pins=_pins(adapters, document.workspace) if document.kind == "tasks" else (),
        maps=_maps(adapters, document.workspace) if settings.maps and document.kind == "tasks" else None,
    )


def _maps(adapters: Adapters, workspace: str) -> RepositoryMaps | None:
    maps = adapters.repository_maps(Path(workspace))
    try:
        maps.look()
    except BursarError:
        # A run that wants a map could not begin either; an estimate without it is better than none.
        return None
    return maps


def _pins(adapters: Adapters, workspace: str) -> Sequence[Pin]:
    try:
        return adapters.journal().pins(workspace)
    except BursarError:
        # Without the store nothing can be run either; an estimate without them is better than none.
        return ()
