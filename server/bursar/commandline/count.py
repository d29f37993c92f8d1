"""``bursar count``: exact tokens of texts, and what the vendor of a model probably makes of them."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from bursar.commandline.estimates import chosen_calibration
from bursar.commandline.output import FINE, WRONG_USE, message, result, result_json
from bursar.commandline.texts import STDIN, read_text
from bursar.domain.counting import Estimate, estimate_text
from bursar.domain.errors import BadInput
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
    calibration = chosen_calibration(app, args.model)
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
        beside = None if estimate is None else asdict(estimate)
        told.append({"path": given, "tokens": tokens, "encoding": args.encoding, "estimate": beside})
        if not args.json:
            result(f"{given}: {figure(tokens)} tokens ({args.encoding}){_words(estimate)}")
    if args.json:
        result_json({"files": told})
    elif told and calibration is not None:
        message(f"bursar: {calibration.model}: {calibration.provenance}.")
    return code


def _words(estimate: Estimate | None) -> str:
    if estimate is None:
        return ""
    if estimate.low == estimate.high:
        return f" · {figure(estimate.tokens)} for {estimate.model}"
    return (
        f" · about {figure(estimate.tokens)} for {estimate.model} ({figure(estimate.low)} to {figure(estimate.high)})"
    )
