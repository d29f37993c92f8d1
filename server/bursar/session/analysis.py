"""What is counted and found in a document: the same for an open document and for a file on the disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bursar.domain.counting import Calibration, TextKind
from bursar.domain.counting.kinds import kinds_in
from bursar.domain.instructions import InstructionFile, Part, read_instructions
from bursar.domain.instructions.file import PartKind
from bursar.domain.instructions.kinds import BESIDE_TASKS, DEFAULT_FILES, FileGlobs, FileKind
from bursar.domain.instructions.weight import NOTHING_INCLUDED, weigh
from bursar.domain.money.price import Price, Unpriced
from bursar.domain.ports import EditorBuffers, ModelProvider, TokenCounter, WorkspaceFiles
from bursar.domain.routes import NOTHING_LOCAL, LocalOnly
from bursar.domain.rules.rule import Found, Surroundings
from bursar.domain.runs import TaskEstimate
from bursar.domain.specs import Spec, SpecTask, open_tasks
from bursar.domain.text.blocks import TextBlocks
from bursar.domain.text.changed import text_change
from bursar.domain.text.counts import tokens_in, tokens_in_lines
from bursar.domain.text.kept import kept_for_newest
from bursar.session.documents import FrozenBuffers
from bursar.session.looking import Looking, surroundings_of
from bursar.session.model import ENCODING, Analysis, Document, PartKey, ReadTasks, TaskKey
from bursar.session.placing import BY_CONTENT, Placing, has_something
from bursar.session.where import TASKS, may_be_read, spec_of, workspace_of
from bursar.views.placed import NOTHING_PLACED

if TYPE_CHECKING:
    from bursar.domain.context.pins import Pin
    from bursar.runs.mapping import RepositoryMaps

NO_BUFFERS = FrozenBuffers(texts={})

_SOON_CHARS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimating:
    """What estimates are made with."""

    files: WorkspaceFiles
    buffers: EditorBuffers
    provider: ModelProvider
    model: str
    price: Price | Unpriced
    ceiling_pico: int | None
    window_tokens: int | None
    terse: bool = False
    local_only: LocalOnly = NOTHING_LOCAL
    placing: Placing | None = None
    calibration: Calibration | None = None
    pins: Sequence[Pin] = ()
    maps: RepositoryMaps | None = None


def describe(
    *,
    uri: str,
    path: str | None,
    version: int,
    text: str | TextBlocks,
    folders: tuple[str, ...],
    root_of: Callable[[Path], Path],
    files: FileGlobs = DEFAULT_FILES,
) -> Document:
    """A document with its place and what it is to an agent."""
    blocks = TextBlocks.of(text) if isinstance(text, str) else text
    plain = Document(uri=uri, path=path, version=version, blocks=blocks, kind="other")
    # The disk is asked for the workspace only where the name may mean something.
    if path is None or not (files.include or may_be_read(Path(path))):
        return plain
    file = Path(path)
    root = workspace_of(file, folders, root_of)
    place = file.relative_to(root).as_posix()
    kind = _kind(file, place, blocks, files)
    if kind is None:
        return plain
    read = ReadTasks(blocks=blocks, spec=spec_of(blocks.text, place)) if kind == "tasks" else None
    return replace(plain, kind=kind, workspace=str(root), spec=place, read=read)


def _kind(file: Path, place: str, blocks: TextBlocks, files: FileGlobs) -> FileKind | None:
    kind = files.kind_of(place)
    if kind == "tasks":
        return kind if spec_of(blocks.text, place).tasks else None
    if kind in BY_CONTENT:
        return kind if has_something(kind, place, blocks.text) else None
    if kind is None and file.name in BESIDE_TASKS and not files.excludes(place) and (file.parent / TASKS).is_file():
        return BESIDE_TASKS[file.name]
    return kind


def file_of(document: Document) -> InstructionFile:
    """What an annotated document is made of; kept for the newest few, like the parsed specs."""
    return _read(document.text, document.spec, None if document.kind == "other" else document.kind)


@kept_for_newest()
def _read(text: str, path: str, kind: FileKind | None) -> InstructionFile:
    return read_instructions(path, text, kind)


def analyse(
    document: Document,
    counter: TokenCounter,
    estimating: Estimating | None,
    looking: Looking | None = None,
    before: Analysis | None = None,
) -> Analysis:
    """Count a document and its parts, estimate its runnable tasks, and ask the rules; long, so beside the loop.

    Parts that are the same as in ``before`` are not counted again.
    """
    file, known = file_of(document), sizes_now(before, document)
    count = partial(counter.count, encoding=ENCODING)

    def tokens(first: int, end: int) -> int:
        return tokens_in_lines(document.blocks, first, end, ENCODING, count)

    def size(part: Part) -> int:
        if part.sent is not None:
            return count(part.sent)
        same = known.get((part.line, part.end_line))
        return tokens(part.line, part.end_line) if same is None else same

    estimates: dict[TaskKey, TaskEstimate] = {}
    spec = spec_of(document.text, document.spec) if document.kind == "tasks" else None
    if spec is not None and estimating is not None:
        estimates = _estimates(document, spec, counter, estimating)
    calibration = estimating.calibration if estimating else None
    prompts = [each.sent for each in file.parts if each.sent is not None]
    sent = TextBlocks.of("\n".join(prompts)) if prompts else document.blocks
    silenced = looking.silenced if looking else frozenset()
    placed, found = NOTHING_PLACED, _found(document, counter, estimating, looking)
    if document.kind in BY_CONTENT and estimating is not None and estimating.placing is not None:
        placed, found = estimating.placing.place(document, counter, silenced)
    return Analysis(
        version=document.version,
        file=file,
        spec=spec,
        blocks=document.blocks,
        ends={each.line: end_of(document.blocks, each.line) for each in file.parts},
        tokens=tokens_in(document.blocks, ENCODING, count),
        part_tokens={key: size(each) for key, each in keyed_parts(file)},
        estimates=estimates,
        window_tokens=estimating.window_tokens if estimating else None,
        included=NOTHING_INCLUDED if estimating is None else weigh(file, partial(_text_of, estimating, looking), count),
        price=estimating.price if estimating else None,
        sent_tokens=tokens_in(sent, ENCODING, count),
        sent_kinds=_kinds_of(sent, counter, calibration),
        kinds_encoding=calibration.encoding if calibration else "",
        found=found,
        placed=placed,
    )


def sizes_now(before: Analysis | None, document: Document) -> Mapping[tuple[int, int], int]:
    """The tokens of the parts that were counted in another version and are the same in this one, by their lines."""
    if before is None or before.blocks is None or before.file is None:
        return {}
    change, sizes = text_change(before.blocks, document.blocks), dict[tuple[int, int], int]()
    for key, part in keyed_parts(before.file):
        tokens, line = before.part_tokens.get(key), change.line(part.line)
        if tokens is None or line is None or part.sent is not None or change.touches(part.line, part.end_line - 1):
            continue
        sizes[line, line + part.end_line - part.line] = tokens
    return sizes


def end_of(blocks: TextBlocks, line: int) -> int:
    """Where what is written on a line ends, in characters."""
    return len(blocks.line(line).rstrip())


def analyse_lines(document: Document, counter: TokenCounter, first: int, end: int) -> Analysis:
    """The sizes of what begins between these lines and is not long: what can be shown before the rest is counted."""
    blocks, count = document.blocks, partial(counter.count, encoding=ENCODING)
    file = file_of(document)
    sizes = {
        key: tokens_in_lines(blocks, each.line, each.end_line, ENCODING, count)
        for key, each in keyed_parts(file)
        if first <= each.line < end
        and each.sent is None
        and blocks.line_start(each.end_line) - blocks.line_start(each.line) <= _SOON_CHARS
    }
    return Analysis(version=document.version, tokens=0, part_tokens=sizes, file=file, blocks=blocks)


def _kinds_of(blocks: TextBlocks, counter: TokenCounter, calibration: Calibration | None) -> dict[TextKind, int]:
    if calibration is None:
        return {}
    encoding = calibration.encoding
    count = partial(counter.count, encoding=encoding)
    return {"other": tokens_in(blocks, encoding, count)} if calibration.exact else kinds_in(blocks, encoding, count)


def _text_of(estimating: Estimating, looking: Looking | None, path: str) -> str | None:
    """What an included file adds: what a run may read, else what its agent takes in from its own folder."""
    # Here and not above: what drives runs is loaded when it is first needed, not when the server starts.
    from bursar.runs.gather import text_of

    text = text_of(estimating.files, estimating.buffers, path)
    if text is None and looking is not None:
        text = looking.included(estimating.buffers, estimating.files.root, path)
    return text


def _found(
    document: Document,
    counter: TokenCounter,
    estimating: Estimating | None,
    looking: Looking | None,
) -> tuple[Found, ...]:
    if document.kind == "other" or document.kind in BY_CONTENT:
        return ()

    def tokens(text: str) -> int:
        return counter.count(text, encoding=ENCODING)

    # Here and not above: the rules' patterns take their time, and this is beside the loop.
    from bursar.domain.rules.registry import findings_in

    around = Surroundings(tokens=tokens)
    if looking is not None:
        buffers = estimating.buffers if estimating else NO_BUFFERS
        around = surroundings_of(looking, buffers, document.workspace, document.spec, tokens)
    return findings_in(file_of(document), around, silenced=looking.silenced if looking else frozenset())


def _estimates(
    document: Document, spec: Spec, counter: TokenCounter, estimating: Estimating
) -> dict[TaskKey, TaskEstimate]:
    from bursar.runs.gather import gather_documents
    from bursar.runs.prepare import estimate_task

    documents = gather_documents(estimating.files, estimating.buffers, document.spec, estimating.pins)
    runnable = {each.index for each in open_tasks(spec)}
    return {
        key: estimate_task(
            spec=spec,
            text=document.text,
            task=each,
            documents=documents,
            provider=estimating.provider,
            model=estimating.model,
            price=estimating.price,
            counter=counter,
            ceiling_pico=estimating.ceiling_pico,
            terse=estimating.terse,
            spec_path=document.spec,
            local_only=estimating.local_only,
            maps=estimating.maps,
        ).facts
        for key, each in keyed_tasks(spec)
        if each.index in runnable
    }


def keyed_tasks(spec: Spec) -> list[tuple[TaskKey, SpecTask]]:
    """The tasks under keys that outlive an edit elsewhere in the document."""
    seen: Counter[tuple[str | None, str]] = Counter()
    keyed = []
    for each in spec.tasks:
        name = (each.id, each.title)
        keyed.append(((*name, seen[name]), each))
        seen[name] += 1
    return keyed


def keyed_parts(file: InstructionFile) -> list[tuple[PartKey, Part]]:
    """The parts under keys that outlive an edit elsewhere in the document."""
    seen: Counter[tuple[PartKind, int, str]] = Counter()
    keyed: list[tuple[PartKey, Part]] = []
    for each in file.parts:
        name = (each.kind, each.level, each.title)
        keyed.append(((*name, seen[name]), each))
        seen[name] += 1
    return keyed
