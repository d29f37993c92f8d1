"""What a task will probably take: when there are figures, what moves them, and the chance to fit."""

from dataclasses import replace

import pytest

from bursar.domain.money.forecast import (
    SIMILAR_NEEDED,
    Room,
    TaskForecast,
    forecast_task,
    similarity,
    tightest,
)
from bursar.domain.money.forecast_total import forecast_together
from bursar.domain.money.past import EndedRun, Known, PastTask, past_tasks
from bursar.domain.money.prior import PRIOR, Prior, mid_quantiles, prior_of
from bursar.domain.specs.traits import TaskTraits

CENT = 10**10
KNOWN = Known(
    traits=TaskTraits(kind="implement", text_chars=400, files_named=2),
    model="m",
    workspace="/w",
    spec="tasks.md",
    first_tokens=10_000,
    first_pico=3 * CENT,
)
LEVEL = Prior(tokens_permille=(5_000,), cost_permille=(2_000,), time_ms=(60_000,), requests=(5,))
"""Says one thing for certain, so that a test can tell its part."""


def past(requests: int = 10, *, known: Known = KNOWN, whole: bool = True) -> PastTask:
    return PastTask(
        known=known,
        tokens=requests * known.first_tokens,
        cost_pico=requests * CENT,
        time_ms=requests * 4_000,
        requests=requests,
        whole=whole,
    )


def test_no_history_is_not_enough_data() -> None:
    for history in ([], [past()] * (SIMILAR_NEEDED - 1), [past(whole=False)] * 50):
        found = forecast_task(KNOWN, history)
        assert not found.is_enough
        assert tightest(found, [Room(name="the run's limit", unit="usd", left=0)]) is None


def test_five_similar_tasks_are_enough() -> None:
    found = forecast_task(KNOWN, [past(each) for each in (8, 10, 12, 14, 30)], LEVEL)
    assert found.is_enough
    assert (found.similar, found.past, found.weight) == (5, 5, 5.0)
    assert (found.lowest_pico, found.highest_pico) == (8 * CENT, 30 * CENT)
    # Weights: 1 at each of the five, 3 at the prior's figure, which moves five eighths of the way to their median.
    prior = [5 * (12 / 5) ** (5 / 8), 50_000 * (120 / 50) ** (5 / 8), 6 * CENT * (12 / 6) ** (5 / 8)]
    assert 8 < prior[0] < 9
    assert [found.requests.quantile(each) for each in (0.1, 0.5, 0.9)] == [8, 8, 30]
    assert found.tokens.quantile(0.5) == pytest.approx(prior[1], rel=0.001)
    assert found.cost_pico is not None
    assert found.cost_pico.quantile(0.5) == pytest.approx(prior[2], rel=0.001)
    assert found.time_ms.quantile(0.9) == 120_000


def test_figures_shrink_to_the_prior_by_the_number_of_similar_tasks() -> None:
    def median(number: int) -> int:
        return forecast_task(KNOWN, [past(40)] * number, LEVEL).requests.quantile(0.5)

    moved = [int(5 * 8 ** (number / (number + 3))) for number in (0, 1, 2)]
    assert moved == [5, 8, 11]
    assert [median(each) for each in (0, 1, 2, 4, 50)] == [*moved, 40, 40]


def test_the_prior_says_how_far_tasks_spread_and_hardly_where_once_there_is_history() -> None:
    """Twenty dear tasks: the lower figure is theirs, although others' tasks are a hundred times cheaper."""
    dear = [past(each) for each in range(200, 220)]
    found = forecast_task(KNOWN, dear)
    assert 50 < found.requests.quantile(0.1) <= 200
    assert 200 <= found.requests.quantile(0.5) < 220
    assert found.requests.quantile(0.9) >= 218


