"""The next request for one way, before anything is reserved: its body, its price, and whether it may go there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bursar.domain.conversation import Message
from bursar.domain.money.budget import Limit, RefusedByBudget, Scope
from bursar.domain.money.figures import money, money_at_least
from bursar.domain.money.price import Price, Unpriced
from bursar.domain.runs import RunRecord
from bursar.runs.sizing import Sized, limits_of, size_request
from bursar.runs.world import Paused, Way, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A request that could be sent: its body and hold, the price, and every limit it is checked against."""

    sized: Sized
    price: Price | Unpriced
    limits: list[Limit]
    day: Scope


class Plans:
    """Plans the requests of one run; ``terse``: in the form that asks for short answers."""

    def __init__(self, world: World, run: RunRecord, *, terse: bool) -> None:
        self._world = world
        self._run = run
        self._terse = terse

    def plan(self, way: Way, later: Sequence[Message], *, check_window: bool) -> Planned | Paused:
        """The next body for this way with its price; or why this way cannot be gone."""
        world, target = self._world, way.target
        price = world.prices.price(provider=target.provider, model=target.model, at=world.clock.now_utc())
        day = Scope(kind="day", key=world.clock.local_day())
        limits = limits_of(self._run, day=day, day_limit=world.day_limit())
        if isinstance(price, Unpriced) and limits:
            return Paused(reason="budget", detail=f"No price is known for {price.model}. {price.why}")
        sized = size_request(
            self._run,
            later,
            way=way,
            counter=world.counter,
            journal=world.journal,
            price=price,
            limits=limits,
            terse=self._terse,
        )
        window = world.prices.window_tokens(provider=target.provider, model=target.model)
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
        journal, hold = self._world.journal, planned.sized.hold_pico
        for each in planned.limits:
            taken = journal.charged_pico(each.scope) + journal.held_pico(each.scope)
            if each.amount.unit == "usd" and taken + hold > each.amount.value:
                left = money(max(0, each.amount.value - taken))
                return f"the request may take up to {money(hold)} there, and {left} is left for this {each.scope.kind}"
        return None


def refusal_text(refused: RefusedByBudget, least_pico: int) -> str:
    """What a denied reservation tells the user; ``least_pico`` is the money that the request must be able to hold."""
    this_run = refused.scope.kind == "run"
    whose = "This run's budget" if this_run else "Today's budget"
    raise_it = "'bursar budget set run' or --max" if this_run else "'bursar budget set day'"
    least = min(least_pico, refused.wanted) if refused.unit == "usd" else refused.wanted
    held = f" and {_amount(refused, refused.reserved)} held for requests in flight" if refused.reserved else ""
    return (
        f"{whose} of {_amount(refused, refused.limit)} has no room for the next request, which needs at least"
        f" {_at_least(refused, least)} free: {_amount(refused, refused.spent)} is spent{held}. Nothing was sent."
        f" Raise the budget to {_at_least(refused, refused.taken + least)} or more with Set Budget in the editor"
        f" or {raise_it}, then resume."
    )


def _amount(refused: RefusedByBudget, value: int) -> str:
    unit = refused.unit.removesuffix("s") if value == 1 else refused.unit
    return money(value) if refused.unit == "usd" else f"{value:,} {unit}"


def _at_least(refused: RefusedByBudget, value: int) -> str:
    return money_at_least(value) if refused.unit == "usd" else _amount(refused, value)
