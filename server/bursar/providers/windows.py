"""What is left of a provider's usage limits, from the headers of its answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from bursar.domain.pacing import Window, WindowKind
from bursar.domain.ports import Clock

_LONGEST_S = 366 * 86_400.0
_COUNT = re.compile(r"[0-9]{1,15}", re.ASCII)
_DURATION = re.compile(
    r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9}(?:\.\d{1,9})?)s)?(?:(\d{1,9})ms)?", re.ASCII
)
_UNITS_S = (86_400.0, 3_600.0, 60.0, 1.0, 0.001)

# Of one vendor only input that is not read from its cache counts (docs.claude.com/en/api/rate-limits, "Cache-aware
# ITPM"); its other window for tokens is whichever is the tightest, so the same holds for it.
_NAMES: tuple[tuple[str, WindowKind, bool], ...] = (
    ("anthropic-ratelimit-requests-{}", "requests", True),
    ("anthropic-ratelimit-tokens-{}", "tokens", False),
    ("anthropic-ratelimit-input-tokens-{}", "input_tokens", False),
    ("anthropic-ratelimit-output-tokens-{}", "output_tokens", True),
    ("x-ratelimit-{}-requests", "requests", True),
    ("x-ratelimit-{}-tokens", "tokens", True),
)


def windows_in(headers: Mapping[str, str], clock: Clock) -> tuple[Window, ...]:
    """The windows that are told completely and make sense; anything else is as if it was not there."""
    found = []
    for name, kind, counts_cached in _NAMES:
        limit = _count(headers.get(name.format("limit"), ""))
        remaining = _count(headers.get(name.format("remaining"), ""))
        resets_at = _moment(headers.get(name.format("reset"), ""), clock)
        if limit and remaining is not None and remaining <= limit and resets_at is not None:
            found.append(
                Window(kind=kind, remaining=remaining, limit=limit, resets_at=resets_at, counts_cached=counts_cached)
            )
    return tuple(found)


def _count(text: str) -> int | None:
    return int(text) if _COUNT.fullmatch(text.strip()) else None


def _moment(text: str, clock: Clock) -> str | None:
    """A moment (RFC 3339), or a duration from now such as ``6m0s`` or ``120ms``."""
    text = text.strip()
    if match := _DURATION.fullmatch(text) if text else None:
        seconds = sum(float(part) * unit for part, unit in zip(match.groups(), _UNITS_S, strict=True) if part)
        return clock.utc_in(seconds) if seconds <= _LONGEST_S else None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    at = moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return at if clock.seconds_until(at) <= _LONGEST_S else None
