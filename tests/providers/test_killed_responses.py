"""Kill -9 in the middle of a background answer, and resume: the answer is read on, not bought again."""

from __future__ import annotations

import json
import time
import urllib.request
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from support.program import Done, Simulator, User, make_workspace, simulator

GPT = "gpt-6-sol"
SPEC = ".kiro/specs/demo"
WORDS = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
PRICES = {"input": "2", "output": "10", "cache_read": "0.2", "cache_write_5m": "2.5"}
SCENARIO = {
    "models": {GPT: {"wire": "openai-responses", "prices": PRICES, "cache": {"ttl_s": 1800, "min_tokens": 1024}}},
    "replies": [
        {
            "when": {"tool_results": 0},
            "text": WORDS,
            "tool_calls": [{"name": "list_files", "input": {"path": "."}}],
            "chunk_tokens": 1,
            "chunk_ms": 20,
        },
        {"when": {}, "tool_calls": [{"name": "finish", "input": {"summary": "Said hello."}}]},
    ],
}


class Killed:
    """A run that was killed in the middle of its first answer, and the simulator that goes on with it."""

    def __init__(self, folder: Path, sim: Simulator, scenario: dict[str, Any] | None = None) -> None:
        self.sim = sim
        self.user = User(home=folder / "home", cwd=make_workspace(folder / "workspace"))
        self.user.uses(sim.url, wire="openai-responses", model=GPT)
        died = self.user.do("run", SPEC, "--task", "1", "--json", BURSAR_FAILPOINT="mid_stream:4:kill")
        assert died.code == -9

    def resume(self) -> Done:
        return self.user.do("resume", "--json")

    def usage(self) -> dict[str, Any]:
        return self.user.do("usage", "--json").json()

    def response_id(self) -> str:
        """The name of the answer, from the bytes that the killed process had kept."""
        (kept,) = (self.user.home / "inflight").iterdir()
        data = kept.read_bytes().split(b"data: ", 1)[1].split(b"\n", 1)[0]
        assert b"response.completed" not in kept.read_bytes()
        return json.loads(data)["response"]["id"]

    def forget_answer(self, response_id: str) -> None:
        """Make the provider lose the answer."""
        request = urllib.request.Request(f"{self.sim.url}/v1/responses/{response_id}", method="DELETE")
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert json.loads(answer.read())["deleted"]

    def bill_of(self, count: int) -> list[dict[str, Any]]:
        """The bill once it has this many rows: the provider ends its answers without being asked."""
        ends = time.monotonic() + 20
        while len(rows := self.sim.bill()) < count:
            assert time.monotonic() < ends
            time.sleep(0.02)
        return rows


@pytest.mark.parametrize("meanwhile", [False, True], ids=["still being made", "made meanwhile"])
def test_the_bill_has_one_answer_for_the_body_and_the_ledger_the_same(tmp_path: Path, meanwhile: bool) -> None:
    with simulator(tmp_path / "sim", SCENARIO) as sim:
        run = Killed(tmp_path, sim)
        held = run.usage()
        assert held["requests"] == []
        assert Decimal(held["held_usd"]) > 0
        if meanwhile:
            run.bill_of(1)
        done = run.resume()
        assert done.code == 0, done.err
        bill, log, usage = run.bill_of(2), sim.log(), run.usage()
    assert [each["outcome"] for each in bill] == ["complete", "complete"]
    assert len({each["sha256_of_body"] for each in log}) == len(log) == 2
    theirs = {each["request_id"]: each["cost_usd"] for each in bill}
    ours = {each["request_id"]: each["cost_usd"] for each in usage["requests"]}
    assert ours == theirs
    assert {each["certainty"] for each in usage["requests"]} == {"billed"}
    assert usage["held_usd"] == "0"
    # The rest of what was cut is in the conversation: the next body holds the whole of it.
    assert WORDS in json.dumps(log[1]["body"]["input"])


def test_what_a_process_fetched_before_it_was_killed_too_is_not_fetched_again(tmp_path: Path) -> None:
    with simulator(tmp_path / "sim", SCENARIO) as sim:
        run = Killed(tmp_path, sim)
        response_id = run.response_id()
        for point in ("mid_stream:4:kill", "before_result:1:kill"):
            assert run.user.do("resume", "--json", BURSAR_FAILPOINT=point).code == -9
        run.forget_answer(response_id)
        done = run.resume()
        assert done.code == 0, done.err
        bill, usage = run.bill_of(2), run.usage()
    assert {each["request_id"]: each["cost_usd"] for each in usage["requests"]} == {
        each["request_id"]: each["cost_usd"] for each in bill
    }
    assert (len(bill), usage["held_usd"]) == (2, "0")


def test_an_answer_that_is_gone_is_booked_as_at_most_and_asked_again(tmp_path: Path) -> None:
    with simulator(tmp_path / "sim", SCENARIO) as sim:
        run = Killed(tmp_path, sim)
        run.forget_answer(run.response_id())
        done = run.resume()
        assert done.code == 0, done.err
        bill, log, usage = run.bill_of(3), sim.log(), run.usage()
    unknown, *billed = sorted(usage["requests"], key=lambda each: each["certainty"] != "unknown")
    assert unknown["certainty"] == "unknown"
    assert [each["certainty"] for each in billed] == ["billed", "billed"]
    # The provider did go on with it: the request is paid twice, and held at its bound; the second goes on from what
    # had arrived, behind the very bytes of the first.
    bodies = [each["sha256_of_body"] for each in log]
    assert len(set(bodies)) == 3
    cut, again, _ = (each["body"]["input"] for each in sorted(log, key=lambda each: len(each["body"]["input"])))
    assert again[: len(cut)] == cut
    theirs = {each["request_id"]: Decimal(each["cost_usd"]) for each in bill}
    assert theirs.pop(unknown["request_id"]) <= Decimal(unknown["at_most_usd"])
    assert theirs == {each["request_id"]: Decimal(each["cost_usd"]) for each in billed}
    assert usage["held_usd"] == unknown["at_most_usd"]
