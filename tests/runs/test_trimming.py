"""Spec runs use the context engine: what is cut is in the journal before it is sent, and comes back by its handle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bursar.domain.conversation import ModelReply
from bursar.domain.money.usage import Usage
from bursar.runs.cache_losses import lost_caches
from bursar.runs.shapes import DROPPED, PINNED, TRIMMED
from bursar.runs.world import Ceilings
from support.world import RATES, ScriptedModel, Workshop, call, finish, ran_well, reply

EDITABLE = "claude-sonnet-5"
"""A model whose row lets what was sent be edited."""
PATIENT = Ceilings(wall_s=1e9)
BIG = "\n".join(f"def function_{n}(argument):  # the body of number {n} says what it does" for n in range(700))
OTHER = "\n".join(f"class Thing{n}:  # another file with lines of its own, number {n}" for n in range(900))


@pytest.fixture(autouse=True)
def _priced(shop: Workshop) -> None:
    prepare(shop)


@pytest.fixture
def aside(tmp_path: Path) -> Iterator[Workshop]:
    made = Workshop(tmp_path / "aside")
    prepare(made)
    yield made
    made.close()


def prepare(shop: Workshop) -> None:
    shop.prices.rates[EDITABLE] = RATES
    shop.write("big.py", BIG)
    shop.write("other.py", OTHER)


def reads(*paths: str) -> list[ModelReply]:
    return [reply(call("read_file", id=f"c{n}", path=path)) for n, path in enumerate(paths)]


async def played(shop: Workshop, *script: ModelReply, named: str = EDITABLE, **rules: Any) -> tuple[ScriptedModel, str]:
    model = ScriptedModel(*script, clock=shop.clock)
    run = await shop.begin(model, named=named, ceiling_usd=None)
    await shop.drive(model, run, **rules)
    return model, run


def trims(shop: Workshop, run: str) -> list[dict[str, Any]]:
    return [each.data for each in shop.journal.events(run=run) if each.kind == TRIMMED]


def results(body: dict[str, Any]) -> dict[str, str]:
    """The results that a body has, by the id of their call."""
    return {
        block["tool_use_id"]: "".join(each["text"] for each in block["content"])
        if isinstance(block["content"], list)
        else block["content"]
        for message in body["messages"]
        for block in message["content"]
        if block["type"] == "tool_result"
    }


async def test_a_second_reading_points_to_the_first(shop: Workshop) -> None:
    model, run = await played(shop, *reads("big.py", "other.py", "big.py"), finish())
    (trim,) = trims(shop, run)
    assert trim["n"] == 4
    assert trim["items"]["t3.0"]["why"] == "shown above"
    last = results(model.requests[-1])
    assert last["c0"] == BIG
    assert last["c2"] == "[lines 1-700: as lines 1-700 of result t1.0 above (read_file big.py)]"
    assert trim["items"]["t3.0"]["tokens_before"] - trim["items"]["t3.0"]["tokens_after"] == trim["tokens"] > 10_000


async def test_the_shape_is_in_the_journal_before_the_request_that_it_is_for(shop: Workshop) -> None:
    _, run = await played(shop, *reads("big.py", "other.py", "big.py"), finish())
    kinds = [(each.kind, each.data.get("n")) for each in shop.journal.events(run=run)]
    assert kinds.index((TRIMMED, 4)) < kinds.index(("request_started", 4))


async def test_switched_off_everything_is_sent_as_it_is(shop: Workshop) -> None:
    model, run = await played(shop, *reads("big.py", "other.py", "big.py"), finish(), trims=False)
    assert trims(shop, run) == []
    assert results(model.requests[-1])["c2"] == BIG


async def test_after_a_silence_what_is_hardly_needed_goes(shop: Workshop) -> None:
    """Texts that were read long ago and never used: rewriting the prompt without them costs nothing then."""
    for name in ("big.py", "other.py"):
        shop.write(name, "\n".join(f"some words of {name} that nobody speaks of any more, {n}" for n in range(1_000)))
    for n in range(9):
        shop.write(f"d{n}/x.txt", f"{n}")
    looks = [reply(call("list_files", id=f"l{n}", path=f"d{n}")) for n in range(9)]
    model = ScriptedModel(*reads("big.py", "other.py"), *looks, finish(), clock=shop.clock)
    run = await shop.begin(model, named=EDITABLE, ceiling_usd=None)

    def wait(kind: str) -> None:
        if kind == "tool_finished" and len(model.bodies) == 10:
            shop.clock.advance(3_600)

    shop.on_event.append(wait)
    await shop.drive(model, run, ceilings=PATIENT)
    (trim,) = trims(shop, run)
    assert trim["n"] == 11
    assert trim["is_cold"]
    assert {each["why"] for each in trim["items"].values()} == {"the cache was cold"}
    assert trim["rewritten_tokens"] > trim["tokens"] > 20_000
    assert len(model.bodies[-2]) < len(model.bodies[-3]) / 10
    assert Decimal(trim["expected_usd"]) > 0


async def test_a_model_whose_thinking_is_preserved_keeps_all_that_was_sent(shop: Workshop) -> None:
    model = ScriptedModel(
        *reads("big.py", "other.py", "big.py"), reply(call("list_files", id="c3", path=".")), finish()
    )
    run = await shop.begin(model, ceiling_usd=None)
    shop.on_event.append(lambda kind: shop.clock.advance(3_600) if kind == "tool_finished" else None)
    await shop.drive(model, run, ceilings=PATIENT)
    assert [list(each["items"]) for each in trims(shop, run)] == [["t3.0"]]
    for one, other in zip(model.requests, model.requests[1:], strict=False):
        before = results(one)
        assert {each: results(other)[each] for each in before} == before


async def test_a_pin_holds_and_a_drop_takes_effect_with_the_next_request(shop: Workshop) -> None:
    model = ScriptedModel(*reads("big.py", "other.py"), clock=shop.clock)

    async def says(kind: str, items: list[str], then: ModelReply) -> ModelReply:
        await shop.journal.append_event(run=run, kind=kind, data={"items": items})
        return then

    async def pins(body: bytes) -> ModelReply:
        return await says(PINNED, ["t3.0"], reads("big.py", "big.py", "big.py")[2])

    async def drops(body: bytes) -> ModelReply:
        return await says(DROPPED, ["t1.0"], reply(call("list_files", id="c4", path=".")))

    model.script += [pins, drops, finish()]
    run = await shop.begin(model, named=EDITABLE, ceiling_usd=None)
    await shop.drive(model, run)
    assert trims(shop, run) == []
    assert results(model.requests[3])["c2"] == BIG
    last = results(model.requests[4])
    assert last["c0"] == '[result t1.0, 700 lines, left out; recall {"item": "t1.0"}]'
    assert last["c2"] == BIG


async def test_what_failed_stands_as_it_is(shop: Workshop) -> None:
    shop.programs.outcomes = [ran_well(BIG, exit_code=1), ran_well(BIG, exit_code=1)]
    shop.person.answers = ["Yes", "Yes"]
    model, _ = await played(
        shop,
        reply(call("run_command", id="c0", argv=["make"])),
        *reads("other.py", "other.py")[1:],
        reply(call("run_command", id="c2", argv=["make"])),
        finish(),
    )
    last = results(model.requests[-1])
    assert "function_350(" in last["c0"]
    assert "function_350(" in last["c2"]


async def test_bulky_output_is_cut_on_arrival_and_comes_back_whole(shop: Workshop) -> None:
    shop.programs.outcomes = [ran_well(OTHER)]
    shop.person.answers = ["Yes"]
    model, run = await played(
        shop,
        *reads("big.py"),
        reply(call("run_command", id="c1", argv=["make"])),
        reply(call("recall", id="c2", item="t2.0", lines="400-402")),
        finish(),
    )
    (trim,) = trims(shop, run)
    assert trim["items"]["t2.0"]["why"] == "bulk"
    cut = results(model.requests[2])["c1"]
    assert "Thing0:" in cut
    assert "Thing899:" in cut
    assert "Thing450:" not in cut
    assert 'recall {"item": "t2.0", "lines": "' in cut
    # The first line is the exit code.
    wanted = "\n".join(OTHER.split("\n")[398:401])
    assert results(model.requests[3])["c2"] == f"[lines 400-402 of 901 of t2.0]\n{wanted}"


@pytest.mark.parametrize(
    ("output", "said"),
    [("x" * 5_000_000, "characters 3501-"), ("\\x00\\xff" * 20_000, "characters 401-")],
    ids=["one line of 5 MB", "no text"],
)
async def test_what_has_no_lines_is_cut_before_it_is_first_sent(shop: Workshop, output: str, said: str) -> None:
    shop.programs.outcomes = [ran_well(output)]
    shop.person.answers = ["Yes"]
    model, run = await played(shop, reply(call("run_command", id="c0", argv=["make"])), finish())
    shown = results(model.requests[1])["c0"]
    assert said in shown
    assert len(shown) < 10_000
    steps = shop.steps(run)
    assert steps["t1.0"].result is not None
    assert output in steps["t1.0"].result["content"]


async def test_a_result_that_is_larger_than_the_window_is_cut_on_arrival(shop: Workshop) -> None:
    shop.prices.windows[EDITABLE] = 16_384
    model, run = await played(shop, *reads("big.py", "other.py", "other.py"), finish())
    assert {item for each in trims(shop, run) for item in each["items"]} >= {"t1.0", "t2.0"}
    for body in model.bodies:
        assert shop.world(model).counter.count(model.prompt_text(body)) <= 16_384 - 8_192
    assert "too large for the window" in trims(shop, run)[0]["items"]["t1.0"]["why"]


async def test_a_model_of_which_nothing_is_known_is_given_all_that_was_sent_again(shop: Workshop) -> None:
    shop.prices.rates["nobody-knows-it"] = RATES
    shop.prices.windows["nobody-knows-it"] = None  # type: ignore[assignment]
    model = ScriptedModel(*reads("big.py", "other.py", "big.py", "other.py"), finish())
    run = await shop.begin(model, named="nobody-knows-it", ceiling_usd=None)
    shop.on_event.append(lambda kind: shop.clock.advance(9_000) if kind == "tool_finished" else None)
    await shop.drive(model, run, ceilings=PATIENT)
    assert [list(each["items"]) for each in trims(shop, run)] == [["t3.0"], ["t4.0"]]
    bodies = [json.dumps(each["messages"]) for each in model.requests]
    assert all("left out" not in each for each in bodies)


async def test_a_resume_sends_the_same_bytes_as_a_run_that_was_not_interrupted(shop: Workshop, aside: Workshop) -> None:
    script = [*reads("big.py", "other.py", "big.py"), *reads("other.py", "big.py", "other.py", "big.py")[3:], finish()]
    whole, run = await played(shop, *script)
    done = trims(shop, run)
    shop.close()
    shop = aside
    again = ScriptedModel(*script, clock=shop.clock)
    second = await shop.begin(again, named=EDITABLE, ceiling_usd=None)
    for sent in range(1, 6):
        shop.dies_on = ("request_finished", 1)
        await shop.die(again, second)
        assert len(again.bodies) == sent
    await shop.drive(again, second)
    assert [json.loads(each)["messages"] for each in again.bodies] == [
        json.loads(each)["messages"] for each in whole.bodies
    ]
    assert [each["items"] for each in trims(shop, second)] == [each["items"] for each in done] != []


async def test_a_word_that_was_written_before_the_process_died_is_written_once(shop: Workshop) -> None:
    model = ScriptedModel(*reads("big.py", "other.py", "big.py"), finish(), clock=shop.clock)
    run = await shop.begin(model, named=EDITABLE, ceiling_usd=None)
    shop.dies_on = (TRIMMED, 1)
    await shop.die(model, run)
    assert len(model.bodies) == 3
    await shop.drive(model, run)
    (trim,) = trims(shop, run)
    assert list(trim["items"]) == ["t3.0"]
    assert results(model.requests[-1])["c2"].startswith("[lines 1-700: as lines 1-700 of result t1.0 above")


@pytest.mark.parametrize(
    ("kind", "data", "cause"),
    [
        (TRIMMED, {"n": 3, "is_cold": False, "items": {"t1.0": {"shape": "stub", "is_new": False}}}, "trimmed"),
        (TRIMMED, {"n": 3, "is_cold": True, "items": {"t1.0": {"shape": "stub", "is_new": False}}}, "expired"),
        (DROPPED, {"items": ["t1.0"]}, "message"),
    ],
)
async def test_a_cache_that_a_trim_gave_up_is_told_as_that(
    shop: Workshop, kind: str, data: dict[str, Any], cause: str
) -> None:
    first = reply(call("read_file", id="c0", path="big.py"), usage=Usage(cache_write_5m=5_000, output=50))
    then = reply(call("list_files", id="c1", path="."), usage=Usage(cache_read=5_000, cache_write_5m=20_000, output=50))
    last = replace(finish(), usage=Usage(cache_read=5_000, cache_write_5m=1_000, output=50))

    async def changes(body: bytes) -> ModelReply:
        await shop.journal.append_event(run=run, kind=kind, data=data)
        return then

    model = ScriptedModel(first, changes, last, clock=shop.clock)
    run = await shop.begin(model, named=EDITABLE, ceiling_usd=None)
    await shop.drive(model, run)
    (found,) = lost_caches(shop.journal, shop.journal.requests(run=run))
    assert (found.row.step, found.loss.cause, found.loss.tokens) == ("m3", cause, 20_000)
