"""The whole page."""

from __future__ import annotations

from bursar.domain.moments import moment_words
from bursar.domain.money.report import Report
from bursar.views.figures import plural
from bursar.views.report.lost import cache_section
from bursar.views.report.markup import paragraph, text
from bursar.views.report.spent import (
    budget_section,
    cards,
    model_section,
    request_section,
    task_section,
    time_section,
)
from bursar.views.report.style import STYLE, STYLE_HASH
from bursar.views.report.worse import finding_section, text_section, waste_section

_ALLOWED = f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; base-uri 'none'; form-action 'none'"


def report_page(report: Report) -> str:
    """The report as HTML that loads nothing, runs nothing and says so itself."""
    title = "What the agents spent"
    about = f"Made {moment_words(report.made_at, report.here)} on {report.here.day}"
    about += f", about {report.since} to {report.here.day}." if report.since else ", about everything that is recorded."
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_ALLOWED}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">'
        f"<title>Bursar: {text(title)}</title><style>{STYLE}</style></head><body><main>"
        f"<h1>{text(title)}</h1>{paragraph(about, 'soft')}{_body(report)}</main></body></html>\n"
    )


def _body(report: Report) -> str:
    if not report.days:
        nothing = (
            "Nothing was spent in this time. 'bursar run' asks a model; 'bursar usage import' reads what other agents "
            "spent from their own logs."
        )
        return paragraph(nothing, "note") + budget_section(report)
    return "".join(
        [
            cards(report),
            _warning(report),
            finding_section(report),
            time_section(report),
            budget_section(report),
            model_section(report),
            task_section(report),
            request_section(report),
            waste_section(report),
            cache_section(report),
            text_section(report),
        ]
    )


def _warning(report: Report) -> str:
    unpriced = report.own.unpriced_requests + report.others.unpriced_requests
    if not unpriced:
        return ""
    words = (
        f"{plural(unpriced, 'request')} went to models without a known price: their cost is in no sum of this page. "
        'Give prices in the file that the setting "prices" names.'
    )
    return paragraph(words, "note")
