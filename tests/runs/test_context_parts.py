"""The parts of a run's window: their texts are those of the next body, their figures those of the provider's books."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bursar.domain.context.parts import SessionContext
from bursar.domain.conversation import Text
from bursar.domain.money.price import Cost, Unpriced
from bursar.domain.money.usage import Usage
from bursar.domain.runs import RunEvent, StepRecord
from bursar.runs.assemble import FirstRequest
from bursar.runs.context_parts import Window, context_of
from bursar.runs.fold import request_order
from bursar.runs.modes import modes_of
from bursar.runs.shapes import shapes_of
from support.world import RATES, ScriptedModel, WordCounter, Workshop, broken, call, finish, reply

READ = "def price(weight: int) -> int:\n    return weight * table_of_prices[weight]\n"


def context(shop: Workshop, run: str, **changed: Any) -> SessionContext:
    record = shop.journal.run(run)
    assert record is not None
    given: dict[str, Any] = {"counter": WordCounter(), "prices": shop.prices, "wire_of": lambda _: "anthropic"}
    given |= {"at": shop.clock.now_utc(), **changed}
    steps = given.pop("steps", shop.journal.steps(run))
    return context_of(record, steps, shop.journal.events(run=run), shop.journal.requests(run=run), **given)


def texts(shop: Workshop, run: str, steps: Sequence[StepRecord], events: Sequence[RunEvent]) -> str:
    """What the parts say, put together as the anthropic wire does it for counting."""
    record = shop.journal.run(run)
    assert record is not None
    first = FirstRequest.from_json(record.first_request)
    modes = modes_of(events, began_terse=first.terse)
    pieces = Window(first, steps, modes, shapes_of(events)).pieces(record)
    by_item = {each.item: each.text for each in pieces}
    tools, system = by_item.pop("tools"), by_item.pop("system")
    documents = "".join(by_item.pop(each.item) for each in pieces if each.origin in ("steering", "spec", "pinned"))
    return "\n".join([system, tools, documents, *by_item.values()])


SCRIPT = (
    reply(Text(text="I look first."), call("read_file", "a", path="src/app.py"), call("list_files", "b", path=".")),
    reply(call("edit_file", "c", path="src/app.py", old="table_of_prices", new="prices"), broken()),
    reply(Text(text="Only words.")),
    reply(call("finish", summary="done")),
)


async def played(shop: Workshop, *script: Any) -> tuple[ScriptedModel, str]:
    shop.write("src/app.py", READ)
    shop.write("AGENTS.md", "Write plainly.\n")
    shop.write(".kiro/specs/demo/requirements.md", '# Needs\n\n<document path="x">\nnot one of its own\n</document>\n')
    model = ScriptedModel(*script, clock=shop.clock)
    run = await shop.begin(model)
    await shop.drive(model, run)
    return model, run


async def test_the_parts_say_what_each_request_said(shop: Workshop) -> None:
    model, run = await played(shop, *SCRIPT)
    steps, events = shop.journal.steps(run), shop.journal.events(run=run)
    assert len(model.bodies) == 4
    for n, body in enumerate(model.bodies, start=1):
        before = [each for each in steps if each.n < request_order(n)]
        assert texts(shop, run, before, events) == model.prompt_text(body), n
    changed = [replace(each, result={"content": "other"}) if each.key == "t1.0" else each for each in steps]
    assert texts(shop, run, [each for each in changed if each.n < 4_000], events) != model.prompt_text(model.bodies[3])


async def test_items_their_origins_ages_and_last_uses(shop: Workshop) -> None:
    _, run = await played(shop, *SCRIPT)
    found = context(shop, run)
    assert [(each.item, each.origin, each.age_requests) for each in found.parts] == [
        ("tools", "tools", 4),
        ("system", "system", 4),
        ("steering:AGENTS.md", "steering", 4),
        ("spec:.kiro/specs/demo/requirements.md", "spec", 4),
        ("task", "task", 4),
        ("m1", "conversation", 3),
        ("t1.0", "result", 3),
        ("t1.1", "result", 3),
        ("m2", "conversation", 2),
        ("t2.0", "result", 2),
        ("t2.1", "result", 2),
        ("m3", "conversation", 1),
        ("m4", "conversation", 0),
        ("t4.0", "result", 0),
    ]
    assert found.next_request == 5 and found.used_tokens == sum(each.tokens for each in found.parts)
    # The second answer replaces a name that the file showed; nobody says anything of the listing.
    uses = {each.item: each.last_used_request for each in found.parts}
    assert uses["t1.0"] == 2 and uses["t1.1"] is None
    titles = {each.item: each.title for each in found.parts}
    assert titles["m1"] == "Answer 1: read_file, list_files" and titles["m3"] == "Answer 3: Only words."
    assert titles["t1.0"] == "read_file src/app.py" and titles["t2.1"] == "write_file (broken)"


async def test_money_is_for_what_the_provider_counts_and_keeps(shop: Workshop) -> None:
    # The provider makes twice as many tokens of it as we, and has kept all of it.
    model = ScriptedModel(clock=shop.clock)
    counted = {}

    async def answer(body: bytes) -> Any:
        counted["tokens"] = WordCounter().count(model.prompt_text(body))
        usage = Usage(cache_write_5m=2 * counted["tokens"], output=5)
        return reply(call("list_files", path="."), usage=usage)

    model.script = [answer, finish()]
    shop.write("AGENTS.md", "Write plainly.\n")
    run = await shop.begin(model)
    await shop.drive(model, run)
    steps = [each for each in shop.journal.steps(run) if each.n < request_order(2)]
    now = context(shop, run, steps=steps)
    assert now.answered is not None and now.answered.n == 1
    cached = [each for each in now.parts if each.cached]
    assert {each.item for each in now.parts} - {each.item for each in cached} == {"m1", "t1.0"}
    for each in now.parts:
        assert isinstance(each.per_request, Cost)
        rate = RATES.cache_read if each.cached else RATES.cache_write_5m
        assert each.per_request.pico == int(2 * each.tokens * rate * 10**6)
    assert "2.00 times as many, as the provider counted request 1" in now.provenance
    # Five minutes later nothing is there any more, and everything is written anew.
    shop.clock.advance(301)
    late = context(shop, run, steps=steps)
    assert not any(each.cached for each in late.parts)
    assert isinstance(late.per_request, Cost) and isinstance(now.per_request, Cost)
    assert late.per_request.pico > 10 * now.per_request.pico


async def test_what_is_not_known_is_said_to_be(shop: Workshop) -> None:
    _, run = await played(shop, reply(call("list_files", path="."), usage=None), finish())
    steps = [each for each in shop.journal.steps(run) if each.n < 2_000]
    found = context(shop, run, steps=steps)
    assert {each.cached for each in found.parts if each.age_requests} == {None}
    shop.prices.rates.clear()
    assert isinstance(context(shop, run).per_request, Unpriced)


@pytest.mark.parametrize("known", [0, 1])
async def test_a_call_that_waits_for_its_result_stands_without_one(shop: Workshop, known: int) -> None:
    _, run = await played(shop, SCRIPT[0], finish())
    steps = [each for each in shop.journal.steps(run) if each.key in ("m1", "t1.0")[: 1 + known]]
    items = [each.item for each in context(shop, run, steps=steps).parts][-2:]
    assert items == [["task", "m1"], ["m1", "t1.0"]][known]


async def test_a_run_from_before_its_documents_were_listed(shop: Workshop) -> None:
    _, run = await played(shop, finish())
    record = shop.journal.run(run)
    assert record is not None
    first = replace(FirstRequest.from_json(record.first_request), documents=())
    pieces = Window(first, (), modes_of(())).pieces(record)
    documents = [each for each in pieces if each.origin in ("steering", "spec")]
    assert "".join(each.text for each in documents) == first.shared
    assert documents[0].item == "steering:AGENTS.md"


async def test_a_spec_without_documents(shop: Workshop) -> None:
    model = ScriptedModel(finish(), clock=shop.clock)
    run = await shop.begin(model)
    await shop.drive(model, run)
    found = context(shop, run)
    assert [each.item for each in found.parts] == ["tools", "system", "documents", "task", "m1", "t1.0"]


async def test_trimmed_results_are_shown_as_they_are_sent(shop: Workshop) -> None:
    shop.write("src/app.py", READ)
    excerpt = {"t1.0": {"shape": "excerpt", "kept": [[0, 1]]}}

    async def trims(body: bytes) -> Any:
        await shop.journal.append_event(run=run, kind="context_trimmed", data={"n": 3, "items": excerpt})
        await shop.journal.append_event(run=run, kind="context_dropped", data={"items": ["t1.1"]})
        return reply(call("list_files", path="src"))

    model = ScriptedModel(SCRIPT[0], trims, finish(), clock=shop.clock)
    run = await shop.begin(model)
    await shop.drive(model, run)
    steps, events = shop.journal.steps(run), shop.journal.events(run=run)
    for n, body in enumerate(model.bodies, start=1):
        (sent,) = [at for at, each in enumerate(events) if each.kind == "request_started" and each.data["n"] == n]
        before = [each for each in steps if each.n < request_order(n)]
        assert texts(shop, run, before, events[:sent]) == model.prompt_text(body), n
    found = context(shop, run)
    assert {each.item: each.shape for each in found.parts if each.origin == "result"} == {
        "t1.0": "excerpt",
        "t1.1": "stub",
        "t2.0": "full",
        "t3.0": "full",
    }
    # Both stood so in the newest request already: what it left in the cache is still there.
    assert {each.cached for each in found.parts if each.age_requests} == {True}
    early = context(shop, run, steps=[each for each in steps if each.n < request_order(3)])
    # Before it was sent so, only what stands before the first changed turn.
    assert {each.item for each in early.parts if each.cached} == {"tools", "system", "documents", "task"}
