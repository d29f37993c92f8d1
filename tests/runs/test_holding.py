"""The user's hold on a run's window: what is recorded, and what is refused with the reason."""

from __future__ import annotations

import pytest

from bursar.domain.errors import BadInput
from bursar.runs.context_parts import context_of
from bursar.runs.holding import Wish, held
from bursar.runs.shapes import shapes_of
from support.world import ScriptedModel, WordCounter, Workshop, call, reply


async def begun(shop: Workshop) -> str:
    shop.write("AGENTS.md", "Write plainly.\n")
    shop.write("src/app.py", "".join(f"line_number_{n} = {n}\n" for n in range(40)))
    looks = [reply(call("read_file", path="src/app.py")), reply(call("read_file", path="src/app.py"))]
    model = ScriptedModel(*looks, ConnectionError("gone"), clock=shop.clock)
    run = await shop.begin(model)
    with pytest.raises(ConnectionError):
        await shop.drive(model, run)
    return run


async def wish(shop: Workshop, run: str, what: Wish, item: str) -> str:
    record = shop.journal.run(run)
    assert record is not None
    events = shop.journal.events(run=run)
    context = context_of(
        record,
        shop.journal.steps(run),
        events,
        shop.journal.requests(run=run),
        counter=WordCounter(),
        prices=shop.prices,
        wire_of=lambda _: "anthropic",
        at=shop.clock.now_utc(),
    )
    found = held(what, item, record, context, shapes_of(events))
    await shop.journal.append_event(run=run, kind=found.kind, data={"items": [found.item]})
    return found.message


@pytest.mark.parametrize(
    ("what", "item", "said"),
    [
        ("drop", "system", "system was left as it is: the rules that Bursar gives the agent stand in every request"),
        ("drop", "tools", "tools was left as it is: without its tools the agent can do nothing"),
        ("drop", "task", "task was left as it is: it is what the run is for"),
        ("drop", "m1", "m1 was left as it is: an answer and the results of its calls belong together"),
        ("drop", "steering:AGENTS.md", "every request of this run begins with it"),
        ("pin", "steering:AGENTS.md", "steering:AGENTS.md stays anyway"),
        ("drop", "t9.0", "carries no 't9.0': 'bursar context run-"),
        ("recall", "t1.0", "t1.0 is there in full: nothing was changed"),
        ("unpin", "t1.0", "t1.0 is not pinned: nothing was changed"),
    ],
)
async def test_what_cannot_be_is_refused_with_the_reason(shop: Workshop, what: Wish, item: str, said: str) -> None:
    run = await begun(shop)
    before = shop.journal.events(run=run)
    with pytest.raises(BadInput) as refused:
        await wish(shop, run, what, item)
    assert said in str(refused.value)
    assert shop.journal.events(run=run) == before


async def test_what_points_to_a_dropped_result_is_named(shop: Workshop) -> None:
    run = await begun(shop)
    pointer = {"first": 0, "end": 40, "item": "t1.0", "at": 0, "of": "src/app.py"}
    items = {"t2.0": {"shape": "excerpt", "kept": [], "pointers": [pointer]}}
    await shop.journal.append_event(run=run, kind="context_trimmed", data={"n": 3, "items": items})
    assert "t2.0 pointed to lines of it" in await wish(shop, run, "drop", "t1.0")
    assert "stands in full again" in await wish(shop, run, "recall", "t1.0")
    assert "and in full again" in await wish(shop, run, "pin", "t2.0")
    assert "pointed to lines" not in await wish(shop, run, "drop", "t1.0")
