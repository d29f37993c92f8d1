"""What the window of a session holds, part by part: from where, how large, what it costs to carry on, when it was used.

The figures are those of the next request as it stands now. Tokens are our own exact count of a part's text; money is
for the tokens that the provider makes of them, by what it reported of the newest request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal, Protocol, TypeAlias

from bursar.domain.context.last_use import Said, Shown, last_uses
from bursar.domain.context.rule import CacheRules
from bursar.domain.money.price import Cost, Price, Unpriced, cost_of, first_sent
from bursar.domain.money.usage import Usage

ENCODING = "o200k_base"

Origin: TypeAlias = Literal["system", "tools", "steering", "spec", "pinned", "task", "conversation", "result"]
PartShape: TypeAlias = Literal["full", "excerpt", "stub"]


_SHARED: tuple[Origin, ...] = ("tools", "system", "steering", "spec", "pinned")
"""What all tasks of a spec begin with."""


class Counts(Protocol):
    """Tokens of a text under an encoding."""

    def count(self, text: str, /, *, encoding: str = ENCODING) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part before it is counted: its text as the next request carries it, and as it was before it was trimmed.

    ``first_request`` is the first request that carries it. ``changed_after`` says that it got its present shape after
    the newest request was sent; ``blocks`` is how many blocks of the prompt it is.
    """

    item: str
    origin: Origin
    title: str
    text: str
    first_request: int
    whole: str | None = None
    shape: PartShape = "full"
    pinned: bool = False
    changed_after: bool = False
    blocks: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextPart:
    """A part of the window. ``item`` is the handle that pin, drop and recall take.

    ``per_request`` is what it adds to the next request, and to each further one while nothing changes; where nobody
    knows whether it is cached (``cached`` is None) the dearer figure. ``age_requests`` counts the requests that carried
    it, ``last_used_request`` is the newest whose answer named something that this part showed last; None where none
    did, and for parts that are not followed.
    """

    item: str
    origin: Origin
    title: str
    tokens: int
    provenance: str
    per_request: Cost | Unpriced
    cached: bool | None
    age_requests: int
    last_used_request: int | None
    pinned: bool
    shape: PartShape
    original_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The newest answered request: what we counted of it, what the provider reported, and how long ago.

    ``usage`` is None where the provider reported none. ``same_model``: the next request asks the same one.
    """

    n: int
    counted_tokens: int
    usage: Usage | None
    ago_s: float
    same_model: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionContext:
    """The window of a run as its next request would carry it; ``window_tokens`` is None where its size is not known.

    ``used_tokens`` is the sum of the parts. ``provenance`` says where tokens and money come from.
    """

    run: str
    model: str
    window_tokens: int | None
    used_tokens: int
    parts: tuple[ContextPart, ...]
    next_request: int
    per_request: Cost | Unpriced
    provenance: str
    answered: Answered | None = None

    def part(self, item: str) -> ContextPart | None:
        """The part of that name."""
        return next((each for each in self.parts if each.item == item), None)


def session_context(
    pieces: Sequence[Piece],
    said: Sequence[Said],
    *,
    run: str,
    model: str,
    next_request: int,
    counter: Counts,
    price: Price | Unpriced,
    writes: bool,
    rules: CacheRules,
    answered: Answered | None,
    window_tokens: int | None,
) -> SessionContext:
    """Count the pieces, price them and say when each was used. ``writes``: what is first sent is written to the
    provider's cache where that has a price."""
    counts = [counter.count(each.text, encoding=ENCODING) for each in pieces]
    used = sum(counts)
    factor, how = _factor(answered)
    flat = price
    if isinstance(price, Price):
        flat = replace(price, rates=price.rates_for(_times(used, factor)), tiers=())
    whole = _still_whole(pieces, [_times(each, factor) for each in counts], rules)
    uses = last_uses(
        [
            Shown(item=each.item, request=each.first_request, text=each.text if each.whole is None else each.whole)
            for each in pieces
            if each.origin not in ("system", "tools", "conversation", "task")
        ],
        said,
    )
    parts = []
    total = Usage()
    for piece, tokens in zip(pieces, counts, strict=True):
        cached = piece.item in whole and _is_cached(piece, answered, rules)
        theirs = _times(tokens, factor)
        usage = Usage(cache_read=theirs) if cached else first_sent(theirs, written=writes, price=price)
        total += usage
        parts.append(
            ContextPart(
                item=piece.item,
                origin=piece.origin,
                title=piece.title,
                tokens=tokens,
                provenance=f"exact under {ENCODING}",
                per_request=cost_of(usage, flat),
                cached=cached,
                age_requests=next_request - piece.first_request,
                last_used_request=uses.get(piece.item),
                pinned=piece.pinned,
                shape=piece.shape,
                original_tokens=tokens if piece.whole is None else counter.count(piece.whole, encoding=ENCODING),
            )
        )
    return SessionContext(
        run=run,
        model=model,
        window_tokens=window_tokens,
        used_tokens=used,
        parts=tuple(parts),
        next_request=next_request,
        per_request=cost_of(total, flat),
        provenance=how,
        answered=answered,
    )


def _factor(answered: Answered | None) -> tuple[Fraction, str]:
    """How many tokens the provider makes of one of ours, and the words for it."""
    if answered is None or answered.usage is None or not answered.usage.input or not answered.counted_tokens:
        return Fraction(1), f"tokens exact under {ENCODING}, money for as many: the provider has reported none yet"
    factor = Fraction(answered.usage.input, answered.counted_tokens)
    return factor, (
        f"tokens exact under {ENCODING}; money for {float(factor):.2f} times as many, as the provider counted "
        f"request {answered.n}"
    )


def _times(tokens: int, factor: Fraction) -> int:
    return int(tokens * factor + Fraction(1, 2))


def _still_whole(pieces: Sequence[Piece], tokens: Sequence[int], rules: CacheRules) -> set[str]:
    """The items before which nothing was changed since the newest request, as far as a prefix that ends there can be
    found: behind the turns before the change, or behind the documents, where a mark of its own stands."""
    changed = min((each.first_request for each in pieces if each.changed_after), default=None)
    if changed is None:
        return {each.item for each in pieces}
    behind = sum(each.blocks for each in pieces if each.first_request >= changed)
    kept = {each.item for each in pieces if each.first_request < changed}
    if rules.lookback_blocks is not None and behind >= rules.lookback_blocks:
        kept = {each.item for each in pieces if each.origin in _SHARED}
    long_enough = sum(size for each, size in zip(pieces, tokens, strict=True) if each.item in kept)
    return kept if long_enough >= rules.min_prefix_tokens else set()


def _is_cached(piece: Piece, answered: Answered | None, rules: CacheRules) -> bool | None:
    """Whether the provider still has it: True and False by its own report and the rules of its cache, None where
    neither says."""
    if answered is None or not answered.same_model or piece.first_request > answered.n:
        return False
    if answered.ago_s > rules.life_s:
        lives_on = rules.most_life_s is not None and answered.ago_s <= rules.most_life_s
        return None if lives_on else False
    usage = answered.usage
    if usage is None:
        return None
    if usage.cache_read or usage.cache_write_5m or usage.cache_write_1h:
        return True
    if not rules.models:
        # Which provider this is like is not known.
        return None
    return rules.lookup == "prefix" and usage.input >= rules.min_prefix_tokens
