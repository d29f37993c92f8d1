"""The words of a text as a search compares them: identifiers come apart at case, underscores and digits."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

LONGEST_WORD = 64
"""What is longer is data: a digest, a key, an encoded picture."""

_WORD = re.compile(r"[^\W_]\w*")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_A-Za-z]+")
_SAY_NOTHING = """
a about above after again against all also although an and another any are as at be because been before being
below between both but by can cannot could did do does down during each else even every few for from further
get give given go had has have he her here him his how i if in instead into is it its itself just keep let
like made make makes many may me might more most much must my need needs new no nor not now of off on once one
only or other our out over own per put same say see set shall she should show so some still such take tell
than that the their them then there these they this those to too under until up us use used user uses very was
way we well were what when where which while who whom whose why will with without would yes yet you your
"""
_STOP = frozenset(_SAY_NOTHING.split())


def terms(text: str) -> list[str]:
    """The words in their order, in lower case; an identifier of several parts is followed by its parts."""
    found: list[str] = []
    for word in _WORD.findall(text):
        found += _terms_of(word)
    return found


def asked_terms(text: str, most: int = 200) -> tuple[str, ...]:
    """The different words that a question is searched by, in their order: not those that every text has."""
    return tuple(dict.fromkeys(each for each in terms(text) if each not in _STOP and len(each) > 1))[:most]


def is_compound(name: str) -> bool:
    """Whether a name is written as only an identifier is: with an underscore inside, or capitals after the first."""
    return "_" in name.strip("_") or (not name.isupper() and any(each.isupper() for each in name[1:]))


def joined(words: Iterable[str]) -> str:
    """The words as one text that splits into them again."""
    return " ".join(words)


@lru_cache(maxsize=65_536)
def _terms_of(word: str) -> tuple[str, ...]:
    if len(word) > LONGEST_WORD:
        return ()
    parts = [each.lower() for each in _PART.findall(word)]
    whole = word.strip("_").lower()
    return (whole,) if len(parts) < 2 else (whole, *parts)
