"""How large a request is and how much must be held for it: counted input, bounded output, every limit in view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bursar.domain.conversation import Message
from bursar.domain.counting import count_kinds
from bursar.domain.money.bound import InputBound, Prefix, input_bound
from bursar.domain.money.budget import Amount, BudgetKind, Limit, Scope, Standing
from bursar.domain.money.price import Price, Unpriced, most_it_can_cost_pico
from bursar.domain.money.scopes import chain, period_scopes, scopes_of
from bursar.domain.ports import Journal, TokenCounter
from bursar.domain.runs import KEEP_WARM, RunRecord
from bursar.runs.assemble import LEAST_OUTPUT_TOKENS, FirstRequest, model_request
from bursar.runs.world import Way, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """A body ready to send, its exact count under our encoding, the bounds of what goes in and comes out, and the
    money to hold.

    ``least_pico`` is what would have to be held with the shortest answer that is bought.
    """

    body: bytes
    counted_tokens: int
    max_tokens: int
    hold_pico: int
    least_pico: int
    input_bound: InputBound

    @property
    def at_most_tokens(self) -> int:
        """All that the provider can count for it, in and out."""
        return self.input_bound.tokens + self.max_tokens

    @property
    def facts(self) -> dict[str, int | str]:
        """What a step's intent keeps of it."""
        return {
            "counted_tokens": self.counted_tokens,
            "max_tokens": self.max_tokens,
            "at_most_tokens": self.at_most_tokens,
            "bound": self.input_bound.provenance,
        }


def facts_of(sized: Sized, way: Way, counter: TokenCounter) -> dict[str, Any]:
    """What a step's intent keeps of a request that is about to be sent, with its tokens by kind of text: from these and
    from what the provider reports is learnt how the model counts. One on this machine may be a simulator that bears a
    vendor's name, so that is kept, too."""
    kinds = count_kinds(way.provider.prompt_text(sized.body), counter.count)
    return {**sized.facts, "counted_kinds": kinds, "is_loopback": way.provider.is_loopback}


def day_of(world: World) -> Scope:
    """The local day that a request of this moment is booked on."""
    return period_scopes(world.journal.budget_day(world.clock.local_day()))["day"]


def limits_of(run: RunRecord, world: World) -> list[Limit]:
    """Every limit that a request of this run is checked against, the narrowest scope first.

    The ceiling in money that the run began with is its own; a run's budget in another unit is the user's of now.
    """
    scopes = scopes_of(
        run=run.run,
        workspace=run.workspace,
        spec=run.spec,
        task=run.task_address,
        session=world.journal.session,
        day=day_of(world).key,
        keep_warm=run.kind == KEEP_WARM,
    )
    amounts: dict[BudgetKind, Amount] = dict(world.budgets())
    found = []
    if run.ceiling_pico is not None:
        found = [Limit(scope=scopes["run"], amount=Amount(unit="usd", value=run.ceiling_pico))]
    own = amounts.get("run")
    if own is not None and own.unit == "usd":
        del amounts["run"]
    return found + chain(scopes, amounts)


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
    prefix: Prefix | None = None,
) -> Sized:
    """The next body for this way, with ``max_tokens`` cut to what is left under the tightest limit.

    Below 1,024 affordable output tokens it is 1,024 (or the request's own bound, if that is less), so that the
    reservation refuses it and names the scope and the least that would do: a cut answer is never bought. ``prefix`` is
    what the provider counted of the same conversation before.
    """
    first = FirstRequest.from_json(run.first_request)
    body = way.provider.body(model_request(first, later, model=way.model, terse=terse))
    counted = counter.count(way.provider.prompt_text(body))
    bound = input_bound(counted_tokens=counted, body_bytes=len(body), model=way.model, prefix=prefix)
    affordable = min(
        (_affordable_tokens(each, bound.tokens, price) for each in journal.standings(limits)), default=first.max_tokens
    )
    max_tokens = min(first.max_tokens, max(affordable, LEAST_OUTPUT_TOKENS))
    if max_tokens != first.max_tokens:
        body = way.provider.body(model_request(first, later, model=way.model, max_tokens=max_tokens, terse=terse))
    hold = _hold_pico(bound.tokens, max_tokens, price)
    least = _hold_pico(bound.tokens, LEAST_OUTPUT_TOKENS, price)
    return Sized(
        body=body,
        counted_tokens=counted,
        max_tokens=max_tokens,
        hold_pico=hold,
        least_pico=min(least, hold),
        input_bound=bound,
    )


def _affordable_tokens(standing: Standing, input_tokens: int, price: Price | Unpriced) -> int:
    """How long an answer can be under this limit: what is left of it after the whole input; unbounded is 2**62."""
    without_bound = 2**62
    if standing.unit == "requests":
        return without_bound
    if standing.unit == "tokens":
        return standing.left - input_tokens
    if isinstance(price, Unpriced):
        return without_bound
    base = most_it_can_cost_pico(input_tokens=input_tokens, output_tokens=0, price=price)
    each_token = most_it_can_cost_pico(input_tokens=input_tokens, output_tokens=1, price=price) - base
    return without_bound if each_token <= 0 else (standing.left - base) // each_token


def _hold_pico(input_tokens: int, output_tokens: int, price: Price | Unpriced) -> int:
    if isinstance(price, Unpriced):
        return 0
    return most_it_can_cost_pico(input_tokens=input_tokens, output_tokens=output_tokens, price=price)
