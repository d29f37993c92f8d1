"""Values to rows and back."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from bursar.domain.money.ledger import LedgerEntry
from bursar.domain.money.usage import BUCKETS, Usage
from bursar.domain.runs import NewRun, RequestRow, RunEvent, RunRecord, StepRecord

USAGE_COLUMNS = (*BUCKETS, "reasoning")
_OWN_LEDGER_COLUMNS = tuple(each.name for each in fields(LedgerEntry) if each.name != "usage")
LEDGER_COLUMNS = _OWN_LEDGER_COLUMNS + USAGE_COLUMNS
NEW_RUN_COLUMNS = tuple(each.name for each in fields(NewRun) if each.name not in ("first_request", "prompt", "traits"))
RUN_COLUMNS = (
    *(each.name for each in fields(RunRecord) if each.name not in ("first_request", "owner_alive")),
    "purpose",
)
STEP_COLUMNS = tuple(each.name for each in fields(StepRecord))
REQUEST_COLUMNS = tuple(each.name for each in fields(RequestRow) if each.name != "usage") + USAGE_COLUMNS
EVENT_COLUMNS = tuple(each.name for each in fields(RunEvent))

TOKENS = " + ".join(BUCKETS)
# What a row may have cost, and taken, on top of what is known of it; an estimate older than its bound has none. As
# open_pico and open_tokens of the domain have it.
OPEN_PICO = (
    "iif(cost_pico IS NULL, at_most_pico,"
    " iif(certainty = 'estimated' AND at_most_tokens > 0, max(at_most_pico - cost_pico, 0), 0))"
)
OPEN_TOKENS = f"max(at_most_tokens - ({TOKENS}), 0)"

# Columns that hold names from the file system or text of others: either may hold lone surrogates, UTF-8 may not.
_FOREIGN = frozenset({"workspace", "spec", "task_id", "task_address", "task_title", "task", "file", "detail"})
# A code point that no text contains (Unicode keeps it free for programs); what follows it is a JSON string.
_ESCAPE = "\ufdd0"
_ESCAPED = re.compile(_ESCAPE + r'("(?:[^"\\]|\\.)*")')


def stored(text: str) -> str:
    """The text as SQLite can keep it; unchanged unless it holds lone surrogates."""
    if text.startswith(_ESCAPE) or not _is_utf8(text):
        return _ESCAPE + json.dumps(text)
    return text


def loaded(text: str) -> str:
    """The text that ``stored`` was given."""
    return str(json.loads(text[len(_ESCAPE) :])) if text.startswith(_ESCAPE) else text


def loaded_within(text: str) -> str:
    """A text that was put together from stored ones, as people read it."""
    return _ESCAPED.sub(lambda found: str(json.loads(found[1])), text)


def bindings(names: Sequence[str], values: Mapping[str, Any]) -> tuple[Any, ...]:
    """The values under these names, ready to bind."""
    return tuple(
        stored(values[name]) if name in _FOREIGN and values[name] is not None else values[name] for name in names
    )


def json_text(value: Mapping[str, Any]) -> str:
    """A JSON object as text that SQLite can keep, whatever its strings hold."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def ledger_values(entry: LedgerEntry) -> dict[str, Any]:
    """An entry as column values."""
    values = {name: getattr(entry, name) for name in _OWN_LEDGER_COLUMNS}
    return {**values, **entry.usage.as_dict(), "unpriced": int(entry.unpriced)}


def ledger_entry(row: Sequence[Any]) -> LedgerEntry:
    """The entry of a row of LEDGER_COLUMNS."""
    values = _values(LEDGER_COLUMNS, row)
    return LedgerEntry(usage=_usage_from(values), **{**values, "unpriced": bool(values["unpriced"])})


def request_row(row: Sequence[Any]) -> RequestRow:
    """The request of a row of REQUEST_COLUMNS."""
    values = _values(REQUEST_COLUMNS, row)
    if values["unit_prices"] is not None:
        # A ledger has few rates and many rows.
        values["unit_prices"] = sys.intern(values["unit_prices"])
    return RequestRow(usage=_usage_from(values), **{**values, "unpriced": bool(values["unpriced"])})


def run_record(row: Sequence[Any], *, first_request: str, owner_alive: bool) -> RunRecord:
    """The run of a row of RUN_COLUMNS; one whose owner died while it ran reads as paused."""
    values = _values(RUN_COLUMNS, row)
    values["kind"] = values.pop("purpose") or values["kind"]
    for name in ("pause_requested", "stop_requested", "tick_pending"):
        values[name] = bool(values[name])
    if values["state"] == "running" and not owner_alive:
        values.update(
            state="paused",
            reason="owner_gone",
            detail="The process that drove it has ended. Resume goes on where it stopped.",
            resume_at=None,
        )
    return RunRecord(first_request=first_request, owner_alive=owner_alive, **values)


def step_record(row: Sequence[Any]) -> StepRecord:
    """The step of a row of STEP_COLUMNS."""
    values = dict(zip(STEP_COLUMNS, row, strict=True))
    values["intent"] = json.loads(values["intent"])
    values["result"] = None if values["result"] is None else json.loads(values["result"])
    return StepRecord(**values)


def run_event(row: Sequence[Any]) -> RunEvent:
    """The event of a row of EVENT_COLUMNS."""
    values = dict(zip(EVENT_COLUMNS, row, strict=True))
    return RunEvent(**{**values, "data": json.loads(values["data"])})


def columns(names: Sequence[str], prefix: str = "") -> str:
    """A list of columns for a statement."""
    return ", ".join(prefix + name for name in names)


def marks(names: Sequence[str]) -> str:
    """As many question marks."""
    return ", ".join("?" for _ in names)


def _values(names: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    values = dict(zip(names, row, strict=True))
    for name in _FOREIGN & values.keys():
        if values[name] is not None:
            values[name] = loaded(values[name])
    return values


def _usage_from(values: dict[str, Any]) -> Usage:
    return Usage(**{name: values.pop(name) for name in USAGE_COLUMNS})


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
