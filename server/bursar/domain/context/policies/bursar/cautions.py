"""How dear a loss is held under a set of prices, and whether a ping pays."""

from __future__ import annotations

from dataclasses import dataclass

from bursar.domain.context.policies.bursar.admission import WORTHWHILE_TOKENS
from bursar.domain.context.policies.bursar.trims import written_and_carried
from bursar.domain.context.rates import PriceSet

_SHORT_LIFE_S, _LONG_LIFE_S = 300.0, 3_600.0
_RARE_RETURN = 0.03
_IN_ARRIVING, _IN_STANDING = 36.0, 44.0
"""The place of a token, in reads of one, is divided by these. Smaller loses less and saves less."""
_REWRITING, _REWRITING_BEFORE_SILENCES = 1.5, 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cautions:
    """How many reads of the prompt a lost line is held to cost: in what arrives, and in what stands already.

    ``rewriting``: how many times its price what a trim writes anew is held to cost. A trim that waits may get cheaper
    by a silence, and may be seen to be wrong.
    """

    arriving: float
    standing: float
    rewriting: float = _REWRITING


def usual_cautions(prices: PriceSet) -> Cautions:
    """As many tokens for a lost line under any prices: where reads are cheap the place of a line is dear beside them.

    Where a silence of five minutes empties the cache, a warm trim had better wait for one.
    """
    place = written_and_carried(prices) / prices.read
    return Cautions(
        arriving=place / _IN_ARRIVING,
        standing=place / _IN_STANDING,
        rewriting=_REWRITING_BEFORE_SILENCES if prices.ttl_s <= _SHORT_LIFE_S else _REWRITING,
    )


def ping_pays(tokens: int, prices: PriceSet) -> bool:
    """Whether one ping per silence earns what it costs: nearly half of the silences that pass five minutes end in ten.

    Few that pass an hour end within two, so there it must cost little beside what a lost prefix would.
    """
    if tokens < WORTHWHILE_TOKENS:
        return False
    if prices.ttl_s <= _SHORT_LIFE_S:
        return True
    return prices.ttl_s <= _LONG_LIFE_S and prices.read <= _RARE_RETURN * (prices.write - prices.read)
