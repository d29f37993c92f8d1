"""The cheapest schedule of masking that loses nothing, found with the whole session in view: what is there to gain.

A result is dead after the last use that it alone is the newest source of. An event rewrites, at one request, all that
was first carried from some boundary on, and masks every dead result there. Its price does not depend on what was
masked before, so the best events between two others follow from smaller problems.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from bursar.domain.context.decision import NOTHING, Arrived, Decision, MakePolicy, Policy, Shape, Terms
from bursar.domain.context.rates import PriceSet
from bursar.domain.context.retention import Use
from bursar.domain.context.session import RecordedSession
from bursar.domain.context.sizes import STUB_TOKENS
from bursar.domain.errors import BadInput

GRID = 130
"""The most moments that are looked at in one session; of longer ones, as many, at even distances."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """At ``request`` every dead result that was first carried by ``boundary`` or later is masked."""

    request: int
    boundary: int


def optimum(session: RecordedSession, uses: Sequence[Sequence[Use]], prices: PriceSet) -> MakePolicy:
    """The policy that knows the future. Raises BadInput where numpy is not installed."""
    last_uses = last_uses_of(session, uses)
    masked: dict[int, Decision] = {}
    done: set[int] = set()
    for event in best_events(session, last_uses, prices):
        changes: dict[int, Shape] = {}
        for number, last_use in last_uses.items():
            turn = session.turns[number]
            if last_use < event.request and turn.request >= event.boundary and number not in done:
                changes[number] = "stub"
        done.update(changes)
        if changes:
            masked[event.request] = Decision(changes=changes)

    def make(terms: Terms) -> Policy:
        return _Scheduled(masked)

    return make


def can_be_computed() -> bool:
    """Whether numpy is installed."""
    try:
        _numpy()
    except BadInput:
        return False
    return True


def last_uses_of(session: RecordedSession, uses: Sequence[Sequence[Use]]) -> dict[int, int]:
    """By result that is larger than its stub: the last request that needs it; its own where none does."""
    found = {
        number: turn.request
        for number, turn in enumerate(session.turns)
        if turn.kind == "tool_result" and turn.tokens > STUB_TOKENS and turn.request < len(session.requests)
    }
    for request in uses:
        for use in request:
            alone = all(session.turns[each].kind == "tool_result" for each in use.holders)
            if use.kind != "quote" and alone and use.source in found:
                found[use.source] = max(found[use.source], use.request)
    return found


def best_events(
    session: RecordedSession, last_uses: Mapping[int, int], prices: PriceSet, grid: int = GRID
) -> list[Event]:
    """The events of the cheapest schedule, in the order of their requests. Tier edges are not looked at.

    Of a session with more requests than ``grid`` only that many moments are: a schedule that is possible, and perhaps
    not the cheapest.
    """
    numpy = _numpy()
    count = len(session.requests)
    moments = sorted({round(each * count / grid) for each in range(grid + 1)}) if count > grid else [*range(count + 1)]
    cold = [session.gap_s(each) > prices.ttl_s for each in range(count)]
    rates = numpy.array([0.0, *accumulate(prices.write if each else prices.read for each in cold)])[moments]
    tokens = [0] * count
    for turn in session.turns:
        if turn.request < count:
            tokens[turn.request] += turn.tokens
    sent = numpy.array([0, *accumulate(tokens)])[moments]
    is_warm = numpy.array([each < count and not cold[each] for each in moments])
    size = len(moments)
    following = numpy.zeros((size, size))
    choices = numpy.full((size, size, size), -1, dtype=numpy.int16)
    for cut in reversed(range(size - 1)):
        dead = _dead_before(session, last_uses, moments, moments[cut])
        rewritten = numpy.where(is_warm, (prices.write - prices.read) * (sent - sent[cut] - dead), 0.0)
        following = _with_cut(numpy, cut, following, dead, rewritten, rates, choices[cut])
    return _events(choices, moments)


def _with_cut(numpy: Any, cut: int, following: Any, dead: Any, rewritten: Any, rates: Any, choices: Any) -> Any:
    """What events with this cut or a later one save between each two moments, given that of later cuts alone."""
    size = len(rates)
    best = following.copy()
    every = numpy.arange(size)
    order = numpy.where(every[:, None] > every[None, :], -numpy.inf, 0.0)
    for start in reversed(range(size - 2)):
        first = max(start, cut) + 1
        if first >= size - 1:
            continue
        died = dead[first:-1] - dead[start]
        before = following[start, first:-1] - rewritten[first:-1] - died * rates[first:-1]
        # row: the moment of the event, column: the next cleaning; one can only come after the other
        saved = numpy.multiply.outer(died, rates[first + 1 :])
        saved += best[first:-1, first + 1 :]
        saved += before[:, None]
        saved += order[: len(died), : len(died)]
        chosen = saved.argmax(axis=0)
        values = saved[chosen, every[: len(died)]]
        better = values > best[start, first + 1 :] + 1e-9
        best[start, first + 1 :][better] = values[better]
        choices[start, first + 1 :][better] = (chosen + first)[better]
    return best


def _dead_before(session: RecordedSession, last_uses: Mapping[int, int], moments: Sequence[int], boundary: int) -> Any:
    """By moment: the tokens that masking all results dead by then would save behind a boundary."""
    died = [0] * (len(session.requests) + 1)
    for number, last_use in last_uses.items():
        turn = session.turns[number]
        if turn.request >= boundary:
            died[last_use + 1] += turn.tokens - STUB_TOKENS
    return _numpy().array([*accumulate(died)])[list(moments)]


def _events(choices: Any, moments: Sequence[int]) -> list[Event]:
    found: list[Event] = []
    open_parts = [(0, 0, len(moments) - 1)]
    while open_parts:
        cut, start, end = open_parts.pop()
        while cut < len(moments) - 1 and choices[cut, start, end] < 0:
            cut += 1
        if cut == len(moments) - 1:
            continue
        moment = int(choices[cut, start, end])
        found.append(Event(request=moments[moment], boundary=moments[cut]))
        open_parts += [(cut + 1, start, moment), (cut, moment, end)]
    return sorted(found, key=lambda each: each.request)


class _Scheduled:
    """Does what was planned for each request."""

    def __init__(self, planned: Mapping[int, Decision]) -> None:
        self._planned = planned

    def decide(self, arrived: Arrived) -> Decision:
        return self._planned.get(arrived.request, NOTHING)


def _numpy() -> Any:
    try:
        import numpy
    except ImportError as error:
        raise BadInput("the optimum is computed with numpy, which is not here: pip install 'bursar[bench]'") from error
    return numpy
