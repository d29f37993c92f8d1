"""How long a request waits before it is sent again."""

from __future__ import annotations

from typing import Any

import pytest

from bursar.domain.pacing import LONGEST_STEP_S, Window, WindowKind, nearly_used, retry_wait_s, short_of


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
@pytest.mark.parametrize("asked_s", [0.0, 0.12, 2.0, 86_400.0])
def test_what_was_asked_for_is_waited_whole_and_at_most_a_tenth_more(asked_s: float, share: float) -> None:
    assert asked_s <= retry_wait_s(failures=1, asked_s=asked_s, share=share) <= asked_s * 1.1


def test_without_a_word_of_the_provider_the_wait_is_anything_below_a_bound_that_doubles() -> None:
    bounds = [retry_wait_s(failures=n, asked_s=None, share=1.0) for n in range(1, 9)]
    assert bounds == [1, 2, 4, 8, 16, 30, 30, 30]
    assert {retry_wait_s(failures=n, asked_s=None, share=0.0) for n in range(1, 9)} == {0}
    assert retry_wait_s(failures=3, asked_s=None, share=0.25) == 1.0
    assert retry_wait_s(failures=10_000, asked_s=None, share=1.0) == LONGEST_STEP_S


def window(kind: WindowKind = "tokens", *, remaining: int, limit: int = 1_000, left_s: int = 60, **more: Any) -> Window:
    return Window(kind=kind, remaining=remaining, limit=limit, resets_at=str(left_s), **more)


def short(*windows: Window, tokens: int = 500, cached: int = 0) -> tuple[str, float] | None:
    found = short_of(windows, input_tokens=tokens, cached_tokens=cached, seconds_until=float)
    return None if found is None else (found[0].kind, found[1])


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        ([], None),
        ([window(remaining=500)], None),
        ([window(remaining=499)], ("tokens", pytest.approx(60 / 501))),
        ([window(remaining=0)], ("tokens", 30.0)),
        ([window(remaining=0, left_s=0)], None),
        ([window(remaining=0, left_s=-5)], None),
        ([window(remaining=0, limit=100)], ("tokens", 60.0)),
        ([window(remaining=100, limit=100)], None),
        ([window("requests", remaining=1, limit=50)], None),
        ([window("requests", remaining=0, limit=50)], ("requests", 1.2)),
        ([window("output_tokens", remaining=1)], None),
        ([window("output_tokens", remaining=0, limit=60)], ("output_tokens", 1.0)),
        ([window(remaining=250), window("requests", remaining=0, limit=1)], ("requests", 60.0)),
    ],
)
def test_only_what_is_short_is_waited_for(windows: list[Window], expected: Any) -> None:
    assert short(*windows) == expected


def test_what_is_read_from_the_cache_counts_only_where_the_provider_counts_it() -> None:
    assert short(window(remaining=100), cached=450) is not None
    assert short(window("input_tokens", remaining=100, counts_cached=False), cached=450) is None
    assert short(window("input_tokens", remaining=40, counts_cached=False), cached=450) is not None
    assert short(window("input_tokens", remaining=1, counts_cached=False), cached=9_000) is None


@pytest.mark.parametrize(
    ("windows", "kind"),
    [
        ([], None),
        ([window(remaining=50, left_s=3_600)], "tokens"),
        ([window(remaining=51, left_s=3_600)], None),
        ([window(remaining=0, left_s=300)], None),
        ([window(remaining=0, left_s=301)], "tokens"),
        ([window(remaining=0, left_s=-1)], None),
        ([window(remaining=50, left_s=3_600), window("requests", remaining=0, limit=10, left_s=900)], "requests"),
    ],
)
def test_a_window_is_nearly_used_when_little_is_left_for_long(windows: list[Window], kind: str | None) -> None:
    found = nearly_used(windows, seconds_until=float, longer_than_s=300)
    assert (None if found is None else found.kind) == kind
