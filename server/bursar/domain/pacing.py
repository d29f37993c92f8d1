"""How long to wait before a request is sent again, or sent at all: arithmetic; chance and time are handed in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

WindowKind = Literal["requests", "tokens", "input_tokens", "output_tokens", "quota"]

FIRST_STEP_S = 1.0
LONGEST_STEP_S = 30.0
MORE_THAN_ASKED = 0.1
_NEARLY_USED = 20


def retry_wait_s(*, failures: int, asked_s: float | None, share: float) -> float:
    """Seconds until the next attempt after ``failures`` (at least one) in a row; ``share`` is chance in [0, 1).

    What the provider asked for is waited whole, and up to a tenth more, so that many who were asked the same do not
    come back together. Where it asked for nothing, anything between nothing and a bound that doubles each time.
    """
    if asked_s is not None:
        return asked_s * (1 + MORE_THAN_ASKED * share)
    # The exponent is bounded, so that no number of failures is too much for a float.
    return share * min(LONGEST_STEP_S, FIRST_STEP_S * 2.0 ** min(failures - 1, 16))


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What a provider says is left of a usage limit. ``resets_at`` (RFC 3339 UTC) is when it is full again.

    ``counts_cached`` says whether input that is read from the provider's cache counts against it.
    """

    kind: WindowKind
    remaining: int
    limit: int
    resets_at: str
    counts_cached: bool = True


def short_of(
    windows: Iterable[Window],
    *,
    input_tokens: int,
    cached_tokens: int,
    seconds_until: Callable[[str], float],
) -> tuple[Window, float] | None:
    """The window that the next request would have to wait for the longest, with the seconds; None where it fits.

    ``cached_tokens`` of the input will be read from the cache. Windows fill evenly up to their reset, so only the
    share that is short is waited for; a window that has been reset since it was told says nothing any more, and one
    that is too small for the request at all is waited for until it is full.
    """
    found: tuple[Window, float] | None = None
    for window in windows:
        need = min(_need(window, input_tokens, cached_tokens), window.limit)
        left_s = seconds_until(window.resets_at)
        if window.remaining >= need or left_s <= 0:
            continue
        wait_s = left_s * (need - window.remaining) / (window.limit - window.remaining)
        if found is None or wait_s > found[1]:
            found = window, wait_s
    return found


def nearly_used(
    windows: Iterable[Window], *, seconds_until: Callable[[str], float], longer_than_s: float
) -> Window | None:
    """The window with the smallest share left, where that is a twentieth or less; None where there is none.

    One that is full again within ``longer_than_s`` is waited for and not saved on, and says nothing here.
    """
    near = [
        each
        for each in windows
        if each.remaining * _NEARLY_USED <= each.limit and seconds_until(each.resets_at) > longer_than_s
    ]
    return min(near, key=lambda each: each.remaining / max(each.limit, 1), default=None)


def free_share(windows: Iterable[Window], *, seconds_until: Callable[[str], float]) -> float:
    """How much of its tightest window is free, from 0 to 1; a window that was reset since, and none at all, is free."""
    told = [each.remaining / each.limit for each in windows if seconds_until(each.resets_at) > 0 and each.limit > 0]
    return min(told, default=1.0)


def _need(window: Window, input_tokens: int, cached_tokens: int) -> int:
    # How long the answer will be is not known: one token must be left for it at least.
    if window.kind in ("requests", "output_tokens"):
        return 1
    return input_tokens if window.counts_cached else max(1, input_tokens - cached_tokens)
