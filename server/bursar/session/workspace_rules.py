"""What the rules find in the files of the workspace that are not open, as far as something was written since."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from bursar.domain.rules.rule import Found
from bursar.domain.text.blocks import TextBlocks
from bursar.session.analysing import looking_at
from bursar.session.analysis import file_of
from bursar.session.documents import FrozenBuffers
from bursar.session.looking import surroundings_of
from bursar.session.model import ENCODING, Document
from bursar.session.pages import rule_page_uri
from bursar.session.ports import Adapters
from bursar.session.where import workspace_of
from bursar.settings import Settings
from bursar.views.annotations import Finding
from bursar.views.rule_findings import rule_findings, shown_findings

_FRESH_S = 2.0

_State = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFindings:
    """A file that is not open, and what was found in it; the document's version is 0."""

    document: Document
    findings: tuple[Finding, ...]


class WorkspaceRules:
    """Looks at workspaces, each no more often than every two seconds; what was not written is not looked at again."""

    def __init__(self, adapters: Adapters, root_of: Callable[[Path], Path]) -> None:
        self._adapters = adapters
        self._root_of = root_of
        self._one_at_a_time = threading.Lock()
        self._looked_s = float("-inf")
        self._asked: object = None
        self._states: dict[str, _State] = {}
        self._found: dict[str, tuple[tuple[str, Document, tuple[Found, ...]], ...]] = {}

    def look(self, folders: tuple[str, ...], opened: Iterable[Document], settings: Settings) -> list[FileFindings]:
        """The files in these folders that agents read, without the open ones, whose unsaved texts count. Blocks."""
        texts = {each.path: each.text for each in opened if each.path is not None}
        asked = (folders, tuple(sorted(texts.items())), settings.files, settings.silenced)
        with self._one_at_a_time:
            now_s = self._adapters.clock.monotonic_s()
            if asked != self._asked or now_s - self._looked_s >= _FRESH_S:
                changed = asked != self._asked
                for folder in folders:
                    self._look_at(folder, folders, texts, settings, changed)
                self._asked, self._looked_s = asked, self._adapters.clock.monotonic_s()
            return [
                FileFindings(
                    document=document,
                    findings=shown_findings(
                        rule_findings(found), silenced=settings.silenced, levels=settings.levels, page=rule_page_uri
                    ),
                )
                for folder in dict.fromkeys(folders)
                for path, document, found in self._found.get(folder, ())
                if path not in texts
            ]

    def _look_at(
        self, folder: str, folders: tuple[str, ...], opened: dict[str, str], settings: Settings, changed: bool
    ) -> None:
        looking = looking_at(self._adapters, settings, folder)
        saved = tuple((path, text) for path in looking.paths() if (text := looking.texts.text(path)) is not None)
        if not changed and saved == self._states.get(folder):
            return
        self._states[folder] = saved
        found = []
        for path, text in saved:
            real = str(Path(folder) / path)
            kind = looking.kind_of(path)
            if real in opened or kind is None:
                continue
            root = workspace_of(Path(real), folders, self._root_of)
            document = Document(
                uri=Path(real).as_uri(),
                path=real,
                version=0,
                blocks=TextBlocks.of(text),
                kind=kind,
                workspace=str(root),
                spec=Path(real).relative_to(root).as_posix(),
            )
            found.append((real, document, self._findings(document, opened, settings)))
        self._found[folder] = tuple(found)

    def _findings(self, document: Document, opened: dict[str, str], settings: Settings) -> tuple[Found, ...]:
        # Here and not above: the rules are loaded with the first look, not when the server starts.
        from bursar.domain.rules.registry import findings_in

        looking = looking_at(self._adapters, settings, document.workspace)
        counter = self._adapters.counter()
        around = surroundings_of(
            looking,
            FrozenBuffers(texts=opened),
            document.workspace,
            document.spec,
            lambda text: counter.count(text, encoding=ENCODING),
        )
        return findings_in(file_of(document), around, silenced=settings.silenced)
