"""Whether a text that goes into requests has become dearer since a baseline was written: values in, values out."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from bursar.domain.errors import BadInput

_PERCENT = Decimal(100)
_WRITTEN = re.compile(r"\s*([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*%?\s*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading with the tokens of everything below it, deeper headings included."""

    title: str
    level: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Included:
    """A file that another one takes in, by its path in the workspace, with its own tokens."""

    path: str
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Resident:
    """What a text costs in each request that it is part of: all its tokens as uncached input of this model, with those
    of the files that it takes in."""

    model: str
    pico: int
    usd_per_mtok: Decimal
    rate_card: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What ``bursar check`` measured of one file; ``resident`` is None for a model without a price.

    ``included`` is None where what the file takes in was not looked at, as in older baselines.
    """

    path: str
    tokens: int
    encoding: str
    resident: Resident | None = None
    sections: tuple[Section, ...] = ()
    included: tuple[Included, ...] | None = ()

    @property
    def carried_tokens(self) -> int:
        """Its own and those of all that it takes in: what a request carries for it."""
        return self.tokens + sum(each.tokens for each in self.included or ())

    @property
    def alone(self) -> Measured:
        """The same without what it takes in."""
        resident = self.resident
        if resident is not None and self.carried_tokens:
            resident = replace(resident, pico=resident.pico * self.tokens // self.carried_tokens)
        return replace(self, resident=resident, included=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A file that was measured both times; ``why`` says in words what grew, empty where nothing did.

    ``dearer`` is true when its tokens, or what they cost, grew by more than was allowed.
    """

    before: Measured
    after: Measured
    dearer: bool
    why: str

    @property
    def priced(self) -> tuple[Resident, Resident] | None:
        """What it cost then and costs now, where both are known."""
        before, after = self.before.resident, self.after.resident
        return None if before is None or after is None else (before, after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Every file of both times: measured twice, new, gone, or counted under another encoding and so not compared."""

    changes: tuple[Change, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    other_encoding: tuple[str, ...]

    @property
    def dearer(self) -> tuple[Change, ...]:
        """The files that became dearer by more than was allowed."""
        return tuple(each for each in self.changes if each.dearer)


def parse_percent(text: str) -> Decimal:
    """Read ``10%``, ``10`` or ``2.5%``. Raises BadInput for anything else, and below zero."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise BadInput(f"'{text}' is no percentage: write for example --max-increase 10%")
    return Decimal(found[1])


def percent_more(before: int, after: int) -> Decimal | None:
    """By how many percent it grew, one decimal; None from zero, where no percentage says it."""
    if not before:
        return Decimal("0.0") if not after else None
    return (_PERCENT * (after - before) / before).quantize(Decimal("0.1"))


def compare(before: Sequence[Measured], after: Sequence[Measured], *, allowed_percent: Decimal) -> Comparison:
    """Compare the files that have the same path both times."""
    old, new = _by_path(before), _by_path(after)
    both = [path for path in new if path in old]
    same = [path for path in both if old[path].encoding == new[path].encoding]
    return Comparison(
        changes=tuple(_change(old[path], new[path], allowed_percent) for path in same),
        added=tuple(new[path].path for path in new if path not in old),
        removed=tuple(old[path].path for path in old if path not in new),
        other_encoding=tuple(path for path in both if path not in same),
    )


def _change(before: Measured, after: Measured, allowed_percent: Decimal) -> Change:
    if before.included is None:
        after = after.alone
    grew = _above(before.tokens, after.tokens, allowed_percent)
    grew = grew or _above(before.carried_tokens, after.carried_tokens, allowed_percent)
    rate_grew = False
    if before.resident is not None and after.resident is not None:
        rate_grew = after.resident.usd_per_mtok > before.resident.usd_per_mtok
        grew = grew or _above(before.resident.pico, after.resident.pico, allowed_percent)
    reasons = []
    if after.tokens > before.tokens:
        reasons.append(_what_grew(before, after))
    reasons += _grown_includes(before, after)
    if rate_grew:
        reasons.append(_price_words(before, after))
    return Change(before=before, after=after, dearer=grew, why="; ".join(reasons))


def _above(before: int, after: int, allowed_percent: Decimal) -> bool:
    return after > before and after * _PERCENT > before * (_PERCENT + allowed_percent)


def _what_grew(before: Measured, after: Measured) -> str:
    """The section that grew most; of two that hold one another, the inner one."""
    plain = f"{after.tokens - before.tokens:,} tokens more"
    known = _sections(before)
    grown = [
        (each.tokens - known.get(key, 0), each.level, each, key not in known)
        for key, each in ((key, each) for key, each in _keyed(after))
    ]
    most = max(grown, key=lambda each: each[:2], default=None)
    if most is None or most[0] <= 0:
        return plain
    more, _, section, is_new = most
    return f"{plain}, most of it in {'the new section ' if is_new else ''}“{section.title}” (+{more:,})"


def _grown_includes(before: Measured, after: Measured) -> list[str]:
    """What it takes in and did not, or what grew there; the most first."""
    known = {each.path: each.tokens for each in before.included or ()}
    grown = [
        (each.tokens - known.get(each.path, 0), each.path)
        for each in after.included or ()
        if each.tokens > known.get(each.path, 0)
    ]
    return [
        f"{path}, which it takes in, has {more:,} tokens more"
        if path in known
        else f"it takes in {path} now ({more:,} tokens)"
        for more, path in sorted(grown, key=lambda each: (-each[0], each[1]))
    ]


def _price_words(before: Measured, after: Measured) -> str:
    one, other = before.resident, after.resident
    if one is None or other is None:
        return ""
    rise = f"${one.usd_per_mtok:f} to ${other.usd_per_mtok:f} per million tokens of input"
    if one.model != other.model:
        return f"the model is {other.model} and was {one.model}: {rise}"
    return f"the price of {other.model} rose from {rise}"


def _by_path(files: Sequence[Measured]) -> dict[str, Measured]:
    return {posixpath.normpath(each.path): each for each in files}


def _keyed(file: Measured) -> list[tuple[tuple[int, str, int], Section]]:
    seen: dict[tuple[int, str], int] = {}
    keyed = []
    for each in file.sections:
        name = (each.level, each.title)
        seen[name] = seen.get(name, 0) + 1
        keyed.append(((*name, seen[name]), each))
    return keyed


def _sections(file: Measured) -> dict[tuple[int, str, int], int]:
    return {key: each.tokens for key, each in _keyed(file)}
