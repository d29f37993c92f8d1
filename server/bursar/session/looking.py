"""What the rules may ask about the world of a document: the other files that agents read, as the user sees them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import PurePosixPath

from bursar.domain.instructions import InstructionFile, kind_of, read_instructions
from bursar.domain.instructions.kinds import BESIDE_TASKS, FileKind
from bursar.domain.ports import EditorBuffers, InstructionTexts
from bursar.domain.rules.rule import Surroundings

_TASKS = "tasks.md"
_NOT_LOOKED_AT: frozenset[FileKind] = frozenset({"chat", "code"})


def kind_among(path: str, is_there: Callable[[str], bool]) -> FileKind | None:
    """What the file at this path is to an agent; a document beside a tasks file is its spec's."""
    kind = kind_of(path)
    place = PurePosixPath(path)
    if kind is None and place.name in BESIDE_TASKS and is_there(str(place.parent / _TASKS)):
        return BESIDE_TASKS[place.name]
    return kind


def surroundings_of(
    texts: InstructionTexts, buffers: EditorBuffers, root: str, path: str, tokens: Callable[[str], int]
) -> Surroundings:
    """The surroundings of the file at ``path``; nothing is read before a rule asks. Blocks when one does."""

    def text_of(asked: str) -> str | None:
        # What may not be read on the disk is not taken from the editor either.
        saved = texts.text(asked)
        unsaved = None if saved is None else buffers.unsaved_text(f"{root}/{asked}")
        return saved if unsaved is None else unsaved

    kept: list[tuple[InstructionFile, ...]] = []

    def files() -> tuple[InstructionFile, ...]:
        if not kept:
            found = []
            for each in instruction_paths(texts):
                text = None if each == path else text_of(each)
                if text is not None:
                    found.append(_read(each, text, kind_among(each, texts.exists)))
            kept.append(tuple(found))
        return kept[0]

    return Surroundings(tokens=tokens, files=files, exists=texts.exists, read=text_of)


def instruction_paths(texts: InstructionTexts) -> tuple[str, ...]:
    """The paths of the files that agents read, without transcripts and programs."""

    def wanted(path: str) -> bool:
        kind = kind_of(path)
        if kind is None:
            return path.rpartition("/")[2] in BESIDE_TASKS and kind_among(path, texts.exists) is not None
        return kind not in _NOT_LOOKED_AT

    return texts.paths(wanted)


@lru_cache(maxsize=512)
def _read(path: str, text: str, kind: FileKind | None) -> InstructionFile:
    return read_instructions(path, text, kind)
