"""``bursar report``: everything about what was spent as one HTML file."""

from __future__ import annotations

import argparse
from pathlib import Path

from bursar.commandline.findings import findings_json
from bursar.commandline.output import FINE, message, result, result_json
from bursar.domain.days import since_day
from bursar.domain.errors import BadInput
from bursar.domain.money.price import usd_text
from bursar.domain.money.projection import Projection
from bursar.session.reporting import gather_report
from bursar.views.report import report_page
from bursar.wiring import App, workspace_here


def report(app: App, args: argparse.Namespace) -> int:
    """Write the report and say where it is."""
    since = None if args.since is None else since_day(args.since, today=app.clock.local_day())
    out = None if args.out is None else _place(args.out)
    found = gather_report(app, since=since, workspaces=(workspace_here(),))
    path = app.keep_report(report_page(found), out)
    if args.json:
        result_json(
            {
                "path": str(path),
                "since": found.since,
                "days": len(found.days),
                "total_usd": usd_text(found.own.cost_pico),
                "unpriced_requests": found.own.unpriced_requests,
                "projection": _projection_json(found.projection),
                "findings": findings_json(app, found.findings),
            }
        )
        return FINE
    result(str(path))
    message(
        "bursar: open this file in a browser. It loads nothing and is yours alone to read: it names tasks and files."
    )
    return FINE


def _place(out: Path) -> Path:
    """Where it goes. Raises BadInput for what is no place for a file; a device is never replaced by one."""
    path = Path(out).expanduser().resolve()
    if path.exists() and not path.is_file():
        raise BadInput(f"{out} is a folder or a device: name a file for the report, for example --out report.html")
    if not path.parent.is_dir():
        raise BadInput(f"{path.parent} is no folder: make it, or name another place for the report")
    return path


def _projection_json(found: Projection) -> dict[str, object]:
    known = found.pico is not None
    return {
        "until": found.last_day,
        "spent_usd": usd_text(found.spent_pico),
        "days": found.days,
        "expected_usd": usd_text(found.pico) if found.pico is not None else None,
        "low_usd": usd_text(found.low_pico) if known else None,
        "high_usd": usd_text(found.high_pico) if known else None,
    }
