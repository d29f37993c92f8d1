"""What the rules may ask about the world of a document: the other files that agents read, as the user sees them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bursar.domain.instructions import InstructionFile, read_instructions
from bursar.domain.instructions.kinds import BESIDE_TASKS, DEFAULT_FILES, FileGlobs, FileKind
from bursar.domain.ports import EditorBuffers, InstructionTexts
from bursar.domain.rules.rule import Surroundings
from bursar.domain.text.kept import kept_for_newest

_TASKS = "tasks.md"
_FILES_CHARS = 4_000_000
"""All that a workspace tells its agents, and of an open file the newest versions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """How a workspace is looked at: its texts, what the user says about files, and the rules that are not asked."""

    texts: InstructionTexts
    globs: FileGlobs = DEFAULT_FILES
    silenced: frozenset[str] = frozenset()

    def kind_of(self, path: str) -> FileKind | None:
        """What the file at this path is to an agent; a document beside a tasks file is its spec's."""
        kind = self.globs.kind_of(path)
        folder, _, name = path.rpartition("/")
        if kind is None and name in BESIDE_TASKS and not self.globs.excludes(path):
            return BESIDE_TASKS[name] if self.texts.exists(f"{folder}/{_TASKS}" if folder else _TASKS) else None
        return kind

    def paths(self) -> tuple[str, ...]:
        """The paths of the files that agents read, without transcripts and programs."""
        return self.texts.paths(lambda path: self.kind_of(path) not in (None, "chat", "code"))

    def included(self, buffers: EditorBuffers, root: str, path: str) -> str | None:
        """The text of a file that another one takes in, as the user sees it."""
        return _seen(self.texts.included(path), buffers, root, path)


def surroundings_of(
    looking: Looking, buffers: EditorBuffers, root: str, path: str, tokens: Callable[[str], int]
) -> Surroundings:
    """The surroundings of the file at ``path``; nothing is read before a rule asks. Blocks when one does."""

    texts = looking.texts

    def text_of(asked: str) -> str | None:
        return _seen(texts.text(asked), buffers, root, asked)

    kept: list[tuple[InstructionFile, ...]] = []

    def files() -> tuple[InstructionFile, ...]:
        if not kept:
            found = []
            for each in looking.paths():
                text = None if each == path else text_of(each)
                if text is not None:
                    found.append(_read(text, each, looking.kind_of(each)))
            kept.append(tuple(found))
        return kept[0]

    return Surroundings(tokens=tokens, files=files, exists=texts.exists, read=text_of)


def _seen(saved: str | None, buffers: EditorBuffers, root: str, path: str) -> str | None:
    # What may not be read on the disk is not taken from the editor either.
    unsaved = None if saved is None else buffers.unsaved_text(f"{root}/{path}")
    return saved if unsaved is None else unsaved


@kept_for_newest(_FILES_CHARS)
def _read(text: str, path: str, kind: FileKind | None) -> InstructionFile:
    return read_instructions(path, text, kind)
