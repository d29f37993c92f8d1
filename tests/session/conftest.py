"""A session over the real journal and files, a scripted model, a clock that is told the time, and an editor that
remembers what it was told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from bursar.callsites import SyntaxCallSites
from bursar.domain.money.budget import Amount, BudgetKind
from bursar.domain.ports import EditorBuffers, ModelProvider
from bursar.domain.routes import Role
from bursar.domain.runs import RunRecord
from bursar.runs.world import Ways, World
from bursar.session.model import BufferEdit, FoldersChanged, Opened, RunChange, Trusted, UsageUpdate
from bursar.session.session import Session
from bursar.settings import Settings
from bursar.views.annotations import Meter
from bursar.workspace import LocalFiles, LocalInstructionTexts
from support.world import MODEL, Prices, ScriptedModel, WordCounter, Workshop

WAIT_S = 120


def nothing(name: str) -> None:
    """No test ends the process here."""


@dataclass
class Adapters:
    """The workshop's parts as the adapters of a process."""

    shop: Workshop
    model: ScriptedModel
    editor_settings: Mapping[str, Any] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    run_limit_pico: int = 10**12
    roles_asked: list[Role] = field(default_factory=list)
    keep_warm: Literal["ask", "on", "off"] = "off"

    @property
    def home(self) -> Path:
        return self.shop.home

    @property
    def clock(self) -> Any:
        return self.shop.clock

    @property
    def ids(self) -> Any:
        return self.shop.ids

    def settings(self) -> Settings:
        return Settings(providers={}, model=None, budgets={}, prices=None)

    def journal(self) -> Any:
        return self.shop.journal

    def counter(self) -> Any:
        return WordCounter()

    def call_sites(self) -> Any:
        return SyntaxCallSites()

    def keep_counts(self) -> None:
        return None

    def prices(self, settings: Settings, /) -> Prices:
        return self.shop.prices

    def provider(self, settings: Settings, chosen: str | None = None, /) -> tuple[ModelProvider, str]:
        return self.model, MODEL

    def ways(self, settings: Settings, chosen: str | None = None, /, *, role: Role = "edit") -> Ways:
        self.roles_asked.append(role)
        return Ways.only(self.model, MODEL)

    def ways_of(self, settings: Settings, record: RunRecord, /) -> Ways:
        return Ways.only(self.model, record.model)

    def files(self, root: Path, buffers: EditorBuffers | None = None, /) -> LocalFiles:
        return LocalFiles(root, buffers=buffers, failpoint=nothing)

    def instruction_texts(self, root: Path, /) -> LocalInstructionTexts:
        return LocalInstructionTexts(root)

    def budgets(self, settings: Settings, /) -> dict[BudgetKind, Amount]:
        return {"run": Amount(unit="usd", value=self.run_limit_pico), **self.shop.budgets()}

    def limit_from(self, kind: str, settings: Settings, /) -> tuple[str, str | None]:
        return "the test", None

    def world(self, *, root: Path, settings: Settings, ways: Ways, on_event: Any, asker: Any, buffers: Any) -> World:
        files = LocalFiles(root, buffers=buffers, failpoint=nothing)
        return self.shop.world(
            self.model,
            ways=ways,
            on_event=on_event,
            asker=asker,
            buffers=buffers,
            files=files,
            keep_warm=self.keep_warm,
        )


@dataclass
class Window:
    """An editor; ``changed`` is set at every word that it hears."""

    said: list[tuple[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    edits: list[BufferEdit] = field(default_factory=list)
    meters: list[Meter] = field(default_factory=list)
    runs: list[RunChange] = field(default_factory=list)
    usage: list[UsageUpdate] = field(default_factory=list)
    progress: list[tuple[str, str, str]] = field(default_factory=list)
    refreshes: int = 0
    shows_files: bool = True
    shown: list[str] = field(default_factory=list)
    answer: str | None = None
    answers: list[str | None] = field(default_factory=list)
    applies: Callable[[BufferEdit], bool] = lambda edit: False
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def say(self, level: str, text: str) -> None:
        self.said.append((level, text))
        self.changed.set()

    async def choose(self, text: str, choices: tuple[str, ...]) -> str | None:
        self.asked.append(text)
        self.changed.set()
        return self.answers.pop(0) if self.answers else self.answer

    async def show_file(self, path: str) -> bool:
        self.shown.append(path)
        self.changed.set()
        return self.shows_files

    async def edit(self, edit: BufferEdit) -> bool:
        self.edits.append(edit)
        return self.applies(edit)

    def annotations_changed(self) -> None:
        self.refreshes += 1
        self.changed.set()

    def meter_changed(self, meter: Meter) -> None:
        self.meters.append(meter)
        self.changed.set()

    def run_changed(self, change: RunChange) -> None:
        self.runs.append(change)
        self.changed.set()

    def usage_changed(self, update: UsageUpdate) -> None:
        self.usage.append(update)
        self.changed.set()

    def progress_begin(self, run: str, title: str) -> None:
        self.progress.append((run, "begin", title))
        self.changed.set()

    def progress_report(self, run: str, message: str) -> None:
        self.progress.append((run, "report", message))
        self.changed.set()

    def progress_end(self, run: str, message: str) -> None:
        self.progress.append((run, "end", message))
        self.changed.set()

    async def until(self, what: Callable[[], Any]) -> Any:
        async with asyncio.timeout(WAIT_S):
            while not (found := what()):
                self.changed.clear()
                await self.changed.wait()
            return found

    def ends(self, run: str) -> list[str]:
        return [text for each, kind, text in self.progress if each == run and kind == "end"]


@dataclass
class Office:
    """A session with its window, on one workspace with one small spec."""

    shop: Workshop
    model: ScriptedModel
    adapters: Adapters
    window: Window
    session: Session

    @property
    def uri(self) -> str:
        return self.shop.tasks.as_uri()

    def open(self, text: str | None = None) -> None:
        shown = self.shop.tasks.read_text() if text is None else text
        self.session.apply(Opened(uri=self.uri, path=str(self.shop.tasks), version=1, text=shown))

    async def run(self, line: int = 2, title: str = "First thing") -> str:
        return await self.session.run_task(str(self.shop.tasks), line, title)

    async def reload(self) -> None:
        """What a window's reload does: the session closes, and another one begins over the same state."""
        await self.session.close()
        self.window = Window()
        self.session = begin(self.shop, self.adapters, self.window)

    def hold_long_sleeps(self) -> asyncio.Event:
        """Whoever waits for a moment far off waits until the event is set; short sleeps are what they were."""
        moment, sleep = asyncio.Event(), self.shop.clock.sleep

        async def sleep_little(seconds: float) -> None:
            if seconds > 20:
                await moment.wait()
            await sleep(seconds)

        self.shop.clock.sleep = sleep_little  # type: ignore[method-assign]
        return moment

    def second_window(self) -> tuple[Window, Session]:
        """Another session over the same state; whoever asks for it closes it."""
        window = Window()
        return window, begin(self.shop, self.adapters, window)


def begin(shop: Workshop, adapters: Adapters, window: Window) -> Session:
    """A session on the workspace, which the user trusts."""
    session = Session(adapters=adapters, editor=window, root_of=lambda path: shop.root)
    session.apply(FoldersChanged(folders=(str(shop.root),)))
    session.apply(Trusted(trusted=True))
    return session


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    shop = Workshop(tmp_path)
    model = ScriptedModel(clock=shop.clock)
    adapters, window = Adapters(shop, model), Window()
    made = Office(shop, model, adapters, window, begin(shop, adapters, window))
    yield made
    await made.session.close()
    shop.close()
