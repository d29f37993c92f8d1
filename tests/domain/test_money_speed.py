"""Percentiles are values that were measured; a rate is of the time in which something was written."""

from __future__ import annotations

import pytest

from bursar.domain.money.speed import Percentiles, Timed, nearest_rank, output_tokens_per_s, speeds


@pytest.mark.parametrize(
    ("values", "p50", "p95"),
    [
        ([7], 7, 7),
        ([1, 2], 1, 2),
        ([3, 1, 2], 2, 3),
        (list(range(1, 21)), 10, 19),
        (list(range(1, 101)), 50, 95),
        (list(range(1, 102)), 51, 96),
    ],
)
def test_nearest_rank(values: list[float], p50: float, p95: float) -> None:
    assert nearest_rank(values) == Percentiles(p50=p50, p95=p95)


def test_no_values_have_no_percentiles() -> None:
    assert nearest_rank([]) is None


@pytest.mark.parametrize(
    ("ttft_ms", "duration_ms", "tokens", "rate"),
    [
        (500, 2_500, 50, 25.0),
        (None, 2_000, 50, 25.0),
        (0, 3_000, 100, 33.3),
        (2_500, 2_500, 50, None),
        (3_000, 2_500, 50, None),
        (1, None, 50, None),
        (1, 2, 0, None),
    ],
)
def test_tokens_per_second(ttft_ms: int | None, duration_ms: int | None, tokens: int, rate: float | None) -> None:
    assert output_tokens_per_s(ttft_ms=ttft_ms, duration_ms=duration_ms, output_tokens=tokens) == rate


def test_what_was_not_measured_does_not_count() -> None:
    requests = [
        Timed(key="a", ttft_ms=10, duration_ms=None, output_tokens=1),
        Timed(key="a", ttft_ms=None, duration_ms=100, output_tokens=10),
        Timed(key="a", ttft_ms=None, duration_ms=None, output_tokens=10),
        Timed(key="b", ttft_ms=None, duration_ms=None, output_tokens=10),
    ]
    (key, speed), *rest = speeds(requests).items()
    assert (key, rest, speed.requests) == ("a", [], 2)
    assert (speed.ttft_ms, speed.duration_ms) == (Percentiles(p50=10, p95=10), Percentiles(p50=100, p95=100))
    assert speed.output_tokens_per_s == Percentiles(p50=100, p95=100)
