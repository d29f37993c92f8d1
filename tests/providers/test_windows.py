"""What is left of a provider's limits, as its headers say it."""

from __future__ import annotations

import pytest

from bursar.domain.pacing import Window
from bursar.providers.windows import windows_in

from .support import FakeClock

NOW = "2026-11-21T08:00:00.000Z"


def openai(reset: str, *, remaining: str = "10", limit: str = "100") -> dict[str, str]:
    return {
        "x-ratelimit-limit-tokens": limit,
        "x-ratelimit-remaining-tokens": remaining,
        "x-ratelimit-reset-tokens": reset,
    }


def anthropic(kind: str, reset: str) -> dict[str, str]:
    head = f"anthropic-ratelimit-{kind}"
    return {f"{head}-limit": "100", f"{head}-remaining": "10", f"{head}-reset": reset}


@pytest.mark.parametrize(
    ("reset", "at"),
    [
        ("1s", "2026-11-21T08:00:01.000Z"),
        ("6m0s", "2026-11-21T08:06:00.000Z"),
        ("1h2m3s", "2026-11-21T09:02:03.000Z"),
        ("1d", "2026-11-22T08:00:00.000Z"),
        ("0s", NOW),
        ("120ms", NOW),
        ("2026-11-21T08:00:30Z", "2026-11-21T08:00:30.000Z"),
        ("2026-11-21T10:00:30+02:00", "2026-11-21T08:00:30.000Z"),
    ],
)
def test_the_moment_of_the_reset(reset: str, at: str) -> None:
    (found,) = windows_in(openai(reset), FakeClock())
    assert found == Window(kind="tokens", remaining=10, limit=100, resets_at=at)


@pytest.mark.parametrize(
    "reset", ["", "soon", "-1s", "1e9s", "999999d", "12", "2026-11-21T08:00:30", "9999-01-01T00:00:00Z"]
)
def test_a_reset_that_makes_no_sense_is_none(reset: str) -> None:
    assert windows_in(openai(reset), FakeClock()) == ()


@pytest.mark.parametrize(
    ("remaining", "limit"),
    [("", "100"), ("10", ""), ("-1", "100"), ("101", "100"), ("0", "0"), ("1.5", "9"), ("٣", "9")],
)
def test_figures_that_make_no_sense_are_none(remaining: str, limit: str) -> None:
    assert windows_in(openai("1s", remaining=remaining, limit=limit), FakeClock()) == ()


def test_every_window_of_one_vendor_and_what_its_cache_counts_for() -> None:
    headers = {}
    for kind in ("requests", "tokens", "input-tokens", "output-tokens"):
        headers |= anthropic(kind, "2026-11-21T08:00:30Z")
    found = {each.kind: each.counts_cached for each in windows_in(headers, FakeClock())}
    assert found == {"requests": True, "tokens": False, "input_tokens": False, "output_tokens": True}
