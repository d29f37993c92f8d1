"""What the policy is told of the model that is asked: prices as ratios, the window, whether the cache is cold. Pure.

Tokens are counted by us throughout; what the vendor counts is turned into that by the newest answer's own figures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bursar.domain.context.decision import Terms
from bursar.domain.context.rates import PriceSet
from bursar.domain.context.rule import CacheRules
from bursar.domain.context.rules import ratios_of
from bursar.domain.money.price import Price, Unpriced
from bursar.domain.money.usage import Usage
from bursar.domain.routes import Target

UNKNOWN_WINDOW_TOKENS = 128_000
"""Taken for a model whose window nobody names: less than most have, so that room is made early and not too late."""
_OUTPUT_RATIO = 5.0
_PLAUSIBLE_RATIO = (0.5, 3.0)
_WITHOUT_END = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class LastAnswer:
    """The newest answer of a run: who gave it, for how many tokens by our count, and what was reported of it.

    ``misses`` is how many answers in a row, this one the last, reported that nothing was read from the cache or
    written to it, although there was something to read.
    """

    target: Target
    ended_s: float
    counted_tokens: int = 0
    usage: Usage | None = None
    misses: int = 0

    @property
    def ratio(self) -> float:
        """How many of the vendor's tokens one of ours is, by this answer; 1 where nothing plausible was reported."""
        if self.usage is None or not self.counted_tokens or not self.usage.input:
            return 1.0
        ratio = self.usage.input / self.counted_tokens
        return ratio if _PLAUSIBLE_RATIO[0] <= ratio <= _PLAUSIBLE_RATIO[1] else 1.0


def terms_of(
    *,
    model: str,
    rules: CacheRules,
    price: Price | Unpriced,
    window_tokens: int | None,
    answer_tokens: int,
    ratio: float,
    base_tokens: int,
    tokens_per_character: float,
) -> Terms:
    """The terms of a request to this model; ``answer_tokens`` is the room that its answer needs in the window."""
    ratios = ratios_of(rules, price)
    edge, above, output = None, 1.0, _OUTPUT_RATIO
    if not isinstance(price, Unpriced) and price.rates.input:
        output = float(price.rates.output / price.rates.input)
        if price.tiers:
            tier = min(price.tiers, key=lambda each: each.above_tokens)
            edge, above = tier.above_tokens, float(tier.rates.input / price.rates.input)
    if edge is None and rules.edges:
        edge, above = rules.edges[0].above_tokens, float(rules.edges[0].input_ratio)
    prices = PriceSet(
        name=model,
        read=float(ratios.read),
        write=float(ratios.write),
        ttl_s=float(rules.life_s),
        output=output,
        minimum_tokens=rules.min_prefix_tokens,
        edge_tokens=None if edge is None else int(edge / ratio),
        above=above,
    )
    window = UNKNOWN_WINDOW_TOKENS if window_tokens is None else window_tokens
    room = max(window - answer_tokens, window // 2)
    return Terms(
        prices=prices,
        window_tokens=int(room / ratio),
        base_tokens=base_tokens,
        tokens_per_character=tokens_per_character,
    )


def admitting_only(terms: Terms) -> Terms:
    """The same where nothing that was sent may change: no window and no price edge asks for it."""
    return replace(terms, may_rewrite=False, window_tokens=_WITHOUT_END, prices=replace(terms.prices, edge_tokens=None))


def is_cold(rules: CacheRules, last: LastAnswer | None, target: Target, now_s: float) -> bool:
    """Whether what the provider kept of the prompt is certainly gone, or was never kept.

    Another model's cache is its own. Where marks say what is kept, one answer that read and wrote nothing says that
    nothing is; an automatic cache misses now and then, so there it takes two.
    """
    if last is None:
        return False
    if last.target != target or now_s - last.ended_s > max(rules.life_s, rules.most_life_s or 0):
        return True
    return last.misses >= (2 if rules.lookup == "prefix" else 1)
