"""A whole run over the formats that the simulator does not speak: two requests, a tool between them, both booked."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from bursar.domain.money.price import Rates
from bursar.runs.world import Finished
from faults.answers import provider
from providers.lines import calls, kind
from support.fault_server import LAST_CHUNK, chunk, fault_server, head
from support.world import Workshop

RATES = Rates(
    input=Decimal(3), output=Decimal(15), cache_read=Decimal(1), cache_write_5m=Decimal(3), cache_write_1h=Decimal(3)
)


@pytest.mark.parametrize(("wire", "model"), [("gemini", "gemini-x"), ("ollama", "llama-x")])
async def test_a_run(shop: Workshop, wire: str, model: str) -> None:
    shop.prices.rates[model] = RATES
    async with fault_server() as server:
        for name, arguments in (
            ("write_file", {"path": "src/new.py", "content": "x = 1\n"}),
            ("finish", {"summary": "done"}),
        ):
            server.will(head(200, kind=kind(wire)) + chunk(calls(wire, name, arguments)) + LAST_CHUNK)
        asked = provider(shop, wire, server.url)
        run = await shop.begin(asked, named=model)  # type: ignore[arg-type]
        assert isinstance(await shop.drive(asked, run), Finished)  # type: ignore[arg-type]
        first, second = (json.loads(each.body) for each in server.received)
    assert (shop.root / "src" / "new.py").read_text() == "x = 1\n"
    turns = "contents" if wire == "gemini" else "messages"
    assert second[turns][: len(first[turns])] == first[turns], "what was sent before is the beginning of what follows"
    rows = shop.summary(run).requests
    assert [(each.model, each.certainty) for each in rows] == [(model, "billed")] * 2
    # Seven tokens in and three out, twice.
    assert [each.cost_pico for each in rows] == [(7 * 3 + 3 * 15) * 10**6] * 2
