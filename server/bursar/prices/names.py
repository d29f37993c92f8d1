"""Which model of the price card a name means, only where that is certain."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from genai_prices import types as card_types
from genai_prices.data_snapshot import get_snapshot

_VENDORS = (
    (re.compile(r"claude-"), "anthropic"),
    (re.compile(r"(?:gpt|chatgpt|codex)-|o[0-9](?:-|$)"), "openai"),
    (re.compile(r"gemini-"), "google"),
    (re.compile(r"deepseek-"), "deepseek"),
    (re.compile(r"grok-"), "x-ai"),
    (re.compile(r"(?:mistral|ministral|codestral|devstral|magistral)-"), "mistral"),
)
_DATE = re.compile(r"[-@](?:20[0-9]{6}|20[0-9]{2}-[0-9]{2}-[0-9]{2})$")


def sellers(provider: str, name: str) -> Iterator[tuple[card_types.Provider, str]]:
    """Whose price counts, in this order, each with the name that it may know the model by."""
    by_id = {each.id: each for each in get_snapshot().providers}
    if provider in by_id:
        yield by_id[provider], name
    prefix, slash, rest = name.partition("/")
    if slash and prefix in by_id:
        yield by_id[prefix], rest
    vendor = vendor_of(name)
    if vendor in by_id and vendor != provider:
        yield by_id[vendor], name


def vendor_of(name: str) -> str | None:
    """Who makes the model, where its name says so."""
    return next((vendor for pattern, vendor in _VENDORS if pattern.match(name)), None)


def find_model(seller: card_types.Provider, name: str) -> tuple[card_types.ModelInfo | None, str | None]:
    """The model of exactly this name, dated or not; else the id of one that the card's looser rules would take."""
    return _found(seller.id, name)


# The card does not change while a process lives, and its rules take longer to try than all the rest of a price.
@functools.lru_cache(maxsize=4096)
def _found(seller_id: str, name: str) -> tuple[card_types.ModelInfo | None, str | None]:
    loose = None
    seller = next(each for each in get_snapshot().providers if each.id == seller_id)
    for each in seller.models:
        if not each.is_match(name):
            continue
        names = {each.id.lower(), *_names(each.match)}
        if name in names or _DATE.sub("", name) in names:
            return each, None
        loose = loose or each.id
    return None, loose


def _names(rule: card_types.MatchLogic) -> Iterator[str]:
    """The full names in a rule. What it would accept after or around them is somebody's guess and not used."""
    if isinstance(rule, card_types.ClauseEquals):
        yield rule.equals.lower()
    elif isinstance(rule, card_types.ClauseStartsWith):
        yield rule.starts_with.lower()
    elif isinstance(rule, card_types.ClauseOr):
        for each in rule.or_:
            yield from _names(each)
    elif isinstance(rule, card_types.ClauseAnd):
        for each in rule.and_:
            yield from _names(each)
