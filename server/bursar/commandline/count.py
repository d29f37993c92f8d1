"""``bursar count``: exact tokens of texts, and what the vendor of a model probably makes of them."""

from __future__ import annotations

import argparse
from typing import Any

from bursar.commandline.output import FINE, WRONG_USE, message, result, result_json
from bursar.commandline.texts import STDIN, read_text
from bursar.domain.counting import Calibration, Estimate, estimate_text
from bursar.domain.errors import BadInput
from bursar.session.estimating import calibration_for, known_calibration, model_for_estimates
from bursar.views.figures import count as figure
from bursar.wiring import App

_LARGEST_BYTES = 64 * 1024 * 1024


def count(app: App, args: argparse.Namespace) -> int:
    """Count each file; those that can be read are told also where another cannot, and the exit code is 2 then."""
    counter = app.counter()
    try:
        counter.ready(args.encoding)
    except ValueError as error:
        raise BadInput(str(error)) from error
    if args.files.count(STDIN) > 1:
        raise BadInput("standard input (-) can be read once: name it once")
    calibration = _calibration(app, args.model)
    told: list[dict[str, Any]] = []
    code = FINE
    for given in args.files:
        try:
            text = read_text(given, largest_bytes=_LARGEST_BYTES)
        except BadInput as error:
            message(f"bursar: {error}")
            code = WRONG_USE
            continue
        tokens = counter.count(text, encoding=args.encoding)
        estimate = None if calibration is None else estimate_text(text, calibration, counter)
        told.append({"path": given, "tokens": tokens, "encoding": args.encoding, "estimate": estimate_json(estimate)})
        if not args.json:
            result(f"{given}: {figure(tokens)} tokens ({args.encoding}){_words(estimate)}")
    if args.json:
        result_json({"files": told})
    elif told and calibration is not None:
        message(f"bursar: {calibration.model}: {calibration.provenance}.")
    return code


def estimate_json(estimate: Estimate | None) -> dict[str, Any] | None:
    """A vendor's figure as it stands in every output, beside the exact count."""
    if estimate is None:
        return None
    return {
        "model": estimate.model,
        "tokens": estimate.tokens,
        "low": estimate.low,
        "high": estimate.high,
        "provenance": estimate.provenance,
    }


def _calibration(app: App, chosen: str | None) -> Calibration | None:
    if chosen is not None:
        return known_calibration(app, chosen)
    return calibration_for(app, model_for_estimates(app, app.settings()))


def _words(estimate: Estimate | None) -> str:
    if estimate is None:
        return ""
    if estimate.low == estimate.high:
        return f" · {figure(estimate.tokens)} for {estimate.model}"
    return (
        f" · about {figure(estimate.tokens)} for {estimate.model} ({figure(estimate.low)} to {figure(estimate.high)})"
    )
