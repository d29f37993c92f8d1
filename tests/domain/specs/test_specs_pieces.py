"""A text that is read in pieces has the outline that markdown-it sees in the whole of it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from bursar.domain.specs import piecewise
from bursar.domain.specs.locate import Outline, locate, outline_by_pieces

CORPUS = Path(__file__).parents[2] / "fixtures" / "corpus"
TEXTS = 1_000
FRAGMENTS = (
    *("# One\n", "## Two #\n", "###### Six\n", "####### Seven\n", "#hashtag\n", "# \n", "#\tTab\n", "  # Indented\n"),
    *(
        "\n",
        "\n\n",
        "  \n",
        "\t\n",
        "\x0c\n",
        "words\n",
        "more words",
        "Title\n===\n",
        "Title\n---\n",
        "---\n",
        "- - -\n",
    ),
    *(
        "- item\n",
        "  - below\n",
        "    - deeper\n",
        "* star\n",
        "1. one\n",
        "10) ten\n",
        "-\n",
        "- - two\n",
        "- [ ] 1. Task\n",
    ),
    *(
        "  more of the item\n",
        "    code or not\n",
        "\ttab\n",
        "      # in an item\n",
        "- # item heading\n",
        "  # at two\n",
    ),
    *("```\n", "```sh\n", "~~~\n", "````\n", "  ```\n", "- ```\n", "> ```\n", "``` `x` \n", "    ```\n"),
    *("> quote\n", ">\n", "> # Quoted\n", "> - item\n", "lazy\n", "> > deep\n"),
    *(
        "<!--\n",
        "-->\n",
        "<!-- one -->\n",
        "<pre>\n",
        "</pre>\n",
        "<div>\n",
        "</div>\n",
        "<script>\n",
        "<?php\n",
        "?>\n",
    ),
    *("<![CDATA[\n", "]]>\n", "<b>\n", "- <pre>\n", "> <!--\n"),
    *("[a]: /u\n", "[b]:\n", "'title\n", "[c]: <x> 'one\n", "two'\n", "\0", "é\u2028\x85\n", "\ud800\n"),
)


def seen_by_markdown_it(text: str) -> dict[str, Any]:
    """What stands in an outline, from the tokens of the whole text."""
    parser = MarkdownIt("commonmark", {"maxNesting": 120})
    parser.core.ruler.enableOnly(["normalize", "block"])
    tokens = [each for each in parser.parse(text) if each.map is not None]
    named = {name: [each for each in tokens if each.type == name] for name in ("fence", "code_block", "html_block")}
    return {
        "headings": [
            (each.map[0], int(each.tag[1])) for each in tokens if each.type == "heading_open" and not each.level
        ],
        "verbatim": sorted(tuple(each.map) for found in named.values() for each in found),
        "code": [tuple(each.map) for each in named["code_block"]],
        "fences": [(*each.map, each.markup) for each in named["fence"]],
        "items": {(*each.map, each.level) for each in tokens if each.type == "list_item_open"},
    }


def check(text: str, outline: Outline) -> None:
    seen = seen_by_markdown_it(text)
    assert [(each.line, each.level) for each in outline.headings] == seen["headings"]
    assert sorted(outline.verbatim) == seen["verbatim"]
    assert list(outline.indented_code) == seen["code"]
    assert list(outline.fences) == seen["fences"]
    # Items without a text of their own are left out of an outline.
    assert {(each.line, each.end_line, each.level) for each in outline.items} <= seen["items"]


def made(chance: random.Random) -> str:
    ends = chance.choice(("\n", "\n", "\r\n", "\r"))
    parts = chance.choices(FRAGMENTS, k=chance.randint(1, 30))
    # Places to cut, between everything else.
    for at in chance.sample(range(len(parts)), k=chance.randint(0, len(parts) // 3)):
        parts[at] = chance.choice(("\n\n# Cut\n", "\n \n## Cut\n", "\n\n# Cut\n\n"))
    return "".join(parts).replace("\n", ends)


def test_texts_that_are_cut_wherever_they_can_be_are_read_like_the_whole() -> None:
    chance, cut = random.Random(11), 0
    for _ in range(TEXTS):
        text = made(chance)
        cut += len(piecewise.pieces_of(text.replace("\r\n", "\n").replace("\r", "\n"), 1)) > 1
        check(text, outline_by_pieces(text, 1))
        assert outline_by_pieces(text, 1) == locate(text), repr(text)
    assert cut > TEXTS // 2


def test_without_a_look_at_what_is_still_open_there_are_differences() -> None:
    text = "# One\n\n```sh\n\n# not a heading\n\n```\n\n# Two\n"
    read = piecewise.read_pieces(piecewise.pieces_of(text, 1), locate, lambda *_: False)
    assert [line + each.line for line, of in read for each in of.headings] == [0, 4, 8]
    assert [each.line for each in outline_by_pieces(text, 1).headings] == [0, 8]


@pytest.mark.parametrize("folder", ["kiro", "speckit", "prompts"])
def test_the_corpus_in_pieces_is_read_like_the_whole(folder: str) -> None:
    texts = [each.read_text("utf-8", "surrogateescape") for each in sorted((CORPUS / folder).rglob("*.md"))]
    assert len(texts) > 5
    for text in texts:
        check(text.removeprefix("\ufeff"), outline_by_pieces(text.removeprefix("\ufeff"), 1))
    if folder == "kiro":
        whole = "\n\n".join(each.removeprefix("\ufeff") for each in texts)[:150_000]
        assert len(piecewise.pieces_of(whole, 4_000)) > 10
        check(whole, locate(whole))


def test_what_never_ends_is_read_a_few_times_and_not_for_each_piece() -> None:
    text = "# One\n\n```\n\n" + "# in the fence\n\n" * 1_000
    read: list[int] = []

    def reading(piece: str) -> Outline:
        read.append(len(piece))
        return locate(piece)

    pieces = piecewise.pieces_of(text, 1)
    found = list(piecewise.read_pieces(pieces, reading, lambda _, lines: lines < text.count("\n")))
    assert len(pieces) == 1_001 and len(found) == 1
    assert sum(read) <= 4 * len(text)


def test_an_edit_of_a_long_text_reads_its_piece_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    sections = [f"## Section {at}\n\n" + f"- Do {at} as agreed.\n" * 100 for at in range(50)]
    locate("\n".join(sections))
    read: list[str] = []
    parse = MarkdownIt.parse
    monkeypatch.setattr(MarkdownIt, "parse", lambda self, text, *more: read.append(text) or parse(self, text, *more))
    sections[20] = sections[20].replace("agreed", "said")
    text = "\n".join(sections)
    check(text, locate(text))
    assert read.pop() == text, "read by the oracle"
    assert len(read) == 1 and "said" in read[0] and len(read[0]) < 8_000
