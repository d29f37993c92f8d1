"""What a run's steps add up to: tables of steps and the act that comes next."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.conversation import BrokenToolCall, Text, ToolCall, ToolResult
from bursar.domain.runs import StepRecord
from bursar.runs.codec import block_from_json, block_to_json
from bursar.runs.fold import (
    AllDone,
    AskModel,
    Idle,
    UseTool,
    failed_checks,
    next_act,
    repeats,
    request_order,
    tool_order,
)


def step(key: str, status: Any = "done", result: dict[str, Any] | None = None, **more: Any) -> StepRecord:
    number, _, index = key[1:].partition(".")
    n = tool_order(int(number), int(index)) if index else request_order(int(number))
    values: dict[str, Any] = {
        "run": "r",
        "key": key,
        "n": n,
        "kind": "model" if key.startswith("m") else "look",
        "status": status,
        "attempt": 1,
        "epoch": 1,
        "request_id": None,
        "body_sha256": None,
        "hold_pico": 0,
        "intent": {},
        "result": result,
        "started_at": "2026-11-21T08:00:00.000Z",
        "ended_at": None,
    }
    return StepRecord(**{**values, **more})


def call(name: str = "read_file", id: str = "c1", **given_: Any) -> ToolCall:
    return ToolCall(id=id, name=name, input=given_)


def answer(key: str, *blocks: Any) -> StepRecord:
    return step(key, result={"blocks": [block_to_json(each) for each in blocks]})


def used(key: str, content: str = "text", *, error: bool = False, **more: Any) -> StepRecord:
    return step(key, result={"content": content, "error": error}, **more)


READ = call(path="a.py")
DONE = call("finish", "c9", summary="s")
SAID = Text(text="hm")

CASES: list[tuple[str, list[StepRecord], Any]] = [
    ("nothing yet", [], ("ask", 1, 0)),
    ("a request in flight", [step("m1", "intent")], ("ask", 1, 0)),
    ("a request that failed", [step("m1", "failed")], ("ask", 1, 0)),
    ("an answer with a call", [answer("m1", SAID, READ)], ("use", 1, 0)),
    ("a call that was begun", [answer("m1", READ), step("t1.0", "intent")], ("use", 1, 0)),
    ("a call in doubt", [answer("m1", READ), step("t1.0", "in_doubt")], ("use", 1, 0)),
    ("a call with its result", [answer("m1", READ), used("t1.0")], ("ask", 2, 2)),
    ("the second of two calls", [answer("m1", READ, call(id="c2", path="b")), used("t1.0")], ("use", 1, 1)),
    ("a broken call", [answer("m1", BrokenToolCall(id="c", name="x", raw_input="{", why="w"))], ("use", 1, 0)),
    ("no call", [answer("m1", SAID)], ("ask", 2, 2)),
    ("an empty answer", [answer("m1")], ("ask", 2, 2)),
    ("two without a call", [answer("m1", SAID), answer("m2", SAID)], ("ask", 3, 4)),
    ("three without a call", [answer(f"m{n}", SAID) for n in (1, 2, 3)], "hm"),
    (
        "a call between them",
        [answer("m1", SAID), answer("m2", SAID), answer("m3", READ), used("t3.0"), answer("m4", SAID)],
        ("ask", 5, 8),
    ),
    ("finish was called", [answer("m1", DONE)], ("use", 1, 0)),
    ("finish is done", [answer("m1", DONE), used("t1.0", "the summary")], "the summary"),
    ("finish was refused", [answer("m1", DONE), used("t1.0", "no", error=True)], ("ask", 2, 2)),
    ("a call before finish", [answer("m1", READ, DONE), used("t1.0")], ("use", 1, 1)),
    ("finish, then more calls", [answer("m1", DONE, READ), used("t1.0", "over")], "over"),
]


@pytest.mark.parametrize(("steps", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_next_act(steps: list[StepRecord], expected: Any) -> None:
    act = next_act(steps)
    match act:
        case AskModel():
            assert ("ask", act.n, len(act.later)) == expected
            assert act.step == next((each for each in steps if each.key == f"m{act.n}"), None)
        case UseTool():
            assert ("use", act.n, act.index) == expected
            assert act.step == next((each for each in steps if each.key == f"t{act.n}.{act.index}"), None)
        case AllDone():
            assert act.summary == expected
        case Idle():
            assert act.text == expected


def test_a_tool_call_and_its_result_stay_together_and_in_order() -> None:
    second = call("search", "c2", pattern="x")
    act = next_act([answer("m1", SAID, READ, second), used("t1.0", "one"), used("t1.1", "two", error=True)])
    assert isinstance(act, AskModel)
    asked, results = act.later
    assert asked.blocks == (SAID, READ, second)
    assert results.blocks == (
        ToolResult(call_id="c1", content="one"),
        ToolResult(call_id="c2", content="two", is_error=True),
    )


def test_the_order_of_rows_does_not_matter() -> None:
    steps = [answer("m1", READ), used("t1.0"), answer("m2", call(id="c2", path="b")), step("t2.0", "intent")]
    assert next_act(steps) == next_act(steps[::-1])


ANSWERS = st.lists(
    st.lists(st.sampled_from([READ, SAID, call("search", "c2", pattern="x")]), max_size=3), min_size=1, max_size=6
)


@given(ANSWERS)
def test_what_was_said_once_is_never_said_differently_later(answers: list[list[Any]]) -> None:
    """Each request's turns begin with all turns of the request before: the provider's cache can be read."""
    steps: list[StepRecord] = []
    before: tuple[Any, ...] = ()
    for n, blocks in enumerate(answers, 1):
        act = next_act(steps, idle_limit=99)
        assert isinstance(act, AskModel)
        assert act.n == n
        assert act.later[: len(before)] == before
        before = act.later
        steps.append(answer(f"m{n}", *blocks))
        calls = [each for each in blocks if isinstance(each, ToolCall)]
        steps += [used(f"t{n}.{index}") for index, _ in enumerate(calls)]


def test_an_unknown_kind_of_block_is_an_error_and_not_passed_over() -> None:
    with pytest.raises(ValueError, match="'picture'"):
        block_from_json({"kind": "picture"})


BLOCKS = [
    SAID,
    call("edit_file", path="ä", old="\u2028", new=""),
    BrokenToolCall(id="1", name="n", raw_input="{", why="w"),
    ToolResult(call_id="c", content="x\ny", is_error=True),
]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: type(block).__name__)
def test_what_is_read_equals_what_was_written(block: Any) -> None:
    assert block_from_json(block_to_json(block)) == block


def look(key: str, path: str = "a", content: str = "same", **more: Any) -> StepRecord:
    return used(key, content, intent={"tool": "read_file", "input": {"path": path}}, **more)


@pytest.mark.parametrize(
    ("steps", "count"),
    [
        ([], 0),
        ([look("t1.0")], 1),
        ([look("t1.0"), look("t2.0")], 2),
        ([look("t1.0"), look("t2.0"), look("t3.0", "b")], 1),
        ([look("t1.0"), look("t2.0", content="changed"), look("t3.0", content="changed")], 2),
        ([look("t1.0"), answer("m2", SAID), look("t2.0"), look("t3.0")], 3),
        ([look("t1.0"), look("t2.0", status="intent")], 1),
        ([look("t1.0"), look("t2.0", kind="command")], 2),
    ],
)
def test_repeats(steps: list[StepRecord], count: int) -> None:
    assert repeats(steps) == count
    assert repeats(steps[::-1]) == count


# --- answers that broke off ------------------------------------------------------------------------------------------


def kept(*blocks: Any) -> list[dict[str, Any]]:
    return [block_to_json(each) for each in blocks]


def test_what_arrived_of_an_answer_that_broke_off_is_told_and_none_of_its_calls_is_run() -> None:
    steps = [answer("m1", READ), used("t1.0"), step("m2", "failed", {"kept": kept(SAID, READ)})]
    act = next_act(steps)
    assert isinstance(act, AskModel)
    assert (act.n, act.kept) == (2, (kept(SAID, READ),))
    before = next_act(steps[:2])
    assert isinstance(before, AskModel)
    assert act.later[:2] == before.later, "what stood before it stays as it was"
    said, told = act.later[2:]
    assert (said.role, said.blocks) == ("assistant", (SAID, READ))
    assert told.role == "user"
    refused, go_on = told.blocks
    assert isinstance(refused, ToolResult)
    assert (refused.call_id, refused.is_error) == ("c1", True)
    assert isinstance(go_on, Text)


def test_it_stays_part_of_the_conversation_once_the_answer_has_come() -> None:
    """The requests after it begin with the bytes of the one that got the answer."""
    asked = next_act([step("m1", "failed", {"kept": kept(SAID)})])
    assert isinstance(asked, AskModel)
    whole = answer("m1", READ)
    steps = [step("m1", result=whole.result, intent={"kept": list(asked.kept)}), used("t1.0")]
    after = next_act(steps)
    assert isinstance(after, AskModel)
    assert after.later[: len(asked.later)] == asked.later
    assert [each.role for each in after.later] == ["assistant", "user", "assistant", "user"]


def test_an_answer_that_breaks_off_twice_keeps_both_parts_in_order() -> None:
    first, second = kept(SAID), kept(Text(text="more"))
    act = next_act([step("m1", "failed", {"kept": second}, intent={"kept": [first]})])
    assert isinstance(act, AskModel)
    assert act.kept == (first, second)
    assert [each.role for each in act.later] == ["assistant", "user"] * 2
    in_flight = next_act([step("m1", "intent", intent={"kept": [first]})])
    assert isinstance(in_flight, AskModel)
    assert in_flight.kept == (first,)


def test_words_for_short_answers_stand_behind_all_that_was_sent_before() -> None:
    steps = [answer("m1", READ), used("t1.0", "one"), answer("m2", SAID), answer("m3", READ), used("t3.0", "two")]
    plain, terse = next_act(steps), next_act(steps, terse_from=3)
    assert isinstance(plain, AskModel)
    assert isinstance(terse, AskModel)
    words = terse.later[3].blocks[-1]
    assert isinstance(words, Text)
    assert words.text.startswith("From here on use few words")
    assert terse.later[:3] == plain.later[:3], "what a cache knows keeps its bytes"
    assert (terse.later[3].blocks[:-1], terse.later[4:]) == (plain.later[3].blocks, plain.later[4:])
    alone = next_act([], terse_from=1)
    assert isinstance(alone, AskModel)
    assert [each.role for each in alone.later] == ["user"]


def test_the_words_stay_where_they_are_however_far_the_run_goes() -> None:
    steps = [answer("m1", READ), used("t1.0", "one"), answer("m2", READ), used("t2.0", "two")]
    early, late = next_act(steps[:2], terse_from=2), next_act(steps, terse_from=2)
    assert isinstance(early, AskModel)
    assert isinstance(late, AskModel)
    assert late.later[: len(early.later)] == early.later


def test_the_words_stand_behind_the_parts_of_a_broken_off_answer_that_were_sent_already() -> None:
    first, second = kept(SAID), kept(Text(text="more"))
    sent = next_act([step("m1", "failed", {"kept": first})])
    broken_again = step("m1", "failed", {"kept": second}, intent={"kept": [first]})
    terse = next_act([broken_again], terse_from=1, terse_after=1)
    answered = step("m1", result=answer("m1", READ).result, intent={"kept": [first, second]})
    whole = next_act([answered, used("t1.0")], terse_from=1, terse_after=1)
    assert isinstance(sent, AskModel)
    assert isinstance(terse, AskModel)
    assert terse.later[0] == sent.later[0]
    assert terse.later[1].blocks[:-1] == sent.later[1].blocks, "the words are behind what was sent"
    assert [each.role for each in terse.later] == ["assistant", "user"] * 2
    assert isinstance(whole, AskModel)
    assert whole.later[:4] == terse.later


def test_failed_checks_are_counted_from_a_request_on() -> None:
    steps = [used(f"t{n}.900", "no", error=True) for n in (1, 2, 4)] + [used("t5.900", "yes"), used("t1.0", error=True)]
    assert [failed_checks(steps, since=n) for n in (1, 2, 3, 5)] == [3, 2, 1, 0]
