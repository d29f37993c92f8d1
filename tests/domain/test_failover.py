"""Who is asked after a failure: a table of failures, each the first and the second of its target."""

from __future__ import annotations

import pytest

from bursar.domain.errors import (
    AnswerCut,
    KeyRefused,
    LimitReached,
    ModelNotKnown,
    OptionRefused,
    Overloaded,
    ProviderError,
    QuotaExhausted,
    RequestRejected,
    Unreachable,
)
from bursar.domain.failover import move_after, speaks_of_target


def limit(seconds: float | None) -> LimitReached:
    return LimitReached("m", retry_after_s=seconds)


def cut(status: int | None = None, *, seen: bool = False) -> AnswerCut:
    return AnswerCut("m", text_seen=seen, status=status)


@pytest.mark.parametrize(
    ("error", "first", "second", "counts"),
    [
        (KeyRefused("m", status=401), "other_provider", "other_provider", False),
        (QuotaExhausted("m"), "other_provider", "other_provider", False),
        (RequestRejected("m", status=400), "nobody", "nobody", False),
        (ModelNotKnown("m"), "nobody", "nobody", False),
        (OptionRefused("m"), "again", "again", False),
        (limit(None), "again", "elsewhere", False),
        (limit(30.0), "again", "elsewhere", False),
        (limit(30.1), "elsewhere", "elsewhere", False),
        (Overloaded("m"), "again", "elsewhere", True),
        (Overloaded("m", retry_after_s=900.0), "elsewhere", "elsewhere", True),
        (Unreachable("m"), "again", "elsewhere", True),
        (cut(500), "elsewhere", "elsewhere", True),
        (cut(504), "elsewhere", "elsewhere", True),
        (cut(408), "again", "again", True),
        (cut(409), "again", "again", True),
        (cut(), "again", "again", True),
        (cut(seen=True), "elsewhere", "elsewhere", True),
    ],
    ids=lambda value: f"{type(value).__name__} {value.status or ''}" if isinstance(value, ProviderError) else None,
)
def test_the_move(error: ProviderError, first: str, second: str, counts: bool) -> None:
    assert move_after(error, in_a_row=1, most_wait_s=30.0) == first
    assert move_after(error, in_a_row=2, most_wait_s=30.0) == second
    assert speaks_of_target(error) is counts
