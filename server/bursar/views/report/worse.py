"""The parts of the report about what became worse, what brought nothing, and the versions of the user's texts."""

from __future__ import annotations

from bursar.domain.moments import moment_words
from bursar.domain.money.regressions import WATCHED_RUNS
from bursar.domain.money.report import Report
from bursar.domain.money.waste import WASTE_KINDS, Waste, WasteKind
from bursar.domain.money.watch import LEARN
from bursar.views.figures import count, money, plural
from bursar.views.findings import finding_text
from bursar.views.report.markup import Column, Html, paragraph, section, table, text
from bursar.views.steps import step_title

_NAMES: dict[WasteKind, str] = {
    "read_again": "Files read again, unchanged",
    "failed": "Tool calls that failed",
    "no_change": "Edits that changed nothing",
}
_MOST_LISTED = 10


def finding_section(report: Report) -> str:
    """What became worse and still is."""
    told = "".join(paragraph(finding_text(each, report.here), "finding") for each in report.findings)
    none = f"Nothing became worse, as far as it can be told; a change is looked for from {LEARN} runs on."
    return section(
        "regressions",
        "What became worse",
        told or paragraph(none, "soft"),
        source=f"the newest {WATCHED_RUNS} runs in the journal, by workspace and kind of task: figures are ranked "
        "among those before them and a one-sided CUSUM of the ranks' normal scores gives the alarm; changes below 20% "
        "are not told. Of 100 histories of 150 tasks in which nothing changes, up to 3 raise an alarm "
        "('make bench-watch').",
    )


def waste_section(report: Report) -> str:
    """What brought nothing, with its share of the answers that asked for it."""
    sums = table(
        [Column("What", head=True), Column("Steps", numbers=True), Column("Money", numbers=True)],
        (
            [_NAMES[kind], count(len(found)), _sum(found)]
            for kind in WASTE_KINDS
            if (found := [each for each in report.wastes if each.kind == kind])
        ),
    )
    dearest = table(
        [Column("Step", head=True), Column("Why"), Column("Money", numbers=True)],
        (
            (
                Html(f"{text(_title(each))} <code>{text(f'{each.run} {each.step}')}</code>"),
                _NAMES[each.kind],
                "not known" if each.pico is None else money(each.pico),
            )
            for each in report.wastes[:_MOST_LISTED]
        ),
    )
    shown = f"{sums}<h3>The dearest of them</h3>{dearest}" if report.wastes else paragraph("None was found.", "soft")
    return section(
        "waste",
        "The most wasteful steps",
        shown,
        source=f"the steps of the newest {plural(report.runs_looked_at, 'run')} in the journal. The money of a step is "
        "its share of the answer that asked for it; what its result costs as input of later requests comes on top. "
        "Texts that were erased cannot be compared.",
    )


def text_section(report: Report) -> str:
    """Cost and success per version of a steering file or a document of a spec."""
    columns = [
        Column("File", head=True),
        Column("Version"),
        Column("Last used"),
        *(Column(each, numbers=True) for each in ("Runs", "Finished", "Cost of a task")),
    ]
    rows = (
        (
            each.path,
            Html(f"<code>{text(each.sha256[:8])}</code>"),
            moment_words(each.last_at, report.here),
            count(each.runs),
            f"{count(each.finished)} ({100 * each.finished // max(each.runs, 1)}%)",
            "–" if each.median_pico is None else money(each.median_pico),
        )
        for each in report.texts
    )
    none = paragraph("No steering file or document of a spec was used in two versions yet.", "soft")
    return section(
        "texts",
        "Versions of steering files and specs",
        table(columns, rows) if report.texts else none,
        source="the hashes of the texts that went into each run's first request. The cost is the median of the "
        "finished tasks whose whole cost is known, failed attempts at the same task included. Other things may have "
        "changed at the same time: this compares, it does not prove.",
    )


def _sum(found: list[Waste]) -> str:
    known = sum(each.pico or 0 for each in found)
    missing = sum(each.pico is None for each in found)
    return money(known) + (f", {plural(missing, 'step')} not known" if missing else "")


def _title(waste: Waste) -> str:
    return step_title(key=waste.step, kind="look", tool=waste.tool, about=waste.about)
