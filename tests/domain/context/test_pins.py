"""Pins: what becomes of pinned lines while their file changes."""

from __future__ import annotations

import pytest

from bursar.domain.context.pins import Pin, pin_now, pin_of, pin_words, place_in
from bursar.domain.errors import BadInput

TEXT = "one\ntwo\r\nthree\nfour\n"


@pytest.mark.parametrize(
    ("lines", "now", "state", "where", "text"),
    [
        ((2, 3), TEXT, "as_pinned", (2, 3), "two\nthree"),
        ((2, 3), "one\ntwo\nthree", "as_pinned", (2, 3), "two\nthree"),
        ((2, 3), "zero\n" + TEXT, "moved", (3, 4), "two\nthree"),
        ((2, 3), "two\nthree\nx\ny\ntwo\nthree\n", "changed", (2, 3), "three\nx"),
        ((2, 3), "one\nTWO\nthree\n", "changed", (2, 3), "TWO\nthree"),
        ((2, 3), "one\nTWO", "changed", (2, 2), "TWO"),
        ((2, 3), "one\n", "gone", (2, 3), None),
        ((2, 3), None, "gone", (2, 3), None),
        (None, TEXT, "as_pinned", None, TEXT),
        (None, "other", "changed", None, "other"),
        (None, None, "gone", None, None),
    ],
)
def test_what_a_pin_stands_for(
    lines: tuple[int, int] | None, now: str | None, state: str, where: tuple[int, int] | None, text: str | None
) -> None:
    found = pin_now(pin_of("src/a.py", TEXT, lines), now)
    assert (found.state, found.lines, found.text) == (state, where, text)
    assert found.pin.item in pin_words(found)
    assert found.needs_a_look == (state == "gone" or (state == "changed" and lines is not None))


@pytest.mark.parametrize("lines", [(0, 1), (3, 2), (1, 5), (5, 5)])
def test_lines_that_a_file_does_not_have(lines: tuple[int, int]) -> None:
    with pytest.raises(BadInput, match=r"src/a\.py has 4 lines"):
        pin_of("src/a.py", TEXT, lines)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("src/a.py", ("src/a.py", None)),
        ("pinned:src/a.py#L3-L20", ("src/a.py", (3, 20))),
        ("src/a.py#L3-20", ("src/a.py", (3, 20))),
        ("src/a.py#L3", ("src/a.py", (3, 3))),
        ("notes#Later.md", ("notes#Later.md", None)),
    ],
)
def test_names_are_read_as_they_are_written(name: str, place: tuple[str, tuple[int, int] | None]) -> None:
    assert place_in(name) == place
    assert place_in(Pin(path=place[0], lines=place[1], sha256="").item) == place


def test_no_lines_before_the_first() -> None:
    with pytest.raises(BadInput, match="names no lines"):
        place_in("a.py#L7-L3")
