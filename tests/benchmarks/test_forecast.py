"""The forecast's score: the product's own function is what is scored, and the score can tell good from bad."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from benchmarks.forecast import score, table
from benchmarks.forecast.table import Scored
from bursar.domain.money.forecast import forecast_task
from bursar.domain.money.prior import PRIOR, prior_of


@pytest.fixture(scope="module")
def rows() -> list[Scored]:
    return table.load()


@pytest.fixture(scope="module")
def forecasts(rows: list[Scored]) -> list[score.Forecasted]:
    return score.play(rows)


def gains(forecasts: Sequence[score.Forecasted]) -> dict[tuple[str, float, str], score.Result]:
    return {(each.amount, each.level, each.scale): each for each in score.results(forecasts, draws=200)}


def test_what_is_scored_is_the_products_forecast_from_what_was_known_then(
    rows: list[Scored], forecasts: list[score.Forecasted]
) -> None:
    assert len(forecasts) == sum(each.whole for each in rows) == 306
    for at in range(0, len(forecasts), 23):
        row = forecasts[at].row
        before = rows[: rows.index(row)]
        history = [each.past for each in before if each.repository == row.repository]
        prior = prior_of([each.past for each in rows if each.repository != row.repository])
        assert forecasts[at].forecast == forecast_task(row.past.known.coarse(), history, prior)


def test_what_comes_later_changes_nothing(rows: list[Scored], forecasts: list[score.Forecasted]) -> None:
    name = "pi-mono"
    mine = [each for each in rows if each.repository == name]
    cut = [each for each in rows if each.repository != name] + mine[: len(mine) // 2]
    assert [each for each in score.play(cut) if each.row.repository == name] == [
        each for each in forecasts if each.row in mine[: len(mine) // 2]
    ]


def test_the_shipped_prior_is_that_of_the_table(rows: list[Scored]) -> None:
    assert prior_of([each.past for each in rows]) == PRIOR


def test_the_forecast_beats_the_quantiles_of_the_others_at_both_levels(forecasts: list[score.Forecasted]) -> None:
    found = gains(forecasts)
    for level in score.LEVELS:
        for amount in ("tokens", "cost_pico"):
            result = found[amount, level, "log"]
            assert result.loss < result.loss_of_others
            assert result.gain_low > 0, (amount, level)


def test_the_score_sees_when_what_is_known_does_not_belong_to_the_task(rows: list[Scored]) -> None:
    for result in gains(score.play(score.shuffled(rows))).values():
        assert result.scale == "plain" or result.gain < 0.02, result


def test_the_score_sees_a_forecast_that_is_too_low(rows: list[Scored]) -> None:
    found = gains(
        score.play(
            rows,
            lambda task, history, prior: forecast_task(
                replace(task.known, first_tokens=task.known.first_tokens // 10), history, prior
            ),
        )
    )
    assert found["tokens", 0.5, "log"].gain < 0
    assert found["tokens", 0.9, "log"].gain < 0


@pytest.mark.parametrize(
    ("outcome", "forecast", "level", "loss"), [(10, 4, 0.9, 5.4), (4, 10, 0.9, 0.6), (4, 10, 0.5, 3.0), (7, 7, 0.5, 0)]
)
def test_pinball(outcome: int, forecast: int, level: float, loss: float) -> None:
    assert score.pinball(outcome, forecast, level) == pytest.approx(loss)


def test_wilson_and_quantile() -> None:
    # 8 of 10: the worked figures of the score interval.
    assert score.wilson(8, 10) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))
    assert [score.quantile([4, 1, 3, 2], each) for each in (0.25, 0.5, 0.9)] == [1, 2, 4]


def test_prompts_of_programs_do_not_begin_a_request_and_broken_off_ones_are_not_whole(tmp_path) -> None:
    import gzip
    import json

    def user(text: str, req: int, t: float) -> dict:
        return {"role": "user", "kind": "user", "text": text, "req": req, "t": t}

    trace = {
        "id": "s",
        "source": "example/one",
        "harness": "h",
        "model": "m",
        "segment": 0,
        "segments": 2,
        "requests": 5,
        "turns": [
            user("Fix a.py", 0, 0.0),
            {"role": "assistant", "kind": "assistant", "text": "x" * 70, "req": 0, "t": 1.0},
            user("<task-notification> done", 1, 2.0),
            user("add tests", 2, 10.0),
            user("[Request interrupted by user]", 4, 20.0),
            user("go on", 4, 30.0),
        ],
        "usage": [
            {"req": n, "t": 5.0 + 10 * n, "input": 10, "cache_write": 20, "cache_read": 100 * n, "output": 1}
            for n in range(5)
        ],
    }
    path = tmp_path / "traces.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(trace).encode()))
    rows = table.build(path)
    assert [(each.position, each.kind, each.requests, each.whole) for each in rows] == [
        (0, "fix", 2, 1),
        (1, "test", 2, 0),  # broken off by the user
        (2, "other", 1, 0),  # the record ends in it
    ]
    assert rows[0].tokens == 30 + 130
    assert rows[0].cost_pico == (2 * 10 * 100 + 2 * 20 * 125 + 100 * 10) * 10_000
    assert rows[1].first_tokens == 130 + round((len("add tests")) / 3.5)
    assert (rows[0].time_ms, rows[0].files_named) == (15_000, 1)
    table.save(rows, tmp_path / "t.csv")
    assert table.load(tmp_path / "t.csv") == rows
