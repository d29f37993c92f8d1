"""``bursar usage reconcile``: an exported bill beside the ledger, and what differs."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bursar.commandline.output import FINE, FOUND, message, result, result_json
from bursar.domain.errors import BadInput
from bursar.domain.money.exported import DamagedRow, Export, columns_of, read_export
from bursar.domain.money.price import usd_text
from bursar.domain.money.reconcile import Difference, Reconciled, reconcile, tolerance_of
from bursar.views.figures import count, money, plural
from bursar.wiring import App

_MOST_BYTES = 100_000_000
_MOST_SHOWN = 40
_MOST_DAMAGED = 10
_WORDS = {
    "differs": "",
    "only_in_export": "  not in the ledger",
    "only_in_ledger": "  not in the file",
    "unpriced": "  the ledger has no price for it",
}


def reconcile_usage(app: App, args: argparse.Namespace) -> int:
    """Compare a file with the ledger; 1 where they differ, or have nothing in common."""
    columns, tolerance = columns_of(args.map), tolerance_of(args.tolerance)
    zone = UTC if args.utc else app.clock.zone()
    export = _export(Path(args.file), columns, zone)
    by_request = "request" in columns
    days = [each.day for each in export.rows]
    booked = (
        app.journal().booked(
            first=min(days), last=max(days), utc=args.utc, by_request=by_request, all_agents=args.all_agents
        )
        if days
        else []
    )
    found = reconcile(export.rows, booked, by_request=by_request, tolerance_percent=tolerance)
    if args.json:
        result_json(_json(found, export, by_request=by_request, tolerance=f"{tolerance:f}"))
    else:
        _tell(found, tolerance=f"{tolerance:f}", what="request" if by_request else "day and model")
    _tell_damaged(export.damaged)
    if not found.matched:
        where = f"{min(days)} to {max(days)}" if days else "no row could be read"
        message(f"Nothing of {args.file} is in the ledger ({where}): are the columns the right ones, and the days?")
    return FINE if found.matched and not found.differences else FOUND


def _export(path: Path, columns: dict[str, str], zone: Any) -> Export:
    def day_of(moment: datetime) -> str:
        return moment.astimezone(zone).date().isoformat()

    try:
        if path.stat().st_size > _MOST_BYTES:
            raise BadInput(f"{path} has more than {count(_MOST_BYTES // 1_000_000)} MB: export a shorter time")
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error
    try:
        return read_export(_text(data), columns, day_of=day_of)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error


def _text(data: bytes) -> str:
    """Spreadsheets write UTF-8 with a mark or without, UTF-16, or the code page of old."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _tell(found: Reconciled, *, tolerance: str, what: str) -> None:
    for each in found.differences[:_MOST_SHOWN]:
        result(_line(each))
    if len(found.differences) > _MOST_SHOWN:
        result(f"... and {count(len(found.differences) - _MOST_SHOWN)} more: --json has them all")
    result(
        f"{count(found.agreed)} of {count(found.matched)} in both agree within {tolerance}% (by {what}); "
        f"{plural(len(found.differences), 'difference')}."
        f" In the file {_money(found.export_pico)}, in the ledger {_money(found.ledger_pico)}."
    )


def _line(each: Difference) -> str:
    theirs = "-" if each.export_pico is None else _money(each.export_pico)
    ours = "-" if each.ledger_pico is None else _money(each.ledger_pico)
    ours += f" and at most {_money(each.at_most_pico)} more" if each.at_most_pico else ""
    size = f"{'-' if each.difference_pico < 0 else '+'}{money(abs(each.difference_pico))}"
    share = "" if each.percent is None else f" ({each.percent}%)"
    name = f"{each.day}  {each.model}" + (f"  {each.request}" if each.request else "")
    return f"{name}  file {theirs}  ledger {ours}  {size}{share}{_WORDS[each.what]}"


def _tell_damaged(damaged: Any) -> None:
    rows: list[DamagedRow] = list(damaged)
    for each in rows[:_MOST_DAMAGED]:
        message(f"line {each.line} was passed over: {each.why}")
    if len(rows) > _MOST_DAMAGED:
        message(f"{count(len(rows) - _MOST_DAMAGED)} more lines were passed over.")


def _json(found: Reconciled, export: Export, *, by_request: bool, tolerance: str) -> dict[str, Any]:
    return {
        "by": "request" if by_request else "day",
        "tolerance_percent": tolerance,
        "rows": len(export.rows),
        "matched": found.matched,
        "agreed": found.agreed,
        "export_usd": _signed(found.export_pico),
        "ledger_usd": usd_text(found.ledger_pico),
        "differences": [
            {
                "what": each.what,
                "day": each.day,
                "model": each.model,
                "request_id": each.request,
                "export_usd": None if each.export_pico is None else _signed(each.export_pico),
                "ledger_usd": None if each.ledger_pico is None else usd_text(each.ledger_pico),
                "not_known_usd": usd_text(each.at_most_pico),
                "difference_usd": _signed(each.difference_pico),
                "percent": None if each.percent is None else float(each.percent),
            }
            for each in found.differences
        ],
        "skipped": [{"line": each.line, "why": each.why} for each in export.damaged],
    }


def _money(pico: int) -> str:
    return money(pico) if pico >= 0 else f"-{money(-pico)}"


def _signed(pico: int) -> str:
    return usd_text(pico) if pico >= 0 else f"-{usd_text(-pico)}"
