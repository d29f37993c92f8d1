"""Whether figures that come one after another have become worse: a change detector that needs no distribution.

Each new figure is ranked among those of its regime so far, itself included, and the rank is turned into a normal
score. While nothing changes every rank is as likely as any other, whatever the figures are distributed like and
whatever their unit, so these scores have the same distribution for money, tokens and times, heavy tails or not: one
threshold has one false-alarm rate for all of them. A one-sided CUSUM adds up what the scores have above ``SLACK`` and
reports when the sum passes ``THRESHOLD``; the change is dated to the figure after the last at which the sum was zero,
and a new regime begins there. Equal figures share their middle rank, which makes alarms rarer, never more frequent.

The false-alarm rate and the delay are measured with seeds by ``make bench-watch``, and held by a test.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

LEARN = 12
"""So many figures of a regime are only learnt from."""
SLACK = 0.4
THRESHOLD = 8.0
MATERIAL_PERCENT = 20
"""By how much the median must have grown for a change to be worth a word."""

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """Figures became larger at ``began`` (an index), which was certain enough at ``found``.

    ``before`` are the indices of the regime that ended there; medians are by nearest rank, so each is a figure that
    was measured; ``after`` is that of the regime up to its end, which is ``end`` (exclusive).
    """

    began: int
    found: int
    regime: int
    end: int
    before: int
    after: int


def shifts(figures: Sequence[int]) -> tuple[Shift, ...]:
    """Every change for the worse, oldest first; larger is worse."""
    found: list[tuple[int, int, int]] = []
    regime, i = 0, 0
    while i < len(figures):
        at = _first_alarm(figures, regime)
        if at is None:
            break
        began, i = at
        found.append((regime, began, i))
        regime = began
        i += 1
    ends = [*(began for _, began, _ in found[1:]), len(figures)][: len(found)]
    return tuple(
        Shift(
            began=began,
            found=alarm,
            regime=start,
            end=end,
            before=median(figures[start:began]),
            after=median(figures[began:end]),
        )
        for (start, began, alarm), end in zip(found, ends, strict=True)
    )


def standing(figures: Sequence[int], *, material_percent: int = MATERIAL_PERCENT) -> Shift | None:
    """The newest change that still stands: the newest figures are above what was usual before it, and by enough.

    The newest are as many as a regime is learnt from, or all since the change where they are fewer. The shift that is
    returned goes on to the last figure.
    """
    for shift in reversed(shifts(figures)):
        after = median(figures[shift.began :])
        lately = median(figures[max(shift.began, len(figures) - LEARN) :])
        least = min(after, lately)
        if least > shift.before and least * 100 >= shift.before * (100 + material_percent):
            return replace(shift, after=after, end=len(figures))
    return None


def median(figures: Sequence[int]) -> int:
    """The median by nearest rank."""
    return sorted(figures)[(len(figures) - 1) // 2]


def _first_alarm(figures: Sequence[int], start: int) -> tuple[int, int] | None:
    """Where the change began and where it was found; the alarm of a regime that is already known is not repeated."""
    regime: list[int] = []
    total, began = 0.0, start
    for i in range(start, len(figures)):
        below, upto = bisect_left(regime, figures[i]), bisect_right(regime, figures[i])
        insort(regime, figures[i])
        if len(regime) <= LEARN:
            continue
        # The middle of the ranks that equal figures share, from 1, less a half: never 0 and never the whole.
        score = _NORMAL.inv_cdf(((below + upto + 1) / 2) / len(regime))
        if total == 0:
            began = i
        total = max(0.0, total + score - SLACK)
        if total > THRESHOLD:
            return began, i
    return None
