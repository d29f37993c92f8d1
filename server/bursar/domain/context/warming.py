"""Whether one small request is worth its price that keeps a prompt in the provider's cache while a run waits. Pure.

A read begins the life of what is kept anew, so a request just before the end of it costs one read of the prompt and
saves one write, if the user is back before the next end. That pays where the chance of it is above r / (w - r).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from bursar.domain.context.rule import CacheRules
from bursar.domain.context.rules import SAFE, Ratios

LEAST_TOKENS = 20_000
"""A shorter prompt saves less than the request is worth the trouble."""
BEFORE_END_S = 10
LATEST_S = 2
"""Nearer to the end than this nothing is sent: it could come too late, and then it is paid as a write."""
READ_AT_LEAST = Fraction(4, 5)
"""Of its prompt; a request that reads less was a miss."""
LEAST_OWN = 10
"""From so many silences of the user's own on, these say how likely a return is."""
_PRIOR = Fraction(39, 84)
_PRIOR_LIFE_S = 300
_PRIOR_WORDS = (
    "39 of 84 silences of more than five minutes in recorded sessions ended before ten; your own are used from"
    f" {LEAST_OWN} on"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """How long a run waited for its user; ``returned`` is False where it was ended, or waits still."""

    seconds: float
    returned: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """How likely the user is back in time, and where that comes from."""

    share: Fraction
    source: str


def sent_after_s(rules: CacheRules) -> int:
    """How long after the last request the one is sent that keeps its prompt."""
    return rules.life_s - BEFORE_END_S


def chance_of_return(silences: Iterable[Silence], rules: CacheRules) -> Chance | None:
    """The chance that a silence that has lasted until the request ends before the next end of the prompt's life.

    By the user's own where there are enough. For lives other than five minutes nothing else is known: None.
    """
    from_s, to_s = sent_after_s(rules), sent_after_s(rules) + rules.life_s
    # One that goes on says nothing before it has lasted as long.
    lasted = [each for each in silences if each.seconds >= (from_s if each.returned else to_s)]
    if len(lasted) >= LEAST_OWN:
        back = sum(each.returned and each.seconds < to_s for each in lasted)
        return Chance(
            share=Fraction(back, len(lasted)),
            source=f"{back} of your own {len(lasted)} silences of more than {from_s} s ended within {to_s} s",
        )
    return Chance(share=_PRIOR, source=_PRIOR_WORDS) if rules.life_s == _PRIOR_LIFE_S else None


def why_not(*, prompt_tokens: int, rules: CacheRules, ratios: Ratios, chance: Chance | None) -> str | None:
    """Why nothing is sent to keep this prompt, in words; None where it pays."""
    if rules is SAFE:
        return "what the model's prompt cache does is not known"
    if rules.lookup == "prefix":
        return "the provider promises no life of what it keeps, so no moment is the last one"
    if prompt_tokens < LEAST_TOKENS:
        return f"its prompt has {prompt_tokens:,} tokens, and below {LEAST_TOKENS:,} it is not worth a request"
    if chance is None:
        return f"how often you are back within {2 * rules.life_s} s is not known yet"
    saved = ratios.write - ratios.read
    if saved <= 0 or chance.share <= Fraction(ratios.read) / Fraction(saved):
        return f"it would cost more than it saves: {chance.source}"
    return None


def is_hit(*, read_tokens: int, input_tokens: int) -> bool:
    """Whether such a request found the prompt where it was to keep it."""
    return input_tokens > 0 and read_tokens >= READ_AT_LEAST * input_tokens
