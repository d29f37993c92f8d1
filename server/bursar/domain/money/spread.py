"""How an amount may turn out: values with their shares, from whole and cut-off observations of different weight."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One observation; where it is not ``whole``, the amount was at least this when it was broken off."""

    value: int
    weight: float
    whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A discrete distribution: ascending values, and the share of outcomes up to and including each.

    ``open_share`` is the share of which only a lower end is known: it stands at the last value.
    """

    values: tuple[int, ...]
    shares: tuple[float, ...]
    open_share: float = 0.0

    def quantile(self, share: float) -> int:
        """The smallest value that at least this share of the outcomes does not exceed."""
        return self.values[min(bisect_left(self.shares, share - 1e-9), len(self.values) - 1)]

    def share_within(self, limit: int) -> float:
        """The share of outcomes that do not exceed the limit; the open share is taken to exceed any."""
        at = bisect_right(self.values, limit)
        if not at:
            return 0.0
        return min(self.shares[at - 1], 1.0 - self.open_share)


def spread_of(observations: Iterable[Observed]) -> Spread | None:
    """The distribution that these observations speak for; None without one of positive weight.

    What was broken off is not thrown away (which would leave the dear tasks out) and not taken for an end (which would
    make them cheap): its weight goes in equal parts to all that lasted longer. This is the product-limit estimate
    (Kaplan and Meier, JASA 53, 1958) with weights; what is left where the largest one was broken off stays there
    (Efron's convention) as ``open_share``. It assumes that runs are not broken off because they had become dear;
    where they were, the upper figures are too low.
    """
    ordered = sorted((each for each in observations if each.weight > 0), key=lambda each: (each.value, not each.whole))
    if not ordered:
        return None
    at_risk = sum(each.weight for each in ordered)
    left = 1.0
    values: list[int] = []
    shares: list[float] = []
    for each in ordered:
        if each.whole:
            left *= max(0.0, 1.0 - each.weight / max(at_risk, each.weight))
            if values and values[-1] == each.value:
                shares[-1] = 1.0 - left
            else:
                values.append(each.value)
                shares.append(1.0 - left)
        at_risk -= each.weight
    last = ordered[-1]
    open_share = 0.0 if last.whole else left
    if values and values[-1] == last.value:
        shares[-1] = 1.0
    elif not last.whole:
        values.append(last.value)
        shares.append(1.0)
    else:
        shares[-1] = 1.0
    return Spread(values=tuple(values), shares=tuple(shares), open_share=open_share)
