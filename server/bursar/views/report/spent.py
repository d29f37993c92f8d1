"""The parts of the report about money over time, and by model, agent and task."""

from __future__ import annotations

from collections.abc import Iterable

from bursar.domain.moments import moment_words
from bursar.domain.money.projection import INTERVAL_PERCENT, LEAST_DAYS, Projection
from bursar.domain.money.report import Report
from bursar.domain.money.rolls import OWN_AGENT, Sums
from bursar.domain.runs import RequestRow
from bursar.views.figures import amount, count, money, plural, seconds
from bursar.views.report.charts import day_bars, month_curve, share
from bursar.views.report.markup import Cell, Column, Html, paragraph, section, table, text

_KEPT = "sums that are kept with every row of the ledger, in its transaction ('bursar usage --by {}')"


def cards(report: Report) -> str:
    """The figures that one looks for first."""
    own = report.own
    shown = [
        (money(own.cost_pico), "spent by Bursar" + _since(report)),
        *([(money(report.others.cost_pico), "by other agents, as imported")] if report.others.requests else []),
        (count(own.requests), "requests"),
        (cache_share(own), "of the input read from the prompt cache"),
    ]
    if report.held_pico or own.at_most_pico:
        shown.append((f"≤ {money(report.held_pico + own.at_most_pico)}", "more: held, or not known"))
    if own.unpriced_requests:
        shown.append((count(own.unpriced_requests), "of the requests without a price"))
    inner = "".join(f'<div class="card"><b>{text(a)}</b><span>{text(b)}</span></div>' for a, b in shown)
    return f'<div class="cards">{inner}</div>'


def time_section(report: Report) -> str:
    """Days, the month and where it goes."""
    key = '<p class="soft"><span class="key k-own"></span>Bursar'
    if report.others.cost_pico:
        key += '<span class="key k-other"></span>other agents, as imported'
    days = [each for each in report.days if each.own.attempts or each.others.requests]
    listed = table(
        [Column("Day", head=True), *(Column(each, numbers=True) for each in ("Bursar", "Other agents", "Requests"))],
        (
            [each.day, _cost(each.own), _cost(each.others), count(each.own.requests + each.others.requests)]
            for each in reversed(days)
        ),
    )
    return section(
        "time",
        "Spend over time",
        f"{key}</p>",
        day_bars(report.days),
        "<h3>This month</h3>",
        month_curve(report.month, report.projection),
        paragraph(_projection_words(report.projection)),
        f"<details><summary>The days as a table</summary>{listed}</details>",
        source=f"{_KEPT.format('day')}; days are the user's calendar days. The line ahead is fitted by least squares "
        f"to the spend of the last whole days, up to four weeks, days without spend as zero; the shaded interval holds "
        f"the sum of the coming days in {INTERVAL_PERCENT} of 100 cases if single days go on to scatter as they did.",
    )


def model_section(report: Report) -> str:
    """By model and agent, with what came from the prompt cache."""
    rows = (
        (
            each.model or "not known",
            "Bursar" if each.agent == OWN_AGENT else each.agent,
            count(each.sums.requests),
            _cost(each.sums),
            cache_share(each.sums),
            share(each.sums.usage.cache_read, each.sums.usage.input),
        )
        for each in report.models
    )
    columns = [
        Column("Model", head=True),
        Column("Agent"),
        Column("Requests", numbers=True),
        Column("Cost", numbers=True),
        Column("From the cache", numbers=True),
        Column("Share"),
    ]
    return section(
        "models",
        "By model and agent",
        table(columns, rows),
        source=f"{_KEPT.format('model')}; other agents as 'bursar usage import' read their logs. From the cache: "
        "tokens read from the provider's prompt cache, of all input tokens that it reported.",
    )


def task_section(report: Report) -> str:
    """The dearest tasks."""
    rows = ([each.key, count(each.sums.requests), _cost(each.sums), cache_share(each.sums)] for each in report.tasks)
    columns = [
        Column("Task", head=True),
        *(Column(each, numbers=True) for each in ("Requests", "Cost", "From the cache")),
    ]
    return section(
        "tasks", "The dearest tasks", _or_none(report.tasks, table(columns, rows)), source=_KEPT.format("task")
    )


