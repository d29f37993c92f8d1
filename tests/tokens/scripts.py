"""Random edit scripts over real texts: the store of blocks beside a plain string, its counts beside plain tiktoken.

Each script opens a piece of the corpus of specs or of CPython's own library, edits it a few times in one of the three
position encodings, and compares after every edit the text, the lines and positions in all three encodings, and at the
end the count of the whole and of a range with what tiktoken says in a process that imports nothing of this project.

    PYTHONPATH=server:tests python -m tokens.scripts --scripts 100000 --seed 1

prints one line; the exit code is 1 where anything differed. ``--control cuts`` cuts blocks where they may not be cut,
``--control positions`` takes UTF-16 for code points: both must be found.
"""

from __future__ import annotations

import argparse
import random
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Literal

from bursar.domain.text.blocks import Change, NoPlace, TextBlocks
from bursar.domain.text.counts import tokens_in, tokens_in_lines, uncertain_tokens
from bursar.domain.text.rows import Sizes
from bursar.domain.text.units import PositionEncoding
from bursar.tokens import TiktokenCounter
from bursar.tokens.encodings import read_tokens
from support import plain_text
from tokens.support import ENCODINGS, Oracle
from tokens.texts import TEXTS

Control = Literal["none", "cuts", "positions"]
UNITS: tuple[PositionEncoding, ...] = ("utf-8", "utf-16", "utf-32")
ODD = [
    "😀", "🦀🦀", "e\u0301", "\u2028", "\u2029", "\x0c", "\x0b", "\x85", "\ufeff", "\x00", "\r", "\n", "\r\n", "\t",
    "  ", "'s", "//", "漢字、", "ไทย", "<|endoftext|>", "123456", "é", "\ud83d", "\ude00",
]  # fmt: skip
SIZES = [Sizes(), Sizes(target_chars=256), Sizes(target_chars=24, most_blocks=8, fewest_blocks=3)]
_PIECE_CHARS = 4_000


@dataclass(slots=True)
class Played:
    """What was compared, and what differed, each with the script's number."""

    scripts: int = 0
    edits: int = 0
    refused: int = 0
    places: int = 0
    tokens: int = 0
    differences: list[str] = field(default_factory=list)

    def line(self, seed: int) -> str:
        """All of it in one line."""
        return (
            f"{self.scripts:,} scripts (seed {seed}): {self.edits:,} edits, {self.refused:,} impossible ones refused, "
            f"{self.places:,} positions, {self.tokens:,} tokens compared; {len(self.differences)} differences"
        )


@cache
def sources() -> list[str]:
    """The corpus, the library of the interpreter that runs this, and texts that are hard on a pattern."""
    corpus = sorted((Path(__file__).parent.parent / "fixtures").rglob("*.md"))
    library = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    return [each.read_bytes().decode("utf-8", "replace") for each in [*corpus, *library]] + TEXTS


def play(scripts: int, seed: int, oracle: Oracle, *, control: Control = "none", tell: Callable[[str], None]) -> Played:
    """Play so many scripts; the same seed plays the same ones."""
    played, counter = Played(), TiktokenCounter()
    for number in range(scripts):
        chance = random.Random(f"{seed}/{number}")
        try:
            _play_one(chance, played, oracle, counter, control)
        except _Differs as difference:
            played.differences.append(f"script {number}: {difference}")
            tell(played.differences[-1])
        played.scripts += 1
        if played.scripts % 5_000 == 0:
            tell(played.line(seed))
    return played


class _Differs(Exception):
    """The store is not what the plain string is."""


def _play_one(
    chance: random.Random, played: Played, oracle: Oracle, counter: TiktokenCounter, control: Control
) -> None:
    text = plain_text.whole(_piece(chance, _PIECE_CHARS))
    store = TextBlocks.of(text, chance.choice(SIZES))
    count = partial(counter.count, encoding=chance.choice(ENCODINGS))
    if control == "cuts":
        count = partial(_cut_anywhere, counter, encoding=count.keywords["encoding"])
    encoding: PositionEncoding = chance.choice(UNITS)
    for _ in range(chance.randint(1, 6)):
        change = Change(span=_span(chance, text, encoding), text=_new_text(chance))
        expected = plain_text.change(text, change.span, change.text, encoding)
        confused = control == "positions" and encoding == "utf-16"
        try:
            changed: TextBlocks | None = store.changed(change, "utf-32" if confused else encoding)
        except NoPlace:
            changed = None
        if (changed is None) != (expected is None):
            raise _Differs(f"{change.span} in {encoding} is {'refused' if changed is None else 'taken'}")
        played.edits += 1
        if changed is None or expected is None:
            played.refused += 1
            continue
        store, text = changed, expected
        if store.text != text:
            raise _Differs(f"another text after {change.span} in {encoding}")
        tokens_in(store, count.keywords["encoding"], count)
    _compare_places(chance, store, text, played)
    _compare_counts(chance, store, text, played, oracle, count)


