"""What the counter promises its callers."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiktoken import Encoding

from bursar.domain.ports import TokenCounter
from bursar.tokens import TiktokenCounter
from bursar.tokens.counter import count_ordinary
from tokens.support import ENCODINGS
from tokens.texts import PROSE, varied_prose

_OFFLINE = """
import socket, sys

def refuse(*args, **kwargs):
    raise AssertionError("the network was asked")

socket.socket = socket.create_connection = socket.getaddrinfo = refuse
from bursar.tokens import TiktokenCounter

assert "tiktoken" not in sys.modules
counter = TiktokenCounter()
assert "tiktoken" not in sys.modules
print(counter.count("hello world", encoding=sys.argv[1]))
assert "requests" not in sys.modules
assert [name for name in ("cl100k_base", "o200k_base") if counter.ready(name)] == [sys.argv[1]]
"""


def as_the_port(counter: TiktokenCounter) -> TokenCounter:
    """The type checker reads this."""
    return counter


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_nothing_is_downloaded_and_nothing_loaded_before_the_first_count(encoding: str, tmp_path: Path) -> None:
    child = subprocess.run(
        [sys.executable, "-c", _OFFLINE, encoding],
        env={"TIKTOKEN_CACHE_DIR": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (child.returncode, child.stdout) == (0, "2\n"), child.stderr
    assert list(tmp_path.iterdir()) == []


def test_only_the_encoding_in_use_becomes_ready() -> None:
    counter = TiktokenCounter()
    assert not counter.ready("cl100k_base")
    counter.load("cl100k_base")
    assert counter.ready("cl100k_base")
    assert not counter.ready("o200k_base")


@pytest.mark.parametrize("act", ["count", "ready", "load"])
def test_an_unknown_encoding_is_refused_with_the_known_ones(act: str) -> None:
    counter = TiktokenCounter()
    with pytest.raises(ValueError, match=r"no encoding 'o300k_base' here; the known ones are cl100k_base, o200k_base"):
        if act == "count":
            counter.count("", encoding="o300k_base")
        elif act == "ready":
            counter.ready("o300k_base")
        else:
            counter.load("o300k_base")


def test_threads_that_come_at_once_share_one_load() -> None:
    counter = TiktokenCounter()
    together = Barrier(6)

    def count(_: int) -> tuple[int, int]:
        together.wait(timeout=30)
        total = counter.count(PROSE * 20)
        return total, id(counter._engine("o200k_base"))

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(count, range(6)))) == 1


def test_nothing_is_no_tokens(counter: TiktokenCounter) -> None:
    assert counter.count("") == 0


def test_what_looks_like_a_special_token_is_text(counter: TiktokenCounter) -> None:
    assert counter.count("<|endoftext|>") > 1
    assert counter.count("<|endoftext|>" * 100) > 100


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(text=st.text(alphabet=st.sampled_from("a \n\ud800\udbff\udc00\udfff漢"), max_size=30))
def test_a_lone_surrogate_counts_as_the_replacement_character(
    text: str, encoding: str, counter: TiktokenCounter
) -> None:
    replaced = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert counter.count(text, encoding=encoding) == counter.count(replaced, encoding=encoding)


def test_one_lone_surrogate_is_one_replacement_character(counter: TiktokenCounter) -> None:
    assert counter.count("before \ud800 after" + PROSE) == counter.count("before \ufffd after" + PROSE)
    assert counter.count("\udc00" * 200) == counter.count("\ufffd" * 200)


class _Noting:
    """An engine that keeps what it was asked."""

    name = "o200k_base"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode_ordinary(self, text: str) -> list[int]:
        self.asked.append(text)
        return [0] * len(text)


def noting_counter(**options: int) -> tuple[TiktokenCounter, _Noting]:
    counter, engine = TiktokenCounter(**options), _Noting()
    counter._loaded["o200k_base"] = engine  # type: ignore[assignment]
    return counter, engine


def test_a_block_counted_before_is_not_encoded_again() -> None:
    counter, engine = noting_counter()
    text = varied_prose(10_000)
    assert counter.count(text) == len(text)
    first = len(engine.asked)
    assert first > 30
    assert counter.count(text) == len(text)
    assert len(engine.asked) == first
    assert counter.count(text[:5000] + "an edit" + text[5000:]) == len(text) + len("an edit")
    assert len(engine.asked) - first <= 12


def test_the_memory_is_bounded_and_forgets_what_was_used_longest_ago() -> None:
    counter, engine = noting_counter(remembered_blocks=2)
    one, two, three = (letter * 500 for letter in "abc")
    for text in (one, two, one, three, one):
        counter.count(text)
    assert engine.asked == [one, two, three]
    counter.count(two)
    assert engine.asked == [one, two, three, two]
    assert len(counter._remembered) == 2


def test_encodings_do_not_share_counts(counter: TiktokenCounter) -> None:
    german = "Donaudampfschifffahrtsgesellschaftskapitän, Übergrößenträger und Straßenbahnhaltestellenhäuschen. " * 4
    assert counter.count(german, encoding="cl100k_base") != counter.count(german, encoding="o200k_base")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_million_blanks_are_counted(
    encoding: str, counter: TiktokenCounter, capfd: pytest.CaptureFixture[str]
) -> None:
    assert 1000 < counter.count(" " * 1_200_000 + "x", encoding=encoding) < 1_200_000
    assert "panicked" not in capfd.readouterr().err


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_panic_of_the_engine_becomes_an_upper_bound(
    encoding: str, engines: dict[str, Encoding], capfd: pytest.CaptureFixture[str]
) -> None:
    """The engine itself, without our blocks; where a later one no longer panics, this says so."""
    text = " " * 1_200_000 + "é"
    assert count_ordinary(text, engines[encoding]) == 1_200_002
    assert "panicked" in capfd.readouterr().err
    assert count_ordinary("hello world", engines[encoding]) == 2


def test_an_interrupt_passes_through() -> None:
    class Interrupted(_Noting):
        def encode_ordinary(self, text: str) -> list[int]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        count_ordinary("text", Interrupted())  # type: ignore[arg-type]
