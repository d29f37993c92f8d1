"""The prompt caches, as explicit arithmetic over what the bill says."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from .support import CLAUDE, GPT, Simulator, claude, gpt, simulator, total

LONG = "alpha beta gamma delta " * 400
MARK = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
SCRIPT = {"replies": [{"when": {}, "text": "ok"}]}


def text(words: str, mark: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "text", "text": words} | ({"cache_control": mark} if mark else {})


def marked(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": CLAUDE, "max_tokens": 10, "messages": [{"role": "user", "content": list(parts)}], **more}


async def buckets(server: Simulator, body: dict[str, Any]) -> tuple[int, int, int, int]:
    response = await server.ask(body)
    assert response.status_code == 200, response.text
    tokens = server.rows()[-1]["billed_tokens"]
    return tokens["uncached_input"], tokens["cache_read"], tokens["cache_write_5m"], tokens["cache_write_1h"]


async def test_what_is_written_is_read_and_the_buckets_add_up(tmp_path: Path) -> None:
    async with simulator(tmp_path, SCRIPT) as server:
        plain = await buckets(server, marked(text(LONG), text("question")))
        wrote = await buckets(server, marked(text(LONG, MARK), text("question")))
        read = await buckets(server, marked(text(LONG, MARK), text("question")))
        rows = server.rows()
    assert plain[1:] == (0, 0, 0)
    assert wrote == (plain[0] - wrote[2], 0, wrote[2], 0)
    assert wrote[2] > 1024
    assert read == (wrote[0], wrote[2], 0, 0)
    # $2 plain, $0.10 read, $2.50 write, $10 out ("ok" is one token), per million.
    assert Decimal(rows[0]["cost_usd"]) == Decimal(plain[0] * 2 + 10) / 10**6
    assert Decimal(rows[1]["cost_usd"]) == (Decimal("2.5") * wrote[2] + 2 * wrote[0] + 10) / 10**6
    assert Decimal(rows[2]["cost_usd"]) == (Decimal("0.1") * wrote[2] + 2 * wrote[0] + 10) / 10**6
    assert total(rows) == Decimal(server.bill()["total_usd"])


async def test_usage_reports_what_is_billed(tmp_path: Path) -> None:
    body = marked(text(LONG, HOUR), text(LONG, MARK), text("question"))
    async with simulator(tmp_path, SCRIPT) as server:
        usage = (await server.ask(body)).json()["usage"]
        billed = server.rows()[0]["billed_tokens"]
    assert usage["input_tokens"] == billed["uncached_input"]
    assert usage["cache_creation_input_tokens"] == billed["cache_write_5m"] + billed["cache_write_1h"]
    assert usage["cache_creation"] == {
        "ephemeral_5m_input_tokens": billed["cache_write_5m"],
        "ephemeral_1h_input_tokens": billed["cache_write_1h"],
    }
    assert billed["cache_write_5m"] > 0 < billed["cache_write_1h"]


async def test_a_growing_conversation_reads_the_old_part_and_writes_the_new_one(tmp_path: Path) -> None:
    async with simulator(tmp_path, SCRIPT) as server:
        first = await buckets(server, marked(text(LONG), text("one", MARK)))
        second = await buckets(server, marked(text(LONG), text("one"), text("two three", MARK)))
    assert first[0] == 0
    assert second == (0, first[2], second[2], 0)
    assert 0 < second[2] < 10


async def test_one_changed_byte_or_key_order_loses_the_prefix(tmp_path: Path) -> None:
    async with simulator(tmp_path, SCRIPT) as server:
        tool = {"name": "t", "description": "d", "input_schema": {}}
        base = await buckets(server, marked(text(LONG, MARK), tools=[tool]))
        again = await buckets(server, marked(text(LONG, MARK), tools=[tool]))
        order = await buckets(server, marked(text(LONG, MARK), tools=[dict(reversed(tool.items()))]))
        system = await buckets(server, marked(text(LONG, MARK), tools=[tool], system="x"))
        choice = await buckets(server, marked(text(LONG, MARK), tools=[tool], tool_choice={"type": "any"}))
        changed = await buckets(server, marked(text(LONG[:-2] + ".", MARK), tools=[tool]))
    assert again[1] == base[2] > 1024
    assert [b[1] for b in (order, system, choice, changed)] == [0, 0, 0, 0]


async def test_tools_and_system_stay_cached_when_the_messages_change(tmp_path: Path) -> None:
    system = [text(LONG, MARK)]
    async with simulator(tmp_path, SCRIPT) as server:
        one = await buckets(server, marked(text("one"), system=system))
        two = await buckets(server, marked(text("two"), system=system, tool_choice={"type": "auto"}))
    assert two == (one[0], one[2], 0, 0)


async def test_a_read_refreshes_the_life_and_the_end_of_it_is_the_end(tmp_path: Path) -> None:
    body = marked(text(LONG, MARK))
    async with simulator(tmp_path, SCRIPT) as server:
        written = (await buckets(server, body))[2]
        server.hand.seconds += 299
        assert await buckets(server, body) == (0, written, 0, 0)
        server.hand.seconds += 299
        assert await buckets(server, body) == (0, written, 0, 0)
        server.hand.seconds += 300
        assert await buckets(server, body) == (0, 0, written, 0)


async def test_a_long_write_lives_for_an_hour_and_costs_its_own_price(tmp_path: Path) -> None:
    body = marked(text(LONG, HOUR))
    async with simulator(tmp_path, SCRIPT) as server:
        written = (await buckets(server, body))[3]
        server.hand.seconds += 3599
        assert await buckets(server, body) == (0, written, 0, 0)
        server.hand.seconds += 3600
        assert await buckets(server, body) == (0, 0, 0, written)
        assert Decimal(server.rows()[0]["cost_usd"]) == Decimal(4 * written + 10) / 10**6


async def test_below_the_minimum_nothing_is_cached(tmp_path: Path) -> None:
    async with simulator(tmp_path, SCRIPT) as server:
        for _ in range(2):
            got = await buckets(server, marked(text("short", MARK)))
            assert got[0] > 0
            assert got[1:] == (0, 0, 0)


@pytest.mark.parametrize(("between", "reads"), [(18, True), (19, True), (20, False)])
async def test_a_mark_looks_back_twenty_blocks_and_no_further(tmp_path: Path, between: int, reads: bool) -> None:
    """The block of the mark is the first of the twenty."""
    async with simulator(tmp_path, SCRIPT) as server:
        wrote = await buckets(server, marked(text(LONG, MARK)))
        later = [text(f"part {i}") for i in range(between - 1)]
        got = await buckets(server, marked(text(LONG), *later, text("last", MARK)))
    assert got[1] == (wrote[2] if reads else 0)


async def test_marks_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    async with simulator(tmp_path, SCRIPT) as server:
        five = await server.ask(marked(*[text("x", MARK)] * 5))
        order = await server.ask(marked(text("x", MARK), text("y", HOUR)))
        ttl = await server.ask(marked(text("x", {"type": "ephemeral", "ttl": "2h"})))
    assert "Found 5" in five.json()["error"]["message"]
    assert [r.status_code for r in (five, order, ttl)] == [400, 400, 400]


async def test_each_model_has_a_cache_of_its_own(tmp_path: Path) -> None:
    prices = {"wire": "anthropic", "prices": {"input": "1", "output": "1"}}
    scenario = SCRIPT | {"models": {CLAUDE: prices, "other": prices}}
    async with simulator(tmp_path, scenario) as server:
        await buckets(server, marked(text(LONG, MARK)))
        other = await buckets(server, marked(text(LONG, MARK), **{"model": "other"}))
    assert other[1] == 0 < other[2]


async def test_openai_reads_and_writes_whole_steps_that_are_included_in_the_prompt(tmp_path: Path) -> None:
    body = gpt(LONG)
    more = gpt(LONG)
    more["messages"] += [{"role": "assistant", "content": "ok"}, {"role": "user", "content": "and now?"}]
    async with simulator(tmp_path, SCRIPT) as server:
        first = (await server.ask(body)).json()["usage"]
        second = (await server.ask(more)).json()["usage"]
        server.hand.seconds += 1800
        third = (await server.ask(more)).json()["usage"]
        rows = server.rows()
    size = first["prompt_tokens"]
    step = size // 128 * 128
    assert first["prompt_tokens_details"]["cached_tokens"] == 0
    assert first["prompt_tokens_details"]["cache_write_tokens"] == step
    grown = second["prompt_tokens"]
    assert second["prompt_tokens_details"]["cached_tokens"] == step
    assert third["prompt_tokens_details"]["cached_tokens"] == 0
    billed = rows[1]["billed_tokens"]
    written = second["prompt_tokens_details"].get("cache_write_tokens", 0)
    assert billed["cache_read"] == step
    assert billed["uncached_input"] + billed["cache_read"] + billed["cache_write_5m"] == grown
    assert billed["cache_write_5m"] == written == grown // 128 * 128 - step
    cost = Decimal("0.2") * step + 2 * (grown - step - written) + Decimal("2.5") * written + 10
    assert Decimal(rows[1]["cost_usd"]) == cost / 10**6


async def test_openai_writes_are_plain_input_where_the_scenario_gives_them_no_price(tmp_path: Path) -> None:
    models = {GPT: {"wire": "openai-chat", "prices": {"input": "2", "output": "10", "cache_read": "0.5"}}}
    async with simulator(tmp_path, SCRIPT | {"models": models}) as server:
        first = (await server.ask(gpt(LONG))).json()["usage"]
        second = (await server.ask(gpt(LONG))).json()["usage"]
        rows = server.rows()
    size = first["prompt_tokens"]
    assert "cache_write_tokens" not in first["prompt_tokens_details"]
    assert Decimal(rows[0]["cost_usd"]) == Decimal(2 * size + 10) / 10**6
    read = second["prompt_tokens_details"]["cached_tokens"]
    assert read == size // 128 * 128
    assert Decimal(rows[1]["cost_usd"]) == (Decimal("0.5") * read + 2 * (size - read) + 10) / 10**6


async def test_a_tier_is_chosen_by_the_whole_prompt_and_replaces_what_it_names(tmp_path: Path) -> None:
    prices = {"input": "1", "output": "1", "tiers": [{"above_tokens": 1000, "input": "3.5"}]}
    async with simulator(tmp_path, SCRIPT | {"models": {CLAUDE: {"wire": "anthropic", "prices": prices}}}) as server:
        short = await buckets(server, claude("short"))
        long = await buckets(server, claude(LONG))
        rows = server.rows()
    assert Decimal(rows[0]["cost_usd"]) == Decimal(short[0] + 1) / 10**6
    assert Decimal(rows[1]["cost_usd"]) == (Decimal("3.5") * long[0] + 1) / 10**6
