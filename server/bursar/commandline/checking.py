"""Files as the editor would have them open: what is counted in each and shown on it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from bursar.commandline.choosing_files import files_in
from bursar.commandline.estimates import chosen_calibration
from bursar.commandline.forecasting import forecaster_of, rooms_in
from bursar.commandline.output import message
from bursar.commandline.texts import read_bytes
from bursar.domain.counting import Calibration
from bursar.domain.errors import BadInput
from bursar.domain.specs import SpecUnreadable, decode_spec
from bursar.domain.tasks import SKIPS, skips_in
from bursar.runs.cache_losses import by_run, lost_caches, newest_rows
from bursar.runs.here import here_of
from bursar.session.analysing import estimating_for, looking_at
from bursar.session.analysis import analyse, describe
from bursar.session.documents import FrozenBuffers
from bursar.session.forecasting import forecasts_of
from bursar.session.model import Analysis, Document, Snapshot
from bursar.session.money import left_pico, run_ceiling_pico, wide_states
from bursar.session.outlook import work_of
from bursar.session.records import use_rates
from bursar.session.shown import annotate
from bursar.settings import Settings
from bursar.views.annotations import Annotations
from bursar.wiring import App, workspace_root

_LARGEST_BYTES = 16 * 1024 * 1024

Checked: TypeAlias = tuple[str, Document, Analysis, Annotations]
"""A file as it was named, its document, what was counted in it, and what an editor shows on it."""


def check_all(app: App, given: Sequence[str]) -> tuple[list[Checked], list[str]]:
    """The files that could be checked, and what was wrong with the others. Raises BadInput where none could be."""
    settings = app.settings()
    calibration = chosen_calibration(app, None)
    checked: list[Checked] = []
    problems: list[BadInput] = []
    for name in given:
        try:
            if not Path(name).is_dir():
                checked.append(_check(app, name, _read(name, settings), settings, calibration))
                continue
            below = _below(name, settings)
        except BadInput as error:
            problems.append(error)
            continue
        checked += [_check(app, path, document, settings, calibration) for path, document in below]
        if not below:
            message(f"bursar: {name} has no file that an agent reads.")
    if problems and not checked:
        raise problems[0]
    for each in problems:
        message(f"bursar: {each}")
    return checked, [str(each) for each in problems]


def _below(folder: str, settings: Settings) -> list[tuple[str, Document]]:
    """The files below a folder on which an editor shows something. What is no text is said, and passed over."""
    found = []
    for path in files_in(folder, settings.files):
        try:
            document = _read(path, settings)
        except BadInput as error:
            message(f"bursar: passed over: {error}")
            continue
        if document.kind != "other":
            found.append((path, document))
    return found


def _check(app: App, given: str, document: Document, settings: Settings, calibration: Calibration | None) -> Checked:
    journal = app.journal()
    ceiling = run_ceiling_pico(app, settings)
    estimating = None
    if document.kind != "other":
        estimating = estimating_for(app, settings, document, FrozenBuffers(texts={}), ceiling, calibration)
    looking = looking_at(app, settings, document.workspace) if document.workspace else None
    analysis = analyse(document, app.counter(), estimating, looking)
    runs = tuple(journal.summaries(document.workspace)) if document.workspace else ()
    snapshot = Snapshot(
        documents={document.uri: document},
        analyses={document.uri: analysis},
        runs={document.workspace: runs},
        mine=frozenset(),
        trusted=False,
        settings=settings,
        left_pico=left_pico(
            wide_states(app, journal, settings, workspaces=[document.workspace] if document.workspace else []), ceiling
        ),
        meter=None,
        here=here_of(app.clock),
        raised_pico=journal.raised_runs(),
        warn_percent=journal.warn_percent(),
        losses=by_run(lost_caches(journal, newest_rows(runs))) if document.kind == "tasks" else {},
        calibration=calibration,
        use=use_rates(journal, [document.workspace] if document.workspace else [], today=app.clock.local_day()),
        skips={document.workspace: skips_in(journal.events(run=SKIPS), document.workspace)},
    )
    if document.kind == "tasks":
        made = forecasts_of(work_of(document, analysis, snapshot), forecaster_of(app))
        rooms = rooms_in(app, settings, document.workspace)
        snapshot = replace(snapshot, forecasts={document.uri: made}, rooms=rooms)
    shown = Annotations() if document.kind == "other" else annotate(document, analysis, snapshot)
    return given, document, analysis, shown


def _read(given: str, settings: Settings) -> Document:
    data = read_bytes(given, largest_bytes=_LARGEST_BYTES)
    try:
        text = decode_spec(data)
    except SpecUnreadable as error:
        raise BadInput(f"{given}: {error}") from error
    real = os.path.realpath(given)
    # Editors keep a byte order mark for themselves.
    text = text.removeprefix("\ufeff")
    return describe(
        uri=Path(real).as_uri(),
        path=real,
        version=0,
        text=text,
        folders=(),
        root_of=workspace_root,
        files=settings.files,
    )
