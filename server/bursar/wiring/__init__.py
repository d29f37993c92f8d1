"""The composition root: the only place that builds concrete adapters and hands them to the middle."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from bursar.domain.errors import BadInput, StorageError
from bursar.domain.money.budget import BUDGET_KINDS, BUDGET_UNITS, Amount, BudgetKind, amount_text
from bursar.domain.ports import (
    Asker,
    CallSites,
    EditorBuffers,
    InstructionTexts,
    Journal,
    ModelProvider,
    PriceBook,
    TokenCounter,
    WorkspaceFiles,
)
from bursar.domain.routes import Role
from bursar.domain.runs import RunRecord
from bursar.runs.circuits import Circuits
from bursar.runs.learnt import Learnt
from bursar.runs.pace import Pace
from bursar.runs.world import Ceilings, OnEvent, Ways, World
from bursar.settings import ProviderEntry, Settings, load_settings
from bursar.system.clock import SystemClock
from bursar.system.failpoints import Failpoints
from bursar.system.home import home_folder
from bursar.system.ids import SystemIds
from bursar.system.jitter import SystemJitter
from bursar.system.nobody import NobodyToAsk, NoEditor
from bursar.system.roots import workspace_here, workspace_root
from bursar.wiring.targets import Targets

if TYPE_CHECKING:
    from bursar.domain.money.imported import ImportedSpend
    from bursar.domain.ports import CountMemory
    from bursar.imports.frame import AgentImport, Progress
    from bursar.runs.mapping import RepositoryMaps
    from bursar.runs.repository import Repository
    from bursar.storage import SqliteJournal
    from bursar.storage.examine import Finding
    from bursar.storage.imports import SqliteImports
    from bursar.tokens import TiktokenCounter
    from bursar.wiring.repositories import Repositories

__all__ = ["App", "build_app", "home_folder", "workspace_here", "workspace_root"]


@dataclass(slots=True)
class App:
    """The adapters of one process; built once, lazily where they are heavy."""

    home: Path
    environ: Mapping[str, str]
    editor_settings: Mapping[str, Any] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    clock: SystemClock = field(default_factory=SystemClock)
    ids: SystemIds = field(default_factory=SystemIds)
    pace: Pace = field(default_factory=Pace)
    circuits: Circuits = field(default_factory=Circuits)
    failpoint: Failpoints = field(init=False)
    _journal: SqliteJournal | None = field(init=False, default=None)
    _learnt: tuple[tuple[Settings, dict[str, str]], Learnt] | None = field(init=False, default=None, repr=False)
    remembers_counts: bool = False
    _counter: TiktokenCounter | None = field(init=False, default=None)
    _texts: dict[Path, InstructionTexts] = field(init=False, default_factory=dict, repr=False)
    _repositories: Repositories | None = field(init=False, default=None, repr=False)
    _prices: tuple[Path | None, frozenset[str], PriceBook] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.failpoint = Failpoints(self.environ)

    def settings(self) -> Settings:
        """The user's settings as they are now."""
        return load_settings(self.home, self.environ, self.editor_settings)

    def journal(self) -> Journal:
        """The store; opened at the first call. Raises StorageError and Refused."""
        if self._journal is None:
            from bursar.storage import open_journal

            self._journal = open_journal(self.home, clock=self.clock, ids=self.ids, failpoint=self.failpoint)
        return self._journal

    def imports(self) -> SqliteImports:
        """The store of what other agents spent, which also reads other programs' databases."""
        self.journal()
        return cast("SqliteJournal", self._journal).imports

    def user_folder(self) -> Path:
        """The user's own folder, which other agents keep their logs in."""
        return Path(self.environ.get("HOME") or Path.home())

    def import_usage(
        self, agents: Sequence[str], *, folder: Path | None, progress: Progress, on_wait: Callable[[], None]
    ) -> list[AgentImport]:
        """Read what other agents spent from their logs, or from those below this folder."""
        from bursar.imports import FORMATS
        from bursar.imports.frame import import_agent
        from bursar.imports.pricing import Pricing

        store = self.imports()
        pricing = Pricing(book=self.prices(self.settings()), local_day_of=self.clock.local_day_of)
        user = self.user_folder()
        with store.importing(on_wait):
            done = []
            for agent in agents:
                places = FORMATS[agent].places(self.environ, user) if folder is None else (folder,)
                done.append(import_agent(FORMATS[agent], places, store=store, pricing=pricing, progress=progress))
            store.finish(agents)
        return done

    def count_imported(self, yes: bool) -> None:
        """Have budgets count what other agents spent, or leave it out again."""
        self.imports().count_in_budgets(yes)

    def imported_counted(self) -> bool:
        """Whether budgets count what other agents spent."""
        return self.imports().counted_in_budgets()

    def imported_totals(self) -> dict[str, ImportedSpend]:
        """All that was imported of other agents, by agent."""
        return self.imports().totals()

    def examine_store(self) -> Iterable[Finding]:
        """What can be said about the store without opening it for use; changes nothing."""
        from bursar.storage.examine import examine
        from bursar.storage.journal import KEEP_TEXT_DAYS

        return examine(self.home, self.clock, keep_text_days=KEEP_TEXT_DAYS)

    def mend_sums(self) -> None:
        """Make the store's sums anew from its rows. Raises StorageError."""
        from bursar.storage.mending_sums import mend_sums

        mend_sums(self.home)

    def book_orphans(self) -> None:
        """Book all that is held for requests that nobody will settle. Raises StorageError and Refused."""
        from bursar.storage import open_journal

        journal = open_journal(self.home, clock=self.clock, ids=self.ids, failpoint=self.failpoint)
        try:
            while journal.reap_holds():
                pass
        finally:
            journal.close()

    def keep_report(self, html: str, out: Path | None = None) -> Path:
        """Put a report into a file, the state folder's own unless another is named; where it is."""
        from bursar.storage.reports import keep_report, report_path

        path = report_path(self.home) if out is None else out
        keep_report(path, html)
        return path

    def has_key(self, entry: ProviderEntry) -> bool:
        """Whether a key for this provider is there."""
        return self.targets.key_of(entry)() is not None

    def notices(self) -> tuple[str, ...]:
        """What the user must be told about the store: damage that was found, what became of it."""
        return () if self._journal is None else self._journal.notices

    def close(self) -> None:
        """Give the store back in order, so that the next start need not look through it; harmless the second time."""
        self.keep_counts()
        if self._repositories is not None:
            self._repositories.close()
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def counter(self) -> TokenCounter:
        """The token counter; its ranks load at the first count."""
        if self._counter is None:
            from bursar.tokens import TiktokenCounter

            self._counter = TiktokenCounter(memory=self._count_memory() if self.remembers_counts else None)
        return self._counter

    def _count_memory(self) -> CountMemory:
        from bursar.storage.counts import CountFile
        from bursar.tokens.encodings import fingerprint

        return CountFile(self.home, made_by=fingerprint())

    def keep_counts(self) -> None:
        """Keep what was counted for the next start. What cannot be kept is counted again, so nobody need be told."""
        if self._counter is not None:
            with contextlib.suppress(StorageError):
                self._counter.keep()

    def call_sites(self) -> CallSites:
        """What finds calls of models in source code; its grammars load at the first file that has some."""
        from bursar.callsites import SyntaxCallSites

        return SyntaxCallSites()

    def repository_maps(self, root: Path) -> RepositoryMaps:
        """The maps of a workspace that first requests carry; kept, so that a second look costs little."""
        return self._indexed().maps(root, self.counter(), self.clock)

    def repository(self, root: Path) -> Repository:
        """The workspace's files as an index of their words and names; nothing is read before it is refreshed."""
        return self._indexed().repository(root)

    def _indexed(self) -> Repositories:
        if self._repositories is None:
            from bursar.wiring.repositories import Repositories

            self._repositories = Repositories(self.home)
        return self._repositories

    def prices(self, settings: Settings) -> PriceBook:
        """The price book under these settings."""
        free = frozenset(name for name, entry in settings.providers.items() if entry.price == "free")
        if self._prices is None or self._prices[:2] != (settings.prices, free):
            from bursar.prices import price_book

            book = price_book(override_file=settings.prices, free_providers=free)
            self._prices = (settings.prices, free, book)
        return self._prices[2]

    @property
    def targets(self) -> Targets:
        """Whom requests may go to, with the keys that are there now."""
        return Targets(
            environ=self.environ,
            keys=self.keys,
            clock=self.clock,
            ids=self.ids,
            failpoint=self.failpoint,
            journal=self.journal,
        )

    def provider(
        self, settings: Settings, chosen: str | None = None, *, role: Role = "edit"
    ) -> tuple[ModelProvider, str]:
        """See `Targets.provider`."""
        return self.targets.provider(settings, chosen, role=role)

    def ways(self, settings: Settings, chosen: str | None = None, *, role: Role = "edit") -> Ways:
        """See `Targets.ways`."""
        return self.targets.ways(settings, chosen, role=role)

    def ways_of(self, settings: Settings, record: RunRecord) -> Ways:
        """See `Targets.ways_of`."""
        return self.targets.ways_of(settings, record)

    def files(self, root: Path, buffers: EditorBuffers | None = None) -> WorkspaceFiles:
        """The user's files below one root."""
        from bursar.workspace import LocalFiles

        return LocalFiles(root, buffers=buffers, failpoint=self.failpoint, off_limits=self.home)

    def instruction_texts(self, root: Path) -> InstructionTexts:
        """What agents read below a root, as it was saved; kept, so that a second look costs little."""
        from bursar.workspace import LocalInstructionTexts

        return self._texts.setdefault(root, LocalInstructionTexts(root))

    def budgets(self, settings: Settings) -> dict[BudgetKind, Amount]:
        """The user's limits: set by command, else by settings; without an entry there is none.

        Raises BadInput for one that was set by a newer version in words that this one does not know.
        """
        return {**settings.budgets, **{kind: self._known(kind, *each) for kind, each in self._stored().items()}}

    def limit_from(self, kind: BudgetKind, settings: Settings) -> tuple[str, str | None]:
        """Where the limit for a scope kind comes from, and what it overrides: a word of the user's, or None."""
        place = settings.budget_places.get(kind, "Bursar's default")
        if kind not in self.journal().stored_budgets():
            return place, None
        amount = settings.budgets.get(kind)
        return f"bursar budget set {kind}", f"{'no limit' if amount is None else amount_text(amount)} ({place})"

    def world(
        self,
        *,
        root: Path,
        settings: Settings,
        ways: Ways,
        on_event: OnEvent,
        asker: Asker | None = None,
        buffers: EditorBuffers | None = None,
        allowed_commands: frozenset[tuple[str, ...]] = frozenset(),
        in_doubt: Literal["ask", "rerun", "skip"] = "ask",
        economy: Literal["ask", "on", "off"] = "ask",
        ceilings: Ceilings | None = None,
    ) -> World:
        """Everything one run needs, for this workspace; ``ways`` begins with the run's own model where it has one."""
        from bursar.storage.spool import FileSpool
        from bursar.workspace import LocalCommands, LocalSnapshots

        return World(
            journal=self.journal(),
            spool=FileSpool(self.home),
            provider=ways.chain[0].provider,
            ways=ways,
            provider_named=lambda name: self.targets.named(settings, name) if name in settings.providers else None,
            local_only=settings.local_only | ways.route.local_only,
            prices=self.prices(settings),
            counter=self.counter(),
            files=self.files(root, buffers),
            snapshots=LocalSnapshots(root, home=self.home, env=self.environ, failpoint=self.failpoint),
            commands=LocalCommands(root, env=self.environ, failpoint=self.failpoint),
            asker=asker or NobodyToAsk(),
            buffers=buffers or NoEditor(),
            clock=self.clock,
            jitter=SystemJitter(),
            pace=self.pace,
            circuits=self.circuits,
            learnt=self._learnt_under(settings),
            failpoint=self.failpoint,
            on_event=on_event,
            budgets=lambda: self.budgets(self.settings()),
            allowed_commands=allowed_commands,
            in_doubt=in_doubt,
            economy=economy,
            test_command=settings.test_command,
            responses=settings.responses,
            ceilings=ceilings or Ceilings(),
            trims=settings.trims,
            compacts=settings.compacts,
            keep_warm=settings.keep_warm,
        )

    def _learnt_under(self, settings: Settings) -> Learnt:
        """What was learnt of the targets; begun anew when the settings or the keys have changed."""
        under = (settings, dict(self.keys))
        if self._learnt is None or self._learnt[0] != under:
            self._learnt = (under, Learnt())
        return self._learnt[1]

    def _stored(self) -> dict[BudgetKind, tuple[str, int]]:
        stored = self.journal().stored_budgets()
        return {kind: stored[kind] for kind in BUDGET_KINDS if kind in stored}

    def _known(self, kind: BudgetKind, unit: str, value: int) -> Amount:
        for known in BUDGET_UNITS:
            if unit == known:
                return Amount(unit=known, value=value)
        raise BadInput(f"the stored budget for a {kind} is in '{unit}', which this version does not know: set it anew")


def build_app(environ: Mapping[str, str] | None = None, *, keys: Mapping[str, str] | None = None) -> App:
    """The adapters of this process, from its environment."""
    actual = dict(os.environ) if environ is None else environ
    return App(home=home_folder(actual), environ=actual, keys=keys or {})
