"""What a paused run asks its model next, counted and priced from the journal before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bursar.domain.money.bound import input_bound
from bursar.domain.money.price import Price, Unpriced, cost_of, first_sent, most_it_can_cost_pico
from bursar.domain.money.usage import Usage
from bursar.domain.ports import ModelProvider, TokenCounter
from bursar.domain.resuming import NextRequest
from bursar.domain.routes import Target, target_of
from bursar.domain.runs import RequestRow, RunRecord, StepRecord
from bursar.runs.assemble import LEAST_OUTPUT_TOKENS, FirstRequest, model_request
from bursar.runs.booking import target_of_step
from bursar.runs.counted import counted_before
from bursar.runs.fold import AllDone, AskModel, Idle, RunCheck, UseTool, next_act, request_order
from bursar.runs.modes import Modes
from bursar.runs.shapes import FULL, Shapes


def next_request(
    run: RunRecord,
    steps: Sequence[StepRecord],
    *,
    provider: ModelProvider,
    counter: TokenCounter,
    price: Price | Unpriced,
    modes: Modes | None = None,
    requests: Sequence[RequestRow] = (),
    shapes: Shapes = FULL,
) -> NextRequest:
    """Build and count it; long, so beside the loop. ``requests`` are the run's, oldest first.

    ``modes`` is what the run has come to on its way, ``provider`` and ``price`` are those of the model that it then
    asks: where the last answer was another model's, no cache helps. ``shapes`` say what stands of each result.
    """
    first = FirstRequest.from_json(run.first_request)
    modes = modes or Modes(began_terse=first.terse)
    target = asked_target(run, modes)
    act = next_act(steps, check=first.check, terse_from=modes.terse_from, terse_after=modes.terse_after, shapes=shapes)
    known = act
    if isinstance(act, UseTool | RunCheck):
        if isinstance(act, UseTool) and act.call.name == "finish" and not first.check:
            return _nothing(target.model)
        # The calls of the last answer come first; what they bring is not known, what stood before them is.
        before = [each for each in steps if each.n < request_order(act.n)]
        known = next_act(
            before, check=first.check, terse_from=modes.terse_from, terse_after=modes.terse_after, shapes=shapes
        )
    if isinstance(known, AllDone | Idle) or not isinstance(known, AskModel):
        return _nothing(target.model)
    body = provider.body(model_request(first, known.later, model=target.model, terse=modes.terse_fields))
    counted = counter.count(provider.prompt_text(body))
    cached = min(_cached_tokens(steps, run, target), counted)
    fresh = counted - cached
    writes = provider.wire == "anthropic"
    cold = first_sent(counted, written=writes, price=price)
    warm = replace(first_sent(fresh, written=writes, price=price), cache_read=cached)
    prefix = counted_before(run, steps, requests, target, shapes)
    bound = input_bound(counted_tokens=counted, body_bytes=len(body), model=target.model, prefix=prefix)
    return NextRequest(
        counted_tokens=counted,
        is_least=act is not known,
        warm_pico=_pico(warm, price),
        cold_pico=_pico(cold, price),
        hold_pico=0
        if isinstance(price, Unpriced)
        else most_it_can_cost_pico(input_tokens=bound.tokens, output_tokens=LEAST_OUTPUT_TOKENS, price=price),
        model=str(target),
        rate_card=None if isinstance(price, Unpriced) else price.rate_card,
    )


def asked_target(run: RunRecord, modes: Modes) -> Target:
    """The model that the run asks first when it goes on."""
    return Target(provider=run.provider, model=run.model) if modes.asked is None else target_of(modes.asked)


def _nothing(model: str) -> NextRequest:
    return NextRequest(
        counted_tokens=0, is_least=False, warm_pico=0, cold_pico=0, hold_pico=0, model=model, rate_card=None
    )


def _cached_tokens(steps: Sequence[StepRecord], run: RunRecord, target: Target) -> int:
    """The size of the newest request that was answered: the next one begins with the same bytes.

    Nothing where that was another model's: its cache is its own.
    """
    answered = [each for each in steps if each.kind == "model" and each.status == "done"]
    newest = max(answered, key=lambda each: each.n, default=None)
    if newest is None or target_of_step(newest, run) != target:
        return 0
    return int(newest.intent.get("counted_tokens", 0))


def _pico(usage: Usage, price: Price | Unpriced) -> int | None:
    cost = cost_of(usage, price)
    return None if isinstance(cost, Unpriced) else cost.pico
