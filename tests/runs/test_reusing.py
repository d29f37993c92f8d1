"""Bursar's response cache: the same request is paid once, by whoever asks first; another is not answered by it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest

from bursar.domain.money.price import PICO_PER_USD
from bursar.domain.responses import ResponseLimits
from bursar.domain.runs import NewRun
from bursar.runs.assemble import FirstRequest
from bursar.runs.operations import Answered, Unanswered, ask_once
from bursar.runs.reusing import keys_of
from bursar.storage import open_journal
from support.world import MODEL, ScriptedModel, Turn, Workshop, reply, text

DAY_S = 86_400


def question(shop: Workshop, *, about: str = "run-1", task: str = "Is it right?", tools: bool = False) -> NewRun:
    first = FirstRequest(system="You review.", shared="", task=task, tools=tools, max_tokens=500)
    return NewRun(
        run=shop.ids.new("review"),
        workspace=str(shop.root),
        spec="tasks.md",
        task_id="1",
        task_address="1",
        task_title="First thing",
        task_title_sha256="0" * 64,
        task_line=2,
        provider="acme",
        model=MODEL,
        ceiling_pico=PICO_PER_USD,
        first_request=first.to_json(),
        counted_tokens=10,
        kind="review",
        about=about,
    )


def says(shop: Workshop, *words: str) -> ScriptedModel:
    script: list[Turn] = [reply(text(each)) for each in words]
    return ScriptedModel(*script, clock=shop.clock)


async def asked(
    shop: Workshop, model: ScriptedModel, planned: NewRun, *, fresh: bool = False, **rules: Any
) -> Answered:
    found = await ask_once(shop.world(model, **rules), planned, fresh=fresh)
    assert isinstance(found, Answered)
    return found


def kept(shop: Workshop) -> list[tuple[Any, ...]]:
    with apsw.Connection(str(shop.journal.path)) as db:
        return list(db.execute("SELECT run, CAST(text AS TEXT) FROM response ORDER BY used"))


async def test_exactly_the_same_request_is_paid_once_whatever_it_is_about(shop: Workshop) -> None:
    model = says(shop, "Yes.")
    first = await asked(shop, model, question(shop))
    again = await asked(shop, model, question(shop, about="run-2"))
    assert (again.text, again.stop_reason, again.run, again.was_there) == ("Yes.", first.stop_reason, first.run, True)
    assert len(model.bodies) == 1
    assert len(shop.journal.operations()) == 1


@pytest.mark.parametrize(
    "change",
    ["the words", "the provider", "the place", "the workspace", "the wire"],
)
async def test_any_other_request_is_asked(change: str, shop: Workshop) -> None:
    await asked(shop, says(shop, "Yes."), question(shop))
    planned, model = question(shop), says(shop, "No.")
    if change == "the words":
        planned = question(shop, task="Is it right? ")
    elif change == "the provider":
        model.name = "other"
        planned = replace(planned, provider="other")
    elif change == "the place":
        model.address = "http://127.0.0.1:10"
    elif change == "the wire":
        model = ScriptedModel(reply(text("No.")), wire="openai-chat", clock=shop.clock)
    else:
        planned = replace(planned, workspace=str(shop.root.parent))
    found = await asked(shop, model, planned)
    assert (found.text, found.was_there) == ("No.", False)


async def test_another_model_is_another_request(shop: Workshop) -> None:
    world, planned = shop.world(says(shop)), question(shop)
    assert keys_of(world, planned) == keys_of(world, question(shop, about="run-2"))
    assert keys_of(world, planned) != keys_of(world, replace(planned, model="claude-opus-5"))


async def test_two_who_ask_at_once_pay_once(shop: Workshop) -> None:
    """The second window has a process of its own, and asks while the first one's answer is on its way."""
    other = shop.open_again()
    first, second = says(shop, "Yes."), says(shop, "Twice.")
    try:
        both = await asyncio.gather(
            asked(shop, first, question(shop)), asked(shop, second, question(shop, about="run-2"), journal=other)
        )
    finally:
        other.close()
    assert {each.text for each in both} == {"Yes."} or {each.text for each in both} == {"Twice."}
    assert len(first.bodies) + len(second.bodies) == 1
    assert sorted(each.was_there for each in both) == [False, True]


async def test_where_nothing_is_kept_two_pay_twice(shop: Workshop) -> None:
    """The control: these two have nothing else in common that could keep one of them from paying."""
    model = says(shop, "Yes.", "Twice.")
    off = ResponseLimits(ttl_s=0)
    asking = (asked(shop, model, question(shop, about=each), responses=off) for each in ("run-1", "run-2"))
    found = await asyncio.gather(*asking)
    assert (len(model.bodies), [each.was_there for each in found]) == (2, [False, False])


async def test_an_old_answer_is_asked_for_anew(shop: Workshop) -> None:
    limits = ResponseLimits(ttl_s=7 * DAY_S)
    model = says(shop, "Yes.", "Now not.")
    await asked(shop, model, question(shop), responses=limits)
    shop.clock.advance(7 * DAY_S - 60)
    assert (await asked(shop, model, question(shop), responses=limits)).text == "Yes."
    shop.clock.advance(120)
    assert (await asked(shop, model, question(shop), responses=limits)).text == "Now not."
    assert [each[1] for each in kept(shop)] == ["Now not."]