def _compare_places(chance: random.Random, store: TextBlocks, text: str, played: Played) -> None:
    lines = plain_text.lines(text)
    if store.line_count != len(lines):
        raise _Differs(f"{store.line_count} lines instead of {len(lines)}")
    for encoding in UNITS:
        for _ in range(3):
            at = chance.randint(0, len(text))
            expected = plain_text.position(text, at, encoding)
            if _position(store, at, encoding) != expected:
                raise _Differs(f"offset {at} in {encoding} is not {expected}")
            line, character = chance.randint(0, len(lines)), chance.randint(0, 90)
            offset = plain_text.offset(text, line, character, encoding)
            if _offset(store, line, character, encoding) != offset:
                raise _Differs(f"{line}:{character} in {encoding} is not offset {offset}")
            played.places += 2


def _compare_counts(
    chance: random.Random,
    store: TextBlocks,
    text: str,
    played: Played,
    oracle: Oracle,
    count: partial[int],
) -> None:
    name = count.keywords["encoding"]
    ours, theirs = tokens_in(store, name, count), len(oracle.ids(text, name))
    if abs(ours - theirs) > uncertain_tokens(store):
        raise _Differs(f"{ours} tokens instead of {theirs} in {name}")
    played.tokens += theirs
    lines = plain_text.lines(text)
    first = chance.randrange(len(lines))
    end = chance.randint(first, len(lines))
    start, stop = lines[first][0], lines[end][0] if end < len(lines) else len(text)
    ours, theirs = tokens_in_lines(store, first, end, name, count), len(oracle.ids(text[start:stop], name))
    if abs(ours - theirs) > uncertain_tokens(store):
        raise _Differs(f"lines {first} to {end}: {ours} tokens instead of {theirs} in {name}")


def _position(store: TextBlocks, at: int, encoding: PositionEncoding) -> tuple[int, int] | None:
    try:
        return store.position(at, encoding)
    except NoPlace:
        return None


def _offset(store: TextBlocks, line: int, character: int, encoding: PositionEncoding) -> int | None:
    try:
        return store.offset(line, character, encoding)
    except NoPlace:
        return None


def _piece(chance: random.Random, most: int) -> str:
    """A piece of a source with its line ends made anew and odd characters strewn in."""
    source = chance.choice(sources())
    start = chance.randrange(max(1, len(source) - 50))
    piece = source[start : start + chance.randint(0, most)]
    ends = chance.choice(["\n", "\n", "\r\n", "\r", "\u2028\n"])
    for _ in range(chance.choice([0, 0, 2, 40])):
        at = chance.randint(0, len(piece))
        piece = piece[:at] + chance.choice(ODD) + piece[at:]
    return piece.replace("\n", ends)


def _new_text(chance: random.Random) -> str:
    return chance.choice(
        [
            lambda: "",
            lambda: chance.choice("abc 1.\n"),
            lambda: "".join(chance.choices(ODD, k=chance.randint(1, 4))),
            lambda: _piece(chance, 60),
            lambda: _piece(chance, 2_500),
        ]
    )()


def _span(
    chance: random.Random, text: str, encoding: PositionEncoding
) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Mostly a range that is one; sometimes anything at all, or the whole."""
    if chance.random() < 0.02:
        return None
    if chance.random() < 0.1:
        numbers = [chance.choice([-1, 0, 1, 2, 5, 30, 2**31 - 1, 2**31]) for _ in range(4)]
        return (numbers[0], numbers[1]), (numbers[2], numbers[3])
    start = chance.randint(0, len(text))
    end = min(len(text), start + chance.choice([0, 0, 1, 2, 30, 400, 3_000]))
    first, last = (plain_text.position(text, at, encoding) for at in (start, end))
    return None if first is None or last is None else (first, last)


def _cut_anywhere(counter: TiktokenCounter, text: str, *, encoding: str) -> int:
    return sum(counter.count(text[at : at + 100], encoding=encoding) for at in range(0, len(text), 100))


def main() -> int:
    """Play from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scripts", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--control", choices=["none", "cuts", "positions"], default="none")
    args = parser.parse_args()
    tables = {name: read_tokens(name) for name in ENCODINGS}
    tell = partial(print, file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder, Oracle(Path(folder), tables) as oracle:
        played = play(args.scripts, args.seed, oracle, control=args.control, tell=tell)
    print(played.line(args.seed))
    return 1 if played.differences else 0


if __name__ == "__main__":
    sys.exit(main())
