"""``bursar report``: one file, the user's own, with the figures of the ledger; sums are worked out here by SQL."""

from __future__ import annotations

import re
import stat
from decimal import Decimal
from pathlib import Path

import apsw
import pytest
from jsonschema import Draft202012Validator

from bursar.commandline.schema import load_schema
from support.history import Asked, Did, past
from support.program import User

CENT = 10**10


@pytest.fixture
def spent(user: User) -> User:
    """Two days of spend, one model without a price, a file that was read twice."""
    read = Did(tool="read_file", input={"path": "src/<b>.py"})
    with past(user.home, start="2026-11-19T08:00:00.000Z") as written:
        written.run(Asked(cost_pico=7 * CENT), read, Asked(cost_pico=8 * CENT), read, title="<b>bold</b> & more")
        written.clock.advance(86_400)
        written.run(Asked(cost_pico=None, model="local"), Asked(cost_pico=4 * CENT), title="Other")
    return user


def test_the_figures_are_those_of_the_ledger(spent: User) -> None:
    out = spent.cwd / "out.html"
    done = spent.do("report", "--json", "--out", out)
    assert (done.code, done.err) == (0, "")
    told = done.json()
    Draft202012Validator(load_schema("report")).validate(told)
    database = apsw.Connection(str(spent.home / "bursar.db"), flags=apsw.SQLITE_OPEN_READONLY)
    total, unpriced = database.execute("SELECT sum(cost_pico), sum(unpriced) FROM ledger").fetchall()[0]
    assert Decimal(told["total_usd"]) == Decimal(total) / 10**12 == Decimal("0.19")
    assert told["unpriced_requests"] == unpriced == 1
    page = out.read_text(encoding="utf-8")
    assert "<b>$0.19</b>" in page
    assert "src/&lt;b&gt;.py" in page
    # The second reading has all of the answer that asked for it.
    assert re.search(r'Files read again, unchanged</td><td class="n" data-name="Steps">1</td>', page)
    assert re.search(r'Files read again, unchanged</td><td class="n" data-name="Money">\$0.08</td>', page)


def test_it_is_the_users_alone_and_goes_with_what_is_erased(spent: User) -> None:
    done = spent.do("report")
    path = spent.home / "report.html"
    assert (done.code, done.out) == (0, f"{path}\n")
    assert "open this file in a browser" in done.err
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert spent.do("erase", "--all").code == 0
    assert not path.exists()


def test_since_a_day(spent: User) -> None:
    told = spent.do("report", "--since", "2026-11-20", "--json").json()
    assert (told["since"], told["total_usd"]) == ("2026-11-20", "0.04")
    wrong = spent.do("report", "--since", "yesterday")
    assert (wrong.code, wrong.out) == (2, "")


@pytest.mark.parametrize("out", ["/dev/null", ".", "missing/report.html"])
def test_no_place_for_a_file(user: User, out: str) -> None:
    before = Path("/dev/null").stat().st_mode
    done = user.do("report", "--out", out)
    assert (done.code, done.out) == (2, "")
    assert Path("/dev/null").stat().st_mode == before


def test_with_nothing_spent_it_says_what_to_do(user: User) -> None:
    done = user.do("report", "--json")
    assert done.code == 0
    assert "Nothing was spent in this time" in Path(done.json()["path"]).read_text(encoding="utf-8")
