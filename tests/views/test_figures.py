"""How money, counts and times are written."""

from typing import get_args

import pytest

from bursar.domain.runs import PauseReason
from bursar.views.figures import count, money, money_at_least, money_range, plural, seconds
from bursar.views.progress import event_line
from bursar.views.reasons import reason_words

PICO = 10**12


@pytest.mark.parametrize(
    ("usd_pico", "written"),
    [
        (0, "$0.00"),
        (PICO, "$1.00"),
        (1_234 * PICO, "$1,234.00"),
        (420_000_000_000, "$0.42"),
        (58_000_000_000, "$0.058"),
        (40_000_000_000, "$0.04"),
        (7_100_000_000, "$0.0071"),
        (7_149_999_999, "$0.0071"),
        (7_150_000_000, "$0.0072"),
        (99_900_000_000, "$0.10"),
        (123_456_789, "$0.00012"),
        (1, "$0.000000000001"),
    ],
)
def test_money(usd_pico, written):
    assert money(usd_pico) == written


def test_a_range_names_the_currency_once():
    assert money_range(50_000_000_000, 210_000_000_000) == "$0.05-0.21"


def test_counts_and_nouns():
    assert count(14_210) == "14,210"
    assert [plural(1, "request"), plural(6, "request"), plural(0, "step")] == ["1 request", "6 requests", "0 steps"]


@pytest.mark.parametrize(
    ("duration_s", "written"), [(0.041, "0.04 s"), (1.94, "1.9 s"), (41.2, "41 s"), (119.0, "119 s"), (180.0, "3 min")]
)
def test_seconds(duration_s, written):
    assert seconds(duration_s) == written


def test_every_reason_of_a_pause_has_words_of_its_own():
    words = {each: reason_words(each) for each in get_args(PauseReason)}
    assert words.pop("asked") == reason_words(None) == ""
    assert all(words.values())
    assert len(set(words.values())) == len(words)
    assert not [each for each in words.values() if "_" in each]
    assert reason_words("from_a_newer_version") == "from a newer version"


def test_a_pause_is_said_once():
    end = {"cost_usd": "0.04", "held_usd": "0", "requests": 2}
    asked = event_line("run_paused", {"reason": "asked", "detail": "Paused as asked.", **end}, None)
    assert asked == "Paused as asked. [$0.04, 2 requests]"
    untrusted = event_line(
        "run_paused", {"reason": "asked", "detail": "The workspace is no longer trusted.", **end}, None
    )
    assert untrusted == "Paused: The workspace is no longer trusted. [$0.04, 2 requests]"
    limit = event_line("run_paused", {"reason": "limit", "detail": "429.", **end}, None)
    assert limit == "Paused (usage limit): 429. [$0.04, 2 requests]"


@pytest.mark.parametrize(
    ("pico", "says"),
    [
        (43_010_000_000, "$0.044"),
        (43_000_000_000, "$0.043"),
        (50_000_000_000, "$0.05"),
        (120_000_000_001, "$0.13"),
        (0, "$0.00"),
    ],
)
def test_a_limit_that_is_set_to_what_is_read_is_enough(pico, says):
    assert money_at_least(pico) == says
