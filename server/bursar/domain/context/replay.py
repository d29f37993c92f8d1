"""Plays a recorded session again under a policy, which sees each request as it comes and nothing of later ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bursar.domain.context.cost import ping_cost, request_cost, summary_cost
from bursar.domain.context.decision import Arrived, Decision, MakePolicy, Terms
from bursar.domain.context.rates import PriceSet
from bursar.domain.context.session import RecordedSession
from bursar.domain.context.window import Window

PING_LEAD_S = 10.0
"""How long before the cache's end a ping is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request as it left. ``cost`` has all that was paid since the one before; ``broke``: it lost a warm prefix.

    ``window`` is the prompt as it is now: read it before the next request is played.
    """

    request: int
    decision: Decision
    prompt_tokens: int
    cached_tokens: int
    cost: float
    broke: bool
    pinged: bool
    window: Window


def terms_of(
    session: RecordedSession,
    prices: PriceSet,
    window_tokens: int | None = None,
    *,
    leave_own_source_out: bool = False,
) -> Terms:
    """What a policy is told of a session: nothing that its requests will bring."""
    return Terms(
        prices=prices,
        window_tokens=window_tokens or session.window_tokens,
        base_tokens=session.base_tokens,
        tokens_per_character=session.tokens_per_character,
        unseen_source=session.source if leave_own_source_out else None,
    )


def play(session: RecordedSession, make: MakePolicy, terms: Terms) -> Iterator[Sent]:
    """The requests of a session, each as the policy would have sent it."""
    policy, window, prices = make(terms), Window(terms), terms.prices
    before_tokens, ping = 0, False
    for request, turns in zip(session.requests, session.by_request(), strict=True):
        gap_s = session.gap_s(request.n)
        pinged = ping and gap_s > prices.ttl_s - PING_LEAD_S
        warm_s = 2 * prices.ttl_s - PING_LEAD_S if pinged else prices.ttl_s
        is_cold = gap_s > warm_s
        cost = ping_cost(prices, before_tokens) if pinged else 0.0
        window.take(turns)
        decision = policy.decide(Arrived(request=request.n, gap_s=gap_s, is_cold=is_cold, turns=turns))
        if decision.summary:
            cost += summary_cost(prices, window.tokens)
        changed = window.apply(decision)
        cached = 0 if request.n == 0 else before_tokens if changed is None else window.tokens_before(changed)
        if is_cold or cached < prices.minimum_tokens:
            cached = 0
        before_tokens, ping = window.tokens, decision.ping
        cost += request_cost(prices, before_tokens, cached)
        if ping and request.n == len(session.requests) - 1:
            cost += ping_cost(prices, before_tokens)  # the policy cannot know that nobody will come back
        yield Sent(
            request=request.n,
            decision=decision,
            prompt_tokens=before_tokens,
            cached_tokens=cached,
            cost=cost,
            broke=changed is not None and not is_cold and request.n > 0,
            pinged=pinged,
            window=window,
        )
