"""What is counted in a document and shown on it: the same for an open document and for a file on the disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath

from bursar.domain.counting import Calibration, TextKind
from bursar.domain.counting.kinds import kinds_in
from bursar.domain.instructions import InstructionFile, Part, Reference, kind_of, read_instructions
from bursar.domain.instructions.file import PartKind
from bursar.domain.instructions.kinds import BESIDE_TASKS, DEFAULT_FILES, FileGlobs, FileKind
from bursar.domain.instructions.moved import moved_part, moved_reference
from bursar.domain.instructions.weight import NOTHING_INCLUDED, weigh
from bursar.domain.money.price import Price, Unpriced
from bursar.domain.ports import EditorBuffers, ModelProvider, TokenCounter, WorkspaceFiles
from bursar.domain.routes import NOTHING_LOCAL, LocalOnly
from bursar.domain.rules.rule import Found, Surroundings
from bursar.domain.runs import TaskEstimate
from bursar.domain.specs import Spec, SpecTask, open_tasks, parse_spec
from bursar.domain.tasks import skipped_tasks
from bursar.domain.text.blocks import TextBlocks
from bursar.domain.text.changed import LineChange, line_change
from bursar.domain.text.counts import tokens_in, tokens_in_lines
from bursar.runs.gather import gather_documents, text_of
from bursar.runs.prepare import estimate_task
from bursar.session.documents import FrozenBuffers
from bursar.session.forecasting import outlook_of
from bursar.session.looking import Looking, surroundings_of
from bursar.session.model import ENCODING, Analysis, Document, PartKey, Snapshot, TaskKey
from bursar.session.pages import rule_page_uri
from bursar.session.placing import BY_CONTENT, Placing, has_something, is_too_large
from bursar.views.annotations import Annotations, Lens
from bursar.views.chats import TOO_LARGE
from bursar.views.included import included_hints
from bursar.views.placed import NOTHING_PLACED, placed_annotations
from bursar.views.resident import resident_lens
from bursar.views.rule_findings import moved, rule_findings, shown_findings
from bursar.views.sizes import size_hints
from bursar.views.spec_annotations import annotate_spec

TASKS = "tasks.md"
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
    if path is None or not (files.include or _may_be_read(Path(path))):
        return plain
    file = Path(path)
    root = workspace_of(file, folders, root_of)
    place = file.relative_to(root).as_posix()
    kind = _kind(file, place, blocks, files)
    return plain if kind is None else replace(plain, kind=kind, workspace=str(root), spec=place)


def _may_be_read(file: Path) -> bool:
    return file.name in BESIDE_TASKS or kind_of(file.relative_to(file.anchor).as_posix()) is not None


def _kind(file: Path, place: str, blocks: TextBlocks, files: FileGlobs) -> FileKind | None:
    kind = files.kind_of(place)
    if kind == "tasks":
        return kind if spec_of(blocks.text, str(file)).tasks else None
    if kind in BY_CONTENT:
        return kind if has_something(kind, place, blocks.text) else None
    if kind is None and file.name in BESIDE_TASKS and not files.excludes(place) and (file.parent / TASKS).is_file():
        return BESIDE_TASKS[file.name]
    return kind


def workspace_of(file: Path, folders: tuple[str, ...], root_of: Callable[[Path], Path]) -> Path:
    """The workspace that the command line finds, but never above a folder that is open in the editor."""
    root = root_of(file)
    for folder in sorted(map(Path, folders), key=lambda each: -len(each.parts)):
        if file.is_relative_to(folder):
            return root if root.is_relative_to(folder) else folder
    return root


def spec_of(text: str, path: str) -> Spec:
    """The parsed text; kept for the newest few, since reading it again is asked for at every look."""
    return _parsed(text, PurePosixPath(path).as_posix())


@lru_cache(maxsize=16)
def _parsed(text: str, path: str) -> Spec:
    return parse_spec(text, path_hint=path)


def file_of(document: Document) -> InstructionFile:
    """What an annotated document is made of; kept for the newest few, like the parsed specs."""
    return _read(document.spec, document.text, None if document.kind == "other" else document.kind)


@lru_cache(maxsize=16)
def _read(path: str, text: str, kind: FileKind | None) -> InstructionFile:
    return read_instructions(path, text, kind)


def analyse(
    document: Document,
    counter: TokenCounter,
    estimating: Estimating | None,
    looking: Looking | None = None,
) -> Analysis:
    """Count a document and its parts, estimate its runnable tasks, and ask the rules; long, so beside the loop."""
    file = file_of(document)
    count = partial(counter.count, encoding=ENCODING)

    def tokens(first: int, end: int) -> int:
        return tokens_in_lines(document.blocks, first, end, ENCODING, count)

    def size(part: Part) -> int:
        return tokens(part.line, part.end_line) if part.sent is None else count(part.sent)

    estimates: dict[TaskKey, TaskEstimate] = {}
    if document.kind == "tasks" and estimating is not None:
        estimates = _estimates(document, spec_of(document.text, document.spec), counter, estimating)
    calibration = estimating.calibration if estimating else None
    prompts = [each.sent for each in file.parts if each.sent is not None]
    sent = TextBlocks.of("\n".join(prompts)) if prompts else document.blocks
    return Analysis(
        version=document.version,
        file=file,
        blocks=document.blocks,
        tokens=tokens_in(document.blocks, ENCODING, count),
        part_tokens={key: size(each) for key, each in keyed_parts(file)},
        estimates=estimates,
        window_tokens=estimating.window_tokens if estimating else None,
        included=NOTHING_INCLUDED if estimating is None else weigh(file, partial(_text_of, estimating), count),
        price=estimating.price if estimating else None,
        sent_tokens=tokens_in(sent, ENCODING, count),
        sent_kinds=_kinds_of(sent, counter, calibration),
        kinds_encoding=calibration.encoding if calibration else "",
        found=_found(document, counter, estimating, looking),
        text=document.text,
        placed=estimating.placing.place(document, counter) if estimating and estimating.placing else NOTHING_PLACED,
    )


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


def _text_of(estimating: Estimating, path: str) -> str | None:
    return text_of(estimating.files, estimating.buffers, path)


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


def annotations_of(snapshot: Snapshot, uri: str) -> Annotations:
    """Everything that is shown on a document; nothing for one that is not annotated."""
    document = snapshot.documents.get(uri)
    if document is None or document.kind == "other":
        return Annotations()
    return annotate(document, snapshot.analyses.get(uri), snapshot)


def annotate(document: Document, analysis: Analysis | None, snapshot: Snapshot) -> Annotations:
    """Everything for this text, with counts that may stem from the version before."""
    least = 0 if snapshot.small_hints else snapshot.settings.hint_min_tokens
    if document.kind in BY_CONTENT:
        return _annotate_placed(document, analysis, least)
    known = analysis or Analysis(version=document.version, tokens=0)
    change = change_since(document, known)
    parts, references = placed_now(known, change)
    sizes = size_hints(document.blocks.line, parts, encoding=ENCODING, min_tokens=least)
    hints = (*sizes, *included_hints(references, known.included, encoding=ENCODING))
    shown = _annotate_tasks(document, known, snapshot) if document.kind == "tasks" else Annotations()
    found = known.found if change is None else moved(known.found, change)
    findings = shown_findings(
        (*shown.findings, *rule_findings(found)),
        silenced=snapshot.settings.silenced,
        levels=snapshot.settings.levels,
        page=rule_page_uri,
    )
    lens = _resident(document, known, snapshot)
    return replace(
        shown,
        lenses=shown.lenses if lens is None else (lens, *shown.lenses),
        hints=tuple(sorted((*shown.hints, *hints), key=lambda each: (each.line, each.character))),
        findings=findings,
    )


def change_since(document: Document, known: Analysis) -> LineChange | None:
    """Which lines of the document are others than those that were looked at; None where all are the same."""
    if known.blocks is None or known.blocks is document.blocks:
        return None
    return line_change(known.blocks, document.blocks)


def placed_now(known: Analysis, change: LineChange | None) -> tuple[list[tuple[Part, int]], list[Reference]]:
    """The parts that were counted with their tokens, and the references, where they are now.

    Nothing is read for it: a long text takes longer to read than its user takes to type on.
    """
    if known.file is None:
        return [], []
    counted = [(each, known.part_tokens[key]) for key, each in keyed_parts(known.file) if key in known.part_tokens]
    if change is None:
        return counted, list(known.file.references)
    parts = [(now, tokens) for each, tokens in counted if (now := moved_part(each, change)) is not None]
    references = [moved_reference(each, change) for each in known.file.references]
    return parts, [each for each in references if each is not None]


def _resident(document: Document, known: Analysis, snapshot: Snapshot) -> Lens | None:
    if known.price is None or known.file is None:
        return None
    return resident_lens(
        known.file,
        tokens=known.sent_tokens,
        included=known.included,
        price=known.price,
        use=snapshot.use.get(document.workspace),
        encoding=ENCODING,
        estimate=known.estimate(snapshot.calibration),
    )


def _annotate_placed(document: Document, analysis: Analysis | None, min_tokens: int) -> Annotations:
    if is_too_large(document):
        return TOO_LARGE
    if analysis is None:
        return Annotations()
    return placed_annotations(analysis.placed, document.text, min_tokens=min_tokens)


def _annotate_tasks(document: Document, known: Analysis, snapshot: Snapshot) -> Annotations:
    spec = spec_of(document.text, document.spec)
    history = snapshot.runs.get(document.workspace, ())
    runs = [each for each in history if each.record.spec == document.spec]
    return annotate_spec(
        uri=document.uri,
        text=document.text,
        spec=spec,
        estimates={
            each.line: replace(known.estimates[key], line=each.line)
            for key, each in keyed_tasks(spec)
            if key in known.estimates
        },
        runs=runs,
        skipped=skipped_tasks(spec, document.spec, snapshot.skips.get(document.workspace, ()), runs),
        mine=snapshot.mine,
        resumables=snapshot.resumables,
        left_pico=snapshot.left_pico,
        window_tokens=known.window_tokens,
        silenced=snapshot.settings.silenced,
        here=snapshot.here,
        raised_pico=snapshot.raised_pico,
        warn_percent=snapshot.warn_percent,
        outlook=outlook_of(
            snapshot.forecasts.get(document.uri),
            keyed_tasks(spec),
            rooms=snapshot.rooms,
            workspace=document.workspace,
        ),
    )


def _estimates(
    document: Document, spec: Spec, counter: TokenCounter, estimating: Estimating
) -> dict[TaskKey, TaskEstimate]:
    documents = gather_documents(estimating.files, estimating.buffers, document.spec)
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
