"""The status bar's meter: what is spent of the day's budget, by its level, and what is running."""

from __future__ import annotations

from collections.abc import Sequence

from bursar.domain.moments import Here, moment_words
from bursar.domain.money.binding import ProviderWindow, free_share
from bursar.domain.money.budget import BudgetState, Level
from bursar.domain.money.imported import ImportedSpend
from bursar.domain.money.price import usd_text
from bursar.domain.money.scopes import scope_words
from bursar.views.annotations import Meter
from bursar.views.figures import amount, count, money, plural

_PLACES = ("request", "run", "task", "session", "workspace")


def meter_of(
    *,
    day: BudgetState,
    spent_pico: int,
    running: Sequence[str],
    here: Here,
    others: ImportedSpend | None = None,
    budgets: Sequence[BudgetState] = (),
    first: BudgetState | ProviderWindow | None = None,
    window_level: Level = "ok",
    kept_warm_pico: int = 0,
) -> Meter:
    """``$0.42 of $5.00 today``, with ``· running 2.1`` behind it; ``running`` are task addresses.

    Where another budget, or a provider's window, stops the next request before the day's does (``first``), that one
    stands before it, and the level and the reset are its own: ``$18.40 of $20.00 this week · $0.42 of $5.00 today``.
    A budget of tokens or requests is shown in these, with the money behind it: ``12,000 of 200,000 tokens today``.
    What other agents spent today is said in the tooltip, as far as it was imported.
    """
    in_money = day.unit == "usd"
    if in_money or day.limit is None:
        text = _spent_of(day) if in_money else f"{money(spent_pico)} today"
    else:
        text = f"{_spent_of(day)} · {money(spent_pico)}"
    tooltip = f"Charged today: {_details(day, here)}"
    shown: BudgetState | ProviderWindow = day
    if first is not None and first != day and (day.limit is None or free_share(first) < free_share(day)):
        shown = first
        text = f"{_spent_of(first)} · {text}"
    if running:
        text += f" · running {running[0]}" if len(running) == 1 else f" · {plural(len(running), 'run')}"
    if isinstance(shown, ProviderWindow):
        tooltip = f"{_window_words(shown, here)} {_RULE} {tooltip}"
    elif shown is not day:
        tooltip = f"{_sentence(shown, here)} {_RULE} {tooltip}"
    for each in budgets:
        if each.limit is not None and each is not day and each is not shown:
            tooltip += f" {_sentence(each, here)}"
    if kept_warm_pico:
        tooltip += f" Of it for keeping prompts warm while runs waited: {money(kept_warm_pico)}."
    if others is not None:
        tooltip += f" {_others(others, here)}"
    of_money = isinstance(shown, BudgetState) and shown.unit == "usd" and shown.limit is not None
    return Meter(
        text=text,
        tooltip=tooltip,
        level=window_level if isinstance(shown, ProviderWindow) else shown.level,
        spent_usd=usd_text(shown.spent if of_money and isinstance(shown, BudgetState) else spent_pico),
        limit_usd=usd_text(shown.limit or 0) if of_money and isinstance(shown, BudgetState) else None,
        resets_at=shown.resets_at,
        running=tuple(running),
    )


_RULE = "It is shown first because the least share of it is free: it stops the next request before the others do."


def _spent_of(state: BudgetState | ProviderWindow) -> str:
    """``$0.42 of $5.00 today``, ``12,000 of 200,000 tokens today``, ``1,200 of 40,000 tokens of acme``."""
    if isinstance(state, ProviderWindow):
        if state.window.kind == "quota":
            return f"{state.provider}'s quota is used up"
        kind = state.window.kind.replace("_", " ")
        return f"{count(state.used)} of {count(state.window.limit)} {kind} of {state.provider}"
    words = scope_words(state.scope.kind)
    if state.unit == "usd":
        spent = money(state.spent)
        return f"{spent} {words}" if state.limit is None else f"{spent} of {money(state.limit)} {words}"
    return f"{count(state.spent)} of {amount(state.unit, state.limit or 0)} {words}"


def _sentence(state: BudgetState, here: Here) -> str:
    words = scope_words(state.scope.kind)
    return f"Charged {'in ' if state.scope.kind in _PLACES else ''}{words}: {_details(state, here)}"


def _details(state: BudgetState, here: Here) -> str:
    """What is charged, what of it is not certain, what is held and what is left until when."""
    said = f"{amount(state.unit, state.spent)}."
    if state.not_known:
        said += f" Of it at most {amount(state.unit, state.not_known)} for requests whose bill is not known."
    if state.not_known is None:
        said += f" What requests without a known bill took is not among these {state.unit}."
    if state.reserved:
        said += f" Held for requests in flight: {amount(state.unit, state.reserved)}."
    if state.limit is not None:
        left = amount(state.unit, max(state.limit - state.spent - state.reserved, 0))
        until = "" if state.resets_at is None else f", until {moment_words(state.resets_at, here)}"
        said += f" Left: {left}{until}."
    return said


def _window_words(each: ProviderWindow, here: Here) -> str:
    """What the provider said, of what, and when."""
    said = f"{each.name}: {count(each.used)} of {count(each.window.limit)} used"
    if each.window.kind == "quota":
        said = f"{each.provider} said that the account's quota or balance is used up"
    until = "" if each.resets_at is None else f", until {moment_words(each.resets_at, here)}"
    return f"{said}{until} (the provider's own limit, as it was told {moment_words(each.at, here)})."


def _others(others: ImportedSpend, here: Here) -> str:
    """``Other agents today: $3.10 (imported 14:02).``; what has no price is said beside the sum."""
    unpriced = ""
    if others.unpriced_requests:
        unpriced = f" and {plural(others.unpriced_requests, 'request')} without a price"
    at = f"{others.imported_at[:16]}:00Z"
    counted = ", counted in the budgets" if others.counted else ""
    return f"Other agents today: {money(others.cost_pico)}{unpriced} (imported {moment_words(at, here)}){counted}."
