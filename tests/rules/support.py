"""Examples as worlds, and edits applied the way an editor applies them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise

from bursar.domain.rules.rule import Edit, Example, Fix, Found, Rule, Surroundings
from rules.corpus import instruction_files, surroundings

_LINE_END = re.compile("\r\n|\n|\r")


def words(text: str) -> int:
    """A counter that everybody can check: a token is a word or a sign."""
    return len(re.findall(r"\w+|[^\w\s]", text))


def found_by(rule: Rule, texts: Mapping[str, str], path: str) -> list[Found]:
    """What the rule finds in one file of a world."""
    file = next(each for each in instruction_files(texts) if each.path == path)
    assert rule.check is not None
    return list(rule.check(file, surroundings(texts, path, words)))


def world(example: Example) -> tuple[dict[str, str], str]:
    """The texts of an example by path, and the path that is looked at."""
    return dict(example.files), example.files[0][0]


def applied(texts: Mapping[str, str], fix: Fix) -> dict[str, str]:
    """The world after a fix; edits of one file are applied from its end, as the protocol says."""
    after = dict(texts)
    for path in {each.path for each in fix.edits}:
        text = after[path]
        edits = sorted(
            ((offset(text, each.line, each.character), offset(text, each.end_line, each.end_character), each.new_text))
            for each in fix.edits
            if each.path == path
        )
        for (_, end, _), (start, _, _) in pairwise(edits):
            assert end <= start, "two edits of a fix overlap"
        for start, end, new in reversed(edits):
            text = text[:start] + new + text[end:]
        after[path] = text
    for made in fix.creates:
        assert made.path not in after, "a fix makes a file that is there"
        after[made.path] = made.text
    return after


def offset(text: str, line: int, character: int) -> int:
    """The place of a position in the text."""
    starts = [0, *(match.end() for match in _LINE_END.finditer(text))]
    end = next((match.start() for match in _LINE_END.finditer(text, starts[line])), len(text))
    assert 0 <= character <= end - starts[line], "a position is behind the end of its line"
    return starts[line] + character


def spanned(text: str, found: Found) -> str:
    """The characters that a finding is about."""
    return text[offset(text, found.line, found.character) : offset(text, found.end_line, found.end_character)]


__all__ = ["Edit", "Surroundings", "applied", "found_by", "offset", "spanned", "words", "world"]
