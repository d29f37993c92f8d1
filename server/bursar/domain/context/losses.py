"""Where a request read less from the provider's prompt cache than the one before it had left there, and why.

How much was lost is the provider's own figures; why is told from the bytes of both requests, the time between them and
the rules of the model. A prefix that nothing explains the loss of was given up by the provider.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal, TypeAlias

from bursar.domain.context.blocks import Prompt, PromptBlock, changed_document, prompt_of
from bursar.domain.context.rule import CacheRules
from bursar.domain.context.rules import SAFE
from bursar.domain.money.price import Rates, buckets_at
from bursar.domain.money.usage import Usage
from bursar.domain.runs import RequestRow

Cause: TypeAlias = Literal[
    "model",
    "tools",
    "system",
    "document",
    "options",
    "message",
    "trimmed",
    "expired",
    "lookback",
    "too_short",
    "evicted",
    "erased",
]
CAUSES: tuple[Cause, ...] = (
    "document",
    "system",
    "tools",
    "model",
    "options",
    "message",
    "trimmed",
    "expired",
    "lookback",
    "evicted",
    "too_short",
    "erased",
)
LEAST_TOKENS = 512
"""Less than the shortest prefix that is kept anywhere by marks is no loss that is told of."""
_SURE = Decimal("0.25")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A request that was answered. ``body`` is None where its text was erased, ``at_s`` when it was sent, on any scale.

    ``usage`` is the provider's own.
    """

    model: str
    body: bytes | None
    at_s: float
    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """So many tokens were paid again for this cause.

    ``part`` names the place in words, ``path`` the document that is not as before, and ``what`` became of it: a word.
    ``waited_s`` is the time since the request before, ``blocks`` how many the request added behind the last mark of
    that. ``estimated`` says that the tokens are a share of the reported ones, by length.
    """

    cause: Cause
    tokens: int
    part: str = ""
    path: str = ""
    what: str = ""
    waited_s: int = 0
    blocks: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LostCache:
    """A request that lost the prompt cache. ``pico`` is what that cost, None where the request has no price."""

    row: RequestRow
    loss: Loss
    pico: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LossSum:
    """All losses of one cause: how often, how many tokens, what they cost; ``unpriced`` of them have no price."""

    cause: Cause
    times: int
    tokens: int
    pico: int
    unpriced: int


def by_cause(losses: Iterable[LostCache]) -> tuple[LossSum, ...]:
    """The sums of each cause, the dearest first."""
    found: dict[Cause, list[LostCache]] = {}
    for each in losses:
        found.setdefault(each.loss.cause, []).append(each)
    sums = [
        LossSum(
            cause=cause,
            times=len(group),
            tokens=sum(each.loss.tokens for each in group),
            pico=sum(each.pico or 0 for each in group),
            unpriced=sum(each.pico is None for each in group),
        )
        for cause, group in found.items()
    ]
    return tuple(sorted(sums, key=lambda each: (-each.pico, -each.tokens, CAUSES.index(each.cause))))


def may_be_lost(earlier: Usage, later: Usage, rules: CacheRules, *, goes_on: bool) -> bool:
    """Whether the figures alone leave room for a loss; what costs less than looking at the bytes."""
    left = _left(earlier, rules) if goes_on else earlier.input
    return left - later.cache_read >= LEAST_TOKENS


def loss_between(earlier: Sent, later: Sent, rules: CacheRules, *, goes_on: bool = True) -> Loss | None:
    """What the later request lost of what the earlier one left in the cache; None where that is not worth a word.

    ``goes_on`` says that the later one goes on with the conversation of the earlier: then all of it should be read.
    Otherwise both only begin alike: that beginning should be read, unless its life was over.
    """
    if not may_be_lost(earlier.usage, later.usage, rules, goes_on=goes_on):
        return None
    waited_s = int(later.at_s - earlier.at_s)
    one = prompt_of(earlier.body) if earlier.body is not None else None
    other = prompt_of(later.body) if later.body is not None else None
    if one is None or other is None:
        lost = _left(earlier.usage, rules) - later.usage.cache_read
        return Loss(cause="erased", tokens=lost, waited_s=waited_s) if goes_on and lost >= LEAST_TOKENS else None
    if not goes_on:
        return _of_beginning(earlier, later, one, other, rules, waited_s)
    if rules.lookup == "marked" and rules is not SAFE and not one.marks and not _kept(earlier.usage):
        return None  # nothing was to be kept of it
    loss = _cause(earlier, later, one, other, rules, waited_s)
    tokens = _left(earlier.usage, rules) - later.usage.cache_read
    return replace(loss, tokens=tokens, waited_s=waited_s)


def lost_pico(tokens: int, usage: Usage, rates: Rates) -> int:
    """What these tokens cost more than a read would have: they lie before all that was written or sent anew."""
    paid = Usage(
        cache_write_1h=(long := min(tokens, usage.cache_write_1h)),
        cache_write_5m=(short := min(tokens - long, usage.cache_write_5m)),
        uncached_input=(plain := min(tokens - long - short, usage.uncached_input)),
    )
    read = Usage(cache_read=long + short + plain)
    return sum(each.pico for each in buckets_at(paid, rates)) - sum(each.pico for each in buckets_at(read, rates))


