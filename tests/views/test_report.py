"""The report's page: everything named by others is text in it, it loads nothing, and what is not known is no zero."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC
from html.parser import HTMLParser

import pytest

from bursar.domain.moments import Here
from bursar.domain.money.budget import BudgetState, Scope
from bursar.domain.money.history import RunFigures
from bursar.domain.money.projection import project
from bursar.domain.money.regressions import Cause, Finding, Gap
from bursar.domain.money.report import DaySpent, ModelSpent, Report, text_versions
from bursar.domain.money.rolls import Sums
from bursar.domain.money.spending import SpendLine
from bursar.domain.money.usage import Usage
from bursar.domain.money.waste import Waste
from bursar.domain.prefix import Break
from bursar.domain.runs import RequestRow
from bursar.views.report import report_page

HERE = Here(zone=UTC, day="2026-11-21")
CENT = 10**10
HOSTILE = """</style><script>alert(1)</script><img src=x onerror="alert(2)">'"&amp; \u202eevil\ud800"""
TAGS = set(
    re.findall(
        r"\w+",
        "html head meta title style body main h1 h2 h3 p section div span b table thead tbody tr th td svg g rect line "
        "polyline polygon details summary code",
    )
)
SUMS = Sums(attempts=4, requests=4, usage=Usage(uncached_input=250, cache_read=750, output=9), cost_pico=42 * CENT)


