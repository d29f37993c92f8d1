"""The tables under the pointer: rows add up to what stands below them."""

from __future__ import annotations

import re
from decimal import Decimal

from bursar.domain.counting import Estimate
from bursar.domain.instructions import InstructionFile, read_instructions
from bursar.domain.instructions.weight import NOTHING_INCLUDED, Weights, weigh
from bursar.domain.money.price import Price, Rates, Unpriced
from bursar.domain.text import split_lines_keeping_ends
from bursar.views.annotations import Card
from bursar.views.cards import size_cards
from bursar.views.included import included_hints

PRICE = Price(
    model="m",
    rates=Rates(
        input=Decimal(3),
        output=Decimal(15),
        cache_read=Decimal(1),
        cache_write_5m=Decimal(4),
        cache_write_1h=Decimal(6),
    ),
    rate_card="card 1",
)
TEXT = "---\nname: x\n---\n# All\nsee @docs/a.md\n## B | c\none two three\n### D\nfour\n## E\nfive six\n"
FILES = {"docs/a.md": "one two @b.md", "docs/b.md": "three"}


def cards(
    file: InstructionFile, included: Weights = NOTHING_INCLUDED, price: Price | Unpriced | None = PRICE
) -> list[Card]:
    lines = split_lines_keeping_ends(file.text)
    sizes = {
        each: len(("".join(lines[each.line : each.end_line]) if each.sent is None else each.sent).split())
        for each in file.parts
    }
    whole = len(file.text.split())
    return list(size_cards(file, tokens=whole, part_tokens=sizes, included=included, price=price, encoding="words"))


def rows(card: Card) -> dict[str, list[str]]:
    table = [line.strip("| ").split(" | ") for line in card.markdown.splitlines() if re.match(r"\| ", line)]
    return {re.sub(r"\\(.)", r"\1", name): figures for name, *figures in table}


def test_the_whole_file_is_told_of_where_it_begins() -> None:
    file = read_instructions("CLAUDE.md", TEXT)
    first = cards(file, weigh(file, FILES.get, lambda text: len(text.split())))[0]
    assert (first.line, first.end_line) == (0, 3)
    assert rows(first) == {
        "`CLAUDE.md`": ["tokens", "cached", "written to the cache"],
        "front matter": ["4", "$0.000004", "$0.000016"],
        "B | c": ["10", "$0.00001", "$0.00004"],
        "E": ["4", "$0.000004", "$0.000016"],
        "text between these": ["4", "$0.000004", "$0.000016"],
        "`docs/a.md`": ["4", "$0.000004", "$0.000016"],
        "**together**": ["26", "$0.000026", "$0.0001"],
    }
    assert first.markdown.endswith(
        "Tokens counted under words. Money for one request of m. Baseline: all of it read from the prompt cache at $1 "
        "per million tokens; maximum: written to it at $4. Rates from card 1."
    )


def test_a_heading_tells_of_its_section_and_those_below_it() -> None:
    by_line = {each.line: each for each in cards(read_instructions("AGENTS.md", TEXT))}
    assert {name: figures[0] for name, figures in rows(by_line[5]).items()} == {
        "B | c": "tokens",
        "D": "3",
        "text between these": "7",
        "**together**": "10",
    }
    assert {name: figures[0] for name, figures in rows(by_line[9]).items()} == {"E": "tokens", "**together**": "4"}


def test_a_reference_tells_of_the_file_and_what_comes_with_it() -> None:
    file = read_instructions("CLAUDE.md", TEXT)
    included = weigh(file, FILES.get, lambda text: len(text.split()))
    card = next(each for each in cards(file, included) if each.character is not None)
    assert (card.line, card.character, card.end_character) == (4, 4, 14)
    assert card.markdown.startswith("docs/a.md: 4 tokens, of these 1 in the 1 file that it includes.")
    assert [figures[0] for figures in rows(card).values()] == ["tokens", "3", "1", "4"]
    (hint,) = included_hints(file.references, included, encoding="words")
    assert (hint.line, hint.character, hint.label) == (4, 14, "+ 4 tokens")


def test_a_file_that_is_named_twice_has_its_weight_where_it_is_named_first() -> None:
    file = read_instructions("CLAUDE.md", "@c.md\n@c.md @missing.md\n")
    hints = included_hints(file.references, weigh(file, {"c.md": "one"}.get, len), encoding="words")
    assert [(each.line, each.label) for each in hints] == [(0, "+ 3 tokens")]


def test_without_a_price_there_are_tokens_and_the_reason() -> None:
    file = read_instructions("AGENTS.md", TEXT)
    first = cards(file, price=Unpriced(model="m", why="The card does not know m."))[0]
    assert all(len(figures) == 1 for figures in rows(first).values())
    assert first.markdown.endswith("No price is known for m: The card does not know m.")
    assert cards(file, price=None)[0].markdown.endswith("Tokens counted under words.")


def test_money_in_a_table_follows_the_vendors_figure_and_tokens_stay_ours() -> None:
    file = read_instructions("AGENTS.md", "# A\none two\n# B\nthree four\n")
    sizes = dict(zip(file.parts, (4, 4), strict=True))
    said = Estimate(model="m", tokens=12, low=9, high=15, provenance="a guess")
    first = next(
        iter(
            size_cards(
                file,
                tokens=8,
                part_tokens=sizes,
                included=NOTHING_INCLUDED,
                price=PRICE,
                encoding="words",
                estimate=said,
            )
        )
    )
    assert rows(first)["A"] == ["4", "$0.000006", "$0.000024"]
    assert rows(first)["**together**"] == ["8", "$0.000012", "$0.000048"]
    assert "m probably makes 12 of these 8 tokens (9 to 15: a guess); money is reckoned from that." in first.markdown


def test_a_long_table_keeps_the_largest_and_adds_up_the_rest() -> None:
    text = "".join(f"# H{number}\n{'word ' * number}\n" for number in range(1, 41))
    first = cards(read_instructions("AGENTS.md", text))[0]
    figures = {name: int(each[0]) for name, each in rows(first).items() if each[0] != "tokens"}
    total = figures.pop("**together**")
    assert len(figures) == 12
    assert sum(figures.values()) == total
    assert "H40" in figures and "29 smaller ones" in figures


def test_a_hook_tells_of_what_is_sent() -> None:
    file = read_instructions("a.kiro.hook", '{"name": "a b c d e f",\n "then": {"prompt": "one two"}}')
    whole, prompt = cards(file)
    assert rows(whole)["**together**"][0] == "2"
    assert (prompt.line, rows(prompt)["**together**"][0]) == (1, "2")


def test_the_smallest_card_that_holds_a_place_is_shown() -> None:
    card = Card(line=2, end_line=3, character=4, end_character=6, markdown="")
    assert [card.holds(2, each) for each in (3, 4, 5, 6)] == [False, True, True, False]
    assert not card.holds(3, 4)
    assert card.size < Card(line=2, end_line=3, markdown="").size < Card(line=0, end_line=9, markdown="").size
