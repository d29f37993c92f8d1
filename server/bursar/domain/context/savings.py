"""What a trim will probably save, and what it has saved since: money at the model's own price, whole pico-dollars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bursar.domain.money.price import Rates, buckets_at
from bursar.domain.money.usage import Usage

MOST_REQUESTS, LEAST_REQUESTS = 60, 5


def further_requests(n: int) -> int:
    """How many more requests a run will probably make: as many as it has made, within bounds. Nobody knows better."""
    return min(MOST_REQUESTS, max(LEAST_REQUESTS, n))


def expected_pico(
    *, new_tokens: int, old_tokens: int, rewritten_tokens: int, requests: int, rates: Rates, writes: bool, is_cold: bool
) -> int:
    """What is saved over so many further requests, less what is written anew for it.

    ``new_tokens`` were never sent and are not written now, ``old_tokens`` were; both are not read in the requests to
    come. ``writes``: what is new is written to the cache at its own price. Where the cache is cold everything is
    written anyway, so nothing is lost.
    """
    first = _pico(new_tokens, rates, "write" if writes else "input")
    first += _pico(old_tokens, rates, ("write" if writes else "input") if is_cold else "read")
    carried = _pico((new_tokens + old_tokens) * requests, rates, "read")
    return first + carried - (0 if is_cold else _dearer(rewritten_tokens, rates, writes=writes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it was billed, and what had been left out of it by then, in the vendor's tokens.

    ``new_tokens`` were left out before they were ever sent, with this request; ``left_tokens`` are all others.
    ``kept_tokens`` is what the cache held of the request before; ``changed_tokens`` what a trim took out of that now.
    """

    usage: Usage
    rates: Rates
    left_tokens: int
    new_tokens: int = 0
    kept_tokens: int = 0
    changed_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Realised:
    """What trims have saved in requests that were made: less what they lost, so it may be below zero."""

    saved_pico: int
    lost_pico: int
    requests: int

    @property
    def pico(self) -> int:
        """All in all."""
        return self.saved_pico - self.lost_pico


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSaving:
    """What came of the trims of one run: how many, how many tokens by our count, what the agent recalled of it."""

    run: str
    trims: int
    tokens: int
    recalls: int
    realised: Realised


def realised(requests: Iterable[Asked]) -> Realised:
    """What the tokens that were left out would have cost as each request was billed.

    Where it read its prefix from the cache they would have been read, else paid like everything new. A prefix that was
    kept and not read because a trim changed it counts as lost.
    """
    saved = lost = count = 0
    for each in requests:
        if not (each.left_tokens or each.new_tokens):
            continue
        count += 1
        writes = bool(each.usage.cache_write_5m or each.usage.cache_write_1h)
        fresh = "write" if writes else "input"
        # A trim that broke a warm prefix did so for what it took away, which would have been read.
        was_warm = each.usage.cache_read > 0 or (each.changed_tokens > 0 and each.kept_tokens > 0)
        saved += _pico(each.new_tokens, each.rates, fresh)
        saved += _pico(each.left_tokens, each.rates, "read" if was_warm else fresh)
        if each.changed_tokens:
            missed = max(0, each.kept_tokens - each.usage.cache_read - each.changed_tokens)
            lost += max(0, _dearer(missed, each.rates, writes=writes))
    return Realised(saved_pico=saved, lost_pico=lost, requests=count)


def _dearer(tokens: int, rates: Rates, *, writes: bool) -> int:
    return _pico(tokens, rates, "write" if writes else "input") - _pico(tokens, rates, "read")


def _pico(tokens: int, rates: Rates, bucket: str) -> int:
    usage: Mapping[str, Usage] = {
        "read": Usage(cache_read=tokens),
        "write": Usage(cache_write_5m=tokens),
        "input": Usage(uncached_input=tokens),
    }
    return sum(each.pico for each in buckets_at(usage[bucket], rates))
