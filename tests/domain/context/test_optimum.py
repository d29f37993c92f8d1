"""The optimum against every schedule that there is, tried one by one, on sessions that are small enough for that."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from bursar.domain.context.decision import NOTHING, Arrived, Decision, MakePolicy, Policy, Shape, Terms
from bursar.domain.context.optimum import Event, best_events, last_uses_of, optimum
from bursar.domain.context.policies.registry import ENTRIES
from bursar.domain.context.rates import PRICE_SETS, PriceSet
from bursar.domain.context.replay import play, terms_of
from bursar.domain.context.retention import Use, uses_by_request
from bursar.domain.context.score import score
from bursar.domain.context.session import RecordedSession, Request, Turn
from bursar.imports.recorded import read_sessions
from support.sessions import made_session

REQUESTS = 6


def small(seed: int) -> RecordedSession:
    """A session of a few requests, each with a result of its own; times, sizes and later uses by chance."""
    rng = random.Random(seed)
    turns = [Turn(index=0, kind="user", text="", request=0, tokens=rng.randrange(50, 400))]
    at_s = [0.0]
    for request in range(1, REQUESTS):
        wanted = [f"name_{each}" for each in range(1, request) if rng.random() < 0.2]
        call, result = rng.randrange(10, 200), rng.choice([5, 100, 900, 3_000])
        turns.append(Turn(index=0, kind="tool_call", text=" ".join(wanted), request=request, tokens=call))
        turns.append(Turn(index=0, kind="tool_result", text=f"name_{request}", request=request, tokens=result))
        at_s.append(at_s[-1] + rng.choice([10, 10, 10, 400]))
    return RecordedSession(
        id=str(seed),
        source="here",
        turns=tuple(turns),
        requests=tuple(Request(n=n, at_s=each) for n, each in enumerate(at_s)),
        base_tokens=rng.randrange(100, 2_000),
        window_tokens=200_000,
        tokens_per_character=0.3,
    )


def cost(session: RecordedSession, make: MakePolicy, prices: PriceSet) -> float:
    return sum(each.cost for each in play(session, make, terms_of(session, prices)))


def every_schedule(session: RecordedSession, uses: list[list[Use]]) -> Iterator[MakePolicy]:
    """At each request: nothing, or every result from one request on that is not needed any more becomes a stub."""
    needed: dict[int, int] = {}
    for request in uses:
        for use in request:
            if all(session.turns[each].kind == "tool_result" for each in use.holders):
                needed[use.source] = max(needed.get(use.source, 0), use.request)
    for cuts in product(*[[None, *range(request)] for request in range(1, REQUESTS)]):
        plan: dict[int, Decision] = {}
        for request, cut in enumerate(cuts, start=1):
            if cut is not None:
                changes: dict[int, Shape] = {
                    number: "stub"
                    for number, turn in enumerate(session.turns)
                    if turn.kind == "tool_result" and turn.tokens > 14 and cut <= turn.request < request
                    if needed.get(number, 0) < request
                }
                plan[request] = Decision(changes=changes)
        yield planned(plan)


def planned(plan: dict[int, Decision]) -> MakePolicy:
    class Planned:
        def decide(self, arrived: Arrived) -> Decision:
            return plan.get(arrived.request, NOTHING)

    def make(terms: Terms) -> Policy:
        return Planned()

    return make


@pytest.mark.parametrize(("prices", "gains"), [("A", 2), ("B", 0), ("F", 0), ("G", 1)])
def test_no_schedule_that_loses_nothing_is_cheaper(prices: str, gains: int) -> None:
    rates = replace(PRICE_SETS[prices], minimum_tokens=0)
    gained = 0
    for seed in range(6):
        session = small(seed)
        uses = uses_by_request(session)
        found = cost(session, optimum(session, uses, rates), rates)
        best = min(cost(session, each, rates) for each in every_schedule(session, uses))
        assert found == pytest.approx(best)
        gained += found < cost(session, planned({}), rates) - 1e-6
    assert gained >= gains


def test_an_optimum_of_other_prices_is_not_the_cheapest() -> None:
    """The control: the comparison does tell schedules apart."""
    dear, rates = replace(PRICE_SETS["F"], minimum_tokens=0), replace(PRICE_SETS["A"], minimum_tokens=0, write=1.0)
    worse = 0
    for seed in range(8):
        session = small(seed)
        uses = uses_by_request(session)
        found = cost(session, optimum(session, uses, dear), rates)
        worse += found > cost(session, optimum(session, uses, rates), rates) + 1e-6
    assert worse >= 2


def test_a_long_session_on_a_grid_loses_nothing_either(tmp_path: Path) -> None:
    path = tmp_path / "sessions.jsonl"
    path.write_text(json.dumps(made_session(21)), encoding="utf-8")
    (session,) = read_sessions(path)
    uses, rates = uses_by_request(session), PRICE_SETS["A"]
    last_uses = last_uses_of(session, uses)
    coarse = best_events(session, last_uses, rates, grid=12)
    assert coarse and len({each.request for each in coarse} | {each.boundary for each in coarse}) <= 13
    terms = terms_of(session, rates)
    exact = score(session, uses, optimum(session, uses, rates), terms)
    thinned = score(session, uses, planned(_masking(session, last_uses, coarse)), terms)
    kept = score(session, uses, ENTRIES["keep-all"].plan(session, uses, terms, False), terms)
    assert exact.cost < thinned.cost < kept.cost
    assert exact.penalty == thinned.penalty == 0


def _masking(session: RecordedSession, last_uses: dict[int, int], events: list[Event]) -> dict[int, Decision]:
    plan: dict[int, Decision] = {}
    for event in events:
        changes: dict[int, Shape] = {
            number: "stub"
            for number, last in last_uses.items()
            if last < event.request and session.turns[number].request >= event.boundary
        }
        plan[event.request] = Decision(changes={**plan.get(event.request, NOTHING).changes, **changes})
    return plan
