"""An export is read as far as it can mean one thing only; what differs from the ledger is listed, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.errors import BadInput
from bursar.domain.money.exported import Export, columns_of, read_export
from bursar.domain.money.reconcile import Booked, Reconciled, reconcile, same_model, tolerance_of

_USD = 10**12
MAP = {"date": "Day", "model": "Model", "cost": "Cost"}


def read(text: str, **more: str) -> Export:
    return read_export(text, {**MAP, **more}, day_of=lambda moment: moment.astimezone(UTC).date().isoformat())


def costs(*amounts: str) -> list[int]:
    lines = "".join(f"2026-11-21;m;{each}\n" for each in amounts)
    export = read(f"Day;Model;Cost\n{lines}")
    assert not export.damaged, export.damaged
    return [each.cost_pico for each in export.rows]


@pytest.mark.parametrize(
    ("text", "pico"),
    [
        ("1.5", 1_500_000_000_000),
        ("$1,234.50", 1_234_500_000_000_000),
        ("USD 12.3", 12_300_000_000_000),
        ("12.3 usd", 12_300_000_000_000),
        ("1.2e-05", 12_000_000),
        ("-3.00", -3_000_000_000_000),
        ("-$3.00", -3_000_000_000_000),
        ("($3.00)", -3_000_000_000_000),
        ("1 234.50", 1_234_500_000_000_000),
        ("1'234.50", 1_234_500_000_000_000),
        ("1,234,567", 1_234_567_000_000_000_000),
        ("0,12", 120_000_000_000),
        ("1.234,50", 1_234_500_000_000_000),
        ("0.000001", 1_000_000),
        (".5", 500_000_000_000),
        ("0", 0),
    ],
)
def test_an_amount(text: str, pico: int) -> None:
    assert costs(text) == [pico]


def test_a_comma_means_what_the_other_rows_show() -> None:
    assert costs("1,234", "0.50") == [1_234 * _USD, _USD // 2]
    assert costs("1,234", "0,50") == [1_234_000_000_000, _USD // 2]
    with pytest.raises(BadInput, match=r"line 2: '1,234' may be thousands or a fraction of a dollar"):
        costs("1,234", "7")


@pytest.mark.parametrize("text", ["", "abc", "NaN", "inf", "1.2.3", "12 EUR", "€5", "1e400", "--", "9" * 40])
def test_no_amount(text: str) -> None:
    export = read(f"Day\tModel\tCost\n2026-11-21\tm\t{text}\n2026-11-21\tm\t1.0\n")
    assert ([each.line for each in export.damaged], len(export.rows)) == ([2], 1)


def days(*texts: str) -> list[str]:
    export = read("Day|Model|Cost\n" + "".join(f"{each}|m|1.0\n" for each in texts))
    assert not export.damaged, export.damaged
    return [each.day for each in export.rows]


def test_dates() -> None:
    assert days("2026-11-21", "2026-11-21T23:30:00", "2026-11-21 05:00:00 UTC") == ["2026-11-21"] * 3
    assert days("2026-11-21T23:30:00-05:00", "2026-11-21T10:00:00Z") == ["2026-11-22", "2026-11-21"]
    assert days("11/21/2026", "03/04/2026") == ["2026-11-21", "2026-03-04"]
    assert days("03/04/2026", "21.11.2026") == ["2026-04-03", "2026-11-21"]
    with pytest.raises(BadInput, match=r"line 3: '03/04/2026' may be two different days"):
        days("2026-11-21", "03/04/2026")
    with pytest.raises(BadInput, match="line 2 has the month before the day and line 3 has it behind"):
        days("11/21/2026", "21/11/2026")
    export = read("Day,Model,Cost\n21 Nov 2026,m,1.0\n2026-02-30,m,1.0\n0000-01-01,m,1.0\n2026-11-21,m\n,,\n")
    assert [each.line for each in export.damaged] == [2, 3, 4, 5]


def test_columns() -> None:
    assert columns_of(["date=Day,model=The Model", "cost=Cost (USD)"]) == {
        "date": "Day",
        "model": "The Model",
        "cost": "Cost (USD)",
    }
    for wrong in (
        ["date=D,model=M"],
        ["day=D,model=M,cost=C"],
        ["date=D,date=E,model=M,cost=C"],
        ["date=,model=M"],
        [""],
    ):
        with pytest.raises(BadInput, match=r"--map: .*write --map date=COL"):
            columns_of(wrong)
    with pytest.raises(BadInput, match="the file has no column 'Cost': its first line names Day, Model, Price"):
        read("Day;Model;Price\n")
    with pytest.raises(BadInput, match="is empty"):
        read("")
    assert [each.request for each in read("Day,Model,Cost,Id\n2026-11-21,m,1,r1\n", request="Id").rows] == ["r1"]


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read("Day,Model,Cost\n" + text)
    except BadInput as error:
        assert "line" in str(error)


def booked(model: str = "m", pico: int = _USD, **more: Any) -> Booked:
    values = {"day": "2026-11-21", "request": None, "at_most_pico": 0, "unpriced_requests": 0}
    return Booked(**{**values, "model": model, "cost_pico": pico, **more})


def compare(lines: str, *books: Booked, tolerance: str = "1", by_request: bool = False) -> Reconciled:
    more = {"request": "Id"} if by_request else {}
    export = read(f"Day,Model,Cost{',Id' if by_request else ''}\n{lines}", **more)
    return reconcile(export.rows, books, by_request=by_request, tolerance_percent=Decimal(tolerance))


def found(result: Reconciled) -> list[tuple[str, int]]:
    return [(each.what, each.difference_pico) for each in result.differences]


def test_books_that_agree() -> None:
    result = compare("2026-11-21,vendor/M-20260101,0.60\n2026-11-21,m,0.40\n", booked())
    assert (result.matched, result.agreed, result.differences) == (1, 1, [])
    assert (result.export_pico, result.ledger_pico) == (_USD, _USD)


def test_a_difference_is_one_above_the_tolerance_and_beyond_rounding() -> None:
    assert found(compare("2026-11-21,m,1.01000000\n", booked())) == []
    assert found(compare("2026-11-21,m,1.02000000\n", booked())) == [("differs", 20_000_000_000)]
    assert found(compare("2026-11-21,m,1.02000000\n", booked(), tolerance="2")) == []
    # Half a cent is what rounding to cents can do, and a cent is not.
    assert found(compare("2026-11-21,m,0.00\n", booked(pico=4_000_000_000))) == []
    assert found(compare("2026-11-21,m,0.00\n", booked(pico=6_000_000_000))) == [("differs", -6_000_000_000)]
    (difference,) = compare("2026-11-21,m,1.50\n", booked()).differences
    assert (difference.export_pico, difference.ledger_pico, difference.percent) == (
        1_500_000_000_000,
        _USD,
        Decimal("33.3"),
    )


def test_what_one_book_does_not_have() -> None:
    result = compare("2026-11-21,m,1.00\n2026-11-21,other,2.00\n", booked(), booked(model="third", pico=7))
    assert found(result) == [("only_in_export", 2 * _USD), ("only_in_ledger", -7)]
    assert (result.matched, result.agreed) == (1, 1)
    nothing = compare("2026-11-21,m,1.00\n", booked(day="2026-11-20"))
    assert nothing.matched == 0


def test_what_is_not_known_may_be_anything_up_to_its_bound() -> None:
    unknown = booked(pico=_USD, at_most_pico=_USD)
    assert found(compare("2026-11-21,m,1.70\n", unknown)) == []
    assert found(compare("2026-11-21,m,2.50\n", unknown)) == [("differs", _USD // 2)]
    assert found(compare("2026-11-21,m,0.50\n", unknown)) == [("differs", -_USD // 2)]
    assert found(compare("2026-11-21,m,0.50\n", booked(pico=0, unpriced_requests=1))) == [("unpriced", _USD // 2)]


def test_requests_are_compared_by_their_ids() -> None:
    books = [booked(request="r1"), booked(request="r2"), booked(request="r2", pico=5)]
    lines = "2026-11-20,x,1.00,r1\n2026-11-21,m,1.00,r2\n2026-11-21,m,1.00,r3\n"
    assert found(compare(lines, *books, by_request=True)) == [("only_in_export", _USD)]


def test_models_and_tolerances() -> None:
    assert {same_model(each) for each in ("Claude-X", "anthropic/claude-x-20260101", "claude-x-2026-01-01")} == {
        "claude-x"
    }
    assert same_model("gpt-5") != same_model("gpt-5-mini")
    assert [tolerance_of(each) for each in ("1%", "0.5", "0 %")] == [1, Decimal("0.5"), 0]
    for wrong in ("", "x", "-1", "100%", "nan", "1e9"):
        with pytest.raises(BadInput, match="is no tolerance"):
            tolerance_of(wrong)


def test_a_moment_without_a_zone_is_a_day_of_its_own() -> None:
    export = read_export(
        "Day,Model,Cost\n2026-11-21T23:30:00,m,1\n", MAP, day_of=lambda moment: datetime.now(UTC).isoformat()
    )
    assert export.rows[0].day == "2026-11-21"
