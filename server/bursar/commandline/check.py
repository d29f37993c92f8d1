"""``bursar check``: what an editor shows on files, for CI and for the eye."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from bursar.commandline.baseline import comparison_json, measured_json, read_baseline, tell_comparison
from bursar.commandline.estimates import chosen_calibration, estimate_json
from bursar.commandline.forecasting import forecaster_of, rooms_in
from bursar.commandline.output import FINE, FOUND, message, result, result_json
from bursar.domain.baseline import Measured, Resident, Section, compare, parse_percent
from bursar.domain.errors import BadInput
from bursar.domain.money.price import Price, Unpriced, buckets_at
from bursar.domain.money.usage import Usage
from bursar.domain.specs import SpecUnreadable, decode_spec
from bursar.domain.tasks import SKIPS, skips_in
from bursar.domain.text import char_to_utf16, split_lines
from bursar.runs.here import here_of
from bursar.session.analysing import estimating_for
from bursar.session.analysis import analyse, annotate, describe
from bursar.session.documents import FrozenBuffers
from bursar.session.forecasting import forecasts_of
from bursar.session.model import ENCODING, Analysis, Document, Snapshot
from bursar.session.money import default_settings, left_pico, run_ceiling_pico, wide_states
from bursar.session.outlook import work_of
from bursar.session.records import use_rates
from bursar.settings import ESTIMATE_MODEL, Settings
from bursar.views.annotations import Annotations
from bursar.wiring import App, workspace_root

_LARGEST_BYTES = 16 * 1024 * 1024
_FAILING = ("error", "warning")
_MAX_INCREASE = "10%"


def check(app: App, args: argparse.Namespace) -> int:
    """Print the lenses, hints and diagnostics of each file; exit code 1 when one has a warning or an error.

    With a baseline also when one became dearer by more than was allowed, and when nothing could be compared.
    """
    if args.max_increase is not None and args.baseline is None:
        raise BadInput("--max-increase needs something to compare with: give --baseline FILE, too")
    allowed = parse_percent(args.max_increase or _MAX_INCREASE)
    before = None if args.baseline is None else read_baseline(args.baseline)
    checked = [_check(app, each) for each in args.files]
    model, price = _price(app, app.settings())
    measured = [_measured(given, document, analysis, model, price) for given, document, analysis, _ in checked]
    found = None if before is None else compare(before, measured, allowed_percent=allowed)
    if args.json:
        calibration = chosen_calibration(app, args.model)
        output: dict[str, Any] = {
            "files": [
                _json(*each, file, estimate_json(each[1].text, calibration, app.counter()))
                for each, file in zip(checked, measured, strict=True)
            ]
        }
        if found is not None:
            output["baseline"] = comparison_json(found, args.baseline, allowed)
        result_json(output)
    else:
        for each in checked:
            _print(*each)
    findings = [finding for _, _, _, shown in checked for finding in shown.findings]
    code = FOUND if any(each.severity in _FAILING for each in findings) else FINE
    if found is None:
        return code
    if code == FOUND:
        message("bursar: there are warnings or errors in these files, which the exit code counts, too.")
    return max(code, tell_comparison(found, args.baseline, allowed, quiet=args.json))


def _price(app: App, settings: Settings) -> tuple[str, Price | Unpriced]:
    """The model that requests would go to, and its price."""
    try:
        provider, model = app.provider(settings)
    except BadInput:
        provider, model = app.provider(default_settings(), f"anthropic/{ESTIMATE_MODEL}")
    price = app.prices(settings).price(provider=provider.name, model=model, at=app.clock.now_utc())
    return f"{provider.name}/{model}", price


def _measured(given: str, document: Document, analysis: Analysis, model: str, price: Price | Unpriced) -> Measured:
    resident = None
    if isinstance(price, Price):
        cost = buckets_at(Usage(uncached_input=analysis.tokens), price.rates)
        resident = Resident(
            model=model,
            pico=sum(each.pico for each in cost),
            usd_per_mtok=price.rates.input,
            rate_card=price.rate_card,
        )
    return Measured(
        path=given,
        tokens=analysis.tokens,
        encoding=ENCODING,
        resident=resident,
        sections=tuple(
            Section(level=level, title=title, tokens=tokens)
            for (kind, level, title, _), tokens in analysis.part_tokens.items()
            if kind == "heading"
        ),
    )


def _check(app: App, given: str) -> tuple[str, Document, Analysis, Annotations]:
    settings, journal = app.settings(), app.journal()
    document = _read(given, settings)
    ceiling = run_ceiling_pico(app, settings)
    estimating = None
    if document.kind != "other":
        estimating = estimating_for(app, settings, document, FrozenBuffers(texts={}), ceiling)
    texts = app.instruction_texts(Path(document.workspace)) if document.workspace else None
    analysis = analyse(document, app.counter(), estimating, texts, settings.silenced)
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
    path = Path(given)
    try:
        if not path.is_file():
            # A pipe would be waited for, and a device may never end.
            path.stat()
            raise BadInput(f"{given} is no file but a folder, a pipe or a device: give the path of a text file")
        with path.open("rb") as file:
            data = file.read(_LARGEST_BYTES + 1)
        if len(data) > _LARGEST_BYTES:
            raise BadInput(f"{given} is larger than {_LARGEST_BYTES} bytes: it is not checked")
        text = decode_spec(data)
    except OSError as error:
        raise BadInput(f"{given} cannot be read ({error.strerror}): give the path of a text file") from error
    except SpecUnreadable as error:
        raise BadInput(f"{given}: {error}") from error
    real = os.path.realpath(path)
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


def _json(
    given: str,
    document: Document,
    analysis: Analysis,
    shown: Annotations,
    measured: Measured,
    estimate: dict[str, Any] | None,
) -> dict[str, Any]:
    lines = split_lines(document.text)
    return {
        "path": given,
        "tokens": analysis.tokens,
        "encoding": ENCODING,
        "estimate": estimate,
        "lenses": [{"line": each.line, "title": each.title} for each in shown.lenses],
        "hints": [
            {"line": each.line, "character": char_to_utf16(lines[each.line], each.character), "label": each.label}
            for each in shown.hints
        ],
        "diagnostics": [
            {
                "line": each.line,
                "character": char_to_utf16(lines[each.line], each.character),
                "end_line": each.last_line,
                "end_character": char_to_utf16(lines[each.last_line], each.end_character),
                "severity": each.severity,
                "code": each.code,
                "message": each.message,
            }
            for each in shown.findings
        ],
        **measured_json(measured),
    }


def _print(given: str, document: Document, analysis: Analysis, shown: Annotations) -> None:
    result(f"{given}: {analysis.tokens:,} tokens ({ENCODING})")
    for lens in shown.lenses:
        result(f"{given}:{lens.line + 1}: {lens.title}")
    for each in shown.findings:
        place = f"{given}:{each.line + 1}:{each.character + 1}"
        result(f"{place}: {each.severity}: {each.message} ({each.code})")
