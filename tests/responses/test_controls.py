"""Each group of recorded answers finds the mistake that it is there for: a reader with that mistake fails in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bursar.commandline import cost as command
from bursar.domain.errors import BadInput
from bursar.domain.money.price import Cost, Rates, Unpriced, cost_of
from bursar.domain.money.usage import Usage
from bursar.providers import anthropic_reader, gemini, openai_chat, openai_responses_reader
from bursar.providers.usage_fields import Reported

from .cases import Case
from .test_recorded import CASES, Explain, app, differences, explain

__all__ = ["app", "explain"]


def _changed(right: Callable[..., Reported], change: Callable[[Usage], Usage]) -> Callable[..., Reported]:
    def wrong(*args: Any, **more: Any) -> Reported:
        found = right(*args, **more)
        return replace(found, usage=change(found.usage))

    return wrong


def cached_twice(patch: pytest.MonkeyPatch) -> None:
    """Cached tokens are part of the input there, and are counted beside it, too."""
    for room, name in (
        (openai_chat, "openai_usage"),
        (openai_responses_reader, "responses_usage"),
        (gemini, "gemini_usage"),
    ):
        patch.setattr(
            room,
            name,
            _changed(getattr(room, name), lambda usage: replace(usage, uncached_input=usage.input)),
        )


def records_added_up(patch: pytest.MonkeyPatch) -> None:
    """Running totals are taken for parts."""

    def wrong(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
        numbers = {key: before.get(key, 0) + value for key, value in now.items() if isinstance(value, int)}
        return {**before, **now, **numbers}

    for room in (anthropic_reader, openai_chat, gemini):
        patch.setattr(room, "larger", wrong)


def thinking_left_out(patch: pytest.MonkeyPatch) -> None:
    """Only what is shown is counted."""
    for room, name in (
        (anthropic_reader, "anthropic_usage"),
        (openai_chat, "openai_usage"),
        (openai_responses_reader, "responses_usage"),
        (gemini, "gemini_usage"),
    ):
        patch.setattr(
            room,
            name,
            _changed(getattr(room, name), lambda usage: replace(usage, output=usage.output - usage.reasoning)),
        )


def nothing_of_what_broke_off(patch: pytest.MonkeyPatch) -> None:
    """What did not come to its end is taken to have cost nothing."""
    for reader in (anthropic_reader.AnthropicReader, openai_chat.OpenAIChatReader, gemini.GeminiReader):
        patch.setattr(reader, "so_far", lambda self: None)


def unknown_is_nothing(patch: pytest.MonkeyPatch) -> None:
    """A model without a price costs nothing."""
    free = Rates(**dict.fromkeys(("input", "output", "cache_read", "cache_write_5m", "cache_write_1h"), 0))  # type: ignore[arg-type]

    def wrong(usage: Usage, price: Any) -> Cost | Unpriced:
        return Cost(pico=0, rates=free, rate_card="") if isinstance(price, Unpriced) else cost_of(usage, price)

    patch.setattr(command, "cost_of", wrong)


MISTAKES = {
    "cached": cached_twice,
    "many-records": records_added_up,
    "placeholders": thinking_left_out,
    "broken": nothing_of_what_broke_off,
    "zero": unknown_is_nothing,
}


def _fails(case: Case, explain: Explain) -> bool:
    """Whether the answer is explained wrongly, or refused."""
    try:
        return bool(differences(case, explain(case.path, *case.args)))
    except BadInput:
        return True


@pytest.mark.parametrize("group", MISTAKES)
def test_a_reader_with_this_mistake_fails_in_its_group(
    group: str, explain: Explain, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = [each for each in CASES if each.group == group]
    assert [each.name for each in mine if _fails(each, explain)] == []
    MISTAKES[group](monkeypatch)
    found = [each.name for each in mine if _fails(each, explain)]
    assert len(found) >= 2, found
