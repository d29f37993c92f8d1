"""Every format against the simulated provider, which shares no arithmetic with us: our sums equal its bill."""

from __future__ import annotations

import dataclasses
import json
from itertools import pairwise

import pytest

from bursar.domain.context.losses import Sent, loss_between
from bursar.domain.context.rules import rules_for
from bursar.domain.conversation import Message, Text, ToolCall, ToolResult
from bursar.domain.errors import AnswerAway, AnswerCut, LimitReached, Overloaded
from bursar.domain.money.price import Cost, cost_of, usd_text
from bursar.domain.money.usage import Usage
from bursar.prices import price_book
from bursar.providers import make_provider
from simulator.support import CLAUDE, GPT, simulator
from support.fakes import CountingIds

from .support import SHORT, FakeClock, Heard, request

MODELS = [("anthropic", CLAUDE), ("openai-chat", GPT), ("openai-responses", GPT)]
BOOK = price_book(override_file=None, free_providers=frozenset())
LONG = "All tasks share this. " * 400

# A turn of this many calls leaves the last cached prefix out of reach of the last mark alone.
MANY_CALLS = 14


def provider_of(server, wire):
    return make_provider(
        name="sim",
        wire=wire,
        base_url=server.url,
        key=lambda: None,
        key_name=None,
        clock=FakeClock(),
        ids=CountingIds(),
    )


def scenario(model: str, wire: str, *, calls: int = 2, faults=()) -> dict:
    prices = {"input": "2", "output": "10", "cache_read": "0.10" if wire == "anthropic" else "0.2"}
    prices["cache_write_5m"] = "2.5"
    if wire == "anthropic":
        prices["cache_write_1h"] = "4"
    tool_calls = [{"name": "read", "input": {"path": f"src/{n}.py"}} for n in range(calls)]
    return {
        "models": {model: {"wire": wire, "prices": prices, "cache": {"ttl_s": 300, "min_tokens": 1024}}},
        "replies": [
            {"when": {"tool_results": 0}, "text": "I look at the files.", "tool_calls": tool_calls},
            {"when": {"tool_results": calls}, "tool_calls": tool_calls},
            {"when": {}, "text": "Done: grüße \U0001f600, all of it.", "chunk_tokens": 1},
        ],
        "faults": list(faults),
    }


@pytest.mark.parametrize(("wire", "model"), MODELS)
@pytest.mark.parametrize("calls", [2, MANY_CALLS])
async def test_usage_and_cost_of_a_conversation_equal_the_bill(tmp_path, wire, model, calls):
    async with simulator(tmp_path, scenario(model, wire, calls=calls)) as server:
        provider = provider_of(server, wire)
        asking = dataclasses.replace(request(LONG), model=model)
        replies = []
        for _ in range(3):
            heard = Heard()
            reply = await provider.send(provider.body(asking), on_stream=heard, keep=heard.keep)
            assert heard.accepted == [reply.request_id]
            replies.append(reply)
            results = [
                ToolResult(call_id=each.id, content=f"text of {each.input['path']}")
                for each in reply.blocks
                if isinstance(each, ToolCall)
            ]
            turn = (Message(role="assistant", blocks=reply.blocks), Message(role="user", blocks=tuple(results)))
            asking = dataclasses.replace(asking, messages=asking.messages + turn)
        rows = {each["request_id"]: each for each in await server.rows_when(3)}
    assert [each.stop_reason for each in replies] == ["tool_use", "tool_use", "end_turn"]
    assert replies[2].blocks == (Text(text="Done: grüße \U0001f600, all of it."),)
    for reply in replies:
        row = rows[reply.request_id]
        assert reply.usage is not None
        ours = {key: value for key, value in reply.usage.as_dict().items() if key != "reasoning"}
        assert ours == row["billed_tokens"]
        assert reply.model == row["model"]
        price = BOOK.price(provider="sim", model=reply.model, at="2026-11-21T08:00:00Z")
        cost = cost_of(reply.usage, price)
        assert isinstance(cost, Cost)
        assert usd_text(cost.pico) == row["cost_usd"]
    # The marks do their work: from the second request on, the prefix is read and not paid again.
    assert replies[0].usage.cache_read == 0
    for before, after in pairwise(replies):
        assert after.usage.cache_read >= 0.9 * before.usage.input
        assert after.usage.uncached_input + after.usage.cache_write_5m < 0.5 * before.usage.input


