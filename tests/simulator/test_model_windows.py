"""A model with a window refuses what is longer, in its vendor's words, and bills nothing of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bursar.simulator import parse_scenario
from bursar.simulator.scenario import ScenarioError
from simulator.support import simulator

PRICES = {"input": "2", "output": "10"}
LONG = "word " * 600


def scenario(wire: str, window: Any = 500) -> dict[str, Any]:
    return {"models": {"small": {"wire": wire, "prices": PRICES, "window_tokens": window}}}


@pytest.mark.parametrize(
    ("wire", "path", "body", "said"),
    [
        (
            "anthropic",
            "/v1/messages",
            {"max_tokens": 10, "messages": [{"role": "user", "content": LONG}]},
            " tokens > 500 maximum",
        ),
        (
            "anthropic",
            "/v1/messages",
            {"max_tokens": 499, "messages": [{"role": "user", "content": "short, but much may come"}]},
            " + 499 > 500, decrease input length or `max_tokens`",
        ),
        (
            "openai-chat",
            "/v1/chat/completions",
            {"max_completion_tokens": 10, "messages": [{"role": "user", "content": LONG}]},
            "maximum context length is 500 tokens. However, you requested",
        ),
        (
            "openai-responses",
            "/v1/responses",
            {"max_output_tokens": 20, "input": [{"role": "user", "content": LONG}]},
            "exceeds the context window of this model",
        ),
    ],
)
async def test_what_is_too_long_is_refused_in_the_vendor_s_words(
    tmp_path: Path, wire: str, path: str, body: dict[str, Any], said: str
) -> None:
    async with simulator(tmp_path, scenario(wire)) as server:
        refused = await server.client.post(path, json={"model": "small", **body})
        (row,) = await server.rows_when(1)
    async with simulator(tmp_path, scenario(wire, 5_000)) as server:
        taken = await server.client.post(path, json={"model": "small", **body})
    assert refused.status_code == 400
    assert said in refused.json()["error"]["message"]
    assert (row["outcome"], row["cost_usd"]) == ("refused", "0")
    if wire != "anthropic":
        assert refused.json()["error"]["code"] == "context_length_exceeded"
    assert taken.status_code == 200


@pytest.mark.parametrize("window", [0, -1, "500", 1.5, True])
def test_a_window_is_a_whole_number_above_0(window: Any) -> None:
    with pytest.raises(ScenarioError, match="window_tokens"):
        parse_scenario(scenario("anthropic", window))