@pytest.mark.parametrize("limits", [ResponseLimits(ttl_s=0), ResponseLimits(max_bytes=0)])
async def test_it_can_be_turned_off(limits: ResponseLimits, shop: Workshop) -> None:
    model = says(shop, "Yes.", "Again yes.")
    await asked(shop, model, question(shop), responses=limits)
    found = await asked(shop, model, question(shop), responses=limits)
    assert (found.text, found.was_there, kept(shop)) == ("Again yes.", False, [])


async def test_those_not_used_for_longest_go_first(shop: Workshop) -> None:
    """Each takes 64 bytes of key and 100 of text: three fit, four do not."""
    limits = ResponseLimits(max_bytes=500)
    model = says(shop, "a" * 100, "b" * 100, "c" * 100, "d" * 100, "e" * 600, "f" * 100)
    for each in "abc":
        await asked(shop, model, question(shop, task=each), responses=limits)
    assert (await asked(shop, model, question(shop, task="a"), responses=limits)).was_there
    await asked(shop, model, question(shop, task="d"), responses=limits)
    assert [each[1][0] for each in kept(shop)] == ["c", "a", "d"]
    await asked(shop, model, question(shop, task="e"), responses=limits)
    assert [each[1][0] for each in kept(shop)] == ["c", "a", "d"], "one that is larger than all is not kept"
    assert (await asked(shop, model, question(shop, task="b"), responses=limits)).text == "f" * 100


async def test_fresh_pays_again_and_takes_its_place(shop: Workshop) -> None:
    model = says(shop, "Yes.", "On second thought, no.")
    first = await asked(shop, model, question(shop))
    second = await asked(shop, model, question(shop), fresh=True)
    assert (second.text, second.was_there, second.run != first.run) == ("On second thought, no.", False, True)
    third = await asked(shop, model, question(shop))
    assert (third.text, third.run, third.was_there) == (second.text, second.run, True)


async def test_a_request_with_tools_is_never_looked_up(shop: Workshop) -> None:
    world = shop.world(says(shop))
    assert keys_of(world, question(shop, tools=True)) == []
    assert len(keys_of(world, question(shop))) == 1


async def test_it_is_told_as_free_with_what_was_paid(shop: Workshop) -> None:
    model = says(shop, "Yes.")
    first = await asked(shop, model, question(shop))
    (row,) = shop.journal.requests(run=first.run)
    shop.clock.advance(DAY_S)
    await asked(shop, model, question(shop))
    told = [each for each in shop.journal.events(run=first.run) if each.kind == "answer_reused"]
    assert [(each.data["paid_at"], each.data["request_id"]) for each in told] == [(row.at, row.request_id)]
    reused = shop.journal.responses.reused()
    assert (reused.answers, reused.saved_pico) == (1, row.cost_pico)
    assert len(shop.journal.requests()) == 1, "nothing is booked for it"
    assert shop.journal.responses.reused(since="2999-01-01").answers == 0


async def test_erasing_what_was_said_erases_it_here(shop: Workshop) -> None:
    model = says(shop, "A secret of ours.", "Another.")
    await asked(shop, model, question(shop))
    assert len(kept(shop)) == 1
    await shop.journal.erase(everything=True)
    assert kept(shop) == []
    files = [each.read_bytes() for each in Path(shop.home).rglob("*") if each.is_file()]
    assert not any(b"A secret of ours." in each for each in files)
    assert (await asked(shop, model, question(shop))).text == "Another."


@pytest.mark.parametrize(("dies_at", "is_kept"), [("before_state", False), ("after_state", True)])
async def test_the_answer_and_the_end_of_its_operation_are_one(dies_at: str, is_kept: bool, shop: Workshop) -> None:
    """Whatever the moment, nobody pays twice: the journal has the answer before the cache does."""
    model = says(shop, "Yes.")
    planned = question(shop)
    passed = 0

    def dies(name: str) -> None:
        nonlocal passed
        passed += name == dies_at
        if name == dies_at and passed == 2:  # the first says that it is being asked
            raise KeyboardInterrupt

    journal = open_journal(shop.home, clock=shop.clock, ids=shop.ids, failpoint=dies)
    with pytest.raises(KeyboardInterrupt):
        await ask_once(shop.world(model, journal=journal), planned)
    journal.close()
    record = shop.journal.run(planned.run)
    assert record is not None
    assert (len(kept(shop)), record.state == "finished") == (int(is_kept), is_kept)
    found = await asked(shop, says(shop), question(shop))
    assert (found.text, found.was_there) == ("Yes.", True)


async def test_what_was_refused_is_not_kept(shop: Workshop) -> None:
    found = await ask_once(shop.world(says(shop), trusted=lambda: False), question(shop))
    assert isinstance(found, Unanswered)
    assert kept(shop) == []
