"""A scenario that cannot be played is refused with the name of the bad key."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bursar.simulator import ScenarioError, default_scenario, load_scenario, parse_scenario

PRICES = {"input": "1", "output": "1"}


def model(**more: Any) -> dict[str, Any]:
    return {"models": {"m": {"wire": "anthropic", "prices": PRICES, **more}}}


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ([], "scenario"),
        ({"reply": []}, "scenario.reply"),
        ({"models": {}}, "models"),
        ({"models": {"m": 1}}, "models.m"),
        (model(wire="gemini"), "models.m.wire"),
        (model(prices=None), "models.m.prices is missing"),
        (model(prices={"input": "1"}), "models.m.prices.output"),
        (model(prices=PRICES | {"input": "-1"}), "models.m.prices.input"),
        (model(prices=PRICES | {"input": "NaN"}), "models.m.prices.input"),
        (model(prices=PRICES | {"input": "cheap"}), "models.m.prices.input"),
        (model(prices=PRICES | {"cached": "1"}), "models.m.prices.cached"),
        (model(prices=PRICES | {"output": "0.0000001"}), "models.m.prices.output has more than six decimals"),
        (model(prices=PRICES | {"tiers": [{"input": "1"}]}), "models.m.prices.tiers[0].above_tokens"),
        (model(cache={"ttl": 1}), "models.m.cache.ttl"),
        (model(cache={"ttl_s": 0}), "models.m.cache.ttl_s"),
        (model(input_token_ratio=0), "models.m.input_token_ratio must be a number from 0.1 to 10"),
        (model(input_token_ratio="2"), "models.m.input_token_ratio"),
        (model(cache={"min_tokens": 0}), "models.m.cache.min_tokens"),
        ({"replies": {}}, "replies must be a list"),
        ({"replies": [{"when": {"task": 2}}]}, "replies[0].when.task"),
        ({"replies": [{"when": {"tool_results": -1}}]}, "replies[0].when.tool_results"),
        ({"replies": [{"when": {"turn": 1}}]}, "replies[0].when.turn"),
        ({"replies": [{"tool_calls": [{"input": {}}]}]}, "replies[0].tool_calls[0].name"),
        ({"replies": [{"chunk_tokens": 0}]}, "replies[0].chunk_tokens"),
        ({"faults": [{"kind": "500"}]}, "faults[0].kind"),
        ({"faults": [{"when": {}}]}, "faults[0].kind"),
        ({"faults": [{"kind": "cut", "times": True}]}, "faults[0].times"),
        ({"faults": [{"kind": "429", "headers": {"a": 1}}]}, "faults[0].headers.a"),
        ({"faults": [{"kind": "429", "headers": {"a b": "1"}}]}, "faults[0].headers"),
        ({"faults": [{"kind": "429", "headers": {"a": "1\r\nb: 2"}}]}, "faults[0].headers.a"),
        ({"faults": [{"kind": "429", "headers": {"Content-Length": "1"}}]}, "faults[0].headers.Content-Length"),
        ({"otherwise": "nothing"}, "otherwise"),
        ({"require_key": 1}, "require_key"),
    ],
)
def test_the_bad_key_is_named(data: Any, key: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(data)
    assert key in str(caught.value)


def test_prices_are_exact_whether_strings_or_numbers(tmp_path: Path) -> None:
    path = tmp_path / "scenario.json"
    path.write_text(
        '{"models": {"m": {"wire": "anthropic", "prices": {"input": 0.1, "output": "0.3"}}},'
        ' "replies": [{"tool_calls": [{"name": "t", "input": {"x": 0.5, "y": [1]}}]}]}'
    )
    scenario = load_scenario(path)
    assert scenario.models["m"].prices == {"input": Decimal("0.1"), "output": Decimal("0.3")}
    assert json.dumps(scenario.replies[0].tool_calls[0].input) == '{"x": 0.5, "y": [1]}'


def test_without_a_file_there_are_two_models_and_the_generic_reply() -> None:
    scenario = load_scenario(None)
    assert scenario == default_scenario()
    assert {name: model.wire for name, model in scenario.models.items()} == {
        "claude-sonnet-5-5": "anthropic",
        "gpt-6-sol": "openai-chat",
    }
    assert scenario.otherwise == "generic"


@pytest.mark.parametrize("content", [None, b"{", b"\xff"])
def test_a_file_that_is_not_there_or_no_json_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "scenario.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ScenarioError, match=r"scenario\.json"):
        load_scenario(path)
