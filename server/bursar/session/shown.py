"""What is shown on a document, from its text now and what was counted in it last; kept until either has changed."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from bursar.domain.instructions import Part, Reference
from bursar.domain.instructions.moved import moved_part, moved_reference
from bursar.domain.specs import Spec
from bursar.domain.specs.moved import moved_spec
from bursar.domain.tasks import skipped_tasks
from bursar.domain.text.changed import TextChange, text_change
from bursar.domain.text.rows import CHARS
from bursar.session.analysis import end_of, keyed_parts, keyed_tasks
from bursar.session.forecasting import outlook_of
from bursar.session.model import ENCODING, Analysis, Document, ReadTasks, Snapshot
from bursar.session.pages import rule_page_uri
from bursar.session.placing import BY_CONTENT, is_too_large
from bursar.session.where import spec_of
from bursar.views.annotations import Annotations, Finding, Lens
from bursar.views.chats import TOO_LARGE
from bursar.views.included import included_hints
from bursar.views.placed import placed_annotations
from bursar.views.resident import resident_lens
from bursar.views.rule_findings import moved, rule_findings, shown_findings
from bursar.views.sizes import size_hints
from bursar.views.spec_annotations import annotate_spec

_AT_ONCE_CHARS = 8_000
"""A tasks file up to this is read in some ten milliseconds, so what was typed is shown without waiting for it."""


class Shown:
    """Keeps what is shown on each document as long as everything that it is made of is the same."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[_Made, Annotations]] = {}
        self.made = 0

    def of(self, snapshot: Snapshot, uri: str) -> Annotations:
        """The same as ``annotations_of``."""
        document = snapshot.documents.get(uri)
        if document is None or document.kind == "other":
            self._kept.pop(uri, None)
            return Annotations()
        made_of = _made_of(snapshot, document)
        kept = self._kept.get(uri)
        if kept is None or not kept[0].is_same(made_of):
            self.made += 1
            kept = self._kept[uri] = (made_of, annotations_of(snapshot, uri))
        return kept[1]

    def forget(self, uri: str) -> None:
        """The document is closed."""
        self._kept.pop(uri, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """What the annotations of a document are made of: ``things`` that never change, ``values`` that are compared."""

    things: tuple[object, ...]
    values: tuple[object, ...]

    def is_same(self, other: _Made) -> bool:
        return self.values == other.values and all(map(operator.is_, self.things, other.things))


def _made_of(snapshot: Snapshot, document: Document) -> _Made:
    """Everything that ``annotate`` looks at; the runs of the workspace are looked at for tasks only."""
    workspace = document.workspace
    things: tuple[object, ...] = (
        document,
        snapshot.analyses.get(document.uri),
        snapshot.settings,
        snapshot.use.get(workspace),
        snapshot.calibration,
    )
    if document.kind != "tasks":
        return _Made(things=things, values=(snapshot.small_hints,))
    return _Made(
        things=(*things, snapshot.runs.get(workspace), snapshot.forecasts.get(document.uri)),
        values=(
            snapshot.small_hints,
            snapshot.mine,
            snapshot.left_pico,
            snapshot.here,
            snapshot.skips.get(workspace),
            dict(snapshot.resumables),
            dict(snapshot.raised_pico),
            snapshot.rooms,
            snapshot.warn_percent,
        ),
    )


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
        return _annotate_placed(document, analysis, snapshot, least)
    known = analysis or Analysis(version=document.version, tokens=0)
    change = change_since(document, known)
    parts, references = placed_now(known, change)
    sizes = size_hints(partial(_end_now, document, ends_now(known, change)), parts, encoding=ENCODING, min_tokens=least)
    hints = (*sizes, *included_hints(references, known.included, encoding=ENCODING))
    shown = _annotate_tasks(document, known, snapshot) if document.kind == "tasks" else Annotations()
    found = known.found if change is None else moved(known.found, change)
    findings = _at_users_levels((*shown.findings, *rule_findings(found)), snapshot)
    lens = _resident(document, known, snapshot)
    return replace(
        shown,
        lenses=shown.lenses if lens is None else (lens, *shown.lenses),
        hints=tuple(sorted((*shown.hints, *hints), key=lambda each: (each.line, each.character))),
        findings=findings,
    )


def change_since(document: Document, known: Analysis) -> TextChange | None:
    """Which lines of the document are others than those that were looked at; None where all are the same."""
    if known.blocks is None or known.blocks is document.blocks:
        return None
    return text_change(known.blocks, document.blocks)


def placed_now(known: Analysis, change: TextChange | None) -> tuple[list[tuple[Part, int]], list[Reference]]:
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


def ends_now(known: Analysis, change: TextChange | None) -> Mapping[int, int]:
    """``Analysis.ends`` where the lines are now, without those that were changed."""
    if change is None:
        return known.ends
    same = ((change.line(line), end) for line, end in known.ends.items() if not change.touches(line, line))
    return {line: end for line, end in same if line is not None}


def _end_now(document: Document, known: Mapping[int, int], line: int) -> int:
    end = known.get(line)
    return end_of(document.blocks, line) if end is None else end


def spec_now(document: Document, known: Analysis) -> tuple[Spec, frozenset[int]]:
    """The tasks of the document, and the indices of those of which it is not known where they are.

    A long text is read beside the loop only; until then its tasks are those of the text before, moved with the edits.
    """
    read = document.read
    if known.spec is not None and known.blocks is not None:
        read = ReadTasks(blocks=known.blocks, spec=known.spec)
    if read is not None and read.blocks is document.blocks:
        return read.spec, frozenset()
    if read is None or document.blocks.lengths[CHARS] <= _AT_ONCE_CHARS:
        return spec_of(document.text, document.spec), frozenset()
    return moved_spec(read.spec, text_change(read.blocks, document.blocks))


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


def _annotate_placed(document: Document, analysis: Analysis | None, snapshot: Snapshot, min_tokens: int) -> Annotations:
    if is_too_large(document):
        return TOO_LARGE
    if analysis is None:
        return Annotations()
    change = change_since(document, analysis)
    found = analysis.found if change is None else moved(analysis.found, change)
    placed = placed_annotations(analysis.placed, change, min_tokens=min_tokens)
    return replace(placed, findings=_at_users_levels(rule_findings(found), snapshot))


def _at_users_levels(findings: tuple[Finding, ...], snapshot: Snapshot) -> tuple[Finding, ...]:
    settings = snapshot.settings
    return shown_findings(findings, silenced=settings.silenced, levels=settings.levels, page=rule_page_uri)


def _annotate_tasks(document: Document, known: Analysis, snapshot: Snapshot) -> Annotations:
    spec, gone = spec_now(document, known)
    history = snapshot.runs.get(document.workspace, ())
    runs = [each for each in history if each.record.spec == document.spec]
    return annotate_spec(
        uri=document.uri,
        text=document.text,
        spec=spec,
        gone=gone,
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
        losses=snapshot.losses,
        outlook=outlook_of(
            snapshot.forecasts.get(document.uri),
            keyed_tasks(spec),
            rooms=snapshot.rooms,
            workspace=document.workspace,
        ),
    )
