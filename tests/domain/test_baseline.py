"""Whether a text became dearer: expected figures are written out as arithmetic."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bursar.domain.baseline import Measured, Resident, Section, compare, parse_percent, percent_more
from bursar.domain.errors import BadInput

TEN = Decimal(10)


def measured(tokens: int, *, usd_per_mtok: int = 2, path: str = "a.md", **more: object) -> Measured:
    resident = Resident(
        model="acme/one", pico=tokens * usd_per_mtok * 10**6, usd_per_mtok=Decimal(usd_per_mtok), rate_card="card"
    )
    return Measured(**{"path": path, "tokens": tokens, "encoding": "o200k_base", "resident": resident, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "after", "dearer"),
    [
        (measured(1_000), measured(1_100), False),  # exactly what is allowed
        (measured(1_000), measured(1_101), True),
        (measured(1_000), measured(500), False),
        (measured(0), measured(0), False),
        (measured(0), measured(1), True),  # from nothing no percentage is small
        (measured(1_000, resident=None), measured(1_200), True),  # without a price the tokens decide
        (measured(1_000), measured(1_000, usd_per_mtok=3), True),  # the price alone
        (measured(1_000, usd_per_mtok=4), measured(1_200, usd_per_mtok=2), True),  # tokens count by themselves
    ],
)
def test_more_than_allowed(before: Measured, after: Measured, dearer: bool) -> None:
    found = compare([before], [after], allowed_percent=TEN)
    assert [each.after.path for each in found.dearer] == (["a.md"] if dearer else [])


def test_what_grew_is_the_inner_section_that_grew_most() -> None:
    outer = (Section(title="All", level=1, tokens=100), Section(title="Tests", level=2, tokens=40))
    grown = (Section(title="All", level=1, tokens=160), Section(title="Tests", level=2, tokens=100))
    (change,) = compare([measured(100, sections=outer)], [measured(160, sections=grown)], allowed_percent=TEN).changes
    assert change.why == "60 tokens more, most of it in “Tests” (+60)"
    twice = (*outer, Section(title="Tests", level=2, tokens=60))
    (change,) = compare([measured(100, sections=outer)], [measured(160, sections=twice)], allowed_percent=TEN).changes
    assert change.why == "60 tokens more, most of it in the new section “Tests” (+60)"


def test_a_dearer_price_is_named() -> None:
    (change,) = compare([measured(10)], [measured(10, usd_per_mtok=3)], allowed_percent=TEN).changes
    assert change.why == "the price of acme/one rose from $2 to $3 per million tokens of input"


def test_every_file_of_both_times_is_somewhere() -> None:
    found = compare(
        [
            measured(1, path="./same.md"),
            measured(1, path="gone.md"),
            measured(1, path="other.md", encoding="cl100k_base"),
        ],
        [measured(1, path="same.md"), measured(1, path="new.md"), measured(1, path="other.md")],
        allowed_percent=TEN,
    )
    assert [each.after.path for each in found.changes] == ["same.md"]
    assert (found.added, found.removed, found.other_encoding) == (("new.md",), ("gone.md",), ("other.md",))


@pytest.mark.parametrize(("text", "percent"), [("10%", "10"), ("10", "10"), (" 2.5 % ", "2.5"), ("0%", "0")])
def test_percentages_as_they_are_written(text: str, percent: str) -> None:
    assert parse_percent(text) == Decimal(percent)


@pytest.mark.parametrize("text", ["", "%", "-1%", "ten", "NaN", "1e9", "1,5%", "٣%", "inf"])
def test_what_is_no_percentage(text: str) -> None:
    with pytest.raises(BadInput, match="is no percentage: write for example"):
        parse_percent(text)


def test_growth_in_percent() -> None:
    assert percent_more(200, 250) == Decimal("25.0")
    assert percent_more(0, 0) == Decimal("0.0")
    assert percent_more(0, 5) is None
