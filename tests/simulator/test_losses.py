"""Every way to lose a prompt cache, made to happen: the finding beside what the simulator's own cache says of it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bursar.domain.context.losses import Loss, Sent, loss_between, lost_pico, rates_of
from bursar.domain.context.rules import rules_for
from bursar.domain.money.usage import Usage

from .support import CLAUDE, GPT, Simulator, simulator

MARK = {"type": "ephemeral"}
LONG = "alpha beta gamma delta " * 400
SCENARIO = {
    "models": {
        name: {
            "wire": "anthropic",
            "prices": {"input": "2", "output": "10", "cache_read": "0.10", "cache_write_5m": "2.5"},
            "cache": {"ttl_s": 300, "min_tokens": 1024},
        }
        for name in (CLAUDE, "claude-sonnet-5")
    }
    | {
        GPT: {
            "wire": "openai-chat",
            "prices": {"input": "2", "output": "10", "cache_read": "0.2", "cache_write_5m": "2.5"},
            "cache": {"ttl_s": 1800, "min_tokens": 1024},
        }
    },
    "replies": [{"when": {}, "text": "ok"}],
    "faults": [{"when": {"contains": "EVICT"}, "kind": "evict"}],
}
RATES = '{"cache_read": "0.10", "cache_write_1h": "4", "cache_write_5m": "2.5", "input": "2", "output": "10"}'

Body = dict[str, Any]
Change = Callable[[Body], object]


def text(words: str, *, mark: bool = False) -> dict[str, Any]:
    return {"type": "text", "text": words} | ({"cache_control": MARK} if mark else {})


def opening(length: int = 1) -> Body:
    documents = f'<document path="AGENTS.md">\nUse tabs. {LONG * length}\n</document>'
    return {
        "model": CLAUDE,
        "max_tokens": 50,
        "system": [text(f"Work in small steps. {'Carefully. ' * 50 * length}")],
        "tools": [{"name": "read", "description": "Reads", "input_schema": {"type": "object"}}],
        "messages": [{"role": "user", "content": [text(documents, mark=True), text("Current task: add", mark=True)]}],
    }


def gone_on(earlier: Body, *, results: int = 1) -> Body:
    """The next request of the same conversation, marked at its own end."""
    body = copy.deepcopy(earlier)
    last = body["messages"][-1]["content"][-1]
    if len(body["messages"]) > 1:
        last.pop("cache_control", None)
    n = len(body["messages"])
    calls = [{"type": "tool_use", "id": f"c{n}_{i}", "name": "read", "input": {"n": i}} for i in range(results)]
    answers = [
        {
            "type": "tool_result",
            "tool_use_id": f"c{n}_{i}",
            "content": [text(f"line {i} of {n} {LONG if i == 0 else ''}")],
        }
        for i in range(results)
    ]
    answers[-1]["cache_control"] = MARK
    body["messages"] += [{"role": "assistant", "content": calls}, {"role": "user", "content": answers}]
    return body


async def asked(server: Simulator, body: Body) -> Sent:
    response = await server.ask(body)
    assert response.status_code == 200, response.text
    given = response.json()["usage"]
    if body["model"] == GPT:
        details = given["prompt_tokens_details"]
        read, written = details["cached_tokens"], details.get("cache_write_tokens", 0)
        plain = given["prompt_tokens"] - read - written
    else:
        plain, read = given["input_tokens"], given["cache_read_input_tokens"]
        written = given["cache_creation_input_tokens"]
    usage = Usage(uncached_input=plain, cache_read=read, cache_write_5m=written)
    return Sent(model=body["model"], body=json.dumps(body).encode(), at_s=server.hand.seconds, usage=usage)


async def lost(server: Simulator, earlier: Body, later: Body, wait_s: float = 0) -> tuple[Loss | None, dict[str, Any]]:
    """What is found, and what the simulator wrote into its log of the second request."""
    first = await asked(server, earlier)
    server.hand.seconds += wait_s
    second = await asked(server, later)
    found = loss_between(first, second, rules_for(earlier["model"]))
    entry = server.log()[-1]["cache"]
    if found is not None:
        # The simulator knows what it had kept of the first request, and what it read of that for the second.
        one, other = server.rows()[-2]["billed_tokens"], server.rows()[-1]["billed_tokens"]
        kept = one["cache_read"] + one["cache_write_5m"] or one["uncached_input"]
        assert found.tokens == kept - other["cache_read"]
    return found, entry


def system(body: Body) -> None:
    body["system"][0]["text"] += "!"


def tools(body: Body) -> None:
    body["tools"][0]["description"] += "!"


def document(body: Body) -> None:
    block = body["messages"][0]["content"][0]
    block["text"] = block["text"].replace("tabs", "spaces")


def options(body: Body) -> None:
    body["thinking"] = {"type": "disabled"}


def trim(body: Body) -> None:
    body["messages"][2]["content"][0]["content"][0]["text"] = "(dropped)"


def model(body: Body) -> None:
    body["model"] = "claude-sonnet-5"


def evict(body: Body) -> None:
    body["messages"][-1]["content"].append(text("EVICT"))


@pytest.mark.parametrize(
    ("change", "cause", "missed"),
    [
        (system, "system", ""),
        (tools, "tools", ""),
        (document, "document", ""),
        (options, "options", ""),
        (trim, "message", ""),
        (model, "model", ""),
        (evict, "evicted", "evicted"),
    ],
)
async def test_each_change_is_found_as_what_it_was(tmp_path: Path, change: Change, cause: str, missed: str) -> None:
    async with simulator(tmp_path, SCENARIO) as server:
        earlier = gone_on(opening())
        later = gone_on(earlier)
        change(later)
        found, entry = await lost(server, earlier, later)
    assert found is not None
    assert found.cause == cause
    # What was never kept in these bytes is no miss to the cache; what it once had is.
    assert entry["missed"] == missed
    assert entry["known"] == (0 if not missed else found.tokens) or cause == "message"


async def test_what_goes_on_unchanged_loses_nothing(tmp_path: Path) -> None:
    async with simulator(tmp_path, SCENARIO) as server:
        body = opening()
        for _ in range(4):
            found, entry = await lost(server, body, body := gone_on(body), 299)
            assert found is None
            assert (entry["missed"], entry["known"]) == ("", entry["read"])
            assert entry["read"] > 1024


@pytest.mark.parametrize(("waits", "cause"), [(299, None), (300, "expired"), (4_000, "expired")])
async def test_time_is_the_cause_where_the_cache_says_so(tmp_path: Path, waits: float, cause: str | None) -> None:
    async with simulator(tmp_path, SCENARIO) as server:
        found, entry = await lost(server, gone_on(opening()), gone_on(gone_on(opening())), waits)
    assert (found.cause if found else None) == cause
    assert entry["missed"] == (cause or "")


@pytest.mark.parametrize(("results", "cause", "missed"), [(9, None, ""), (11, "lookback", "out_of_reach")])
async def test_twenty_blocks_are_the_reach_of_a_mark(
    tmp_path: Path, results: int, cause: str | None, missed: str
) -> None:
    async with simulator(tmp_path, SCENARIO) as server:
        earlier = gone_on(opening())
        found, entry = await lost(server, earlier, gone_on(earlier, results=results))
    assert (found.cause if found else None) == cause
    assert entry["missed"] == missed
    if found is not None:
        assert found.blocks == 2 * results


async def test_too_short_a_prompt_is_never_kept(tmp_path: Path) -> None:
    async with simulator(tmp_path, SCENARIO) as server:
        short = opening(0)
        short["system"] = [text("Work. " * 300)]
        found, entry = await lost(server, short, gone_on(short))
        log = server.log()
    assert found is not None
    assert found.cause == "too_short"
    assert log[0]["cache"] == {"read": 0, "missed": "short", "known": 0}
    assert entry["known"] == 0


async def test_the_money_of_a_loss_is_the_difference_of_two_bills(tmp_path: Path) -> None:
    """The same request twice, each after the same one: once the cache was given up, once it was not."""
    bills = []
    for times in (0, 1):
        folder = tmp_path / str(times)
        folder.mkdir()
        scenario = SCENARIO | {"faults": [{"when": {"contains": "EVICT"}, "kind": "evict", "times": times}]}
        async with simulator(folder, scenario) as server:
            earlier = gone_on(opening())
            later = gone_on(earlier)
            evict(later)
            first, second = await asked(server, earlier), await asked(server, later)
            bills.append(int(float(server.rows()[-1]["cost_usd"]) * 10**12 + 0.5))
    found = loss_between(first, second, rules_for(CLAUDE))
    rates = rates_of(RATES)
    assert found is not None
    assert rates is not None
    assert lost_pico(found.tokens, second.usage, rates) == bills[1] - bills[0] > 0


@pytest.mark.parametrize(
    ("waits", "changed", "cause"), [(0, False, None), (0, True, "message"), (1_800, False, "expired")]
)
async def test_caches_without_marks_are_judged_alike(
    tmp_path: Path, waits: float, changed: bool, cause: str | None
) -> None:
    async with simulator(tmp_path, SCENARIO) as server:
        earlier = {"model": GPT, "messages": [{"role": "user", "content": LONG}]}
        later = {"model": GPT, "messages": [{"role": "user", "content": LONG + "!" * changed}]}
        later["messages"] += [{"role": "assistant", "content": "ok"}, {"role": "user", "content": "on"}]  # type: ignore[operator]
        first = await asked(server, earlier)
        server.hand.seconds += waits
        second = await asked(server, later)
    found = loss_between(first, second, rules_for(GPT))
    assert (found.cause if found else None) == cause
