"""Counts by blocks equal what unmodified tiktoken says about the whole text."""

from __future__ import annotations

import random
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiktoken import Encoding

from bursar.domain.text.cuts import CAP_CHARS, is_cut, split_blocks
from bursar.tokens import TiktokenCounter
from tokens.support import ENCODINGS, Oracle
from tokens.texts import PROSE, TEXTS

# Every kind of character that a pattern or a rule of the cuts tells apart.
KINDS = [
    "a", "Z", "s", "ſ", "é", "ǅ", "1", "½", " ", "\t", "\n", "\r", "\xa0", "\x1c", "\x85", "\u3000", "/", ".", "'",
    "_", "\u0301", "漢", "か", "、", "ー", "ไ", "🙂", "\u200d",
]  # fmt: skip
texts = st.text(alphabet=st.sampled_from(KINDS), max_size=60) | st.text(
    alphabet=st.characters(exclude_categories=["Cs"]), max_size=60
)
shared = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("text", TEXTS)
def test_a_known_text(text: str, encoding: str, oracle: Oracle, counter: TiktokenCounter) -> None:
    assert counter.count(text, encoding=encoding) == len(oracle.ids(text, encoding))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("text", TEXTS)
def test_the_tokens_of_small_blocks_are_those_of_the_text(
    text: str, encoding: str, oracle: Oracle, engines: dict[str, Encoding]
) -> None:
    whole = oracle.ids(text, encoding)
    for target in (1, 8, 24):
        blocks = split_blocks(text, target)
        assert [token for block in blocks for token in engines[encoding].encode_ordinary(block)] == whole


@shared
@given(text=texts, target=st.integers(1, 12))
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_any_text_in_small_blocks(
    text: str, target: int, encoding: str, oracle: Oracle, engines: dict[str, Encoding]
) -> None:
    tokens = [token for block in split_blocks(text, target) for token in engines[encoding].encode_ordinary(block)]
    assert tokens == oracle.ids(text, encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_cut_between_any_kinds_of_characters(encoding: str, engines: dict[str, Encoding]) -> None:
    """All pairs, with two characters chosen by chance on both sides; one engine, so this is about the rules alone."""
    chance = random.Random(11)
    encode = engines[encoding].encode_ordinary
    checked = 0
    for left, right in product(KINDS, repeat=2):
        if not is_cut(left + right, 1):
            continue
        for _ in range(40):
            before = "".join(chance.choices(KINDS, k=2)) + left
            after = right + "".join(chance.choices(KINDS, k=2))
            assert encode(before) + encode(after) == encode(before + after), ascii((before, after))
            checked += 1
    assert checked > 3000


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_long_text_edited_again_and_again(encoding: str, oracle: Oracle, counter: TiktokenCounter) -> None:
    chance = random.Random(3)
    text = PROSE * 40
    for _ in range(25):
        start = chance.randrange(len(text))
        end = min(len(text), start + chance.choice((0, 0, 1, 30, 500)))
        text = text[:start] + chance.choice([*KINDS, *TEXTS, ""]) + text[end:]
        assert counter.count(text, encoding=encoding) == len(oracle.ids(text, encoding))


LONG = 5 * CAP_CHARS
letters = "".join(random.Random(5).choices("abcdefghijklmnopqrstuvwxyz", k=LONG))
digits = "".join(random.Random(6).choices("0123456789", k=LONG))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    ("run", "off_by"),
    [
        (digits, 0),
        ("id" + digits + "x", 0),
        ("12½" + digits, 0),
        (" " * LONG + "x", 2),
        ("\n" * LONG + "x", 2),
        ("a" * LONG, 2),
        ("=" * LONG, 2),
        ("漢" * LONG, 2),
        (letters, 10),
    ],
    ids=["digits", "letters-digits", "fractions-digits", "blanks", "newlines", "one-letter", "rule", "cjk", "letters"],
)
def test_a_run_without_a_place_to_cut_is_off_by_no_more_than_this(
    run: str, off_by: int, encoding: str, oracle: Oracle, counter: TiktokenCounter
) -> None:
    """Five hard cuts. Two tokens at each is the limit that the docstring of ``split_blocks`` gives."""
    assert abs(counter.count(run, encoding=encoding) - len(oracle.ids(run, encoding))) <= off_by


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_run_up_to_the_cap_is_exact(encoding: str, oracle: Oracle, counter: TiktokenCounter) -> None:
    text = f"{PROSE.strip()} {letters[: CAP_CHARS - 1]} {PROSE}"
    assert counter.count(text, encoding=encoding) == len(oracle.ids(text, encoding))
