"""What was left out comes back as it was, from the journal alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.ports import ToolRefused
from bursar.domain.runs import StepRecord
from bursar.runs.recalling import MOST_CHARACTERS, recalled
from bursar.runs.shapes import STUB, TRIMMED, Ends, Lines, Shapes, shape_to_json
from support.steps import done_step
from support.world import ScriptedModel, Workshop, call, finish, reply

TEN = "\n".join(f"line {n}" for n in range(1, 11))


def step(key: str, content: str) -> StepRecord:
    return done_step(key, {"content": content, "error": False})


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"lines": "3-4"}, "[lines 3-4 of 10 of t1.0]\nline 3\nline 4"),
        ({"lines": "9-99"}, "[lines 9-10 of 10 of t1.0]\nline 9\nline 10"),
        ({"lines": " 10 "}, "[lines 10-10 of 10 of t1.0]\nline 10"),
        ({}, "[lines 2-3 of 10 of t1.0]\nline 2\nline 3\n[lines 10-10 of 10 of t1.0]\nline 10"),
        (
            {"characters": "1-6"},
            '[characters 1-6 of 70 of t1.0]\nline 1\n[it goes on: recall {"item": "t1.0", "characters": "7-70"}]',
        ),
        ({"characters": "65-70"}, f"[characters 65-70 of 70 of t1.0]\n{TEN[64:70]}"),
    ],
)
def test_what_is_asked_for_is_there(asked: dict[str, Any], expected: str) -> None:
    shapes = Shapes(cut={"t1.0": Lines(kept=((0, 1), (3, 9)))})
    found = recalled({"item": "t1.0", **asked}, [step("t1.0", TEN)], shapes)
    assert found == expected


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"item": "t9.0"}, "There is no item 't9.0' to recall. What was left out, whole or in part: t1.0."),
        ({"item": "m1"}, "There is no item 'm1'"),
        ({"item": "../../etc/passwd"}, "There is no item"),
        ({"item": "t2.0"}, "Nothing of t2.0 was left out: it stands above in full."),
        ({"item": "t1.0", "lines": "11"}, "lines '11' of t1.0 cannot be recalled: it has lines 1-10"),
        ({"item": "t1.0", "lines": "5-2"}, "cannot be recalled"),
        ({"item": "t1.0", "lines": "all"}, "cannot be recalled"),
        ({"item": "t1.0", "characters": "0-4"}, "characters '0-4' of t1.0 cannot be recalled"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(asked: dict[str, Any], said: str) -> None:
    found = recalled(asked, [step("t1.0", TEN), step("t2.0", TEN)], Shapes(cut={"t1.0": STUB}))
    assert isinstance(found, ToolRefused)
    assert said in found.message


def test_more_than_fits_is_given_in_pieces_that_make_the_whole() -> None:
    content = "\n".join(f"{n} " + "x" * 90 for n in range(2_000))
    steps, shapes = [step("t1.0", content)], Shapes(cut={"t1.0": STUB})
    got: list[str] = []
    asked: dict[str, Any] = {"item": "t1.0"}
    for _ in range(20):
        found = recalled(asked, steps, shapes)
        assert isinstance(found, str)
        assert len(found) < MOST_CHARACTERS + 500
        lines = found.split("\n")
        goes_on = lines[-1].startswith("[the rest did not fit")
        got += lines[1:-1] if goes_on else lines[1:]
        if not goes_on:
            break
        asked = {"item": "t1.0", "lines": lines[-1].split('"lines": "')[1].split('"')[0]}
    assert "\n".join(got) == content


def test_a_line_of_five_million_characters_is_given_in_pieces() -> None:
    content = "head\n" + "0123456789" * 500_000
    found = recalled(
        {"item": "t1.0", "lines": "2"}, [step("t1.0", content)], Shapes(cut={"t1.0": Ends(head=9, tail=9)})
    )
    assert isinstance(found, str)
    first, said, rest = found.split("\n")
    assert first == f"[characters 6-{5 + MOST_CHARACTERS} of 5000005 of t1.0]"
    assert said == content[5 : 5 + MOST_CHARACTERS]
    assert '"characters": "40006-80005"' in rest


@given(
    st.lists(st.text(alphabet=st.characters(exclude_characters="\n"), max_size=20), min_size=1, max_size=30), st.data()
)
def test_what_is_shown_and_what_is_recalled_make_the_result(lines: list[str], data: st.DataObject) -> None:
    """Nothing is lost and nothing is made up: each line is in one of the two, verbatim."""
    keeps = data.draw(st.lists(st.booleans(), min_size=len(lines), max_size=len(lines)))
    kept = tuple((n, n + 1) for n, keep in enumerate(keeps) if keep)
    shapes = Shapes(cut={"t1.0": Lines(kept=kept)})
    steps = [step("t1.0", "\n".join(lines))]
    back: dict[int, str] = {}
    for n, keep in enumerate(keeps):
        if not keep:
            found = recalled({"item": "t1.0", "lines": str(n + 1)}, steps, shapes)
            assert isinstance(found, str)
            back[n] = found.partition("\n")[2]
    assert [lines[n] if keep else back[n] for n, keep in enumerate(keeps)] == lines
    whole = recalled({"item": "t1.0"}, steps, shapes)
    if all(keeps):
        assert isinstance(whole, ToolRefused)
    else:
        assert isinstance(whole, str)
        got = [each for each in whole.split("\n") if not (each.startswith("[lines ") and each.endswith(" of t1.0]"))]
        marks = [each for each in lines if each.startswith("[lines ")]
        if not marks:
            assert got == [line for line, keep in zip(lines, keeps, strict=True) if not keep]


async def test_a_run_recalls_what_was_dropped_of_its_own_results(shop: Workshop) -> None:
    (shop.root / "big.txt").write_text(TEN, encoding="utf-8")
    model = ScriptedModel(
        reply(call("read_file", path="big.txt")),
        reply(call("recall", id="c2", item="t1.0", lines="4-5")),
        reply(call("recall", id="c3", item="t7.0")),
        finish(),
        clock=shop.clock,
    )
    run = await shop.begin(model)
    cut = {"n": 2, "items": {"t1.0": shape_to_json(Lines(kept=((0, 1),)))}}
    await shop.journal.append_event(run=run, kind=TRIMMED, data=cut)
    await shop.drive(model, run)
    steps = shop.steps(run)
    assert steps["t2.0"].result is not None
    assert steps["t2.0"].result["content"] == "[lines 4-5 of 10 of t1.0]\nline 4\nline 5"
    assert steps["t3.0"].result is not None
    assert steps["t3.0"].result["error"]
    sent = json.dumps(model.requests[1]["messages"][-1]["content"][0]["content"])
    assert json.dumps('line 1\n[lines 2-10 left out; recall {"item": "t1.0", "lines": "2-10"}]')[1:-1] in sent
