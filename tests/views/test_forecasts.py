"""What a forecast says, compared whole with the text a user sees."""

from dataclasses import replace

import pytest

from bursar.domain.money.forecast import Room, TaskForecast
from bursar.domain.money.spread import Observed, Spread, spread_of
from bursar.domain.runs import TaskEstimate
from bursar.views.forecasts import forecast_lines, percent, task_hover, total_title, unlikely, usually

CENT = 10**10


def spread(*values: int) -> Spread:
    made = spread_of([Observed(value=each, weight=1.0) for each in values])
    assert made is not None
    return made


ENOUGH = TaskForecast(
    tokens=spread(*range(100_000, 1_100_000, 100_000)),
    cost_pico=spread(*(each * CENT for each in range(4, 14))),
    time_ms=spread(*range(20_000, 220_000, 20_000)),
    requests=spread(*range(3, 13)),
    similar=12,
    past=31,
    weight=8.4,
    lowest_pico=3 * CENT,
    highest_pico=14 * CENT,
)
FEW = replace(ENOUGH, similar=2)
ROOMS = [
    Room(name="the run's limit", unit="usd", left=100 * CENT, each_run=True),
    Room(name="today's budget", unit="usd", left=7 * CENT, resets_at="2026-11-22T00:00:00Z"),
]
ESTIMATE = TaskEstimate(
    address="1",
    title="t",
    line=0,
    counted_tokens=14_210,
    bound_tokens=0,
    first_request_pico=4 * CENT,
    ceiling_pico=None,
)


def test_usually_is_from_the_tenth_to_the_ninetieth_of_a_hundred() -> None:
    assert usually(ENOUGH) == "usually $0.04-0.12, 12 similar"
    assert usually(replace(ENOUGH, cost_pico=None)) == "usually 100,000-900,000 tokens, no price known, 12 similar"
    assert usually(replace(ENOUGH, tasks=3)) == "usually $0.04-0.12"
    assert usually(FEW) == ""


def test_hover() -> None:
    assert task_hover(ENOUGH, ESTIMATE, ROOMS) == (
        "First request: 14,210 tokens in (counted), ~$0.04 uncached.\n"
        "\n"
        "| Forecast | half take at most | nine in ten take at most |\n"
        "|:--|--:|--:|\n"
        "| money | $0.08 | $0.12 |\n"
        "| tokens | 500,000 tokens | 900,000 tokens |\n"
        "| requests | 7 requests | 11 requests |\n"
        "| time | 100 s | 3 min |\n"
        "\n"
        "- above 99 % likely within the $1.00 left of the run's limit\n"
        "- 40 % likely within the $0.07 left of today's budget\n"
        "\n"
        "From 12 similar tasks among 31 of yours that have ended (they cost $0.03-0.14), weighted by first request, "
        "kind of work, length of the text, files named, model, spec and workspace, and from a prior that weighs 3 "
        "tasks: 306 requests to coding agents in five public repositories. What was broken off counts as taking at "
        "least what it took."
    )


def test_a_hover_without_enough_history_has_no_figures_but_the_range_of_what_is_there() -> None:
    assert task_hover(FEW, None, ROOMS) == (
        "**Not enough data for a forecast.** 2 similar of yours have ended (they cost $0.03-0.14), 5 are needed."
    )
    none = replace(FEW, similar=0, lowest_pico=None, highest_pico=None)
    assert task_hover(none, None, ROOMS).endswith("0 similar of yours have ended, 5 are needed.")


def test_a_terminal_says_the_same() -> None:
    assert forecast_lines(ENOUGH, ROOMS) == [
        "usually $0.04-0.12, 12 similar",
        "half take at most $0.08 · 500,000 tokens · 7 requests · 100 s",
        "nine in ten take at most $0.12 · 900,000 tokens · 11 requests · 3 min",
        "above 99 % likely within the $1.00 left of the run's limit",
        "40 % likely within the $0.07 left of today's budget",
    ]
    assert forecast_lines(FEW, ROOMS) == [
        "not enough data for a forecast: 2 similar of yours have ended (they cost $0.03-0.14), 5 are needed."
    ]


def test_an_upper_figure_that_nobody_has_seen_is_said_to_be_more() -> None:
    seen = [Observed(value=each * CENT, weight=1.0) for each in (1, 2, 3)]
    cut = spread_of([*seen, Observed(value=9 * CENT, weight=1.0, whole=False)])
    assert cut is not None
    lines = forecast_lines(replace(ENOUGH, cost_pico=cut), [])
    assert lines[1].startswith("half take at most $0.02 ·")
    assert lines[2].startswith("nine in ten take at most more than $0.09 ·")


def test_several_tasks_together() -> None:
    several = replace(ENOUGH, tasks=7)
    assert total_title(several, ROOMS) == (
        "7 open tasks · usually $0.04-0.12 · 40 % likely within the $0.07 left of today's budget"
    ), "the run's limit is for each run"
    assert total_title(several, []) == "7 open tasks · usually $0.04-0.12"
    assert total_title(ENOUGH, ROOMS) is None
    assert total_title(replace(several, similar=4), ROOMS) is None
    told = task_hover(several, None, ROOMS)
    assert told.startswith("| Forecast of 7 open tasks together | half take")
    assert "The sum of 7 tasks, drawn 1,000 times; tasks of a spec turn out dear or cheap together" in told


def test_a_run_that_will_probably_not_finish_is_told() -> None:
    assert unlikely(ENOUGH, ROOMS) == (
        "Will probably not finish: half of the runs of such tasks took more than $0.08, and $0.07 of today's budget is "
        "left: a chance of 40 %, from 12 similar tasks. Raise the limit, wait for its reset (2026-11-22T00:00:00Z), "
        "split the task or choose another model"
    )


@pytest.mark.parametrize(
    ("forecast", "left"), [(ENOUGH, 8 * CENT), (FEW, 0), (None, 0), (replace(ENOUGH, cost_pico=None), 0)]
)
def test_it_is_not_told_where_it_probably_will_or_too_little_is_known(forecast: TaskForecast | None, left: int) -> None:
    assert unlikely(forecast, [replace(ROOMS[1], left=left)]) is None
    assert unlikely(forecast, []) is None


def test_a_limit_in_requests_or_tokens_counts_too() -> None:
    assert "more than 7 requests, and 5 requests of" in str(
        unlikely(ENOUGH, [Room(name="today's budget", unit="requests", left=5)])
    )
    assert "more than 500,000 tokens, and 9 tokens of" in str(
        unlikely(ENOUGH, [Room(name="today's budget", unit="tokens", left=9)])
    )


@pytest.mark.parametrize(
    ("chance", "words"),
    [(0.0, "below 1 %"), (0.004, "below 1 %"), (0.37, "37 %"), (0.996, "above 99 %"), (1.0, "above 99 %")],
)
def test_percent(chance: float, words: str) -> None:
    assert percent(chance) == words
