"""How parts of the conversation stand after the policy's trims and the user's words."""

from __future__ import annotations

from typing import Any

import pytest

from bursar.domain.conversation import ToolResult
from bursar.domain.runs import RunEvent
from bursar.runs.fold import AskModel, next_act
from bursar.runs.shapes import (
    DROPPED,
    FULL,
    PINNED,
    RECALLED,
    STUB,
    TRIMMED,
    UNPINNED,
    Ends,
    Lines,
    Pointer,
    ShapeFold,
    Shapes,
    left_out,
    shape_events,
    shape_from_json,
    shape_to_json,
    shapes_of,
)
from support.steps import done_step

TEN = "\n".join(f"line {n}" for n in range(1, 11))


def events(*said: tuple[str, Any] | tuple[str, Any, int]) -> list[RunEvent]:
    made = []
    for seq, (kind, items, *n) in enumerate(said, 1):
        data = {"step": items} if kind == "rewound" else {"items": items}
        made.append(RunEvent(seq=seq, at="", run="r", kind=kind, data={**data, **({"n": n[0]} if n else {})}))
    return made


def trimmed(n: int, **items: Any) -> tuple[str, Any, int]:
    return (TRIMMED, {item.replace("_", "."): shape_to_json(shape) for item, shape in items.items()}, n)


def test_whole_lines_stay_and_markers_say_where_the_others_are() -> None:
    shape = Lines(
        kept=((0, 2), (9, 10)), pointers=(Pointer(first=3, end=6, item="t1.0", at=20, of="read_file src/a.py"),)
    )
    shown = Shapes(cut={"t3.0": shape}).text("t3.0", TEN)
    assert shown.split("\n") == [
        "line 1",
        "line 2",
        '[line 3 left out; recall {"item": "t3.0", "lines": "3"}]',
        "[lines 4-6: as lines 21-23 of result t1.0 above (read_file src/a.py)]",
        '[lines 7-9 left out; recall {"item": "t3.0", "lines": "7-9"}]',
        "line 10",
    ]


def test_a_stub_has_a_handle_and_an_item_without_a_shape_is_as_it_was() -> None:
    shapes = Shapes(cut={"t3.0": STUB})
    assert shapes.text("t3.0", TEN) == '[result t3.0, 10 lines, left out; recall {"item": "t3.0"}]'
    assert shapes.text("t3.1", TEN) == TEN


def test_lines_that_are_too_long_are_cut_by_characters() -> None:
    text = "x" * 50_000 + "end"
    shown = Shapes(cut={"t3.0": Ends(head=5, tail=3)}).text("t3.0", text)
    handle = 'recall {"item": "t3.0", "characters": "6-10005"}'
    assert shown == f"xxxxx\n[characters 6-50000 of 50003 left out; {handle}]\nend"


@pytest.mark.parametrize("of_copy", [STUB, Lines(kept=((0, 4),)), Ends(head=1, tail=1)])
def test_a_marker_never_points_at_lines_that_are_gone(of_copy: Lines | Ends) -> None:
    """Where a copy goes, what pointed to it says at once how to get the lines back."""
    points = Lines(kept=((0, 4), (6, 10)), pointers=(Pointer(first=4, end=6, item="t1.0", at=4),))
    stands = Shapes(cut={"t3.0": points}).text("t3.0", TEN)
    assert "[lines 5-6: as lines 5-6 of result t1.0 above]" in stands
    gone = Shapes(cut={"t1.0": of_copy, "t3.0": points}).text("t3.0", TEN)
    assert gone == stands.replace(
        "[lines 5-6: as lines 5-6 of result t1.0 above]",
        '[lines 5-6 left out; recall {"item": "t3.0", "lines": "5-6"}]',
    )


def test_a_result_that_another_shows_whole_is_a_pointer_and_no_stub() -> None:
    shape = Lines(pointers=(Pointer(first=0, end=10, item="m4", at=None, of="write_file a.py"),))
    assert Shapes(cut={"t5.0": shape}).text("t5.0", TEN) == (
        "[lines 1-10: as in your own call in answer m4 above (write_file a.py)]"
    )


