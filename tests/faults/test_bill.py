"""Faults of the simulated provider, which keeps the true bill: ours is never below it, and equal where answers end."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bursar.domain.money.budget import Scope
from bursar.domain.money.price import PICO_PER_USD
from bursar.runs.world import Finished
from simulator.support import CLAUDE, GPT, simulator
from support.world import Workshop

from .answers import PATIENT, QUICK, provider

DAY = Scope(kind="day", key="2026-11-21")

FAULTS: dict[str, dict[str, Any]] = {
    "429": {"headers": {"retry-after": "7"}},
    "529": {},
    "cut": {"after_chunks": 2},
    "cut before content": {"after_chunks": 0},
    "stall": {"after_chunks": 2},
    "stall before content": {"after_chunks": 0},
    "no_end": {},
    "no_usage": {},
}


@pytest.mark.parametrize(("wire", "name"), [("anthropic", CLAUDE), ("openai-chat", GPT), ("openai-responses", GPT)])
@pytest.mark.parametrize("times", [1, 2, 4])
@pytest.mark.parametrize("fault", FAULTS)
async def test_the_bill(
    shop: Workshop, played: list[str], tmp_path: Path, fault: str, times: int, wire: str, name: str
) -> None:
    prices = {"input": "2", "output": "10", "cache_read": "0.10", "cache_write_5m": "2.5", "cache_write_1h": "4"}
    scenario = {
        "models": {name: {"wire": wire, "prices": prices}},
        "replies": [
            {
                "when": {},
                "text": "I think that it is done.",
                "tool_calls": [{"name": "finish", "input": {"summary": "s"}}],
                "chunk_tokens": 1,
            }
        ],
        "faults": [{"when": {}, "kind": fault.split()[0], "times": times, **FAULTS[fault]}],
    }
    folder = tmp_path / "simulator"
    folder.mkdir()
    async with simulator(folder, scenario) as server:
        model = provider(shop, wire, server.url, QUICK if fault.startswith("stall") else PATIENT)
        run = await shop.begin(model, named=name)  # type: ignore[arg-type]
        drives = 0
        sent = [0]
        while not isinstance(await shop.drive(model, run), Finished):  # type: ignore[arg-type]
            drives += 1
            assert drives <= times
            sent.append(shop.kinds().count("request_started"))
        sent.append(shop.kinds().count("request_started"))
        rows = server.rows()
    played.append(f"{fault} x {times} {wire}")
    assert all(after - before <= 4 for before, after in pairwise(sent))
    truth = sum((Decimal(each["cost_usd"]) for each in rows), Decimal(0)) * PICO_PER_USD
    summary = shop.summary(run)
    assert shop.journal.charged_pico(DAY) >= truth
    assert shop.journal.charged_pico(DAY) <= sum(each.at_most_pico for each in summary.requests)
    assert shop.journal.held_pico(DAY) == 0
    by_id = {each["request_id"]: each for each in rows}
    for row in summary.requests:
        if row.certainty == "billed":
            assert row.cost_pico == Decimal(by_id[row.request_id]["cost_usd"]) * PICO_PER_USD
    billed = {each["request_id"] for each in rows if Decimal(each["cost_usd"])}
    assert billed <= {each.request_id for each in summary.requests}, "nothing that was billed is forgotten"
