"""``bursar replay``: a run's whole history from the journal, events and steps in the order they happened."""

from __future__ import annotations

import argparse
import json
from typing import Any

from bursar.commandline.output import FINE, message, result, result_json
from bursar.domain.context.savings import RunSaving
from bursar.domain.errors import BadInput
from bursar.domain.money.price import usd_text
from bursar.domain.ports import Journal
from bursar.domain.runs import RequestRow, RunEvent, RunRecord, StepRecord
from bursar.domain.safety.show import escape_for_question
from bursar.runs.cache_losses import lost_caches, task_rows
from bursar.runs.rewinding import live_steps
from bursar.runs.savings import saving_of
from bursar.views.cache_losses import loss_text
from bursar.views.figures import money
from bursar.views.progress import event_line
from bursar.views.steps import step_title
from bursar.views.trims import saving_text
from bursar.wiring import App


def replay(app: App, args: argparse.Namespace) -> int:
    """Print each event and each step, a line each."""
    journal = app.journal()
    record = journal.run(args.run)
    if record is None:
        raise BadInput(f"there is no run '{args.run}': see 'bursar runs --all'")
    requests, events = journal.requests(run=record.run), journal.events(run=record.run)
    costs = _costs(requests)
    lost = _lost(journal, record)
    aside = journal.set_aside(record.run)
    live = live_steps(journal.steps(record.run))
    numbers = {each.key: number for number, each in enumerate(live, 1)}
    lines: list[tuple[str, int, int, dict[str, Any]]] = []
    for rewind, step in [*aside, *((None, each) for each in live)]:
        line = _step_json(step, rewind, None if rewind else numbers[step.key], costs, lost)
        lines.append((step.started_at, 0, step.n, line))
    lines += [(each.at, 1, each.seq, _event_json(each)) for each in events]
    lines.sort(key=lambda each: each[:3])
    for _, _, _, line in lines:
        if args.json:
            result_json(line)
        else:
            result(_for_people(line))
            for each in line.get("cache_lost") or ():
                result(f"{'':24}       cache  {escape_for_question(each['message'])}")
    saving = saving_of(events, requests)
    if saving is not None and args.json:
        result_json(_saving_json(saving))
    elif saving is not None:
        result(saving_text(saving))
    if record.erased_at is not None:
        message(f"The texts of this run were erased at {record.erased_at}: what is left is when and what it cost.")
    return FINE


def _costs(rows: list[RequestRow]) -> dict[tuple[str, int], RequestRow]:
    return {(each.step, each.attempt): each for each in rows}


def _lost(journal: Journal, record: RunRecord) -> dict[str, list[dict[str, Any]]]:
    """By step: where the prompt cache was lost, also between this run's first request and another run's last."""
    if record.kind != "task":
        return {}
    found: dict[str, list[dict[str, Any]]] = {}
    for each in lost_caches(journal, task_rows(journal, record.workspace, record.spec), only=record.run):
        loss = each.loss
        found.setdefault(each.row.step, []).append(
            {
                "attempt": each.row.attempt,
                "cause": loss.cause,
                "tokens": loss.tokens,
                "estimated": loss.estimated,
                "cost_usd": None if each.pico is None else usd_text(each.pico),
                "part": loss.part or None,
                "path": loss.path or None,
                "message": loss_text(loss, each.pico),
            }
        )
    return found


def _step_json(
    step: StepRecord,
    rewind: int | None,
    number: int | None,
    costs: dict[tuple[str, int], RequestRow],
    lost: dict[str, list[dict[str, Any]]],
) -> dict[str, Any]:
    row = costs.get((step.key, step.attempt))
    intent = step.intent
    given = intent.get("input") or {}
    about = intent.get("path") or given.get("path") or given.get("pattern") or None
    if "argv" in given:
        about = json.dumps(given["argv"])
    return {
        "type": "step",
        "at": step.started_at,
        "number": number,
        "key": step.key,
        "kind": step.kind,
        "title": step_title(key=step.key, kind=step.kind, tool=intent.get("tool"), about=about),
        "status": step.status,
        "attempt": step.attempt,
        "ended_at": step.ended_at,
        "rewind": rewind,
        "cost_usd": None if row is None or row.cost_pico is None else usd_text(row.cost_pico),
        "at_most_usd": usd_text(row.at_most_pico) if row is not None and row.certainty == "unknown" else None,
        "cache_lost": lost.get(step.key, []) if rewind is None else [],
        "intent": intent,
        "result": step.result,
    }


def _event_json(event: RunEvent) -> dict[str, Any]:
    return {"type": "event", "at": event.at, "seq": event.seq, "kind": event.kind, "data": event.data}


def _saving_json(saving: RunSaving) -> dict[str, Any]:
    return {
        "type": "trims",
        "trims": saving.trims,
        "tokens": saving.tokens,
        "requests": saving.realised.requests,
        "saved_usd": usd_text(saving.realised.pico),
        "rewritten_usd": usd_text(saving.realised.lost_pico),
        "recalls": saving.recalls,
    }


def _for_people(line: dict[str, Any]) -> str:
    if line["type"] == "event":
        text = None
        if line["data"]:
            text = event_line(line["kind"], line["data"], None)
        said = (text or line["kind"].replace("_", " ")).strip()
        return f"{line['at']}      {escape_for_question(said)}"
    number = "-" if line["number"] is None else str(line["number"])
    cost = "" if line["cost_usd"] is None else f"  {_money(line['cost_usd'])}"
    aside = "" if line["rewind"] is None else f"  (set aside by rewind {line['rewind']})"
    title = escape_for_question(line["title"])
    return f"{line['at']}  {number:>3} {line['key']:<6} {title}  {line['status']}{cost}{aside}"


def _money(usd: str) -> str:
    from decimal import Decimal

    from bursar.domain.money.price import PICO_PER_USD

    return money(int(Decimal(usd) * PICO_PER_USD))