@pytest.mark.parametrize(
    ("said", "cut", "pinned"),
    [
        ([trimmed(3, t1_0=STUB)], {"t1.0": STUB}, ()),
        ([trimmed(3, t1_0=STUB), (RECALLED, ["t1.0"])], {}, ()),
        ([trimmed(3, t1_0=STUB), (PINNED, ["t1.0"])], {}, ("t1.0",)),
        ([(PINNED, ["t1.0"]), trimmed(3, t1_0=STUB)], {}, ("t1.0",)),
        ([(PINNED, ["t1.0"]), (DROPPED, ["t1.0"])], {"t1.0": STUB}, ()),
        ([(PINNED, ["t1.0"]), (UNPINNED, ["t1.0"])], {}, ()),
        ([(PINNED, ["t1.0"]), (UNPINNED, ["t1.0"]), trimmed(4, t1_0=STUB)], {"t1.0": STUB}, ()),
        ([(DROPPED, ["t1.0"]), trimmed(4, t1_0=Lines(kept=((0, 1),)))], {"t1.0": Lines(kept=((0, 1),))}, ()),
        ([trimmed(3, t1_0=STUB, t2_0=STUB), ("rewound", "t2.0")], {}, ()),
        ([trimmed(2, t1_0=STUB), trimmed(3, t2_0=STUB), ("rewound", "t2.0")], {"t1.0": STUB}, ()),
        ([trimmed(3, t1_0=STUB), ("rewound", "m3")], {"t1.0": STUB}, ()),
        ([(DROPPED, ["t1.0", "t2.0"]), ("rewound", "t2.0")], {"t1.0": STUB}, ()),
        ([(PINNED, ["t2.0"]), ("rewound", "m2")], {}, ()),
    ],
)
def test_the_last_word_holds_and_pins_beat_the_policy(said: Any, cut: Any, pinned: tuple[str, ...]) -> None:
    shapes = shapes_of(events(*said))
    assert (shapes.cut, shapes.pinned) == (cut, frozenset(pinned))


def test_the_fold_takes_events_as_they_come() -> None:
    all_of_them = events(trimmed(3, t1_0=STUB), (PINNED, ["t1.0"]), (UNPINNED, ["t1.0"]), trimmed(5, t1_0=STUB))
    fold = ShapeFold()
    for each in all_of_them:
        fold.add([each])
    assert fold.shapes == shapes_of(all_of_them)
    assert fold.last_seq == 4


@pytest.mark.parametrize(
    "shape",
    [STUB, Ends(head=3, tail=0), Lines(kept=((0, 2),), pointers=(Pointer(first=2, end=9, item="m1", at=None),))],
)
def test_what_is_written_is_read(shape: Lines | Ends) -> None:
    assert shape_from_json(shape_to_json(shape)) == shape


def test_a_run_that_takes_steps_over_takes_their_shapes_over() -> None:
    source = events(
        trimmed(3, t1_0=STUB, t2_0=STUB), (PINNED, ["t1.1", "t4.0"]), trimmed(5, t1_1=STUB), trimmed(9, t2_0=STUB)
    )
    taken = shape_events(source, kept=frozenset({"m1", "t1.0", "t1.1", "m2", "t2.0"}), before=3)
    assert [(kind, list(data["items"])) for kind, data in taken] == [(TRIMMED, ["t1.0", "t2.0"]), (PINNED, ["t1.1"])]


def test_what_a_rewind_took_back_is_not_taken_over() -> None:
    source = events(trimmed(3, t1_0=STUB, t2_0=STUB), (DROPPED, ["t2.0"]), ("rewound", "m2"), trimmed(2, t1_0=STUB))
    assert [data["items"] for _, data in shape_events(source, kept=frozenset({"t1.0", "t2.0"}), before=9)] == [
        {"t1.0": {"shape": "stub"}}
    ]


def test_what_is_left_out_and_what_is_kept_make_the_whole() -> None:
    shapes = Shapes(cut={"t1.0": Lines(kept=((2, 3), (5, 10))), "t2.0": STUB})
    assert left_out(shapes, "t1.0", 12) == [(0, 2), (3, 5), (10, 12)]
    assert left_out(shapes, "t2.0", 12) == [(0, 12)]
    assert left_out(shapes, "t3.0", 12) == []


def test_the_conversation_has_what_the_shapes_leave_and_no_call_loses_its_result() -> None:
    call = {"kind": "call", "id": "c1", "name": "read_file", "input": {"path": "a"}}
    steps = [done_step("m1", {"blocks": [call]}), done_step("t1.0", {"content": TEN, "error": False})]
    whole, cut = next_act(steps), next_act(steps, shapes=Shapes(cut={"t1.0": STUB}))
    assert isinstance(whole, AskModel)
    assert isinstance(cut, AskModel)
    assert whole.later[1].blocks == (ToolResult(call_id="c1", content=TEN),)
    assert cut.later[0] == whole.later[0]
    assert cut.later[1].blocks == (
        ToolResult(call_id="c1", content='[result t1.0, 10 lines, left out; recall {"item": "t1.0"}]'),
    )


def test_what_was_sent_then_has_one_digest_while_it_stands_as_it_did() -> None:
    early, later = Shapes(cut={"t1.0": STUB}), Shapes(cut={"t1.0": STUB, "t4.0": STUB})
    assert FULL.of_sent(4) == ""
    assert early.of_sent(4) == later.of_sent(4) != ""
    assert early.of_sent(5) != later.of_sent(5)
