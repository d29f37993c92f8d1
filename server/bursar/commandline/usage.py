"""``bursar usage``: what was spent, by day, model, task and more, with every request."""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal

from bursar.commandline.efforts import effort_words, efforts_of, success_json, success_text
from bursar.commandline.findings import findings_json, tell_findings
from bursar.commandline.output import FINE, message, result, result_json
from bursar.domain.days import since_day
from bursar.domain.efforts import EffortGroup
from bursar.domain.errors import BadInput
from bursar.domain.money.alerts import AlertLimits
from bursar.domain.money.price import usd_text
from bursar.domain.money.rolls import OWN_AGENT, Sums
from bursar.domain.money.speed import Percentiles, Speed, output_tokens_per_s
from bursar.domain.money.spending import MOST_TIMED, Spending, SpendKey, SpendLine, spend_lines
from bursar.domain.runs import KEEP_WARM, RequestRow
from bursar.runs.alerting import alerts_today
from bursar.runs.watching import watched
from bursar.views.figures import count, money, plural
from bursar.views.usage import CSV_HEAD, csv_cells, line_text, speed_text
from bursar.wiring import App, workspace_here

By = SpendKey | Literal["effort"]
_MOST_LINES = 60
_MOST_REQUESTS = 10_000


def usage(app: App, args: argparse.Namespace) -> int:
    """What was spent, one row for each key, with every request."""
    if args.json and args.csv:
        raise BadInput("--json and --csv are two forms of the same: choose one")
    journal = app.journal()
    since = None if args.since is None else since_day(args.since, today=app.clock.local_day())
    by: By = args.by
    efforts: dict[str, EffortGroup] = {}
    if by == "effort":
        spending = journal.spending("model", since=since)
        found = efforts_of(journal, journal.requests(since=since))
        efforts = {each.effort: each for each in found}
        lines = [SpendLine(key=each.effort, sums=_sums(each.requests)) for each in found]
    else:
        agent = None if args.all_agents or by == "agent" else OWN_AGENT
        most = None if args.json or args.csv else _MOST_LINES
        spending = journal.spending(by, since=since, agent=agent, most=most)
        lines = spend_lines(by, spending)
    found_worse = watched(journal)
    reused = journal.responses.reused(since=since)
    alerts = alerts_today(journal, _alert_limits(app), app.clock.local_day())
    if args.csv:
        _csv(lines)
    elif args.json:
        requests = journal.requests(since=since, newest=_MOST_REQUESTS)
        rows = [{**_row_json(each), **success_json(efforts.get(each.key))} for each in lines]
        cached = {"answers": reused.answers, "saved_usd": usd_text(reused.saved_pico)}
        more = {
            "response_cache": cached,
            "findings": findings_json(app, found_worse),
            "alerts": [asdict(each) for each in alerts],
        }
        result_json({**_json(rows, requests, spending), **more})
    else:
        _lines(by, lines, efforts, left_out=spending.left_out)
        _totals(spending, by_agent=by == "agent")
        if reused.answers:
            answers = plural(reused.answers, "more answer")
            result(f"{'$0.00':>10}  {answers} from Bursar's response cache, paid {money(reused.saved_pico)} for before")
        _kept_warm(journal.requests(since=since, newest=_MOST_REQUESTS))
    tell_findings(app, found_worse)
    for alert in alerts:
        message(f"bursar: alert: {alert.message}")
    return FINE


def _alert_limits(app: App) -> AlertLimits:
    """What the user set; what was spent is shown whatever the settings are."""
    try:
        return app.settings().alerts
    except BadInput as error:
        message(f"bursar: alerts are not looked at: {error}")
        return AlertLimits()


def request_json(row: RequestRow) -> dict[str, Any]:
    """One request as ``bursar usage`` lists it."""
    return {
        "request_id": row.request_id,
        "at": row.at,
        "run": row.run,
        "task": row.task,
        "model": row.model,
        "usage": row.usage.as_dict(),
        "cost_usd": None if row.cost_pico is None else usd_text(row.cost_pico),
        "at_most_usd": usd_text((row.cost_pico or 0) + row.open_pico)
        if (row.certainty != "billed" and row.at_most_tokens) or row.certainty == "unknown"
        else None,
        "certainty": row.certainty,
        "operation": row.operation or None,
        "ttft_ms": row.ttft_ms,
        "duration_ms": row.duration_ms,
        "output_tokens_per_s": output_tokens_per_s(
            ttft_ms=row.ttft_ms, duration_ms=row.duration_ms, output_tokens=row.usage.output
        ),
    }


