"""When one more read of a prompt is worth it: by the user's silences, or the stated ones, and the model's prices."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from bursar.domain.context.rules import SAFE, Ratios, rules_for
from bursar.domain.context.warming import LEAST_OWN, Chance, Silence, chance_of_return, is_hit, why_not

CLAUDE, GPT, OLD_GPT = rules_for("claude-sonnet-5"), rules_for("gpt-6-sol"), rules_for("gpt-5")
USUAL = Ratios(read=Decimal("0.1"), write=Decimal("1.25"), by_card=True)


def silences(back: int, late: int, *, gone: int = 0, short: int = 0) -> list[Silence]:
    return [
        *[Silence(seconds=400, returned=True)] * back,
        *[Silence(seconds=4_000, returned=True)] * late,
        *[Silence(seconds=90_000, returned=False)] * gone,
        *[Silence(seconds=60, returned=True)] * short,
    ]


def test_with_few_silences_of_ones_own_the_stated_ones_count() -> None:
    chance = chance_of_return(silences(LEAST_OWN - 1, 0, short=500), CLAUDE)
    assert chance is not None and chance.share == Fraction(39, 84)


def test_own_silences_count_from_ten_on_and_say_so() -> None:
    chance = chance_of_return(silences(3, 6, gone=3), CLAUDE)
    assert chance is not None and chance.share == Fraction(1, 4)
    assert "3 of your own 12 silences" in chance.source


def test_a_silence_that_goes_on_says_nothing_before_it_has_lasted_as_long() -> None:
    now = Silence(seconds=400, returned=False)
    chance = chance_of_return([*silences(5, 5), now], CLAUDE)
    assert chance is not None and chance.share == Fraction(1, 2)


def test_nothing_is_known_of_longer_lives_before_the_user_has_shown_it() -> None:
    assert chance_of_return(silences(20, 0), GPT) is None, "their silences were shorter than half an hour"
    long = [Silence(seconds=2_000, returned=True)] * LEAST_OWN
    assert chance_of_return(long, GPT) is not None


@pytest.mark.parametrize(("back", "pays"), [(0, False), (8, False), (9, True), (100, True)])
def test_it_pays_above_r_over_w_less_r(back: int, pays: bool) -> None:
    # 0.1 / 1.15 is 8.7 of a hundred.
    chance = chance_of_return(silences(back, 100 - back), CLAUDE)
    refused = why_not(prompt_tokens=50_000, rules=CLAUDE, ratios=USUAL, chance=chance)
    assert (refused is None) is pays, refused


@pytest.mark.parametrize(
    ("tokens", "rules", "says"),
    [(19_999, CLAUDE, "20,000"), (50_000, SAFE, "not known"), (50_000, OLD_GPT, "promises no life")],
)
def test_what_is_short_unknown_or_without_a_promise_is_left_alone(tokens: int, rules: object, says: str) -> None:
    sure = Chance(share=Fraction(1), source="")
    refused = why_not(prompt_tokens=tokens, rules=rules, ratios=USUAL, chance=sure)  # type: ignore[arg-type]
    assert refused is not None and says in refused
    assert why_not(prompt_tokens=20_000, rules=CLAUDE, ratios=USUAL, chance=sure) is None, "the control"


def test_a_write_as_cheap_as_a_read_is_not_saved() -> None:
    ratios = Ratios(read=Decimal(1), write=Decimal(1), by_card=True)
    sure = Chance(share=Fraction(1), source="")
    assert why_not(prompt_tokens=50_000, rules=CLAUDE, ratios=ratios, chance=sure) is not None


def test_a_miss_is_less_than_four_fifths_read() -> None:
    assert is_hit(read_tokens=80, input_tokens=100) and not is_hit(read_tokens=79, input_tokens=100)
    assert not is_hit(read_tokens=0, input_tokens=0)