@pytest.mark.parametrize("marked", [True, False])
async def test_forty_results_at_once_read_what_was_cached_before_them_by_the_mark_between(tmp_path, marked):
    """Without the mark where the last request ended the provider misses it, says so in its log, and we say the same."""
    calls = [ToolCall(id=f"t{n}", name="read", input={"path": f"src/{n}.py"}) for n in range(40)]
    results = [ToolResult(call_id=each.id, content=f"text of {each.input['path']}") for each in calls]
    first = dataclasses.replace(request(LONG), model=CLAUDE)
    turn = (Message(role="assistant", blocks=tuple(calls)), Message(role="user", blocks=tuple(results)))
    second = dataclasses.replace(first, messages=(*first.messages, *turn))
    async with simulator(tmp_path, scenario(CLAUDE, "anthropic")) as server:
        provider = provider_of(server, "anthropic")
        bodies = [json.loads(provider.body(each)) for each in (first, second)]
        if not marked:
            for block in bodies[1]["messages"][0]["content"]:
                block.pop("cache_control", None)
        sent = []
        for body in bodies:
            reply = await provider.send(json.dumps(body).encode(), on_stream=Heard(), keep=lambda data: None)
            sent.append(Sent(model=CLAUDE, body=json.dumps(body).encode(), at_s=0, usage=reply.usage))
        await server.rows_when(2)
        seen = server.log()[-1]["cache"]
    rules = rules_for(CLAUDE)
    found = loss_between(*sent, rules)
    assert all(json.dumps(each).count("cache_control") <= rules.marks for each in bodies)
    if marked:
        assert sent[1].usage.cache_read == sent[0].usage.input > 1_024
        assert (found, seen["missed"]) == (None, "")
    else:
        assert sent[1].usage.cache_read == 0
        assert found is not None
        assert (found.cause, found.tokens, seen["missed"]) == ("lookback", sent[0].usage.input, "out_of_reach")


@pytest.mark.parametrize("once", [True, False])
async def test_the_bill_of_a_request_that_nothing_follows_has_no_cache_write(tmp_path, once):
    async with simulator(tmp_path, scenario(CLAUDE, "anthropic")) as server:
        provider = provider_of(server, "anthropic")
        asking = dataclasses.replace(request(LONG), model=CLAUDE, once=once)
        heard = Heard()
        await provider.send(provider.body(asking), on_stream=heard, keep=heard.keep)
        (row,) = await server.rows_when(1)
    written = row["billed_tokens"]["cache_write_5m"] + row["billed_tokens"]["cache_write_1h"]
    # The control is the same request as one of a conversation: it pays for what the next one reads.
    assert (written == 0) is once
    assert written + row["billed_tokens"]["uncached_input"] > 1024


@pytest.mark.parametrize("kind", ["cut", "stall", "no_end", "cut again", "limit on the way", "looked at"])
@pytest.mark.parametrize("after", [0, 1, 3])
async def test_a_background_answer_that_broke_off_is_billed_once_and_read_whole(tmp_path, kind, after):
    fault = {"when": {}, "kind": {"stall": "stall", "no_end": "no_end"}.get(kind, "cut"), "after_chunks": after}
    fault["times"] = 2 if kind == "cut again" else 1
    faults = [fault, *([{"when": {}, "kind": "429", "times": 1}] if kind == "limit on the way" else [])]
    async with simulator(tmp_path, scenario(GPT, "openai-responses", faults=faults)) as server:
        provider = make_provider(
            name="sim",
            wire="openai-responses",
            base_url=server.url,
            key=lambda: None,
            key_name=None,
            clock=FakeClock(),
            ids=CountingIds(),
            deadlines=SHORT,
        )
        body = provider.body(dataclasses.replace(request(LONG), model=GPT))
        heard = Heard()
        with pytest.raises(AnswerCut):
            await provider.send(body, on_stream=heard, keep=heard.keep)
        (row,) = await server.rows_when(1)
        assert row["outcome"] == "complete"
        if kind == "looked at":
            server.hand.seconds += 301
        how = {"request_id": row["request_id"], "model": GPT, "on_stream": heard, "keep": heard.keep}
        if after == 0:
            # Not even the answer's name had come.
            with pytest.raises(AnswerCut):
                await provider.reattach(heard.kept, **how)
            return
        if kind == "limit on the way":
            with pytest.raises(AnswerAway):
                await provider.reattach(heard.kept, **how)
        reply = await provider.reattach(heard.kept, **how)
        assert [type(each) for each in reply.blocks] == [Text, ToolCall, ToolCall]
        ours = {key: value for key, value in reply.usage.as_dict().items() if key != "reasoning"}
        assert ours == row["billed_tokens"]
        assert len(server.rows()) == len(server.log()) == 1


@pytest.mark.parametrize(("wire", "model"), MODELS)
@pytest.mark.parametrize("kind", ["429", "529", "cut", "no_end", "no_usage"])
async def test_faults(tmp_path, wire, model, kind):
    fault = {"when": {}, "kind": kind, "times": 1}
    if kind == "429":
        fault["headers"] = {"retry-after": "7"}
    if kind == "cut":
        fault["after_chunks"] = 1
    async with simulator(tmp_path, scenario(model, wire, faults=[fault])) as server:
        provider = provider_of(server, wire)
        body = provider.body(dataclasses.replace(request(LONG), model=model))
        heard = Heard()
        if kind == "no_usage":
            reply = await provider.send(body, on_stream=heard, keep=heard.keep)
            assert (reply.usage, reply.usage_clamped) == (None, False)
            return
        expected = {"429": LimitReached, "529": Overloaded}.get(kind, AnswerCut)
        with pytest.raises(expected) as caught:
            await provider.send(body, on_stream=heard, keep=heard.keep)
        if kind == "429":
            assert caught.value.retry_after_s == 7
        if expected is AnswerCut:
            assert caught.value.text_seen
            (row,) = await server.rows_when(1)
            assert row["request_id"] == caught.value.request_id
        # The same bytes go through once the fault is over.
        reply = await provider.send(body, on_stream=heard, keep=heard.keep)
        assert isinstance(reply.usage, Usage)
