"""Shares of outcomes from whole and broken-off observations, against Efron's redistribution to the right."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.money.spread import Observed, Spread, spread_of

OBSERVED = st.lists(
    st.builds(
        Observed,
        value=st.integers(0, 12),
        weight=st.sampled_from([0.25, 0.5, 1.0, 2.0]),
        whole=st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


def redistributed(observations: list[Observed]) -> dict[int, float]:
    """Each broken-off observation hands its mass to all that lasted longer, in parts by their weights."""
    ordered = sorted(observations, key=lambda each: (each.value, not each.whole))
    mass = [each.weight / sum(one.weight for one in ordered) for each in ordered]
    for index, each in enumerate(ordered):
        later = sum(one.weight for one in ordered[index + 1 :])
        if each.whole or not later:
            continue
        for after in range(index + 1, len(ordered)):
            mass[after] += mass[index] * ordered[after].weight / later
        mass[index] = 0.0
    found: dict[int, float] = {}
    for each, share in zip(ordered, mass, strict=True):
        found[each.value] = found.get(each.value, 0.0) + share
    return found


@given(OBSERVED)
def test_shares_are_those_of_mass_handed_to_the_right(observations: list[Observed]) -> None:
    spread = spread_of(observations)
    assert spread is not None
    expected = redistributed(observations)
    for limit in range(13):
        share = sum(mass for value, mass in expected.items() if value <= limit)
        at_most = max([0.0, *(s for v, s in zip(spread.values, spread.shares, strict=True) if v <= limit)])
        assert at_most == pytest.approx(share, abs=1e-9)
    assert spread.shares[-1] == 1.0
    assert list(spread.values) == sorted(set(spread.values))


@given(OBSERVED)
def test_a_run_that_was_broken_off_never_makes_a_forecast_cheaper_than_its_end_would(many: list[Observed]) -> None:
    as_if_ended = spread_of([Observed(value=each.value, weight=each.weight) for each in many])
    spread = spread_of(many)
    assert spread is not None and as_if_ended is not None
    for share in (0.1, 0.5, 0.9):
        assert spread.quantile(share) >= as_if_ended.quantile(share)


@pytest.mark.parametrize(("share", "expected"), [(0.1, 10), (0.25, 10), (0.26, 20), (0.5, 20), (0.9, 40), (1.0, 40)])
def test_quantiles(share: float, expected: int) -> None:
    spread = spread_of([Observed(value=each, weight=1.0) for each in (40, 10, 30, 20)])
    assert spread is not None
    assert spread.quantile(share) == expected


@pytest.mark.parametrize(("limit", "share"), [(9, 0.0), (10, 0.5), (19, 0.5), (20, 0.5), (10**9, 0.5)])
def test_what_never_ended_fits_no_limit(limit: int, share: float) -> None:
    spread = spread_of([Observed(value=10, weight=1.0), Observed(value=20, weight=1.0, whole=False)])
    assert spread == Spread(values=(10, 20), shares=(0.5, 1.0), open_share=0.5)
    assert spread.share_within(limit) == share


def test_nothing_observed_is_no_spread() -> None:
    assert spread_of([]) is None
    assert spread_of([Observed(value=3, weight=0.0)]) is None
