"""What is kept of texts is bounded by their length, so versions of a long document do not fill the memory."""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import lru_cache

import pytest

from bursar.domain.instructions import read_instructions
from bursar.domain.rules.lines import Lines
from bursar.domain.rules.registry import findings_in
from bursar.domain.rules.rule import Surroundings
from bursar.domain.text.kept import MOST_CHARS, kept_for_newest

VERSIONS, VERSION_CHARS = 20, 100_000


def reading(most_chars: int) -> tuple[list[str], Callable[..., str]]:
    read: list[str] = []

    @kept_for_newest(most_chars)
    def first_word(text: str, more: str = "") -> str:
        read.append(text + more)
        return text.split()[0] + more

    return read, first_word


def test_what_was_made_of_a_text_is_made_once_for_each_of_what_is_given_with_it() -> None:
    read, first_word = reading(100)
    assert [first_word("one two"), first_word("one two"), first_word("one two", "!")] == ["one", "one", "one!"]
    assert read == ["one two", "one two!"]


def test_what_was_asked_for_last_is_kept() -> None:
    read, first_word = reading(20)
    for text in ("aaaaaaaa 1", "bbbbbbbb 2", "aaaaaaaa 1", "cccccccc 3", "aaaaaaaa 1", "bbbbbbbb 2"):
        assert first_word(text) == text.split()[0]
    assert read == ["aaaaaaaa 1", "bbbbbbbb 2", "cccccccc 3", "bbbbbbbb 2"]


def test_the_newest_text_is_kept_however_long_it_is() -> None:
    read, first_word = reading(5)
    for text in ("longer than five", "longer than five", "and another one", "longer than five"):
        first_word(text)
    assert read == ["longer than five", "and another one", "longer than five"]


def test_of_what_fails_nothing_is_kept() -> None:
    @kept_for_newest()
    def refuse(text: str) -> str:
        raise ValueError(text)

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            refuse("no")


def version(number: int) -> str:
    line = f" of version {number} says it: {'word ' * 90}"
    return "".join(f"Line {at}{line}\n" for at in range(1_000))[:VERSION_CHARS]


def lines_alive() -> int:
    """How many texts of so many lines are held, cut into lines."""
    gc.collect()
    return sum(1 for each in gc.get_objects() if isinstance(each, Lines) and len(each.lines) > 150)


def test_the_rules_keep_few_versions_of_a_long_text() -> None:
    around = Surroundings(tokens=lambda text: len(text) // 4)
    before = lines_alive()
    for number in range(VERSIONS):
        findings_in(read_instructions("AGENTS.md", version(number)), around)
    assert lines_alive() - before <= MOST_CHARS // VERSION_CHARS


def test_kept_by_number_all_these_versions_would_be_held() -> None:
    @lru_cache(maxsize=256)
    def cut(text: str) -> Lines:
        return Lines(lines=tuple(text.split("\n")), fences=(), code=frozenset(), front=0)

    before = lines_alive()
    for number in range(VERSIONS):
        cut(version(number))
    assert lines_alive() - before == VERSIONS
