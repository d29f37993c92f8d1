"""What is said about one call of a model: as much as the text says, and no more."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bursar.domain.call_costs import CountedCall
from bursar.domain.callsites import CallSite, Prompt
from bursar.domain.counting import Estimate
from bursar.domain.money.price import Price, Rates, Tier, Unpriced
from bursar.domain.text.blocks import TextBlocks
from bursar.domain.text.changed import text_change
from bursar.views.calls import call_title, place_calls, provenance
from bursar.views.placed import placed_annotations, placed_cards


def rates(each_way: str, out: str) -> Rates:
    return Rates(
        input=Decimal(each_way),
        output=Decimal(out),
        cache_read=Decimal(each_way),
        cache_write_5m=Decimal(each_way),
        cache_write_1h=Decimal(each_way),
    )


# 1,000 tokens in cost $0.0025, 1,000 out $0.01.
PRICE = Price(model="m", rates=rates("2.5", "10"), rate_card="card 1")
EXACT = Estimate(model="m", tokens=1_000, low=1_000, high=1_000, provenance="exact")
ABOUT = Estimate(model="m", tokens=1_100, low=900, high=1_400, provenance="range published for this family")


def prompt(role: str = "user", line: int = 1, pieces: tuple[str, ...] = ("Hello there",)) -> Prompt:
    return Prompt(role=role, line=line, character=4, end_line=line, end_character=17, pieces=pieces)


def call(**changed: Any) -> CountedCall:
    about: dict[str, Any] = {
        "line": 0,
        "character": 0,
        "end_line": 2,
        "end_character": 1,
        "library": "openai",
        "function": "responses.create",
        "provider": "openai",
        "model": "m",
        "prompts": (prompt(),),
        "max_output_tokens": None,
        "not_literal": (),
    }
    in_site = {key: value for key, value in changed.items() if key in about or key == "is_template"}
    site = CallSite(**{**about, **in_site})
    counted = {"tokens": (1_000,), "price": PRICE, "estimate": EXACT}
    return CountedCall(site=site, **{**counted, **{key: value for key, value in changed.items() if key in counted}})


@pytest.mark.parametrize(
    ("changed", "title"),
    [
        ({}, "1,000 tokens · $0.0025"),
        ({"max_output_tokens": 1_000}, "1,000 tokens · $0.0025 · ≤ $0.014 with 1,000 output tokens"),
        ({"estimate": None}, "1,000 tokens · $0.0025"),
        (
            {"estimate": ABOUT, "max_output_tokens": 1_000},
            # 1,000 and 512 for what stands around messages in at most: 0.00378 + 0.01.
            "about 1,100 tokens · about $0.0028 · ≤ $0.014 with 1,000 output tokens",
        ),
        (
            {"prompts": (prompt(pieces=("Hello ", "")),), "max_output_tokens": 1_000},
            "at least 1,000 tokens · at least $0.0025 · answer ≤ $0.01 for 1,000 tokens",
        ),
        ({"not_literal": ("message 2",)}, "at least 1,000 tokens · at least $0.0025"),
        (
            {"model": None, "not_literal": ("the model",), "price": None, "estimate": None},
            "1,000 tokens · model not literal",
        ),
        (
            {"model": None, "not_literal": ("the model (callers may …)",), "price": None, "estimate": None},
            "1,000 tokens · model not literal",
        ),
        ({"model": None, "price": None, "estimate": None}, "1,000 tokens · no model named"),
        (
            {"price": Unpriced(model="m", why="no price is known for the model 'm': x"), "max_output_tokens": 5},
            "1,000 tokens · no price known for m",
        ),
        (
            {
                "prompts": (),
                "tokens": (),
                "estimate": None,
                "not_literal": ("the messages",),
                "max_output_tokens": 1_000,
            },
            "no literal prompt · answer ≤ $0.01 for 1,000 tokens",
        ),
        (
            {
                "price": Price(
                    model="m",
                    rates=rates("2.5", "10"),
                    tiers=(Tier(above_tokens=999, rates=rates("5", "20")),),
                    rate_card="c",
                )
            },
            "1,000 tokens · $0.005",
        ),
    ],
)
def test_the_lens_of_a_call(changed: dict[str, Any], title: str) -> None:
    assert call_title(call(**changed)) == title


def test_a_bound_is_never_below_what_it_bounds() -> None:
    # 1,512 in and 1,030 out are $0.01408.
    assert call_title(call(max_output_tokens=1_030)).endswith("≤ $0.015 with 1,030 output tokens")
    assert "The bound holds for up to 1,512 input tokens." in provenance(call(max_output_tokens=1_030), "o200k_base")


def test_the_answer_to_a_prompt_of_unknown_length_is_bounded_at_the_dearest_rates() -> None:
    tiered = Price(
        model="m", rates=rates("2.5", "10"), tiers=(Tier(above_tokens=5_000, rates=rates("5", "20")),), rate_card="c"
    )
    title = call_title(call(price=tiered, not_literal=("message 2",), max_output_tokens=1_000))
    assert title.endswith("answer ≤ $0.02 for 1,000 tokens")


def test_the_figures_say_where_they_come_from() -> None:
    said = provenance(
        call(estimate=ABOUT, not_literal=("the tools",), prompts=(prompt(pieces=("a", "b", "c")),)), "o200k_base"
    )
    assert "1,000 tokens in the literal prompts, counted under o200k_base." in said
    assert "m makes about 1,100 of it (900 to 1,400): range published for this family." in said
    assert "openai/m: $2.5 per million input tokens, $10 output (card 1), nothing cached." in said
    assert "2 values put in at run time are not counted. Not literal: the tools." in said
    unpriced = provenance(call(price=Unpriced(model="m", why="no price is known for the model 'm': x")), "o200k_base")
    assert "No price is known for the model 'm': give it in a price file that the setting \"prices\" names." in unpriced


def test_a_prompt_has_one_hint_behind_it_however_many_calls_send_it() -> None:
    outside = prompt("system", line=5)
    calls = [
        call(prompts=(prompt(), outside), tokens=(40, 300)),
        call(line=7, end_line=7, prompts=(outside,), tokens=(300,)),
    ]
    placed = place_calls(calls, encoding="o200k_base")
    hints = placed_annotations(placed, None, min_tokens=0).hints
    assert [(each.line, each.character, each.label) for each in hints] == [(1, 17, "40 tokens"), (5, 17, "300 tokens")]
    assert hints[1].tooltip.endswith("counted under o200k_base, sent by 2 calls")
    assert [each.label for each in placed_annotations(placed, None, min_tokens=200).hints] == ["300 tokens"]


def test_a_template_has_hints_and_no_lens() -> None:
    placed = place_calls([call(is_template=True)], encoding="o200k_base")
    assert (placed.lenses, len(placed.hints)) == ((), 1)


def test_what_was_made_for_an_older_text_moves_with_the_edit() -> None:
    old = "call(\n    'Hello there'\n)\n"
    placed = place_calls([call()], encoding="o200k_base")
    blocks = TextBlocks.of(old)
    change = text_change(blocks, blocks.replaced(0, 0, "import x\n\n"))
    shown = placed_annotations(placed, change, min_tokens=0)
    assert [each.line for each in shown.lenses] == [2]
    assert [(each.line, each.character) for each in shown.hints] == [(3, 17)]
    (card,) = placed_cards(placed, change)
    assert (card.line, card.end_line) == (2, 5)
    typed = placed_annotations(
        placed, text_change(blocks, TextBlocks.of(old.replace("there", "there you"))), min_tokens=0
    )
    assert [(each.line, each.character) for each in (*typed.hints,)] == [(1, 21)]
    assert [each.line for each in typed.lenses] == [0]


def test_the_card_of_a_call_is_a_table_that_no_prompt_can_break() -> None:
    evil = prompt(pieces=("a|b [x](http://evil) `c`\n| d", ""))
    placed = place_calls([call(prompts=(evil, prompt("system")), tokens=(400, 600))], encoding="o200k_base")
    (card,) = placed.cards
    assert card.markdown.split("\n\n")[0].splitlines() == [
        "| openai/m | | tokens | uncached |",
        "|:--|:--|--:|--:|",
        "| user | a\\|b \\[x\\](http://evil) \\`c\\` \\| d… | 400 | $0.001 |",
        "| system | Hello there | 600 | $0.0015 |",
        "| **at least** | | **1,000** | **$0.0025** |",
    ]


def test_the_card_of_a_call_without_a_literal_prompt_has_no_sum_of_nothing() -> None:
    asked = call(prompts=(), tokens=(), estimate=None, not_literal=("the messages",))
    (card,) = place_calls([asked], encoding="o200k_base").cards
    assert card.markdown.startswith("**openai/m**: no literal prompt\n\nNo prompt of this call stands in the text")
    assert "$0.00" not in card.markdown
    assert "Not literal: the messages." in card.markdown


def test_the_sum_of_a_call_that_is_not_all_literal_is_called_what_it_is_at_least() -> None:
    whole, part = (place_calls([call(not_literal=each)], encoding="o200k_base") for each in ((), ("message 2",)))
    assert "| **together** | | **1,000** | **$0.0025** |" in whole.cards[0].markdown
    assert "| **at least** | | **1,000** | **$0.0025** |" in part.cards[0].markdown