def test_tokens_and_money_scale_with_the_first_request() -> None:
    history = [past(each) for each in range(5, 30)]
    one = forecast_task(KNOWN, history)
    bigger = forecast_task(replace(KNOWN, first_tokens=20_000, first_pico=6 * CENT), history)
    for share in (0.1, 0.5, 0.9):
        assert bigger.tokens.quantile(share) == pytest.approx(2 * one.tokens.quantile(share), rel=0.2)
        assert bigger.tokens.quantile(share) > one.tokens.quantile(share)
        assert bigger.cost_pico is not None and one.cost_pico is not None
        assert bigger.cost_pico.quantile(share) > one.cost_pico.quantile(share)
        assert bigger.requests.quantile(share) == pytest.approx(one.requests.quantile(share), abs=1)


@pytest.mark.parametrize(
    "other",
    [
        replace(KNOWN, model="n"),
        replace(KNOWN, spec="other.md"),
        replace(KNOWN, workspace="/v"),
        replace(KNOWN, first_tokens=40_000),
        replace(KNOWN, traits=None),
        replace(KNOWN, traits=TaskTraits(kind="docs", text_chars=400, files_named=2)),
        replace(KNOWN, traits=TaskTraits(kind="implement", text_chars=9_000, files_named=2)),
        replace(KNOWN, traits=TaskTraits(kind="implement", text_chars=400, files_named=20)),
    ],
)
def test_every_trait_makes_tasks_less_alike(other: Known) -> None:
    assert similarity(KNOWN, KNOWN) == 1.0
    assert 0.0 < similarity(KNOWN, other) < 1.0
    assert similarity(other, KNOWN) == pytest.approx(similarity(KNOWN, other))


def test_what_is_more_alike_counts_more() -> None:
    docs = replace(KNOWN, traits=TaskTraits(kind="docs", text_chars=3_000, files_named=9), model="n")
    history = [past(4)] * 10 + [past(40, known=docs)] * 10
    assert forecast_task(KNOWN, history, LEVEL).requests.quantile(0.7) == 4
    assert forecast_task(docs, history, LEVEL).requests.quantile(0.7) == 40


def test_a_run_that_was_broken_off_raises_the_upper_figures() -> None:
    ended = [past(each) for each in (8, 10, 12, 14, 30)]
    assert forecast_task(KNOWN, [*ended, *[past(11)] * 3], LEVEL).requests.quantile(0.75) == 12
    assert forecast_task(KNOWN, [*ended, *[past(11, whole=False)] * 3], LEVEL).requests.quantile(0.75) == 14


def test_without_a_price_there_is_no_money_and_the_rest_stays() -> None:
    unpriced = [replace(past(each), cost_pico=None) for each in range(5, 12)]
    found = forecast_task(replace(KNOWN, first_pico=None), unpriced)
    assert found.is_enough
    assert (found.cost_pico, found.lowest_pico, found.highest_pico) == (None, None, None)
    assert found.fit(Room(name="today's budget", unit="usd", left=5)) is None
    assert found.fit(Room(name="today's budget", unit="requests", left=10**6)) is not None


def test_the_tightest_limit_is_named_with_its_chance() -> None:
    found = forecast_task(KNOWN, [past(each) for each in (8, 10, 12, 14, 30)], LEVEL)
    rooms = [
        Room(name="today's budget", unit="usd", left=100 * CENT),
        Room(name="the run's limit", unit="usd", left=9 * CENT),
        Room(name="this week's budget", unit="requests", left=13),
    ]
    fit = tightest(found, rooms)
    assert fit is not None
    assert (fit.room.name, fit.chance) == ("the run's limit", pytest.approx(1 / 8))
    assert tightest(found, []) is None


