"""What a policy would have saved on a session that was really paid for, and what of it would have been missed.

The agent's acts stay as they were: what it would have done otherwise with another context nobody can know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from bursar.domain.context.policies.bursar.origin import origin_of
from bursar.domain.context.policies.registry import ENTRIES, Entry, Uses
from bursar.domain.context.rates import PriceSet
from bursar.domain.context.replay import Sent, terms_of
from bursar.domain.context.retention import Use, UseKind, is_kept
from bursar.domain.context.rule import CacheRules
from bursar.domain.context.rules import ratios_of
from bursar.domain.context.score import Score, score
from bursar.domain.context.session import RecordedSession, arguments_of
from bursar.domain.money.price import Price, Unpriced

KEPT_MISSES = 200
_KEPT_TEXTS = 5
_OUTPUT = 5.0
_LONG_S = 3_600
_PICO_PER_TOKEN = 10**6
_TELLING = ("command", "cmd", "pattern", "query", "url", "description", "prompt", "path", "name")
_LONGEST = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """A result that the answer to ``request`` used, and that no longer stood there in full.

    ``result_request`` is the request that carried it first, ``what`` the file or the command that it came from,
    ``texts`` the first of the ``used`` identifiers and lines. Requests count from 0.
    """

    request: int
    result_request: int
    tool: str
    what: str
    kinds: tuple[UseKind, ...]
    used: int
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A session under one policy and price set, in plain input tokens, beside the same with everything kept."""

    policy: str
    prices: PriceSet
    score: Score
    keep_all: float
    missed: tuple[Missed, ...]
    missed_in_all: int

    @property
    def share(self) -> float:
        """What it would have cost, with what would have been fetched again, as a share of keeping everything."""
        return self.score.eff / self.keep_all

    def kept(self, kind: UseKind) -> float:
        """The share of what was used again that still stood there; 1 where nothing was."""
        return self.score.kept[kind] / self.score.used[kind] if self.score.used[kind] else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """The same as money, in pico-dollars, at what a plain input token costs; an estimate, and never booked."""

    keep_all_pico: int
    cost_pico: int
    refetch_pico: int

    @property
    def saved_pico(self) -> int:
        """What is left after what would have been fetched again; below zero for a loss."""
        return self.keep_all_pico - self.cost_pico - self.refetch_pico


def prices_of(name: str, rules: CacheRules, price: Price | Unpriced, *, writes_long: bool) -> PriceSet:
    """A model's price set: ratios by its price where there is one, else by its row; the cache's rules by its row.

    ``writes_long``: the session kept its prefix for an hour, which costs more to write.
    """
    ratios = ratios_of(rules, price)
    write, life_s = ratios.write, float(rules.life_s)
    long = next((each for each in rules.writes if each.life_s == _LONG_S), None)
    if writes_long and long is not None:
        life_s = float(_LONG_S)
        write = long.ratio
        if isinstance(price, Price) and not any(each.bucket == "cache_write_1h" for each in price.assumed):
            write = price.rates.cache_write_1h / price.rates.input if price.rates.input else write
    edge, above, output = None, 1.0, _OUTPUT
    if isinstance(price, Price) and price.rates.input:
        output = float(price.rates.output / price.rates.input)
        tier = min(price.tiers, key=lambda each: each.above_tokens, default=None)
        if tier is not None:
            edge, above = tier.above_tokens, float(tier.rates.input / price.rates.input)
    if edge is None and rules.edges:
        edge, above = rules.edges[0].above_tokens, float(rules.edges[0].input_ratio)
    return PriceSet(
        name=name,
        read=float(ratios.read),
        write=float(write),
        ttl_s=life_s,
        output=output,
        minimum_tokens=rules.min_prefix_tokens,
        edge_tokens=edge,
        above=above,
    )


def replay(
    session: RecordedSession,
    uses: Uses,
    prices: PriceSet,
    entries: Sequence[Entry],
    *,
    window_tokens: int | None = None,
) -> Iterator[Replayed]:
    """The session under each of these policies, in their order."""
    terms = terms_of(session, prices, window_tokens)
    is_tight = window_tokens is not None
    base = ENTRIES["keep-all"]
    keep_all = score(session, uses, base.plan(session, uses, terms, is_tight), terms).cost
    for entry in entries:
        found = _Misses(session)
        make = entry.plan(session, uses, terms, is_tight)
        scored = score(session, uses, make, terms, partial(found.seen, uses))
        yield Replayed(
            policy=entry.name,
            prices=prices,
            score=scored,
            keep_all=keep_all,
            missed=tuple(found.kept),
            missed_in_all=found.count,
        )


def money_of(replayed: Replayed, price: Price | Unpriced) -> Money | None:
    """None where the price of a plain input token is not known."""
    if isinstance(price, Unpriced):
        return None
    pico = partial(_pico, per_token=price.rates.input * _PICO_PER_TOKEN)
    return Money(
        keep_all_pico=pico(replayed.keep_all),
        cost_pico=pico(replayed.score.cost),
        refetch_pico=pico(replayed.score.penalty),
    )


def _pico(tokens: float, *, per_token: Decimal) -> int:
    return int((Decimal(tokens) * per_token).to_integral_value())


class _Misses:
    """Collects what was no longer there when it was used."""

    def __init__(self, session: RecordedSession) -> None:
        self._session = session
        self._calls = {each.call: each.text for each in session.turns if each.kind == "tool_call" and each.call}
        self.kept: list[Missed] = []
        self.count = 0

    def seen(self, uses: Uses, sent: Sent) -> None:
        """One request as it left: what its answer used is looked for in it."""
        gone: dict[int, list[Use]] = {}
        for use in uses[sent.request]:
            if not is_kept(use, sent.window):
                gone.setdefault(use.source, []).append(use)
        self.count += len(gone)
        for source, missing in gone.items():
            if len(self.kept) < KEPT_MISSES:
                self.kept.append(self._missed(sent.request, source, missing))

    def _missed(self, request: int, source: int, missing: Sequence[Use]) -> Missed:
        turn = self._session.turns[source]
        return Missed(
            request=request,
            result_request=turn.request,
            tool=turn.tool,
            what=_what(turn.tool, self._calls.get(turn.call, "")),
            kinds=tuple(dict.fromkeys(each.kind for each in missing)),
            used=len(missing),
            texts=tuple(_short(each) for each in _first(each.text for each in missing)),
        )


def _first(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))[:_KEPT_TEXTS]


def _what(tool: str, arguments: str) -> str:
    """The file or the command that a call was about, else its arguments."""
    path = origin_of(tool, arguments).path
    if path:
        return _short(path)
    given = arguments_of(arguments)
    if isinstance(given, dict):
        for name in _TELLING:
            value = given.get(name)
            if isinstance(value, str) and value.strip():
                return _short(value)
            if isinstance(value, list) and value:
                return _short(" ".join(map(str, value)))
    return _short(arguments)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
