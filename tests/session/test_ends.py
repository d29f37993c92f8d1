"""Where the first lines of parts end, and how large parts are, is kept as long as an edit does not change them."""

from __future__ import annotations

import random

from bursar.domain.text.blocks import TextBlocks
from bursar.session.analysis import analyse, end_of, sizes_now
from bursar.session.model import Document
from bursar.session.shown import change_since, ends_now
from support.world import WordCounter

TEXT = "# Plan\n\n" + "".join(f"## Part {n}{' ' * (n % 3)}\n\nSay {n} things.\n\n" for n in range(300))
NEW = ("", "x", " ", "\n", "\r\n", "\r", "## New\n", "a\nb\n\n")


def document(blocks: TextBlocks) -> Document:
    return Document(uri="file:///w/AGENTS.md", path=None, version=1, blocks=blocks, kind="agents", spec="AGENTS.md")


def test_after_any_edits_the_ends_that_are_known_are_those_of_the_text() -> None:
    chance = random.Random(5)
    moved = kept = 0
    first = TextBlocks.of(TEXT)
    known = analyse(document(first), WordCounter(), None)
    for _ in range(60):
        blocks = first
        assert len(known.ends) == 301 and known.ends == {line: end_of(first, line) for line in known.ends}
        for _ in range(chance.randint(1, 8)):
            start = chance.randrange(len(blocks.text))
            end = min(start + chance.choice((0, 0, 1, 5, 200)), len(blocks.text))
            blocks = blocks.replaced(
                start, end, chance.choice(("", "x", " ", "\n", "\r\n", "\r", "## New\n", "a\nb\n\n"))
            )
        now = ends_now(known, change_since(document(blocks), known))
        kept += len(now)
        assert now == {line: end_of(blocks, line) for line in now}
        moved += any(known.ends.get(line) != end for line, end in now.items())
    assert kept > 60 * 150
    assert moved > 30, "without a move most would be wrong"


class CharCounter:
    """Counts characters, of which no edit leaves the number as it was by chance; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def count(self, text: str, /, *, encoding: str = "") -> int:
        self.asked += 1
        return len(text)

    def ready(self, encoding: str, /) -> bool:
        return True

    def load(self, encoding: str, /) -> None:
        return None


def test_after_any_edits_the_sizes_that_are_kept_are_those_that_would_be_counted() -> None:
    chance = random.Random(6)
    blocks = TextBlocks.of(TEXT)
    known = analyse(document(blocks), CharCounter(), None)
    kept = 0
    for _ in range(15):
        for _ in range(chance.randint(1, 4)):
            start = chance.choice((chance.randrange(len(blocks.text)), len(blocks.text)))
            end = min(start + chance.choice((0, 0, 1, 5, 200)), len(blocks.text))
            blocks = blocks.replaced(start, end, chance.choice(NEW))
        before, known = known, analyse(document(blocks), CharCounter(), None, None, known)
        assert known == analyse(document(blocks), CharCounter(), None)
        kept += len(sizes_now(before, document(blocks)))
    assert kept > 15 * 100


def test_parts_that_are_the_same_are_not_counted_again() -> None:
    blocks = TextBlocks.of(TEXT)
    first, again = CharCounter(), CharCounter()
    known = analyse(document(blocks), first, None)
    analyse(document(blocks.replaced(9, 9, "x")), again, None, None, known)
    # The rules count for themselves, the same in both.
    assert first.asked - again.asked >= 300


def test_of_the_same_text_all_ends_are_known() -> None:
    blocks = TextBlocks.of(TEXT)
    known = analyse(document(blocks), WordCounter(), None)
    assert ends_now(known, change_since(document(blocks), known)) is known.ends
