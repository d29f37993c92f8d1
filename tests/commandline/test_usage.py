"""``bursar usage``: sums under every key, what is not certain beside what is, and forms that other programs read."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any

import apsw
import pytest
from jsonschema import Draft202012Validator

from bursar.domain.money.usage import Usage
from support.books import book, entry, unknown, unpriced
from support.program import Done, User

_USD = 10**12
_SCHEMA = json.loads(resources.files("bursar").joinpath("schemas/usage.json").read_text("utf-8"))


def days_ago(number: int) -> str:
    """Asked when it is needed: the day of the module's import may be over by then."""
    return (datetime.now(UTC).date() - timedelta(days=number)).isoformat()


@pytest.fixture
def spent(user: User) -> User:
    """Three days, two models, two tasks of a workspace and one of another."""
    speed = {"ttft_ms": 500, "duration_ms": 2_500}
    book(
        user.home,
        [
            entry(1, cost_pico=_USD, local_day=days_ago(9), file="src/a.py"),
            entry(2, cost_pico=2 * _USD, local_day=days_ago(1), file="src/a.py", **speed),
            entry(3, cost_pico=_USD // 2, local_day=days_ago(0), certainty="estimated", file="src/b.py", **speed),
            unknown(4, 7 * _USD, local_day=days_ago(0)),
            unpriced(5, local_day=days_ago(0), model="=HYPERLINK(1)"),
            entry(6, cost_pico=3, run="run-2", task="2.2", local_day=days_ago(0), model="gpt-5", ttft_ms=900),
            entry(7, cost_pico=5, run="run-3", workspace="/other", local_day=days_ago(1)),
        ],
        not_taken=2,
        not_taken_on=days_ago(0),
    )
    return user


def rows(user: User, *args: str) -> dict[str, dict[str, Any]]:
    done = user.do("usage", *args, "--json").json()
    Draft202012Validator(_SCHEMA).validate(done)
    return {each["key"]: each for each in done["rows"]}


def costs(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {key: each["cost_usd"] for key, each in found.items()}


def test_each_key_has_its_own_rows(spent: User) -> None:
    assert costs(rows(spent, "--by", "day")) == {
        days_ago(9): "1",
        days_ago(1): "2.000000000005",
        days_ago(0): "0.500000000003",
    }
    task = "/home/ada/project/tasks.md"
    assert costs(rows(spent)) == {
        f"{task}#2.1": "3.5",
        "/other/tasks.md#2.1": "0.000000000005",
        f"{task}#2.2": "0.000000000003",
    }
    assert costs(rows(spent, "--by", "model")) == {
        "claude-sonnet-5-5": "3.500000000005",
        "gpt-5": "0.000000000003",
        "=HYPERLINK(1)": None,
    }
    place = "/home/ada/project/src"
    assert costs(rows(spent, "--by", "file")) == {
        f"{place}/a.py": "3",
        f"{place}/b.py": "0.5",
        "": "0.000000000008",
    }
    assert costs(rows(spent, "--by", "agent")) == {"bursar": "3.500000000008"}
    (session,) = rows(spent, "--by", "session")
    assert session.startswith("session-")
    assert costs(rows(spent, "--by", "prompt")) == {"": "3.500000000008"}


def test_since_takes_a_date_a_number_of_days_or_today(spent: User) -> None:
    claude = "claude-sonnet-5-5"
    for since, cost in [(days_ago(9), "3.500000000005"), ("2d", "2.500000000005")]:
        assert rows(spent, "--by", "model", "--since", since)[claude]["cost_usd"] == cost
    today = spent.do("usage", "--since", "today", "--json").json()
    assert today["total_usd"] == "0.500000000003"
    assert len(today["requests"]) == 4
    done = spent.do("usage", "--since=-3d")
    assert (done.code, "'-3d' is no day" in done.err) == (2, True)


def test_what_is_not_certain_is_beside_what_is(spent: User) -> None:
    row = rows(spent)["/home/ada/project/tasks.md#2.1"]
    assert (row["estimated_usd"], row["not_known_usd"], row["cost_usd"]) == ("0.5", "7", "3.5")
    counted = ("requests", "estimated_requests", "unknown_requests", "unpriced_requests", "attempts", "failed")
    assert [row[name] for name in counted] == [5, 1, 1, 1, 7, 3]
    whole = spent.do("usage", "--json").json()
    assert (whole["total_usd"], whole["held_usd"], whole["at_most_usd"]) == (
        "3.500000000008",
        "7",
        "10.500000000008",
    )
    assert (whole["unpriced_requests"], whole["estimated_usd"], whole["requests_left_out"]) == (1, "0.5", 0)
    shown = spent.do("usage").out
    assert "$0.50 of it estimated, at most $7.00 more not known, 1 request without a price, 3 of 7 attempts failed" in (
        shown
    )
    assert "1 request without a price not counted" in shown.splitlines()[-1]
    model = next(each for each in spent.do("usage", "--by", "model").out.splitlines() if "=HYPERLINK" in each)
    assert model.split()[0] == "unpriced"


def test_speed_is_told_by_model_and_task(spent: User) -> None:
    done = spent.do("usage", "--by", "model")
    # 50 tokens in the two seconds between the first token and the end.
    assert "first token 0.50 s / 0.50 s, whole answer 2.5 s / 2.5 s, 25 / 25 tokens/s (2 measured requests)" in done.out
    assert "first token 0.90 s / 0.90 s (1 measured request)" in done.out
    assert "by nearest rank, of the newest 500 requests at most" in done.err
    speed = rows(spent, "--by", "model")["gpt-5"]["speed"]
    assert speed == {
        "requests": 1,
        "ttft_ms": {"p50": 900, "p95": 900},
        "duration_ms": None,
        "output_tokens_per_s": None,
    }
    assert "speed" not in rows(spent, "--by", "day")[days_ago(1)]
    asked = spent.do("usage", "--json").json()["requests"]
    assert [each["output_tokens_per_s"] for each in asked] == [None, 25, 25, None, None, None, None]


def test_csv_opens_in_a_spreadsheet_and_runs_nothing(spent: User) -> None:
    done = spent.do("usage", "--by", "model", "--csv")
    head, *lines = list(csv.reader(io.StringIO(done.out)))
    table = {line[0]: dict(zip(head, line, strict=True)) for line in lines}
    assert "'=HYPERLINK(1)" in table
    assert table["'=HYPERLINK(1)"]["cost_usd"] == ""
    assert Decimal(table["claude-sonnet-5-5"]["cost_usd"]) == Decimal("3.500000000005")
    assert table["claude-sonnet-5-5"]["output_tokens_per_s_p95"] == "25"
    assert spent.do("usage", "--csv", "--json").code == 2


def test_no_name_becomes_a_formula_in_a_spreadsheet(user: User) -> None:
    names = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", 'a"b,c\nd']
    book(user.home, [entry(n, model=name) for n, name in enumerate(names, start=1)])
    _, *lines = list(csv.reader(io.StringIO(user.do("usage", "--by", "model", "--csv").out)))
    assert {line[0] for line in lines} == {f"'{name}" if name[0] in "=+-@\t" else name for name in names}


def test_an_empty_ledger_says_so_in_every_form(user: User) -> None:
    assert rows(user, "--by", "model") == {}
    assert user.do("usage").out.split() == ["$0.00", "in", "all"]
    assert len(user.do("usage", "--csv").out.splitlines()) == 1


def test_sums_that_differ_from_their_rows_are_found_and_mended(spent: User) -> None:
    def sums() -> Any:
        return next(each for each in spent.do("doctor", "--json").json()["checks"] if each["name"] == "sums")

    assert sums()["ok"]
    with apsw.Connection(str(spent.home / "bursar.db")) as db:
        db.execute("UPDATE roll SET cost_pico = cost_pico * 2 WHERE dimension = 'model' AND local_day <> '*'")
    found = sums()
    assert (found["ok"], "by model" in found["detail"], "made anew" in found["detail"]) == (False, True, True)
    assert sums()["ok"]
    assert costs(rows(spent, "--by", "model"))["claude-sonnet-5-5"] == "3.500000000005"
    assert rows(spent, "--by", "model")["gpt-5"]["usage"] == Usage(uncached_input=100, output=50).as_dict()


def test_a_bill_is_compared_with_the_ledger(spent: User, tmp_path: Path) -> None:
    asked = ("--map", "date=Day,model=Model,cost=Amount")
    bill = tmp_path / "bill.csv"

    def reconciled(text: str, *more: str) -> Done:
        bill.write_bytes(text.encode("utf-8-sig"))
        return spent.do("usage", "reconcile", bill, *(more or asked), "--json")

    same = f"{days_ago(9)};claude-sonnet-5-5;$1.00\n{days_ago(1)};claude-sonnet-5-5;$2.00\n"
    # What is booked in these days and is not in the file is a difference, too.
    done = reconciled(f"Day;Model;Amount\n{days_ago(9)};claude-sonnet-5-5;$1.00\n")
    assert (done.code, done.json()["matched"], done.json()["differences"]) == (0, 1, [])
    whole = f"Day;Model;Amount\n{same}{days_ago(0)};claude-sonnet-5-5;$0.50\nsoon;x;1\n{days_ago(0)};x;$3.10\n"
    done = reconciled(whole)
    Draft202012Validator(
        json.loads(resources.files("bursar").joinpath("schemas/usage-reconcile.json").read_text("utf-8"))
    ).validate(done.json())
    assert (done.code, done.json()["matched"], done.json()["agreed"]) == (1, 3, 3)
    assert {(each["what"], each["model"], each["difference_usd"]) for each in done.json()["differences"]} == {
        ("only_in_export", "x", "3.1"),
        ("only_in_ledger", "gpt-5", "-0.000000000003"),
    }
    assert [each["line"] for each in done.json()["skipped"]] == [5]
    assert "line 5 was passed over: 'soon' is no date" in done.err
    done = spent.do("usage", "reconcile", bill, *asked)
    assert f"{days_ago(0)}  x  file $3.10  ledger -  +$3.10 (100.0%)  not in the ledger" in done.out
    done = reconciled("Day,Model,Amount\n2020-01-01,claude-sonnet-5-5,1.00\n")
    assert (done.code, done.json()["matched"]) == (1, 0)
    assert "Nothing of" in done.err
    done = reconciled("Day,Model,Amount\n03/04/2026,m,1.00\n")
    assert (done.code, "line 2: '03/04/2026' may be two different days" in done.err) == (2, True)
    done = reconciled("Id,Day,Model,Amount\nreq-2,2020-01-01,m,2.00\n", *asked, "--map", "request=Id")
    assert (done.code, done.json()["matched"]) == (1, 0)
    done = reconciled(f"Id,Day,Model,Amount\nreq-1,{days_ago(9)},m,1.00\n", *asked, "--map", "request=Id")
    assert (done.code, done.json()["by"], done.json()["agreed"]) == (0, "request", 1)
    assert spent.do("usage", "reconcile", tmp_path, *asked).code == 2


def test_alerts_of_today_are_told_and_settings_that_cannot_be_read_hide_no_money(spent: User) -> None:
    spent.settings(alerts={"cost_day": "0.10usd", "error_share": "20%", "p95_s": "60"})
    done = spent.do("usage", "--json")
    Draft202012Validator(_SCHEMA).validate(done.json())
    # Five requests of today and two attempts that nobody took are too few for a share.
    assert [(each["kind"], each["value"], each["limit"]) for each in done.json()["alerts"]] == [
        ("cost_day", "$7.50", "$0.10")
    ]
    assert "alert: today cost $7.50, of it at most $7.00 not known; the alert is set at $0.10." in done.err
    spent.settings(alerts={"cost_day": "much"})
    done = spent.do("usage", "--json")
    assert (done.code, done.json()["alerts"]) == (0, [])
    assert "alerts are not looked at: " in done.err
    assert "alerts.cost_day: 'much' is not an amount" in done.err
