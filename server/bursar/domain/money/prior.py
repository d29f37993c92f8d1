"""What tasks take where the user has no history yet: the stated prior that a forecast shrinks to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bursar.domain.money.past import PastTask


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """Equally likely values of each amount: multiples of the first request's tokens and of what these cost uncached,
    in thousandths; milliseconds; requests."""

    tokens_permille: tuple[int, ...]
    cost_permille: tuple[int, ...]
    time_ms: tuple[int, ...]
    requests: tuple[int, ...]


QUANTILES = 20


def mid_quantiles(values: Sequence[int]) -> tuple[int, ...]:
    """The middle of each twentieth of the values, ascending. Raises ValueError without any."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return tuple(ordered[(2 * index + 1) * len(ordered) // (2 * QUANTILES)] for index in range(QUANTILES))


def prior_of(tasks: Sequence[PastTask]) -> Prior:
    """The prior that these tasks make; those that were broken off are left out. Raises ValueError without a whole
    and priced one."""
    whole = [each for each in tasks if each.whole]
    paid = [(each.cost_pico, each.known.first_pico) for each in whole]
    return Prior(
        tokens_permille=mid_quantiles([each.tokens * 1_000 // each.known.first_tokens for each in whole]),
        cost_permille=mid_quantiles([cost * 1_000 // first for cost, first in paid if cost is not None and first]),
        time_ms=mid_quantiles([each.time_ms for each in whole]),
        requests=mid_quantiles([each.requests for each in whole]),
    )


PRIOR = Prior(
    tokens_permille=(
        998,
        999,
        1_000,
        1_001,
        2_003,
        2_093,
        3_004,
        3_027,
        4_019,
        4_129,
        5_165,
        6_156,
        7_340,
        8_389,
        10_405,
        14_761,
        18_441,
        25_658,
        41_814,
        81_059,
    ),
    cost_permille=(
        80,
        81,
        108,
        165,
        243,
        330,
        428,
        573,
        673,
        816,
        1_000,
        1_082,
        1_172,
        1_251,
        1_418,
        1_670,
        2_142,
        3_226,
        4_037,
        7_883,
    ),
    time_ms=(
        5_200,
        9_600,
        12_100,
        14_300,
        16_800,
        19_800,
        23_700,
        28_000,
        37_600,
        46_400,
        57_400,
        67_800,
        86_700,
        111_300,
        130_900,
        177_300,
        228_700,
        342_700,
        532_900,
        1_459_500,
    ),
    requests=(1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8, 10, 13, 16, 20, 32, 57),
)
"""What 306 requests of users to coding agents took, in 28 published sessions of five repositories (see
`tests/fixtures/forecast`): half took at least 5 times the tokens of their first request, one in ten at least 35 times.
Many of them are smaller than a task of a spec, so this prior is on the cheap side; five similar tasks of the user's own
weigh more than it does."""
