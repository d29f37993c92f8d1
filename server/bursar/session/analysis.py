"""What is counted in a document and shown on it: the same for an open document and for a file on the disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TypeVar

from bursar.domain.money.price import Price, Unpriced
from bursar.domain.ports import EditorBuffers, ModelProvider, TokenCounter, WorkspaceFiles
from bursar.domain.routes import NOTHING_LOCAL, LocalOnly
from bursar.domain.runs import TaskEstimate
from bursar.domain.specs import Heading, Spec, SpecTask, open_tasks, parse_spec
from bursar.domain.tasks import skipped_tasks
from bursar.domain.text import split_lines_keeping_ends
from bursar.runs.gather import gather_documents
from bursar.runs.prepare import estimate_task
from bursar.session.forecasting import outlook_of
from bursar.session.model import ENCODING, Analysis, Document, HeadingKey, Snapshot, TaskKey
from bursar.views.annotations import Annotations
from bursar.views.spec_annotations import annotate_spec

Key = TypeVar("Key", TaskKey, HeadingKey)
TASKS = "tasks.md"
BESIDE = frozenset({"requirements.md", "design.md", "bugfix.md", "spec.md", "plan.md", "research.md", "data-model.md"})


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


def describe(
    *,
    uri: str,
    path: str | None,
    version: int,
    text: str,
    folders: tuple[str, ...],
    root_of: Callable[[Path], Path],
) -> Document:
    """A document with its place: a tasks file with tasks, a document beside one, or something else."""
    plain = Document(uri=uri, path=path, version=version, text=text, kind="other")
    if path is None:
        return plain
    file = Path(path)
    is_tasks = file.name == TASKS and bool(spec_of(text, path).tasks)
    if not is_tasks and not (file.name in BESIDE and (file.parent / TASKS).is_file()):
        return plain
    root = workspace_of(file, folders, root_of)
    return replace(
        plain,
        kind="tasks" if is_tasks else "headings",
        workspace=str(root),
        spec=file.relative_to(root).as_posix(),
    )


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


def analyse(document: Document, counter: TokenCounter, estimating: Estimating | None) -> Analysis:
    """Count a document's sections and tasks, and estimate its runnable tasks; long, so beside the loop."""
    spec = spec_of(document.text, document.spec)
    lines = split_lines_keeping_ends(document.text)

    def tokens(first: int, end: int) -> int:
        return counter.count("".join(lines[first:end]), encoding=ENCODING)

    is_tasks = document.kind == "tasks"
    return Analysis(
        version=document.version,
        tokens=counter.count(document.text, encoding=ENCODING),
        heading_tokens={key: tokens(each.line, each.end_line) for key, each in _headings(spec)},
        task_tokens={key: tokens(each.line, each.end_line) for key, each in keyed_tasks(spec)} if is_tasks else {},
        estimates=_estimates(document, spec, counter, estimating) if is_tasks and estimating else {},
        window_tokens=estimating.window_tokens if estimating else None,
    )


def annotations_of(snapshot: Snapshot, uri: str) -> Annotations:
    """Everything that is shown on a document; nothing for one that is not annotated."""
    document = snapshot.documents.get(uri)
    if document is None or document.kind == "other":
        return Annotations()
    return annotate(document, snapshot.analyses.get(uri), snapshot)


def annotate(document: Document, analysis: Analysis | None, snapshot: Snapshot) -> Annotations:
    """Everything for this text, with counts that may stem from the version before."""
    known = analysis or Analysis(version=document.version, tokens=0)
    spec = spec_of(document.text, document.spec)
    history = snapshot.runs.get(document.workspace, ())
    shown = spec if document.kind == "tasks" else replace(spec, tasks=())
    runs = [each for each in history if each.record.spec == document.spec]
    return annotate_spec(
        uri=document.uri,
        text=document.text,
        spec=shown,
        heading_tokens=_by_line(_headings(shown), known.heading_tokens),
        task_tokens=_by_line(keyed_tasks(shown), known.task_tokens),
        estimates={
            each.line: replace(known.estimates[key], line=each.line)
            for key, each in keyed_tasks(shown)
            if key in known.estimates
        },
        runs=runs,
        skipped=skipped_tasks(shown, document.spec, snapshot.skips.get(document.workspace, ()), runs),
        mine=snapshot.mine,
        resumables=snapshot.resumables,
        left_pico=snapshot.left_pico,
        window_tokens=known.window_tokens,
        silenced=snapshot.settings.silenced,
        encoding=ENCODING,
        here=snapshot.here,
        raised_pico=snapshot.raised_pico,
        warn_percent=snapshot.warn_percent,
        outlook=outlook_of(
            snapshot.forecasts.get(document.uri),
            keyed_tasks(shown),
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


def _headings(spec: Spec) -> list[tuple[HeadingKey, Heading]]:
    seen: Counter[tuple[int, str]] = Counter()
    keyed = []
    for each in spec.headings:
        name = (each.level, each.title)
        keyed.append(((*name, seen[name]), each))
        seen[name] += 1
    return keyed


def _by_line(keyed: Sequence[tuple[Key, SpecTask | Heading]], tokens: Mapping[Key, int]) -> dict[int, int]:
    return {each.line: tokens[key] for key, each in keyed if key in tokens}
