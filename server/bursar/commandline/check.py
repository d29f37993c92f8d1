"""``bursar check``: what an editor shows on files, for CI and for the eye."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from bursar.commandline.baseline import comparison_json, dearer_words, measured_json, read_baseline, tell_comparison
from bursar.commandline.checking import Checked, check_all
from bursar.commandline.estimates import chosen_calibration, estimate_json
from bursar.commandline.output import FINE, FOUND, WRONG_USE, message, result, result_json
from bursar.commandline.places import Placed, placed
from bursar.commandline.sarif import BECAME_DEARER, sarif_log
from bursar.commandline.workflow import workflow_command
from bursar.domain.baseline import Comparison, Included, Measured, Resident, Section, compare, parse_percent
from bursar.domain.errors import BadInput
from bursar.domain.money.price import Price, Unpriced, buckets_at
from bursar.domain.money.usage import Usage
from bursar.domain.text import char_to_utf16, split_lines
from bursar.session.model import ENCODING, Analysis, Document
from bursar.session.money import default_settings
from bursar.settings import ESTIMATE_MODEL, Settings
from bursar.views.annotations import Annotations, Finding
from bursar.views.figures import plural
from bursar.wiring import App

_FAILING = ("error", "warning")
_MAX_INCREASE = "10%"


def check(app: App, args: argparse.Namespace) -> int:
    """Print the lenses, hints and diagnostics of each file; exit code 1 when one has a warning or an error.

    With a baseline also when one became dearer by more than was allowed, and when nothing could be compared. Where a
    file cannot be read the others are told, and the exit code is 2.
    """
    if args.max_increase is not None and args.baseline is None:
        raise BadInput("--max-increase needs something to compare with: give --baseline FILE, too")
    if [args.json, args.sarif, args.github].count(True) > 1:
        raise BadInput("--json, --sarif and --github are three forms of the same: give one of them")
    allowed = parse_percent(args.max_increase or _MAX_INCREASE)
    before = None if args.baseline is None else read_baseline(args.baseline)
    calibration = chosen_calibration(app, args.model) if args.json or args.model is not None else None
    checked, problems = check_all(app, args.files)
    model, price = _price(app, app.settings())
    measured = [_measured(given, document, analysis, model, price) for given, document, analysis, _ in checked]
    found = None if before is None else compare(before, measured, allowed_percent=allowed)
    findings = [(each, document.workspace) for each, document in _placed(checked)]
    grown = [] if found is None else _grown(checked, found, allowed)
    if args.json:
        output: dict[str, Any] = {
            "files": [
                _json(*each, file, estimate_json(each[1].text, calibration, app.counter()))
                for each, file in zip(checked, measured, strict=True)
            ]
        }
        if found is not None:
            output["baseline"] = comparison_json(found, args.baseline, allowed)
        result_json(output)
    elif args.sarif:
        result_json(sarif_log([*findings, *grown], problems))
    elif args.github:
        for each, _ in (*findings, *grown):
            result(workflow_command(each))
    else:
        for file in checked:
            _print(*file)
    code = FOUND if any(each.finding.severity in _FAILING for each, _ in findings) else FINE
    if found is not None:
        if code == FOUND:
            message("bursar: there are warnings or errors in these files, which the exit code counts, too.")
        quiet = args.json or args.sarif or args.github
        code = max(code, tell_comparison(found, args.baseline, allowed, quiet=quiet))
    return WRONG_USE if problems else code


def _placed(checked: Sequence[Checked]) -> Iterator[tuple[Placed, Document]]:
    for given, document, _, shown in checked:
        for each in placed(given, document, shown.findings):
            yield each, document


def _grown(checked: Sequence[Checked], found: Comparison, allowed_percent: Decimal) -> list[tuple[Placed, str]]:
    """What became dearer than the baseline allows, on the first line of each such file."""
    by_path = {given: document for given, document, _, _ in checked}
    grown = []
    for each in found.dearer:
        document = by_path[each.after.path]
        finding = Finding(
            line=0,
            character=0,
            end_character=len(split_lines(document.text)[0]),
            severity="error",
            code=BECAME_DEARER,
            message=f"This file {dearer_words(each, allowed_percent)}: shorten what grew, or take it as it is by "
            "writing the baseline anew",
        )
        grown += [(at, document.workspace) for at in placed(each.after.path, document, [finding])]
    return grown


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
        cost = buckets_at(Usage(uncached_input=analysis.tokens + analysis.included.tokens), price.rates)
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
        included=tuple(
            Included(path=path, tokens=analysis.included.own_tokens[path]) for path in analysis.included.files
        ),
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
    result(f"{given}: {analysis.tokens:,} tokens ({ENCODING}){_with_included(analysis)}")
    for lens in shown.lenses:
        result(f"{given}:{lens.line + 1}: {lens.title}")
    for each in shown.findings:
        place = f"{given}:{each.line + 1}:{each.character + 1}"
        result(f"{place}: {each.severity}: {each.message} ({each.code})")


def _with_included(analysis: Analysis) -> str:
    included = analysis.included
    if not included.files:
        return ""
    whole = analysis.tokens + included.tokens
    return f", {whole:,} with the {plural(len(included.files), 'file')} that it takes in"
