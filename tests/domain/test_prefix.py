"""Where the bytes that a prompt cache reads break; the place is worked out by hand in each case."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bursar.domain.prefix import Break, first_break

TOOLS = [{"name": "read_file"}]
OPENING = {"role": "user", "content": [{"type": "text", "text": "Do it"}]}
ANSWER = {"role": "assistant", "content": [{"type": "text", "text": "Done é"}]}
MARKED = {"role": "user", "content": [{"type": "text", "text": "Do it", "cache_control": {"type": "ephemeral"}}]}


def body(**parts: Any) -> bytes:
    return json.dumps({"model": "one", "max_tokens": 5, **parts}, sort_keys=True).encode()


def plain(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (body(messages=[OPENING]), body(messages=[OPENING, ANSWER])),
        (body(messages=[MARKED]), body(messages=[OPENING, ANSWER])),  # the mark moved on
        (body(messages=[OPENING], max_tokens=5), body(messages=[OPENING], max_tokens=9)),
        (body(input=[OPENING], instructions="x"), body(instructions="x", input=[OPENING, ANSWER])),
        (b"no JSON", body()),
        (b"[]", body()),
    ],
)
def test_what_only_goes_on_is_not_broken(earlier: bytes, later: bytes) -> None:
    assert first_break(earlier, later) is None


def test_a_clock_in_the_system_text_is_found_to_the_byte() -> None:
    def asked(time: str) -> bytes:
        return body(tools=TOOLS, system=f"It is é {time} now", messages=[OPENING])

    # The tools, an opening quotation mark, and what stands before the last digits.
    at = len(plain(TOOLS)) + len('"It is é 12:0'.encode())
    found = first_break(asked("12:01"), asked("12:02"))
    assert found == Break(byte=at, part="the system text", was='It is é 12:01 now"', now='It is é 12:02 now"')


def test_a_turn_that_changed_or_went_is_named() -> None:
    changed = first_break(body(messages=[OPENING, ANSWER]), body(messages=[OPENING, OPENING]))
    assert changed is not None
    assert (changed.part, changed.byte) == ("turn 2", len(plain(OPENING)) + len('{"content":[{"text":"Do'))
    gone = first_break(body(messages=[OPENING, ANSWER]), body(messages=[OPENING]))
    assert gone is not None
    assert (gone.part, gone.byte, gone.now) == ("turn 2", len(plain(OPENING)), "")


def test_new_tools_break_everything_behind_them() -> None:
    found = first_break(body(tools=TOOLS, system="s"), body(tools=[*TOOLS, {"name": "more"}], system="s"))
    assert found is not None
    assert (found.part, found.byte, found.was) == ("the list of tools", len(plain(TOOLS)) - 1, '"read_file"}]')


def test_another_model_has_another_cache() -> None:
    found = first_break(body(system="s"), body(system="s", model="two"))
    assert found == Break(byte=0, part="the model", was="one", now="two", model=True)
