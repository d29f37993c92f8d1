"""A text's tokens for a model, from our own count of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bursar.domain.counting.calibrate import Calibration
from bursar.domain.counting.kinds import TextKind, kinds_in
from bursar.domain.text.blocks import TextBlocks
from bursar.domain.text.counts import tokens_in

if TYPE_CHECKING:
    from bursar.domain.ports.providers import TokenCounter

_LIKELY_DIGITS = 3
_RANGE_DIGITS = 2
# A range is learnt from requests, in which many passages make up for one another. In a text of one passage none does:
# there the range is half as wide again (in the benchmark it held 82 % of such texts without that), in a long one not.
_ALONE_WIDER = 0.5
_ONE_PASSAGE_TOKENS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a model's vendor probably makes of a text, between which figures, and where that comes from.

    Only an exact one has the same figure three times; the others are rounded, the range to its outside.
    """

    model: str
    tokens: int
    low: int
    high: int
    provenance: str


def estimate_text(text: str, calibration: Calibration, counter: TokenCounter) -> Estimate:
    """What this model makes of a text; blocks while it counts, and loads the encoding where it is not ready."""
    return estimate_blocks(TextBlocks.of(text), calibration, counter)


def estimate_blocks(blocks: TextBlocks, calibration: Calibration, counter: TokenCounter) -> Estimate:
    """The same of a text in blocks: after an edit only what it changed is counted."""
    encoding = calibration.encoding
    count = partial(counter.count, encoding=encoding)
    if calibration.exact:
        return estimate_of(calibration, {"other": tokens_in(blocks, encoding, count)})
    return estimate_of(calibration, kinds_in(blocks, encoding, count))


def estimate_of(calibration: Calibration, kinds: Mapping[TextKind, int]) -> Estimate:
    """The same from tokens by kind of text, counted under the calibration's encoding; they may be sums over texts."""
    if calibration.exact:
        likely = low = high = sum(kinds.values())
    else:
        rates = calibration.rates
        figure, least, most = (
            sum(getattr(rates[kind], end) * tokens for kind, tokens in kinds.items())
            for end in ("value", "low", "high")
        )
        if figure and calibration.requests:
            wider = 1 + _ALONE_WIDER * min(1.0, _ONE_PASSAGE_TOKENS / sum(kinds.values()))
            least, most = figure * (least / figure) ** wider, figure * (most / figure) ** wider
        likely = _rounded(figure, round, _LIKELY_DIGITS)
        low, high = _rounded(least, math.floor, _RANGE_DIGITS), _rounded(most, math.ceil, _RANGE_DIGITS)
    return Estimate(
        model=calibration.model,
        tokens=likely,
        low=min(low, likely),
        high=max(high, likely),
        provenance=calibration.provenance,
    )


def _rounded(figure: float, to_whole: Callable[[float], int], digits: int) -> int:
    unit: int = 10 ** max(len(str(int(figure))) - digits, 0)
    return to_whole(figure / unit) * unit
