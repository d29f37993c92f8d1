"""What a session needs from outside: the adapters of the process, and the editor it serves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from bursar.domain.money.budget import Amount, BudgetKind
    from bursar.domain.ports import (
        Asker,
        CallSites,
        Clock,
        EditorBuffers,
        Ids,
        InstructionTexts,
        Journal,
        ModelProvider,
        PriceBook,
        TokenCounter,
        WorkspaceFiles,
    )
    from bursar.domain.routes import Role
    from bursar.domain.runs import RunRecord
    from bursar.runs.mapping import RepositoryMaps
    from bursar.runs.world import OnEvent, Ways, World
    from bursar.session.model import BufferEdit, RunChange, UsageUpdate
    from bursar.settings import Settings
    from bursar.views.annotations import Meter


class Adapters(Protocol):
    """The adapters of this process; each call may build them, raise StorageError or BadInput, and is cheap later."""

    editor_settings: Mapping[str, Any]
    keys: Mapping[str, str]

    @property
    def home(self) -> Path: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def ids(self) -> Ids: ...

    def settings(self) -> Settings: ...

    def journal(self) -> Journal: ...

    def keep_report(self, html: str, /) -> Path: ...

    def counter(self) -> TokenCounter: ...

    def keep_counts(self) -> None: ...

    def call_sites(self) -> CallSites: ...

    def prices(self, settings: Settings, /) -> PriceBook: ...

    def provider(self, settings: Settings, chosen: str | None = None, /) -> tuple[ModelProvider, str]: ...

    def ways(self, settings: Settings, chosen: str | None = None, /, *, role: Role = "edit") -> Ways: ...

    def ways_of(self, settings: Settings, record: RunRecord, /) -> Ways: ...

    def files(self, root: Path, buffers: EditorBuffers | None = None, /) -> WorkspaceFiles: ...

    def instruction_texts(self, root: Path, /) -> InstructionTexts: ...

    def repository_maps(self, root: Path, /) -> RepositoryMaps: ...

    def budgets(self, settings: Settings, /) -> Mapping[BudgetKind, Amount]: ...

    def limit_from(self, kind: BudgetKind, settings: Settings, /) -> tuple[str, str | None]: ...

    def world(
        self,
        *,
        root: Path,
        settings: Settings,
        ways: Ways,
        on_event: OnEvent,
        asker: Asker | None = None,
        buffers: EditorBuffers | None = None,
    ) -> World: ...


class Editor(Protocol):
    """The editor, as far as the session needs it. Nothing here raises when the editor is gone."""

    def say(self, level: Literal["error", "warning", "info"], text: str) -> None:
        """Show a message."""

    async def choose(self, text: str, choices: tuple[str, ...]) -> str | None:
        """Ask with buttons; None when it was closed or cannot be asked."""

    async def show_file(self, path: str) -> bool:
        """Open a file beside the question; whether that was done."""

    async def edit(self, edit: BufferEdit) -> bool:
        """Change a document at a version; whether it was applied."""

    def annotations_changed(self) -> None:
        """Lenses, hints or findings may have changed."""

    def meter_changed(self, meter: Meter) -> None:
        """The meter shows something else now."""

    def run_changed(self, change: RunChange) -> None:
        """A run changed."""

    def usage_changed(self, update: UsageUpdate) -> None:
        """A request was settled."""

    def progress_begin(self, run: str, title: str) -> None:
        """A run goes on here from now."""

    def progress_report(self, run: str, message: str) -> None:
        """Something happened in it."""

    def progress_end(self, run: str, message: str) -> None:
        """It stands still or is done."""