class Seen(HTMLParser):
    """The tags, the attributes and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.words = ""
        self.style = ""
        self._within = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self._within = tag

    def handle_endtag(self, tag: str) -> None:
        self._within = ""

    def handle_data(self, data: str) -> None:
        if self._within == "style":
            self.style += data
        else:
            self.words += data


def row(**changed: object) -> RequestRow:
    values: dict[str, object] = {
        "request_id": "r1",
        "at": "2026-11-21T08:00:00.000Z",
        "run": "run-1",
        "step": "m1",
        "attempt": 1,
        "task": "2.1",
        "workspace": "/w",
        "spec": "tasks.md",
        "file": None,
        "line": None,
        "model": "acme-1",
        "usage": Usage(uncached_input=10, output=5),
        "cost_pico": CENT,
        "at_most_pico": 0,
        "unpriced": False,
        "certainty": "billed",
        "ttft_ms": 100,
        "duration_ms": 2_000,
    }
    return RequestRow(**{**values, **changed})  # type: ignore[arg-type]


def report(name: str = "acme", **changed: object) -> Report:
    """A report with one of everything, each named like this."""
    finding = Finding(
        metric="uncached",
        workspace=name,
        kind=name,
        first="run-1",
        found="run-2",
        began_at="2026-11-20T08:00:00.000Z",
        found_at="2026-11-20T08:00:00.000Z",
        before=100,
        after=800,
        count_before=20,
        count_after=9,
        last=(),
        causes=(
            Cause(kind="model", was=name, now=name),
            Cause(kind="prompt", was="10", now="99", paths=(name,)),
            Cause(
                kind="cache_break",
                gap=Gap(run=name, step="m2", broken=Break(byte=7, part=name, was=name, now=name)),
            ),
        ),
    )
    days = {"2026-11-20": 30 * CENT, "2026-11-21": 12 * CENT}
    budget = BudgetState(
        scope=Scope(kind="workspace", key=name),
        unit="usd",
        limit=100 * CENT,
        spent=42 * CENT,
        reserved=0,
        level="ok",
        resets_at=None,
        source=name,
    )
    values: dict[str, object] = {
        "made_at": "2026-11-21T09:00:00.000Z",
        "here": HERE,
        "since": None,
        "own": SUMS,
        "others": Sums(),
        "held_pico": 0,
        "days": [
            DaySpent(day=day, own=Sums(attempts=1, requests=1, cost_pico=pico), others=Sums())
            for day, pico in days.items()
        ],
        "month": [0] * 19 + list(days.values()),
        "projection": project(days, today="2026-11-21"),
        "models": [ModelSpent(agent=name, model=name, sums=SUMS)],
        "tasks": [SpendLine(key=name, sums=SUMS)],
        "dearest": [row(task=name, spec=name, model=name, run=name)],
        "slowest": [row(task=name)],
        "requests_looked_at": 4,
        "wastes": [Waste(kind="failed", run=name, step="t1.0", tool=name, about=name, pico=CENT)],
        "runs_looked_at": 3,
        "texts": text_versions([figures(name, "v1"), figures(name, "v2")], lambda version: [(name, version * 8)]),
        "findings": [finding],
        "budgets": [budget],
    }
    return Report(**{**values, **changed})  # type: ignore[arg-type]


def figures(name: str, version: str, **changed: object) -> RunFigures:
    values: dict[str, object] = {
        **{each: name for each in ("run", "workspace", "spec", "task", "title", "kind", "model")},
        "finished": True,
        "ended_at": "2026-11-20T08:00:00.000Z",
        "prompt_version": version,
        **dict.fromkeys(("first_tokens", "steps", "requests", "attempts"), 5),
        **dict.fromkeys(("failed", "unpriced", "unknown"), 0),
        "usage": Usage(),
        "cost_pico": CENT,
        "p95_ms": None,
    }
    return RunFigures(**{**values, **changed})  # type: ignore[arg-type]


def test_what_others_named_is_text() -> None:
    page = report_page(report(HOSTILE))
    seen = Seen(page)
    assert seen.tags <= TAGS
    assert {name for name, _ in seen.attributes if name.startswith("on") or name in ("style", "src", "href")} == set()
    assert seen.words.count("<script>alert(1)</script>") >= 15
    assert "\\u{202e}evil\\u{d800}" in seen.words
    assert "\u202e" not in page
    page.encode()


def test_control_the_reader_finds_what_is_not_escaped() -> None:
    assert "script" in Seen(f"<p>{HOSTILE}</p>").tags


def test_nothing_is_loaded_and_only_its_own_style_is_allowed() -> None:
    page = report_page(report())
    seen = Seen(page)
    (policy,) = (value for name, value in seen.attributes if name == "content" and "default-src" in value)
    digest = base64.b64encode(hashlib.sha256(seen.style.encode()).digest()).decode()
    assert policy.split("; ")[:2] == ["default-src 'none'", f"style-src 'sha256-{digest}'"]
    assert re.findall(r"https?:|url\(|@import|<link|<script|<iframe|<img", page) == []


def test_figures_stand_there_with_where_they_come_from() -> None:
    words = Seen(report_page(report())).words
    for figure in ("$0.42", "75.0%", "of the input read from the prompt cache", "grew by 89 tokens"):
        assert figure in words
    sections = re.findall(r'<section id="(\w+)">(.*?)</section>', report_page(report()), flags=re.DOTALL)
    assert [name for name, _ in sections] == [
        "regressions",
        "time",
        "budgets",
        "models",
        "tasks",
        "prompts",
        "slow",
        "waste",
        "lost",
        "texts",
    ]
    assert all("Where this comes from: " in each for _, each in sections)


def test_what_is_not_known_and_has_no_price_is_seen() -> None:
    unpriced = Sums(attempts=2, requests=2, unpriced_requests=2)
    unknown = Sums(attempts=1, requests=1, unknown_requests=1, at_most_pico=5 * CENT)
    shown = report(
        own=SUMS + unpriced + unknown,
        held_pico=CENT,
        models=[ModelSpent(agent="a", model="free?", sums=unpriced), ModelSpent(agent="a", model="cut", sums=unknown)],
        dearest=[row(cost_pico=None, unpriced=True), row(cost_pico=None, certainty="unknown", at_most_pico=5 * CENT)],
        wastes=[Waste(kind="failed", run="r", step="t1.0", tool="x", about="", pico=None)],
    )
    words = Seen(report_page(shown)).words
    assert "2 requests went to models without a known price: their cost is in no sum of this page." in words
    assert "2 requests without a price" in words
    assert "≤ $0.06more: held, or not known" in words
    assert "not known, ≤ $0.05" in words
    assert "no price" in words
    assert "$0.00, 1 step not known" in words


def test_too_little_data_is_said() -> None:
    words = Seen(report_page(report())).words
    assert "Too little data for a projection: 1 whole day since the first spend, and it needs 7." in words


def test_nothing_spent_says_what_to_do() -> None:
    words = Seen(report_page(report(days=[], month=[0] * 21, own=Sums(), findings=[]))).words
    assert "Nothing was spent in this time. 'bursar run' asks a model" in words


@pytest.mark.parametrize("number", [1, 3, 400])
def test_bars_stay_within_their_picture(number: int) -> None:
    days = [DaySpent(day=f"day {n}", own=Sums(cost_pico=n * CENT), others=Sums(cost_pico=CENT)) for n in range(number)]
    page = report_page(report(days=days))
    bars = re.findall(
        r'<rect class="(?:own|other)" x="([\d.]+)" y="([-\d.]+)" width="([\d.]+)" height="([\d.]+)"', page
    )
    assert len(bars) == 2 * number
    for x, y, width, height in bars:
        assert float(x) + float(width) <= 1_000.1
        assert float(y) >= -0.01
        assert float(y) + float(height) <= 100.01


def test_versions_of_a_text_are_compared_and_single_ones_left_out() -> None:
    runs = [
        figures("a", "v1", run="1", title="1", cost_pico=10 * CENT),
        figures("a", "v1", run="2", title="2", cost_pico=30 * CENT, finished=False),
        figures("a", "v2", run="3", title="3", cost_pico=50 * CENT, ended_at="2026-11-21T08:00:00.000Z"),
        figures("a", "v2", run="4", title="4", unpriced=1, cost_pico=0, ended_at="2026-11-21T08:00:00.000Z"),
        figures("a", "", run="5", title="5"),
    ]
    found = text_versions(runs, lambda version: [("style.md", version), ("same.md", "s")])
    assert [(each.path, each.sha256, each.runs, each.finished, each.median_pico) for each in found] == [
        ("style.md", "v2", 2, 2, 50 * CENT),
        ("style.md", "v1", 2, 1, 10 * CENT),
    ]