def rates_of(unit_prices: str | None) -> Rates | None:
    """The rates that a ledger entry was priced with; None where it has none."""
    if not unit_prices:
        return None
    try:
        found: Mapping[str, str] = json.loads(unit_prices)
        return Rates(**{name: Decimal(found[name]) for name in Rates.__dataclass_fields__})
    except (ValueError, ArithmeticError, KeyError, TypeError):
        return None


def _kept(usage: Usage) -> int:
    return usage.cache_read + usage.cache_write_5m + usage.cache_write_1h


def _left(usage: Usage, rules: CacheRules) -> int:
    """How many tokens of its prompt should be in the cache after this request.

    What it read and wrote, where marks say what is kept; all whole steps, where everything is. Of a prompt that is too
    short nothing is, and all of it is paid again.
    """
    if rules is SAFE:
        return _kept(usage)
    if rules.lookup == "marked":
        return _kept(usage) or (usage.input if usage.input < rules.min_prefix_tokens else 0)
    return max(usage.input // rules.step_tokens * rules.step_tokens, _kept(usage))


def _cause(earlier: Sent, later: Sent, one: Prompt, other: Prompt, rules: CacheRules, waited_s: int) -> Loss:
    """Why nothing, or less, was read. A change counts if it is before the last place where the prefix was kept."""
    end = one.marks[-1] if one.marks else len(one.blocks) - 1
    life_s = max(one.blocks[end].life_s if one.marks else 0, rules.life_s)
    if one.model != other.model:
        return Loss(cause="model", tokens=0, part=one.model, what=other.model)
    if not _kept(earlier.usage) and earlier.usage.input < rules.min_prefix_tokens:
        return Loss(cause="too_short", tokens=0)
    if waited_s >= life_s and not later.usage.cache_read:
        # It was gone whatever else had changed.
        return Loss(cause="expired", tokens=0)
    changed = _change(one, other, end)
    if changed is not None:
        return changed
    if waited_s >= life_s:
        return Loss(cause="expired", tokens=0)
    reach = rules.lookback_blocks
    if one.marks and reach is not None and not any(mark - reach < end <= mark for mark in other.marks):
        behind = [mark for mark in other.marks if mark > end]
        return Loss(cause="lookback", tokens=0, blocks=(behind[0] if behind else len(other.blocks) - 1) - end)
    return Loss(cause="evicted", tokens=0)


def _of_beginning(
    earlier: Sent, later: Sent, one: Prompt, other: Prompt, rules: CacheRules, waited_s: int
) -> Loss | None:
    """Two requests that begin alike: what both should have read, by its share of the text."""
    # What is marked first among the turns is what others are to share; without marks it is the same block.
    end = one.opening
    in_reach = waited_s < rules.life_s and one.model == other.model and end >= 0
    if not in_reach or (rules.lookup == "marked" and not one.blocks[end].life_s):
        return None
    tokens = min(_share(earlier.usage.input, one.blocks, end), _left(earlier.usage, rules))
    lost = tokens - later.usage.cache_read
    # It is an estimate: what may have been too short to be kept is not missed.
    if lost < max(LEAST_TOKENS, int(tokens * _SURE)) or tokens < rules.min_prefix_tokens * (1 + _SURE):
        return None
    loss = _change(one, other, end) or Loss(cause="evicted", tokens=0)
    return replace(loss, tokens=lost, waited_s=waited_s, estimated=True)


def _change(one: Prompt, other: Prompt, end: int) -> Loss | None:
    """The first block up to ``end`` that is not as before, or options that are not: these come before the turns."""
    at = _first_change(one.blocks, other.blocks, end)
    changed = None
    if at is not None:
        changed = _of_block(one.blocks[at], other.blocks[at] if at < len(other.blocks) else None)
        if one.blocks[at].part != "message" or changed.cause in ("tools", "system"):
            return changed
    before, now = dict(one.options), dict(other.options)
    names = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    if names:
        return Loss(cause="options", tokens=0, part=", ".join(names))
    return changed


def _first_change(one: Sequence[PromptBlock], other: Sequence[PromptBlock], end: int) -> int | None:
    for n in range(end + 1):
        if n >= len(other) or (one[n].part, one[n].text) != (other[n].part, other[n].text):
            return n
    return None


def _of_block(was: PromptBlock, now: PromptBlock | None) -> Loss:
    # Where one was put in or taken out, another part stands in its place.
    parts = {was.part, was.part if now is None else now.part}
    if "tools" in parts:
        return Loss(cause="tools", tokens=0, part="the list of tools")
    document = changed_document(was.words, "" if now is None else now.words) if len(parts) == 1 else None
    if document is not None:
        return Loss(cause="document", tokens=0, part=was.title, path=document[0], what=document[1])
    if "system" in parts:
        return Loss(cause="system", tokens=0, part="the system text")
    return Loss(cause="message", tokens=0, part=was.title)


def _share(tokens: int, blocks: Sequence[PromptBlock], end: int) -> int:
    upto = sum(len(each.text) for each in blocks[: end + 1])
    return tokens * upto // max(sum(len(each.text) for each in blocks), 1)
