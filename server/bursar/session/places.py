"""What each open document is by its place, and which of them say something else when a file changes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from bursar.domain.instructions.kinds import BESIDE_TASKS
from bursar.domain.text.blocks import TextBlocks
from bursar.session.analysis import describe
from bursar.session.model import Analysis, Document
from bursar.session.where import TASKS, workspace_of
from bursar.settings import Settings

_BY_CONTENT = ("other", "chat", "code")


class Places:
    """Describes documents with the folders and settings of the moment."""

    def __init__(
        self,
        *,
        folders: Callable[[], tuple[str, ...]],
        settings: Callable[[], Settings],
        root_of: Callable[[Path], Path],
    ) -> None:
        self._folders = folders
        self._settings = settings
        self._root_of = root_of

    def describe(self, uri: str, path: str | None, version: int, text: str | TextBlocks) -> Document:
        """The document with its place and what it is to an agent."""
        return describe(
            uri=uri,
            path=path,
            version=version,
            text=text,
            folders=self._folders(),
            root_of=self._root_of,
            files=self._settings().files,
        )

    def workspace_of(self, path: str) -> str:
        """The workspace of the file at this path."""
        return str(workspace_of(Path(path), self._folders(), self._root_of))

    def may_hold_tasks(self, path: str) -> bool:
        """Whether the file at this path may be one whose tasks are run; a checkout changes many that are none."""
        return self._settings().files.kind_of(path.lstrip(os.sep)) == "tasks" or Path(path).name == TASKS

    def again(self, document: Document) -> Document:
        """The same document after something beside its text has changed."""
        return self.describe(document.uri, document.path, document.version, document.blocks)

    def changed(self, document: Document, version: int, blocks: TextBlocks) -> Document:
        """The document with its new text; what it is by its place alone it stays."""
        if document.kind in _BY_CONTENT:
            return self.describe(document.uri, document.path, version, blocks)
        return replace(document, version=version, blocks=blocks)

    def dependents(
        self, documents: Iterable[Document], analyses: Mapping[str, Analysis], path: str | None
    ) -> list[Document]:
        """The annotated documents, other than itself, that say something else once the file at this path has changed.

        A spec is estimated with its own documents and the instructions of its workspace; any other file takes in what
        it names, and is compared with the other instructions of its workspace.
        """
        if path is None:
            return []
        found = [each for each in documents if each.kind != "other" and each.path != path]
        return [each for each in found if self._depends(each, analyses.get(each.uri), path)]

    def _depends(self, document: Document, analysis: Analysis | None, path: str) -> bool:
        if not path.startswith(document.workspace.rstrip(os.sep) + os.sep):
            return False
        place = Path(path).relative_to(document.workspace).as_posix()
        if analysis is not None and place in analysis.included.looked_at:
            return True
        if Path(path).name in BESIDE_TASKS and Path(path).parent == Path(document.path or "/").parent:
            return True
        return self._settings().files.kind_of(place) not in (None, "chat", "code")
