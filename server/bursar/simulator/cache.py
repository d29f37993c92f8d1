"""The prompt caches of the simulated providers: byte-exact prefixes, a minimum length and a lifetime."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bursar.simulator.request import Block
from bursar.simulator.scenario import Model

LOOKBACK_BLOCKS = 20
STEP_TOKENS = 128
LONG_LIFE_FACTOR = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The tokens of one prompt by how they are billed; the buckets are disjoint and add up to the prompt.

    For the log: ``known`` is the longest beginning of it that was ever kept, and ``missed`` says why that was not read:
    `expired`, `evicted`, `out_of_reach` of the marks, `short` where it was too short to be kept; '' where it was.
    """

    uncached_input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    known: int = 0
    missed: str = ""

    @property
    def total(self) -> int:
        """All tokens of the prompt."""
        return self.uncached_input + self.cache_read + self.cache_write_5m + self.cache_write_1h


@dataclass(slots=True)
class _Entry:
    expires: float
    life_s: float


class PromptCache:
    """What the provider remembers of prompts, per model. The clock is monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: dict[tuple[str, bytes], _Entry] = {}
        self._evicted: set[tuple[str, bytes]] = set()

    def evict(self) -> None:
        """Give up everything that is kept, as a provider may at any time."""
        self._evicted |= self._entries.keys()
        self._entries.clear()

    def marked(self, model: Model, blocks: Sequence[Block]) -> Taken:
        """Take a prompt whose cache points are marked: read the longest live prefix, write up to the last mark."""
        now = self._clock()
        digests, ends = _prefixes(model, blocks)
        marks = [i for i, b in enumerate(blocks) if b.mark and ends[i] >= model.cache_min_tokens]
        hit = self._longest(model, digests, ends, sorted(_within_reach(marks), reverse=True), now)
        read = ends[hit] if hit is not None else 0
        known, missed = self._missed(model, digests, ends, hit, now)
        if not missed and not marks and any(b.mark for b in blocks):
            missed = "short"
        for i in marks:
            life_s = model.cache_ttl_s * (LONG_LIFE_FACTOR if blocks[i].mark == "1h" else 1)
            self._keep(model, digests[i], life_s, now)
        last_long = max((ends[i] for i in marks if blocks[i].mark == "1h"), default=0)
        last = max(ends[marks[-1]], read) if marks else 0
        written_1h = max(0, last_long - read)
        total = ends[-1] if ends else 0
        return Taken(
            uncached_input=total - last,
            cache_read=read,
            cache_write_5m=last - read - written_1h,
            cache_write_1h=written_1h,
            known=known,
            missed=missed,
        )

    def automatic(self, model: Model, blocks: Sequence[Block]) -> Taken:
        """Take a prompt whose message ends are the cache points; reads and writes are whole steps of tokens."""
        now = self._clock()
        digests, ends = _prefixes(model, blocks)
        points = [i for i, b in enumerate(blocks) if b.boundary and ends[i] >= model.cache_min_tokens]
        hit = self._longest(model, digests, ends, points[::-1], now)
        read = _steps(ends[hit]) if hit is not None else 0
        known, missed = self._missed(model, digests, ends, hit, now)
        if not missed and not points:
            missed = "short"
        for i in points:
            self._keep(model, digests[i], model.cache_ttl_s, now)
        bills_writes = "cache_write_5m" in model.prices
        written = _steps(ends[points[-1]]) - read if points and bills_writes else 0
        total = ends[-1] if ends else 0
        plain = total - read - written
        return Taken(uncached_input=plain, cache_read=read, cache_write_5m=written, known=known, missed=missed)

    def _longest(
        self, model: Model, digests: list[bytes], ends: list[int], candidates: Sequence[int], now: float
    ) -> int | None:
        """The first candidate that is alive; its life begins anew, because a read refreshes it for nothing."""
        for i in candidates:
            entry = self._entries.get((model.name, digests[i]))
            if entry and entry.expires > now and ends[i] >= model.cache_min_tokens:
                entry.expires = now + entry.life_s
                return i
        return None

    def _missed(
        self, model: Model, digests: list[bytes], ends: list[int], hit: int | None, now: float
    ) -> tuple[int, str]:
        """The longest beginning that was ever kept, and why it was not read where it was not; before new is kept."""
        for i in range(len(digests) - 1, -1 if hit is None else hit, -1):
            key = (model.name, digests[i])
            entry = self._entries.get(key)
            if entry is not None:
                return ends[i], "out_of_reach" if entry.expires > now else "expired"
            if key in self._evicted:
                return ends[i], "evicted"
        return (0, "") if hit is None else (ends[hit], "")

    def _keep(self, model: Model, digest: bytes, life_s: float, now: float) -> None:
        key = (model.name, digest)
        old = self._entries.get(key)
        if old and old.expires > now:
            life_s = max(life_s, old.life_s)
        self._entries[key] = _Entry(now + life_s, life_s)
        self._evicted.discard(key)


def _within_reach(marks: Sequence[int]) -> set[int]:
    return {i for mark in marks for i in range(max(0, mark - LOOKBACK_BLOCKS + 1), mark + 1)}


def _steps(tokens: int) -> int:
    return tokens // STEP_TOKENS * STEP_TOKENS


def _prefixes(model: Model, blocks: Sequence[Block]) -> tuple[list[bytes], list[int]]:
    """For each block the hash and the model's tokens of everything up to its end."""
    digests, ends, digest, end = [], [], b"", 0
    for block in blocks:
        digest = hashlib.sha256(digest + block.content).digest()
        end += block.tokens
        digests.append(digest)
        ends.append(int(end * model.input_token_ratio))
    return digests, ends
