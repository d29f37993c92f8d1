"""The open documents, and which of them hold text that is not on the disk."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from bursar.domain.ports import Clock
from bursar.domain.text.blocks import TextBlocks
from bursar.session.model import BufferEdit, Document
from bursar.session.ports import Editor

_LARGEST_BYTES = 16 * 1024 * 1024
_RELOAD_S = 10.0
_ARRIVES_S = 2.0


@dataclass(slots=True)
class _Seen:
    """What is known of a document and its file: the text that was known to be on the disk, and what the disk held
    a moment ago (an editor that reloads lags behind the writes). Not its version: an editor may count back."""

    clean: TextBlocks | None = None
    on_disk: list[tuple[float, str]] = field(default_factory=list)


class Buffers:
    """The editor's truth, as the EditorBuffers port.

    The protocol has no word for a dirty document. A document is clean when its text is the file's, when it has not
    changed since it last was, and when its text is what the file held a moment ago: then the file was changed by
    somebody else and the editor is about to reload it.
    """

    def __init__(self, *, editor: Editor, clock: Clock, documents: Callable[[], list[Document]]) -> None:
        self._editor = editor
        self._clock = clock
        self._documents = documents
        self._seen: dict[str, _Seen] = {}
        self._changed = asyncio.Event()

    def opened(self, document: Document) -> None:
        """Compare a new document with the disk: an editor may open it with unsaved text from the last session."""
        self._seen[document.uri] = _Seen()
        self._is_clean(document)

    def changed(self) -> None:
        """Some document has another text now."""
        self._changed.set()

    def saved(self, document: Document) -> None:
        """The document's text is on the disk; what the disk held before is the user's past, not a reload to come."""
        self._seen[document.uri] = _Seen(clean=document.blocks)

    def closed(self, uri: str) -> None:
        """The document is gone."""
        self._seen.pop(uri, None)
        self._changed.set()

    def unsaved_text(self, path: str) -> str | None:
        """The text of the open document at this path when it is not saved, else None."""
        document = self._at(path)
        if document is None or self._is_clean(document):
            return None
        return document.text

    def unsaved(self) -> dict[str, str]:
        """The text of every unsaved document, by path."""
        return {each.path: each.text for each in self._documents() if each.path and not self._is_clean(each)}

    async def replace(self, path: str, *, expected: str, new: str) -> bool:
        """Change the document by one versioned edit if it still holds ``expected``; whether the editor did it."""
        document = self._at(path)
        if document is None or document.text != expected:
            return False
        if not await self._editor.edit(smallest_edit(document, new)):
            return False
        await self._arrived(document.uri, new)
        return True

    async def _arrived(self, uri: str, text: str) -> None:
        """Wait until the editor's own news of the change has come; an editor may say so after it has answered."""
        end_s = self._clock.monotonic_s() + _ARRIVES_S
        while (left_s := end_s - self._clock.monotonic_s()) > 0:
            current = next((each for each in self._documents() if each.uri == uri), None)
            if current is None or current.text == text:
                return
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), left_s)
            except TimeoutError:
                return

    def _at(self, path: str) -> Document | None:
        real = os.path.realpath(path)
        return next((each for each in self._documents() if each.path == real), None)

    def _is_clean(self, document: Document) -> bool:
        if document.path is None:
            return False
        seen = self._seen.setdefault(document.uri, _Seen())
        disk = _disk_text(document.path)
        now_s = self._clock.monotonic_s()
        text = _plain(document.text)
        seen.on_disk = [each for each in seen.on_disk if now_s - each[0] < _RELOAD_S][-8:]
        was_on_disk = any(digest == _digest(text) for _, digest in seen.on_disk)
        if disk is not None:
            seen.on_disk.append((now_s, _digest(disk)))
        if disk == text or was_on_disk:
            seen.clean = document.blocks
        return seen.clean is document.blocks


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenBuffers:
    """Unsaved texts as they were at one moment, for work beside the loop; nothing can be changed through it."""

    texts: dict[str, str]

    def unsaved_text(self, path: str) -> str | None:
        """The unsaved text at this path, else None."""
        return self.texts.get(os.path.realpath(path))

    async def replace(self, path: str, *, expected: str, new: str) -> bool:
        """Refused."""
        return False


def smallest_edit(document: Document, new: str) -> BufferEdit:
    """The one range that differs between the document and ``new``; never inside a line end of two characters."""
    old = document.text
    shared = min(len(old), len(new))
    start = 0
    while start < shared and old[start] == new[start]:
        start += 1
    if start and old[start - 1 : start] == "\r":
        start -= 1
    tail = 0
    while tail < shared - start and old[len(old) - 1 - tail] == new[len(new) - 1 - tail]:
        tail += 1
    if tail and old[len(old) - tail : len(old) - tail + 1] == "\n":
        tail -= 1
    return BufferEdit(
        uri=document.uri,
        version=document.version,
        blocks=document.blocks,
        start=document.blocks.position(start, "utf-32"),
        end=document.blocks.position(len(old) - tail, "utf-32"),
        new_text=new[start : len(new) - tail],
    )


def _disk_text(path: str) -> str | None:
    """The file's text without a byte order mark; None where there is none to read."""
    try:
        file = Path(path)
        if not file.is_file() or file.stat().st_size > _LARGEST_BYTES:
            return None
        return _plain(file.read_bytes().decode("utf-8"))
    except (OSError, UnicodeDecodeError):
        return None


def _plain(text: str) -> str:
    """Without the byte order mark, which some editors keep for themselves."""
    return text.removeprefix("\ufeff")


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