def request_section(report: Report) -> str:
    """The dearest prompts and the slowest answers."""
    looked_at = f"the ledger's newest {plural(report.requests_looked_at, 'request')}, as the providers reported them"
    dear, slow = (_requests(each, report) for each in (report.dearest, report.slowest))
    return section(
        "prompts",
        "The dearest prompts",
        _or_none(report.dearest, dear),
        source=f"{looked_at} ('bursar cost' explains one)",
    ) + section(
        "slow",
        "The slowest steps",
        _or_none(report.slowest, slow),
        source=f"{looked_at}; measured here from the sending of the request to the end of its answer",
    )


def cache_share(sums: Sums) -> str:
    """``83.1%`` of the input, or a dash without any."""
    return f"{100 * sums.usage.cache_read / sums.usage.input:.1f}%" if sums.usage.input else "–"


def _requests(rows: Iterable[RequestRow], report: Report) -> str:
    columns = [
        Column("Prompt", head=True),
        Column("Model"),
        Column("When"),
        *(Column(each, numbers=True) for each in ("Input", "Output", "Took", "Cost")),
    ]
    return table(columns, (_request(each, report) for each in rows))


def _request(row: RequestRow, report: Report) -> list[Cell]:
    took = "–" if row.duration_ms is None else seconds(row.duration_ms / 1_000)
    return [
        Html(f"{text(f'{row.spec} · {row.task}')} <code>{text(f'{row.run} {row.step}')}</code>"),
        row.model,
        moment_words(row.at, report.here),
        count(row.usage.input),
        count(row.usage.output),
        took,
        _row_cost(row),
    ]


def _row_cost(row: RequestRow) -> str:
    if row.unpriced:
        return "no price"
    if row.cost_pico is None:
        return f"not known, ≤ {money(row.at_most_pico)}"
    return money(row.cost_pico) + (" (our count)" if row.certainty == "estimated" else "")


def _cost(sums: Sums) -> str:
    """What is known, and beside it what is not: never a zero for it."""
    if not sums.attempts and not sums.requests:
        return "–"
    parts = [] if sums.unpriced_requests and not sums.cost_pico else [money(sums.cost_pico)]
    if sums.estimated_pico:
        parts.append(f"{money(sums.estimated_pico)} of it our count")
    if sums.at_most_pico:
        parts.append(f"≤ {money(sums.at_most_pico)} not known")
    if sums.unpriced_requests:
        parts.append(f"{plural(sums.unpriced_requests, 'request')} without a price")
    return ", ".join(parts)


def _projection_words(found: Projection) -> str:
    spent = f"Spent this month: {money(found.spent_pico)}."
    if found.pico is None:
        return (
            f"{spent} Too little data for a projection: {plural(found.days, 'whole day')} since the first spend, and "
            f"it needs {LEAST_DAYS}."
        )
    grows = money(abs(found.slope_pico))
    trend = f"{'growing' if found.slope_pico >= 0 else 'falling'} by {grows} a day"
    return (
        f"{spent} If it goes on as in the last {plural(found.days, 'day')}, {trend}: {money(found.pico)} by "
        f"{found.last_day}, in {INTERVAL_PERCENT} of 100 cases between {money(found.low_pico)} and "
        f"{money(found.high_pico)}. Requests without a price are in none of these figures."
    )


def budget_section(report: Report) -> str:
    """The limits with what is taken of them."""
    rows = []
    for each in report.budgets:
        taken = each.spent + each.reserved
        rows.append(
            (
                each.scope.kind + (f" {each.scope.key}" if each.scope.kind == "workspace" else ""),
                amount(each.unit, taken),
                "no limit" if each.limit is None else amount(each.unit, each.limit),
                Html("") if each.limit is None else share(min(taken, each.limit), each.limit),
                each.level,
                moment_words(each.resets_at, report.here) or "–",
                each.source,
            )
        )
    columns = [
        Column("Budget", head=True),
        Column("Taken", numbers=True),
        Column("Limit", numbers=True),
        Column("Share"),
        Column("Level"),
        Column("Resets"),
        Column("Set by"),
    ]
    return section(
        "budgets",
        "Budgets",
        table(columns, rows),
        source="the ledger and what is held for requests in flight; a bill that is not known counts at its bound "
        "('bursar budget')",
    )


def _or_none(rows: object, shown: str) -> str:
    return shown if rows else paragraph("Nothing yet.", "soft")


def _since(report: Report) -> str:
    return f" since {report.since}" if report.since else ""
