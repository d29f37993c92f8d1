"""The part of the report about prompt caches that were lost: what that cost, by cause."""

from __future__ import annotations

from collections.abc import Sequence

from bursar.domain.context.losses import LEAST_TOKENS, LossSum, LostCache, by_cause
from bursar.domain.money.report import Report
from bursar.views.cache_losses import CAUSE_NAMES, why
from bursar.views.figures import count, money, plural
from bursar.views.report.markup import Column, Html, paragraph, section, table, text

_MOST_LISTED = 10


def cache_section(report: Report) -> str:
    """What was paid again because it was no longer in the provider's prompt cache, by cause, and the dearest."""
    if not report.cache_losses:
        shown = paragraph("None was found.", "soft")
    else:
        shown = _sums(by_cause(report.cache_losses)) + _dearest(report.cache_losses)
    return section(
        "lost",
        "Lost prompt caches",
        shown,
        source=f"the requests of the newest {plural(report.runs_looked_at, 'run')} in the journal whose usage the "
        "provider reported: what each read less than the one before it had read and written, at the price it was paid "
        "with less that of a read. Between the first request of a run and the runs before it the shared beginning is "
        f"estimated by its share of the text. Less than {LEAST_TOKENS} tokens is not told, and no more than the newest "
        "200. The cause is told from the recorded bytes, the time between and the provider's published rules.",
    )


def _sums(sums: tuple[LossSum, ...]) -> str:
    columns = [Column("Cause", head=True), *(Column(each, numbers=True) for each in ("Times", "Tokens", "Money"))]
    return table(
        columns, ([CAUSE_NAMES[each.cause], count(each.times), count(each.tokens), _money(each)] for each in sums)
    )


def _dearest(losses: Sequence[LostCache]) -> str:
    found = sorted(losses, key=lambda each: -(each.pico or 0))[:_MOST_LISTED]
    rows = (
        (
            Html(f"<code>{text(f'{each.row.run} {each.row.step}')}</code> {text(each.row.task)}"),
            why(each.loss),
            count(each.loss.tokens),
            "not known" if each.pico is None else money(each.pico),
        )
        for each in found
    )
    columns = [
        Column("Request", head=True),
        Column("Why"),
        Column("Tokens", numbers=True),
        Column("Money", numbers=True),
    ]
    return f"<h3>The dearest of them</h3>{table(columns, rows)}"


def _money(each: LossSum) -> str:
    return money(each.pico) + (f", {plural(each.unpriced, 'request')} not known" if each.unpriced else "")
