"""The figures of the resume benchmark: their arithmetic, and that the peers' loop is the same loop."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from benchmarks import report
from benchmarks.resume import scene
from benchmarks.resume.figures import (
    BURSAR,
    DBOS,
    IN_TOOL,
    LANGGRAPH,
    MID_ANSWER,
    RECORDED,
    RESTART,
    RUNNERS,
    Kill,
    Measured,
    billed_again,
    measured,
    rows,
    table,
    total,
)
from benchmarks.resume.play import Play

NOTHING = {"uncached_input": 0, "cache_read": 0, "cache_write_5m": 0, "cache_write_1h": 0, "output": 0}


def bill(*requests: tuple[int, int, int, str], total_usd: str) -> dict[str, Any]:
    """A bill as the simulator writes it: of each request the input, what the cache read, the output and the price."""
    listed = [
        {"billed_tokens": {**NOTHING, "uncached_input": fresh, "cache_read": read, "output": out}, "cost_usd": usd}
        for fresh, read, out, usd in requests
    ]
    return {"requests": listed, "total_usd": total_usd}


UNDISTURBED = bill((100, 0, 10, "0.0003"), (20, 100, 10, "0.00015"), total_usd="0.00045")
RESTARTED = bill(
    (100, 0, 10, "0.0003"),
    (20, 100, 4, "0.00009"),
    (0, 100, 10, "0.00011"),
    (20, 100, 10, "0.00015"),
    total_usd="0.00065",
)


def test_a_bill_is_added_up_by_bucket() -> None:
    got = measured(RESTARTED, ["1", "1", "2"], questions=1)
    assert got.tokens == {**NOTHING, "uncached_input": 140, "cache_read": 300, "output": 34}
    assert (got.all_tokens, got.usd, got.requests) == (474, Decimal("0.00065"), 4)
    assert (got.repeated_effects, got.questions) == (1, 1)


def test_a_bill_that_does_not_add_up_is_refused() -> None:
    with pytest.raises(ValueError, match=r"add up to 0\.00065.*0\.00064"):
        measured({**RESTARTED, "total_usd": "0.00064"}, [])


def test_what_a_kill_cost_is_the_difference_of_the_bills() -> None:
    before = measured(UNDISTURBED, ["1", "2"])
    again = billed_again(measured(RESTARTED, ["1", "1", "1", "2"]), before)
    assert again.tokens == {**NOTHING, "uncached_input": 20, "cache_read": 200, "output": 14}
    assert (again.usd, again.requests, again.repeated_effects) == (Decimal("0.00020"), 2, 2)
    assert billed_again(before, before) == measured(bill(total_usd="0"), [])


def test_sums_are_over_all_plays() -> None:
    play = Measured(tokens={**NOTHING, "output": 7}, usd=Decimal("0.1"), requests=1, repeated_effects=2, questions=3)
    want = Measured(tokens={**NOTHING, "output": 14}, usd=Decimal("0.2"), requests=2, repeated_effects=4, questions=6)
    assert total([play, play]) == want


def test_rows_name_the_peer_and_the_ratio_is_ours_over_theirs(tmp_path: Path) -> None:
    kills = [Kill(point=MID_ANSWER, step=2), Kill(point=IN_TOOL, step=2)]
    tokens = {BURSAR: 3, RESTART: 12, LANGGRAPH: 0, DBOS: 4}
    again = {
        (runner, kill): Measured(
            tokens={**NOTHING, "output": tokens[runner]}, usd=Decimal(tokens[runner]) / 1000, requests=tokens[runner]
        )
        for runner in RUNNERS
        for kill in kills
    }
    made = rows(again, kills, {RESTART: "restart", LANGGRAPH: "langgraph 1", DBOS: "dbos 2"})
    path = report.write("resume", made, {"bursar": "0"}, folder=tmp_path)
    written = json.loads(path.read_bytes())
    assert set(written) == {"rows", "machine", "versions"}
    assert written["rows"][0] == {
        "what": "tokens billed again: killed in the middle of the answer, step 2",
        "value": 3,
        "unit": "tokens",
        "peer": "restart",
        "peer_value": 12,
        "ratio": 0.25,
    }
    money = [row for row in written["rows"] if row["unit"] == "USD"]
    assert [(row["value"], row["peer_value"], row["ratio"]) for row in money[:3]] == [
        ("0.003", "0.012", 0.25), ("0.003", "0", None), ("0.003", "0.004", 0.75)
    ]  # fmt: skip
    assert len({(row["what"], row["peer"]) for row in written["rows"]}) == len(written["rows"]) == 2 * 3 * 10
    lines = table(again, kills)
    assert lines[2] == "| in the middle of the answer | Bursar | 3 | 0.0030 | 3 | 0 | 0 |"
    assert len(lines) == 2 + 2 * len(RUNNERS)


def test_the_peers_loop_is_the_same_loop_and_a_restart_shows_on_the_bill(tmp_path: Path) -> None:
    with Play(tmp_path / "ours", BURSAR, None) as play:
        ours = play.run()
        opening = scene.opening_of(play.log()[0]["body"])
    with Play(tmp_path / "theirs", RESTART, None, opening) as play:
        assert play.run() == ours, "peers/agent.py must mark and say what Bursar's own requests do"
    assert (ours.requests, ours.repeated_effects, ours.questions) == (scene.STEPS, 0, 0)
    # The control: what is asked and done again must be found.
    with Play(tmp_path / "restarted", RESTART, Kill(point=RECORDED, step=2), opening) as play:
        again = billed_again(play.run(), ours)
    assert (again.requests, again.repeated_effects) == (2, 1)
    assert again.tokens["output"] > 0 and again.usd > 0
