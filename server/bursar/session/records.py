"""What is recorded of the open workspaces, as it was when it was last looked at; another process may write it too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from bursar.domain.context.losses import LostCache
from bursar.domain.errors import BursarError
from bursar.domain.money.binding import STOPS_AFTER_S
from bursar.domain.money.budget import DEFAULT_WARN_PERCENT, BudgetState, WarnPercent
from bursar.domain.money.forecast import Room
from bursar.domain.money.use_rate import UseRate, first_day_looked_at, use_rate
from bursar.domain.ports import Journal
from bursar.domain.runs import RunSummary
from bursar.domain.tasks import SKIPS, Skip, skips_in
from bursar.runs.here import here_of
from bursar.session.faults import tell_faults
from bursar.session.losses import Losses
from bursar.session.model import RunChange
from bursar.session.money import left_pico, meter, own_states, run_ceiling_pico, wide_states, windows_now
from bursar.session.ports import Adapters, Editor
from bursar.session.rooms import rooms_left
from bursar.settings import Settings
from bursar.views.annotations import Meter
from bursar.views.runs_list import run_label

_EVERY_S = 0.5
_APART_S = 0.05
_LOOK_FOR_DEAD_OWNERS_EVERY = 4


class Records:
    """Watches the journal: at once after a change of our own, and soon after one of another process."""

    def __init__(
        self,
        *,
        adapters: Adapters,
        editor: Editor,
        settings: Callable[[], Settings],
        mine: Callable[[], frozenset[str]],
        running: Callable[[], tuple[str, ...]],
        problem: Callable[[str], None],
        loaded: Callable[[RunSummary], None] = lambda summary: None,
        skips_changed: Callable[[], None] = lambda: None,
        booked: Callable[[], None] = lambda: None,
    ) -> None:
        self._adapters = adapters
        self._editor = editor
        self._settings = settings
        self._mine = mine
        self._running = running
        self._problem = problem
        self._tell_loaded = loaded
        self._tell_skips_changed = skips_changed
        self._tell_booked = booked
        self._dirty = asyncio.Event()
        self._loaded: set[str] = set()
        self._seen: tuple[int, str] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._losses = Losses(adapters=adapters, editor=editor)
        self.runs: dict[str, tuple[RunSummary, ...]] = {}
        self.skips: dict[str, tuple[Skip, ...]] = {}
        self.meter: Meter | None = None
        self.left_pico: int | None = None
        self.wide: list[BudgetState] = []
        self.run_limit_pico: int | None = None
        self.raised_pico: Mapping[str, int] = {}
        self.warn_percent: WarnPercent = DEFAULT_WARN_PERCENT
        self.use: Mapping[str, UseRate] = {}
        self._rooms: tuple[Room, ...] = ()

    @property
    def losses(self) -> Mapping[str, tuple[LostCache, ...]]:
        """Where the newest runs lost the prompt cache, as far as that was looked at."""
        return self._losses.known

    @property
    def rooms(self) -> tuple[Room, ...]:
        """What is left of everything that a run would be held to, less the windows that were reset since."""
        until = self._adapters.clock.seconds_until
        return tuple(each for each in self._rooms if each.lasts_ms is None or until(each.resets_at or "") > 0)

    def add(self, workspace: str) -> bool:
        """Look after this workspace from now on; whether it is new."""
        if workspace in self.runs:
            return False
        self.runs[workspace] = ()
        self.look_soon()
        return True

    def look_soon(self) -> None:
        """Something was recorded, or is to be shown otherwise."""
        self._dirty.set()
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch(), name="watch the journal")
            tell_faults(self._watching, self._editor, "Watching the recorded runs")

    def summaries(self) -> list[RunSummary]:
        """All runs of all workspaces, newest first."""
        found = [each for runs in self.runs.values() for each in runs]
        return sorted(found, key=lambda each: each.record.created_at, reverse=True)

    def close(self) -> None:
        """Look no more."""
        self._losses.close()
        if self._watching is not None:
            self._watching.cancel()

    async def _watch(self) -> None:
        round_ = 0
        while True:
            round_ += 1
            force = self._dirty.is_set() or self._owner_may_be_dead(round_)
            self._dirty.clear()
            try:
                self._look(force=force)
            except BursarError as error:
                self._problem(str(error))
            await self._adapters.clock.sleep(_APART_S)
            try:
                await asyncio.wait_for(self._dirty.wait(), _EVERY_S)
            except TimeoutError:
                continue

    def _owner_may_be_dead(self, round_: int) -> bool:
        """A process that is killed writes nothing; its lock must be tried."""
        if round_ % _LOOK_FOR_DEAD_OWNERS_EVERY:
            return False
        mine = self._mine()
        return any(each.record.owner_alive and each.record.run not in mine for each in self.summaries())

    def _look(self, *, force: bool) -> None:
        journal = self._adapters.journal()
        seen = (journal.changes(), self._adapters.clock.local_day())
        if seen == self._seen and not force:
            return
        self._seen = seen
        changed = [self._load(workspace) for workspace in list(self.runs)]
        settings = self._settings()
        wide = wide_states(self._adapters, journal, settings, workspaces=tuple(self.runs))
        run_limit = run_ceiling_pico(self._adapters, settings)
        left = left_pico(wide, run_limit)
        mine = self._mine()
        going_on = [each.record for runs in self.runs.values() for each in runs if each.record.run in mine]
        windows = windows_now(self._adapters, journal, longer_than_s=STOPS_AFTER_S)
        here = here_of(self._adapters.clock)
        shown = meter(journal, [*wide, *own_states(journal, going_on)], windows, self._running(), here)
        if shown != self.meter:
            self.meter = shown
            self._editor.meter_changed(shown)
        use = use_rates(journal, tuple(self.runs), today=here.day)
        if use != self.use:
            self.use = use
            changed.append(True)
            self._tell_booked()
        budgets = (wide, run_limit, journal.raised_runs(), journal.warn_percent())
        if any(changed) or budgets != (self.wide, self.run_limit_pico, self.raised_pico, self.warn_percent):
            self.left_pico = left
            self.wide, self.run_limit_pico, self.raised_pico, self.warn_percent = budgets
            self._rooms = rooms_left(self._adapters, settings, wide)
            self._editor.annotations_changed()

    def _load(self, workspace: str) -> bool:
        before = self.runs[workspace]
        journal = self._adapters.journal()
        now = tuple(journal.summaries(workspace))
        skips = skips_in(journal.events(run=SKIPS), workspace)
        skipped = skips != self.skips.get(workspace, ())
        # The very same where nothing has changed, so that nothing is made anew of it.
        self.runs[workspace], self.skips[workspace] = before if now == before else now, skips
        for each in (*now, *journal.operations(workspace)):
            self._tell_loaded(each)
        self._losses.look(now)
        if skipped:
            self._tell_skips_changed()
        known = {_change(each) for each in before}
        if workspace in self._loaded or self._mine():
            for each in now:
                if (change := _change(each)) not in known:
                    self._editor.run_changed(change)
        self._loaded.add(workspace)
        return now != before or skipped


def use_rates(journal: Journal, workspaces: Sequence[str], *, today: str) -> dict[str, UseRate]:
    """How often an agent is asked in each of these workspaces; none for one where nothing was booked of late."""
    days = journal.request_days(first=first_day_looked_at(today))
    rates = {each: use_rate(days, workspace=each, today=today) for each in workspaces}
    return {workspace: rate for workspace, rate in rates.items() if rate is not None}


def _change(summary: RunSummary) -> RunChange:
    record = summary.record
    return RunChange(run=record.run, state=record.state, reason=record.reason, label=run_label(summary))
