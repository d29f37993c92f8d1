"""What was counted of requests stands beside what was reported, and outlives their texts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bursar.domain.money.usage import Usage
from bursar.storage import SqliteJournal

from .building import begin, entry, open_at, owned, settle

USAGE = Usage(uncached_input=100, cache_read=2_000, cache_write_5m=30, cache_write_1h=4, output=999, reasoning=5)
COUNTED = {"model": "claude-sonnet-5-5", "counted_tokens": 1_500, "counted_kinds": {"prose": 1_000, "code": 500}}


async def asked(journal: SqliteJournal, epoch: int, n: int, intent: dict[str, Any], **entry_of: Any) -> None:
    """Request ``n`` of run-1, answered and booked."""
    key = f"m{n}"
    await begin(journal, epoch, key=key, intent=intent)
    given = {"usage": USAGE, "model": "claude-sonnet-5-5-20260901", "request_id": f"req-{n}", **entry_of}
    await settle(journal, epoch, key=key, booked=replace(entry("run-1", key, 1, epoch), **given), result={"blocks": []})


async def test_all_reported_input_stands_beside_our_count_the_newest_first(home: Path) -> None:
    journal = open_at(home)
    epoch = await owned(journal)
    await asked(journal, epoch, 1, {**COUNTED, "counted_tokens": 1_499, "counted_kinds": {}})
    await asked(journal, epoch, 2, COUNTED)
    newest, oldest = journal.counted_requests(10)
    assert (newest.model, newest.run) == ("anthropic/claude-sonnet-5-5", "run-1")
    assert (newest.counted_tokens, newest.reported_tokens) == (1_500, 2_134)
    assert newest.kinds == {"prose": 1_000, "code": 500}
    assert (oldest.counted_tokens, oldest.kinds) == (1_499, {})
    assert journal.counted_requests(1) == [newest]
    journal.close()


@pytest.mark.parametrize(
    ("intent", "booked"),
    [
        (COUNTED, {"certainty": "estimated"}),
        (COUNTED, {"certainty": "unknown", "cost_pico": None}),
        (COUNTED, {"usage": Usage(output=5)}),
        ({"model": "claude-sonnet-5-5"}, {}),
        ({**COUNTED, "counted_tokens": 0}, {}),
    ],
)
async def test_what_no_provider_reported_or_we_did_not_count_tells_nothing(
    home: Path, intent: dict[str, Any], booked: dict[str, Any]
) -> None:
    journal = open_at(home)
    await asked(journal, await owned(journal), 1, intent, **booked)
    assert journal.counted_requests(10) == []
    journal.close()


@pytest.mark.parametrize(
    "kinds", [{"verse": 1_500}, {"prose": 3}, ["prose"], None, {"prose": "1500"}, {"prose": 10_000, "code": -8_500}]
)
async def test_kinds_that_are_not_ours_are_left_out(home: Path, kinds: object) -> None:
    journal = open_at(home)
    await asked(journal, await owned(journal), 1, {**COUNTED, "counted_kinds": kinds})
    assert [(each.counted_tokens, each.kinds) for each in journal.counted_requests(10)] == [(1_500, {})]
    journal.close()


async def test_an_answer_of_another_model_tells_of_that_one(home: Path) -> None:
    journal = open_at(home)
    await asked(journal, await owned(journal), 1, COUNTED, model="claude-haiku-4-5")
    assert [each.model for each in journal.counted_requests(10)] == ["anthropic/claude-haiku-4-5"]
    journal.close()


async def test_the_figures_outlive_the_texts(home: Path) -> None:
    journal = open_at(home)
    epoch = await owned(journal)
    await asked(journal, epoch, 1, {**COUNTED, "file": "zebra.md", "kept": ["zebra"], "is_loopback": True})
    before = journal.counted_requests(10)
    assert before[0].is_loopback
    await journal.release("run-1")
    await journal.erase(run="run-1")
    assert journal.counted_requests(10) == before
    assert "zebra" not in str(journal.steps("run-1"))
    journal.close()
