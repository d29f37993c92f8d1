"""Where the first lines of parts end is looked for once, and moves with the edits as long as they are not changed."""

from __future__ import annotations

import random

from bursar.domain.text.blocks import TextBlocks
from bursar.session.analysis import analyse, end_of
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
    for _ in range(60):
        blocks = TextBlocks.of(TEXT)
        known = analyse(document(blocks), WordCounter(), None)
        assert len(known.ends) == 301 and known.ends == {line: end_of(blocks, line) for line in known.ends}
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


def test_of_the_same_text_all_ends_are_known() -> None:
    blocks = TextBlocks.of(TEXT)
    known = analyse(document(blocks), WordCounter(), None)
    assert ends_now(known, change_since(document(blocks), known)) is known.ends
