"""How large a request is and how much must be held for it: counted input, bounded output, every limit in view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bursar.domain.conversation import Message
from bursar.domain.money.bound import input_bound_tokens
from bursar.domain.money.budget import Amount, Limit, Scope
from bursar.domain.money.price import Price, Unpriced, most_it_can_cost_pico
from bursar.domain.ports import Journal, TokenCounter
from bursar.domain.runs import RunRecord
from bursar.runs.assemble import LEAST_OUTPUT_TOKENS, FirstRequest, model_request
from bursar.runs.world import Way


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """A body ready to send, its exact count under our encoding, its answer bound and the money to hold.

    ``least_pico`` is what would have to be held with the shortest answer that is bought.
    """

    body: bytes
    counted_tokens: int
    max_tokens: int
    hold_pico: int
    least_pico: int


def limits_of(run: RunRecord, *, day: Scope, day_limit: Amount | None) -> list[Limit]:
    """Every limit that a request of this run is checked against, the run's own first."""
    limits = []
    if run.ceiling_pico is not None:
        limits.append(Limit(scope=Scope(kind="run", key=run.run), amount=Amount(unit="usd", value=run.ceiling_pico)))
    if day_limit is not None:
        limits.append(Limit(scope=day, amount=day_limit))
    return limits


def size_request(
    run: RunRecord,
    later: Sequence[Message],
    *,
    way: Way,
    counter: TokenCounter,
    journal: Journal,
    price: Price | Unpriced,
    limits: Sequence[Limit],
    terse: bool = False,
) -> Sized:
    """The next body for this way, with ``max_tokens`` cut to what is left under the tightest limit.

    Below 1,024 affordable output tokens the bound is left whole, so that the reservation refuses it and names the
    scope and the shortfall: a cut answer is never bought.
    """
    first = FirstRequest.from_json(run.first_request)
    body = way.provider.body(model_request(first, later, model=way.model, terse=terse))
    counted = counter.count(way.provider.prompt_text(body))
    if isinstance(price, Unpriced):
        return Sized(body=body, counted_tokens=counted, max_tokens=first.max_tokens, hold_pico=0, least_pico=0)
    bound = input_bound_tokens(counted_tokens=counted, body_bytes=len(body), model=way.model)
    max_tokens = first.max_tokens
    usd_limits = [each for each in limits if each.amount.unit == "usd"]
    if usd_limits:
        left = min(
            each.amount.value - journal.charged_pico(each.scope) - journal.held_pico(each.scope) for each in usd_limits
        )
        base = most_it_can_cost_pico(input_tokens=bound, output_tokens=0, price=price)
        each_token = most_it_can_cost_pico(input_tokens=bound, output_tokens=1, price=price) - base
        affordable = first.max_tokens if each_token <= 0 else (left - base) // each_token
        if LEAST_OUTPUT_TOKENS <= affordable < first.max_tokens:
            max_tokens = int(affordable)
            body = way.provider.body(model_request(first, later, model=way.model, max_tokens=max_tokens, terse=terse))
    hold = most_it_can_cost_pico(input_tokens=bound, output_tokens=max_tokens, price=price)
    least = most_it_can_cost_pico(input_tokens=bound, output_tokens=LEAST_OUTPUT_TOKENS, price=price)
    return Sized(body=body, counted_tokens=counted, max_tokens=max_tokens, hold_pico=hold, least_pico=min(least, hold))