def test_the_prior_is_of_whole_tasks_and_in_order() -> None:
    made = prior_of([past(each) for each in range(1, 101)] + [past(10_000, whole=False)])
    assert made.requests == tuple(range(3, 101, 5))
    assert made.tokens_permille == tuple(1_000 * each for each in range(3, 101, 5))
    assert made.cost_permille == tuple(1_000 * each // 3 for each in range(3, 101, 5))
    assert mid_quantiles([7]) == (7,) * 20
    for values in (PRIOR.tokens_permille, PRIOR.cost_permille, PRIOR.time_ms, PRIOR.requests):
        assert list(values) == sorted(values) and len(values) == 20


def test_several_tasks_add_up_with_the_same_figures_every_time() -> None:
    one = forecast_task(KNOWN, [past(each) for each in range(5, 40)])
    several = forecast_together([one] * 9)
    assert several is not None
    assert several == forecast_together([one] * 9)
    assert several.tasks == 9
    assert several.is_enough
    for amount in ("tokens", "cost_pico", "time_ms", "requests"):
        alone, sum_ = getattr(one, amount), getattr(several, amount)
        # Less certain than the sum of medians, and more certain than if all turned out alike.
        assert 9 * alone.quantile(0.1) < sum_.quantile(0.1) < sum_.quantile(0.5) < sum_.quantile(0.9)
        assert sum_.quantile(0.9) < 9 * alone.quantile(0.9)


def test_the_sum_has_the_mean_and_the_dependence_that_are_stated() -> None:
    """Against arithmetic: of two outcomes with equal chances, variance of the sum = n v + n (n - 1) c."""
    both = PRIOR.__class__(tokens_permille=(0, 2_000), cost_permille=(0, 2_000), time_ms=(0, 2), requests=(0, 2))
    one = replace(forecast_task(KNOWN, [], both), similar=9)
    number = 20
    several = forecast_together([one] * number)
    assert several is not None
    values = [each // KNOWN.first_tokens for each in several.tokens.values]
    mean = sum(values) / len(values)
    variance = sum((each - mean) ** 2 for each in values) / len(values)
    # Signs of two normals of correlation r agree with covariance 2/pi * asin(r).
    covariance = 2 / 3.14159265 * 0.2526803
    assert mean == pytest.approx(number, rel=0.05)
    assert variance == pytest.approx(number + number * (number - 1) * covariance, rel=0.15)


def test_a_sum_has_figures_only_where_all_tasks_have() -> None:
    enough = forecast_task(KNOWN, [past(each) for each in range(5, 40)])
    assert forecast_together([]) is None
    assert forecast_together([enough]) is enough
    mixed = forecast_together([enough, forecast_task(KNOWN, [])])
    assert mixed is not None and not mixed.is_enough
    unpriced = forecast_together([enough, replace(enough, cost_pico=None)])
    assert unpriced is not None and unpriced.cost_pico is None


def ended(**changes: object) -> EndedRun:
    made = EndedRun(
        known=KNOWN,
        task=("1", "hash"),
        finished=True,
        began_at="2026-11-21T08:00:00.000Z",
        tokens=100,
        cost_pico=7,
        time_ms=50,
        requests=3,
        unpriced=0,
        unknown=0,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_attempts_at_a_task_count_together_up_to_the_one_that_finished_it() -> None:
    first = ended(finished=False, began_at="2026-11-21T07:00:00.000Z", tokens=40, requests=1)
    again = ended(began_at="2026-11-21T09:00:00.000Z", tokens=30)
    other = ended(task=("2", "hash"), finished=False, tokens=9)
    found = past_tasks([again, ended(), other, first])
    assert [(each.tokens, each.requests, each.whole) for each in found] == [
        (140, 4, True),
        (30, 3, True),
        (9, 3, False),
    ]


@pytest.mark.parametrize(
    ("changes", "whole", "cost"),
    [({}, True, 7), ({"unpriced": 1}, True, None), ({"unknown": 1}, False, 7), ({"finished": False}, False, 7)],
)
def test_what_is_not_known_of_a_run_is_not_guessed(changes: dict[str, object], whole: bool, cost: int | None) -> None:
    (found,) = past_tasks([ended(**changes)])
    assert (found.whole, found.cost_pico) == (whole, cost)


def test_a_run_without_a_request_says_nothing() -> None:
    assert past_tasks([ended(requests=0, finished=False)]) == ()


def test_a_forecast_of_nothing_known_still_has_every_amount() -> None:
    found = forecast_task(replace(KNOWN, first_tokens=0, first_pico=0), [past(known=replace(KNOWN, first_tokens=0))])
    assert isinstance(found, TaskForecast)
    assert (found.tokens.quantile(0.9), found.cost_pico) == (0, None)