def _json(rows: list[dict[str, Any]], requests: Sequence[RequestRow], spending: Spending) -> dict[str, Any]:
    own = spending.own
    open_pico = spending.held_pico + own.at_most_pico
    return {
        "rows": rows,
        "requests": [request_json(each) for each in requests],
        "requests_left_out": max(own.requests - len(requests), 0),
        "total_usd": usd_text(own.cost_pico),
        "held_usd": usd_text(open_pico),
        "at_most_usd": usd_text(own.cost_pico + open_pico),
        "estimated_usd": usd_text(own.estimated_pico),
        "unpriced_requests": own.unpriced_requests,
        "other_agents": {
            "requests": spending.others.requests,
            "cost_usd": usd_text(spending.others.cost_pico),
            "unpriced_requests": spending.others.unpriced_requests,
        },
    }


def _row_json(line: SpendLine) -> dict[str, Any]:
    sums = line.sums
    unpriced = sums.unpriced_requests > 0 and not sums.cost_pico
    return {
        "key": line.key,
        "requests": sums.requests,
        "usage": sums.usage.as_dict(),
        "cost_usd": None if unpriced else usd_text(sums.cost_pico),
        "estimated_usd": usd_text(sums.estimated_pico),
        "not_known_usd": usd_text(sums.at_most_pico),
        "unpriced_requests": sums.unpriced_requests,
        "estimated_requests": sums.estimated_requests,
        "unknown_requests": sums.unknown_requests,
        "attempts": sums.attempts,
        "failed": sums.failed,
        **({} if line.speed is None else {"speed": _speed_json(line.speed)}),
    }


def _speed_json(speed: Speed) -> dict[str, Any]:
    return {
        "requests": speed.requests,
        "ttft_ms": _percentiles_json(speed.ttft_ms),
        "duration_ms": _percentiles_json(speed.duration_ms),
        "output_tokens_per_s": _percentiles_json(speed.output_tokens_per_s),
    }


def _percentiles_json(found: Percentiles | None) -> dict[str, float] | None:
    return None if found is None else {"p50": found.p50, "p95": found.p95}


def _csv(lines: Sequence[SpendLine]) -> None:
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow(CSV_HEAD)
    rows.writerows(csv_cells(each) for each in lines)
    result(written.getvalue().rstrip("\n"))


def _lines(by: By, lines: Sequence[SpendLine], efforts: dict[str, EffortGroup], *, left_out: int) -> None:
    here = f"{workspace_here()}/"
    for each in lines:
        if by == "effort":
            named = SpendLine(key=effort_words(each.key), sums=each.sums)
            result(line_text("model", named, here=here) + success_text(efforts.get(each.key)))
            continue
        result(line_text(by, each, here=here))
        if each.speed is not None:
            result(f"{'':26}{speed_text(each.speed)}")
    if left_out:
        which = "older days" if by == "day" else "rows that cost less"
        message(f"{count(left_out)} {which} are not shown: --csv and --json have them all.")
    if any(each.speed is not None for each in lines):
        message(
            f"Times and tokens per second are p50 / p95 by nearest rank, of the newest {count(MOST_TIMED)} requests"
            " at most."
        )


def _totals(spending: Spending, *, by_agent: bool) -> None:
    own = spending.own
    open_pico = spending.held_pico + own.at_most_pico
    more = f", {plural(own.unpriced_requests, 'request')} without a price not counted" if own.unpriced_requests else ""
    if open_pico:
        more += f", and at most {money(open_pico)} held or not known: at most {money(own.cost_pico + open_pico)}"
    result(f"{money(own.cost_pico):>10}  in all{more}")
    others = spending.others
    if others.requests and not by_agent:
        unpriced = (
            f", {plural(others.unpriced_requests, 'request')} without a price" if others.unpriced_requests else ""
        )
        message(f"Other agents spent {money(others.cost_pico)} beside that{unpriced}: see bursar usage --by agent.")


def _kept_warm(rows: Sequence[RequestRow]) -> None:
    own = [each for each in rows if each.operation == KEEP_WARM]
    if own:
        spent = money(sum(each.cost_pico or 0 for each in own))
        message(f"{spent} of it, {plural(len(own), 'request')}, kept prompts warm while runs waited.")


def _sums(rows: Sequence[RequestRow]) -> Sums:
    total = Sums()
    for row in rows:
        estimated = row.certainty == "estimated"
        total += Sums(
            attempts=1,
            requests=1,
            estimated_requests=int(estimated),
            unknown_requests=int(row.certainty == "unknown"),
            unpriced_requests=int(row.unpriced),
            usage=row.usage,
            cost_pico=row.cost_pico or 0,
            estimated_pico=(row.cost_pico or 0) if estimated else 0,
            at_most_pico=row.open_pico,
        )
    return total
