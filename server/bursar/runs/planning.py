"""The next request for one way, before anything is reserved: its body, its price, and whether it may go there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bursar.domain.conversation import Message
from bursar.domain.money.bound import Prefix
from bursar.domain.money.budget import Limit, RefusedByBudget, Scope, Unit
from bursar.domain.money.figures import money, money_at_least
from bursar.domain.money.price import Price, Unpriced
from bursar.domain.money.scopes import scope_words, whose_budget
from bursar.domain.runs import RunRecord
from bursar.runs.counted import counted_before
from bursar.runs.exceeding import known_window
from bursar.runs.shapes import FULL, Shapes
from bursar.runs.sizing import Sized, day_of, limits_of, size_request
from bursar.runs.world import Paused, Way, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A request that could be sent: its body and hold, the price, and every limit it is checked against."""

    sized: Sized
    price: Price | Unpriced
    limits: list[Limit]
    day: Scope


class Plans:
    """Plans the requests of one run; ``terse``: in the form that asks for short answers.

    ``shapes`` say how what was sent before stands now. ``about`` is the run whose conversation it is, where that is
    another one.
    """

    def __init__(
        self, world: World, run: RunRecord, *, terse: bool, shapes: Shapes = FULL, about: RunRecord | None = None
    ) -> None:
        self._about = about or run
        self._shapes = shapes
        self._world = world
        self._run = run
        self._terse = terse

    def plan(self, way: Way, later: Sequence[Message], *, check_window: bool) -> Planned | Paused:
        """The next body for this way with its price; or why this way cannot be gone."""
        world, target = self._world, way.target
        price = world.prices.price(provider=target.provider, model=target.model, at=world.clock.now_utc())
        day = day_of(world)
        limits = limits_of(self._run, world)
        if isinstance(price, Unpriced) and any(each.amount.unit == "usd" for each in limits):
            detail = f"No price is known for {price.model}. {price.why}. Nothing was sent: there is a budget in money."
            return Paused(reason="budget", detail=detail)
        sized = size_request(
            self._run,
            later,
            way=way,
            counter=world.counter,
            journal=world.journal,
            price=price,
            limits=limits,
            terse=self._terse,
            prefix=self._prefix(way),
        )
        window = known_window(world.prices, world.journal, world.clock, target)
        needs = sized.counted_tokens + sized.max_tokens
        if check_window and window is not None and needs > window:
            detail = f"the window of {target} takes {window:,} tokens, and the next request needs {needs:,}"
            return Paused(reason="provider", detail=detail)
        return Planned(sized=sized, price=price, limits=limits, day=day)

    def why_not(self, way: Way, *, later: Sequence[Message]) -> str | None:
        """Why this way could not be gone instead of another: its window, its price, or what is left of a budget."""
        planned = self.plan(way, later, check_window=True)
        if isinstance(planned, Paused):
            return planned.detail
        for each in self._world.journal.standings(planned.limits):
            wanted = wanted_of(planned.sized, each.unit)
            if wanted > each.left:
                may, left = _amount(each.unit, wanted), _amount(each.unit, each.left)
                return f"the request may take up to {may} there, and {left} is left for {scope_words(each.scope.kind)}"
        return None

    def _prefix(self, way: Way) -> Prefix | None:
        """What this way's provider counted of the conversation so far, in the newest request that it answered."""
        journal = self._world.journal
        about = self._about
        steps, requests = journal.steps(about.run), journal.requests(run=about.run)
        return counted_before(about, steps, requests, way.target, self._shapes)


def wanted_of(sized: Sized, unit: Unit) -> int:
    """What a request takes from a budget in this unit until it is settled."""
    return {"usd": sized.hold_pico, "tokens": sized.at_most_tokens, "requests": 1}[unit]


def paused_by_budget(refused: RefusedByBudget, sized: Sized) -> Paused:
    """How a run stands still whose request a budget has refused."""
    return Paused(reason="budget", detail=refusal_text(refused, sized.least_pico), refused=refused)


def refusal_text(refused: RefusedByBudget, least_pico: int) -> str:
    """What a denied reservation tells the user; ``least_pico`` is the money that the request must be able to hold."""
    kind, unit = refused.scope.kind, refused.unit
    raise_it = f"'bursar budget set {kind}'" + (" or --max" if kind == "run" else "")
    least = min(least_pico, refused.wanted) if unit == "usd" else refused.wanted
    held = f" and {_amount(unit, refused.reserved)} held for requests in flight" if refused.reserved else ""
    return (
        f"{whose_budget(kind)} of {_amount(unit, refused.limit)} has no room for the next request, which needs"
        f" at least {_at_least(unit, least)} free: {_amount(unit, refused.spent)} is spent{held}. Nothing was sent."
        f" Raise the budget to {_at_least(unit, refused.taken + least)} or more with Set Budget in the editor"
        f" or {raise_it}, then resume."
    )


def _amount(unit: Unit, value: int) -> str:
    return money(value) if unit == "usd" else f"{value:,} {unit.removesuffix('s') if value == 1 else unit}"


def _at_least(unit: Unit, value: int) -> str:
    return money_at_least(value) if unit == "usd" else _amount(unit, value)
