"""Message Batches as the vendor describes them, and a bill of their own at half the price."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from .support import CLAUDE, claude, simulator

PATH = "/v1/messages/batches"


def batch(*texts: str, **more: Any) -> dict[str, Any]:
    return {"requests": [{"custom_id": f"r{at}", "params": claude(text, **more)} for at, text in enumerate(texts)]}


def results(raw: str) -> dict[str, dict[str, Any]]:
    return {row["custom_id"]: row["result"] for row in map(json.loads, raw.splitlines())}


async def test_a_batch_is_looked_at_until_it_has_ended(tmp_path: Path) -> None:
    replies = [{"when": {"contains": "one"}, "text": "uno"}, {"when": {"contains": "two"}, "text": "dos"}]
    async with simulator(tmp_path, {"replies": replies, "batches": [{"when": {"contains": "one"}, "looks": 2}]}) as sim:
        made = (await sim.client.post(PATH, json=batch("one", "two"))).json()
        assert (made["type"], made["processing_status"], made["results_url"]) == ("message_batch", "in_progress", None)
        assert made["request_counts"] == {"processing": 2, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
        assert made["created_at"] < made["expires_at"]
        assert (await sim.client.get(f"{PATH}/{made['id']}/results")).status_code == 400
        looks = [(await sim.client.get(f"{PATH}/{made['id']}")).json()["processing_status"] for _ in range(4)]
        assert looks == ["in_progress", "in_progress", "ended", "ended"]
        found = results((await sim.client.get(f"{PATH}/{made['id']}/results")).text)
        assert {name: each["type"] for name, each in found.items()} == {"r0": "succeeded", "r1": "succeeded"}
        assert found["r0"]["message"]["content"] == [{"type": "text", "text": "uno"}]
        assert found["r1"]["message"]["stop_reason"] == "end_turn"
        rows = sim.rows()
        assert {each["request_id"] for each in rows} == {each["message"]["id"] for each in found.values()}
        for row, answer in zip(rows, (found["r0"], found["r1"]), strict=True):
            usage = answer["message"]["usage"]
            whole = Decimal(2) * usage["input_tokens"] + Decimal(10) * usage["output_tokens"]
            assert Decimal(row["cost_usd"]) == whole / 2 / 10**6


async def test_a_price_of_its_own_comes_before_the_half(tmp_path: Path) -> None:
    prices = {"input": "2", "output": "10", "batch": {"input": "0.5", "output": "1"}}
    async with simulator(tmp_path, {"models": {CLAUDE: {"wire": "anthropic", "prices": prices}}}) as sim:
        made = (await sim.client.post(PATH, json=batch("Hello"))).json()
        await sim.client.get(f"{PATH}/{made['id']}")
        (row,) = sim.rows()
        tokens = row["billed_tokens"]
        expected = Decimal("0.5") * tokens["uncached_input"] + tokens["output"]
        assert Decimal(row["cost_usd"]) * 10**6 == expected > 0


@pytest.mark.parametrize("outcome", ["errored", "canceled", "expired"])
async def test_what_is_not_answered_is_not_billed(tmp_path: Path, outcome: str) -> None:
    async with simulator(tmp_path, {"batches": [{"when": {"contains": "one"}, "outcome": outcome}]}) as sim:
        made = (await sim.client.post(PATH, json=batch("one", "two"))).json()
        ended = (await sim.client.get(f"{PATH}/{made['id']}")).json()
        assert (ended["request_counts"][outcome], ended["request_counts"]["succeeded"]) == (1, 1)
        found = results((await sim.client.get(f"{PATH}/{made['id']}/results")).text)
        assert (found["r0"]["type"], found["r1"]["type"]) == (outcome, "succeeded")
        assert sorted(each["outcome"] for each in sim.rows()) == ["complete", "refused"]
        assert [each["cost_usd"] == "0" for each in sim.rows()] == [True, False]


async def test_the_list_is_newest_first_and_in_pages(tmp_path: Path) -> None:
    async with simulator(tmp_path) as sim:
        ids = [(await sim.client.post(PATH, json=batch("one"))).json()["id"] for _ in range(3)]
        first = (await sim.client.get(f"{PATH}?limit=2")).json()
        assert ([each["id"] for each in first["data"]], first["has_more"]) == ([ids[2], ids[1]], True)
        rest = (await sim.client.get(f"{PATH}?limit=2&after_id={first['last_id']}")).json()
        assert ([each["id"] for each in rest["data"]], rest["has_more"]) == ([ids[0]], False)
        cancelled = (await sim.client.post(f"{PATH}/{ids[0]}/cancel")).json()
        assert (cancelled["processing_status"], cancelled["request_counts"]["canceled"]) == ("ended", 1)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"requests": []}, 400),
        ({"requests": [{"params": claude()}]}, 400),
        ({"requests": [{"custom_id": "x"}]}, 400),
        ({"requests": [{"custom_id": "x", "params": claude()}] * 2}, 400),
    ],
)
async def test_what_is_no_batch_is_refused(tmp_path: Path, body: dict[str, Any], status: int) -> None:
    async with simulator(tmp_path) as sim:
        assert (await sim.client.post(PATH, json=body)).status_code == status
        assert (await sim.client.get(f"{PATH}/msgbatch_0")).status_code == 404
        assert (await sim.client.delete(PATH)).status_code == 405
        assert sim.rows() == []


async def test_a_request_that_is_wrong_by_itself_errs_by_itself(tmp_path: Path) -> None:
    async with simulator(tmp_path) as sim:
        wrong = batch("one")
        wrong["requests"][0]["params"]["model"] = "nobody"
        made = (await sim.client.post(PATH, json=wrong)).json()
        await sim.client.get(f"{PATH}/{made['id']}")
        found = results((await sim.client.get(f"{PATH}/{made['id']}/results")).text)
        assert found["r0"]["error"]["error"]["type"] == "not_found_error"
