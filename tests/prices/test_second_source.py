"""The price card beside a second source: forty models, every service, both sides of every edge, to one per cent."""

from __future__ import annotations

import copy
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bursar.domain.money.price import Cost, cost_of
from bursar.domain.money.usage import Usage
from bursar.prices import price_book

from .second_source import SERVICES, Asked, questions, source, usd_by_the_source

AT = "2026-11-20T07:00:00.000Z"
"""A peak hour of DeepSeek: the second source knows no others."""
BOOK = price_book(override_file=None, free_providers=frozenset())
SOURCE: dict[str, dict[str, Decimal]] = source()["models"]
EXCEPTIONS = tomllib.loads((Path(__file__).parent / "exceptions.toml").read_text())
PICO = Decimal(10) ** 12


def usd_by_the_card(asked: Asked, *, at: str = AT) -> Decimal | None:
    """What Bursar says that these tokens cost; None where it says that this is not known."""
    price = BOOK.service_price(provider="sim", model=asked.model, at=at, service=asked.service)
    if asked.bucket in ("output", "reasoning"):
        thoughts = asked.tokens if asked.bucket == "reasoning" else 0
        whole = cost_of(Usage(uncached_input=asked.prompt_tokens, output=asked.tokens, reasoning=thoughts), price)
        prompt = cost_of(Usage(uncached_input=asked.prompt_tokens), price)
        if not (isinstance(whole, Cost) and isinstance(prompt, Cost)):
            return None
        return (whole.pico - prompt.pico) / PICO
    cost = cost_of(Usage(**{asked.bucket: asked.tokens}), price)
    return cost.pico / PICO if isinstance(cost, Cost) else None


def compared(models: dict[str, dict[str, Decimal]], exceptions: dict[str, Any], *, at: str = AT) -> list[str]:
    """What is wrong: a difference that nobody has looked at, and an exception that holds for none."""
    known = {(each["model"], each["what"]): each for each in exceptions.get("difference", [])}
    unpriced = {(each["model"], service) for each in exceptions.get("unpriced", []) for service in each["services"]}
    wrong, needed, needed_unpriced = [], set(), set()
    for asked in questions(models):
        theirs, ours = usd_by_the_source(models[asked.model], asked), usd_by_the_card(asked, at=at)
        if ours is None:
            if theirs and (asked.model, asked.service) not in unpriced:
                wrong.append(f"{asked.model}: {asked.name} has no price on the card, {theirs} elsewhere")
            needed_unpriced.add((asked.model, asked.service))
            continue
        if abs(ours - theirs) <= theirs / 100:
            continue
        each = known.get((asked.model, asked.name))
        figures = [Decimal(each[key]) * asked.tokens / 10**6 for key in ("card", "second")] if each else []
        if figures == [ours, theirs]:
            needed.add((asked.model, asked.name))
        else:
            wrong.append(f"{asked.model}: {asked.name} costs {ours} by the card, {theirs} elsewhere")
    wrong += [f"{model}: the exception for {what} is not needed" for model, what in known.keys() - needed]
    wrong += [f"{model}: it is not unpriced as {service}" for model, service in unpriced - needed_unpriced]
    return wrong


def test_there_are_forty_models_and_enough_to_compare() -> None:
    assert len(SOURCE) == 40
    asked = list(questions(SOURCE))
    assert len(asked) > 700
    assert {each.service for each in asked} == {"standard", "batch", "flex", "priority"}
    assert sum(usd_by_the_card(each) is not None for each in asked) > 600


def test_a_price_that_differs_is_in_the_dated_exceptions() -> None:
    assert compared(SOURCE, EXCEPTIONS) == []
    assert all(each["why"] and each["date"] for group in EXCEPTIONS.values() for each in group)


@pytest.mark.parametrize("model", sorted(SOURCE))
def test_a_changed_price_of_any_model_is_found(model: str) -> None:
    """Each figure of the model that the card has a price for, 2 % higher than it was."""
    unpriced = tuple(
        SERVICES[service] for each in EXCEPTIONS["unpriced"] if each["model"] == model for service in each["services"]
    )
    for key, price in SOURCE[model].items():
        if not price or key.endswith(unpriced or "?"):
            continue
        changed = {model: copy.copy(SOURCE[model])}
        changed[model][key] = price * Decimal("1.02")
        own = {group: [each for each in entries if each["model"] == model] for group, entries in EXCEPTIONS.items()}
        assert compared(changed, own) != [], key


def test_an_exception_that_is_not_needed_any_more_is_found() -> None:
    one = {"model": "gpt-6-sol", "what": "standard output at 50000", "card": "10", "second": "9"}
    more = {**EXCEPTIONS, "difference": [*EXCEPTIONS["difference"], one]}
    assert compared(SOURCE, more) == ["gpt-6-sol: the exception for standard output at 50000 is not needed"]
    two = {"model": "gpt-6-sol", "services": ["flex"]}
    more = {**EXCEPTIONS, "unpriced": [*EXCEPTIONS["unpriced"], two]}
    assert compared(SOURCE, more) == ["gpt-6-sol: it is not unpriced as flex"]


@pytest.mark.parametrize("at", range(0, len(EXCEPTIONS["difference"]), 5))
def test_each_exception_is_needed_with_these_figures(at: int) -> None:
    entries = EXCEPTIONS["difference"]
    assert len(compared(SOURCE, {**EXCEPTIONS, "difference": entries[:at] + entries[at + 1 :]})) == 1
    spoiled = {**entries[at], "card": str(Decimal(entries[at]["card"]) + 1)}
    assert len(compared(SOURCE, {**EXCEPTIONS, "difference": [*entries[:at], spoiled, *entries[at + 1 :]]})) == 2


def test_off_peak_is_where_the_second_source_knows_only_the_peak() -> None:
    deepseek = {model: entry for model, entry in SOURCE.items() if model.startswith("deepseek-")}
    assert len(deepseek) == 2
    wrong = compared(deepseek, {}, at="2026-11-20T20:00:00.000Z")
    assert any("deepseek-flash: standard output" in each for each in wrong), wrong
