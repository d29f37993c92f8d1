"""What one call in a program costs, from what the text says that it sends."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bursar.domain.callsites import CallSite
from bursar.domain.counting import Estimate
from bursar.domain.money.bound import input_bound_tokens
from bursar.domain.money.price import Cost, Price, Unpriced, buckets_at, cost_of
from bursar.domain.money.usage import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedCall:
    """A call with the tokens of each of its prompts under our own encoding.

    ``price`` and ``estimate`` are those of the literal model; None where no model is written, ``estimate`` also where
    nothing is known of how the model counts.
    """

    site: CallSite
    tokens: tuple[int, ...]
    price: Price | Unpriced | None = None
    estimate: Estimate | None = None

    @property
    def counted_tokens(self) -> int:
        """What all prompts together have under our own encoding."""
        return sum(self.tokens)

    @property
    def input_tokens(self) -> int:
        """What the model probably makes of the prompts; our own count where nothing better is known."""
        return self.counted_tokens if self.estimate is None else self.estimate.tokens

    @property
    def most_input_tokens(self) -> int:
        """What a provider can count for them at most, with what it puts around messages: the bound that budgets use."""
        size = sum(len(piece.encode()) for each in self.site.prompts for piece in each.pieces)
        return input_bound_tokens(counted_tokens=self.counted_tokens, body_bytes=size, model=self.site.model or "")

    @property
    def is_whole(self) -> bool:
        """Whether the text says everything that is sent: no values are put in, and nothing is left open."""
        open_input = [each for each in self.site.open_parts if each not in ("the model", "the output limit")]
        return not open_input and not any(each.holes for each in self.site.prompts)


def input_cost(call: CountedCall) -> Cost | Unpriced | None:
    """What the prompts cost uncached; None where no model is written."""
    return None if call.price is None else cost_of(Usage(uncached_input=call.input_tokens), call.price)


def longest_answer_cost(call: CountedCall) -> Cost | Unpriced | None:
    """The most that an answer up to the literal limit costs, however long the prompt; None where no model or no limit
    is written."""
    limit = call.site.max_output_tokens
    if call.price is None or limit is None:
        return None
    answer = Usage(output=limit)
    cost = cost_of(answer, call.price)
    if isinstance(cost, Unpriced) or isinstance(call.price, Unpriced):
        return cost
    # A longer prompt than the one that is written may make the answer dearer, too.
    all_rates = [call.price.rates, *(tier.rates for tier in call.price.tiers)]
    dearest = max(sum(each.pico for each in buckets_at(answer, rates)) for rates in all_rates)
    return replace(cost, pico=dearest)


def most_cost(call: CountedCall) -> Cost | Unpriced | None:
    """The most that the call costs: the bound of its prompts, and the longest answer; None as above."""
    limit = call.site.max_output_tokens
    if call.price is None or limit is None:
        return None
    return cost_of(Usage(uncached_input=call.most_input_tokens, output=limit), call.price)
