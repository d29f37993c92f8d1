"""What a rollout of Codex says, record by record."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bursar.domain.money.imported import ImportedRequest
from bursar.imports.codex import Codex
from bursar.imports.reading import BadRecord

from .logs import AT


def record(kind: str, **payload: Any) -> dict[str, Any]:
    return {"timestamp": AT, "type": kind, "payload": payload}


def meta(own: str = "t1", **more: Any) -> dict[str, Any]:
    return record("session_meta", id=own, cwd="/home/ada/project", model_provider="openai", **more)


def counts(whole: int, read: int, output: int, *, written: int = 0, thought: int = 0) -> dict[str, int]:
    return {
        "input_tokens": whole,
        "cached_input_tokens": read,
        "cache_write_input_tokens": written,
        "output_tokens": output,
        "reasoning_output_tokens": thought,
        "total_tokens": whole + output,
    }


def counted(total: dict[str, int], last: dict[str, int] | None = None) -> dict[str, Any]:
    info = {"total_token_usage": total, **({"last_token_usage": last} if last else {})}
    return record("event_msg", type="token_count", info=info)


def used(response: str, usage: dict[str, int], total: dict[str, int], thread: str = "t1") -> dict[str, Any]:
    ids = {"response_id": response, "thread_id": thread, "turn_id": "u1"}
    return record("token_usage_record", usage=usage, thread_token_usage=total, **ids)


def read(*records: Any, state: dict[str, Any] | None = None) -> list[ImportedRequest]:
    reader = Codex().open("/logs/rollout-1.jsonl", state or {})
    return [each for n, value in enumerate(records, 1) for each in reader.record(n, json.dumps(value).encode())]


TURN = record("turn_context", model="gpt-5", cwd="/home/ada/project")
FIRST, SECOND, THIRD = counts(1_000, 0, 10), counts(2_500, 900, 30), counts(4_500, 2_900, 60)
OLD = (meta(), TURN, counted(FIRST, FIRST), counted(SECOND, counts(1_500, 900, 20)))


def test_cached_input_is_taken_out_of_the_input() -> None:
    usage = counts(1_000, 600, 50, written=300, thought=40)
    (one,) = read(meta(), TURN, used("resp_1", usage, usage))
    assert one.usage.as_dict() == {
        "uncached_input": 100,
        "cache_read": 600,
        "cache_write_5m": 300,
        "cache_write_1h": 0,
        "output": 50,
        "reasoning": 40,
    }
    assert (one.message_id, one.session, one.model, one.provider) == ("resp_1", "t1", "gpt-5", "openai")
    assert (one.project, one.at) == ("/home/ada/project", AT)


def test_more_cached_than_there_was_is_refused() -> None:
    usage = counts(100, 600, 50)
    with pytest.raises(BadRecord, match=r"its cached tokens \(600 read, 0 written\) are more than its input \(100\)"):
        read(meta(), used("resp_1", usage, usage))


def test_a_sum_beside_its_record_counts_once() -> None:
    found = read(meta(), TURN, used("r1", FIRST, FIRST), counted(FIRST), used("r2", SECOND, SECOND), counted(SECOND))
    assert [each.message_id for each in found] == ["r1", "r2"]


def test_a_sum_without_a_record_counts_by_what_it_grew() -> None:
    found = read(*OLD, counted(SECOND, counts(1_500, 900, 20)), counted(THIRD))
    assert [(each.usage.uncached_input, each.usage.cache_read, each.usage.output) for each in found] == [
        (1_000, 0, 10),
        (600, 900, 20),
        (0, 2_000, 30),
    ]
    assert len({each.key for each in found}) == 3


def test_reading_on_gives_the_same_requests_under_the_same_ids() -> None:
    whole = [each.key for each in read(*OLD, counted(THIRD))]
    for cut in range(len(OLD)):
        reader = Codex().open("/logs/rollout-1.jsonl", {})
        keys = [e.key for r in OLD[:cut] for e in reader.record(1, json.dumps(r).encode())]
        state = json.loads(json.dumps(reader.state()))
        keys += [each.key for each in read(*OLD[cut:], counted(THIRD), state=state)]
        assert keys == whole


def test_a_fork_that_copies_the_sums_copies_their_ids_and_has_its_own_behind_them() -> None:
    parent = [each.key for each in read(*OLD)]
    fork = read(meta("t2", forked_from_id="t1"), *OLD, counted(counts(4_000, 2_000, 45), counts(1_500, 1_100, 15)))
    assert [each.key for each in fork][:2] == parent
    assert (fork[2].session, fork[2].parent_session, fork[2].usage.output) == ("t2", "t1", 15)
    again = read(
        meta("t3", forked_from_id="t2"), meta("t2", forked_from_id="t1"), *OLD, counted(counts(4_000, 2_000, 45))
    )
    assert [each.key for each in again] == [each.key for each in fork]


def test_two_sessions_with_the_same_sums_are_two() -> None:
    one, other = read(*OLD), read(meta("t9"), *OLD[1:])
    assert not {each.key for each in one} & {each.key for each in other}


def test_a_fork_that_only_refers_to_its_history_counts_what_is_its_own() -> None:
    first_own = counted(counts(51_000, 40_000, 300), counts(1_000, 800, 20))
    (one,) = read(meta("t2", forked_from_id="t1"), TURN, first_own)
    assert (one.usage.input, one.usage.output) == (1_000, 20)


def test_a_first_sum_alone_is_a_request_unless_it_was_inherited() -> None:
    (one,) = read(meta(), TURN, counted(FIRST))
    assert (one.usage.input, one.usage.output) == (1_000, 10)
    assert read(meta("t2", forked_from_id="t1"), TURN, counted(THIRD)) == []
    assert read(meta(), TURN, counted(THIRD, counts(0, 0, 0))) == []


def test_sums_that_begin_anew_count_the_last_request() -> None:
    found = read(*OLD, counted(counts(700, 0, 5), counts(700, 0, 5)))
    assert [each.usage.output for each in found] == [10, 20, 5]


def test_a_sum_that_says_nothing_new_counts_nothing() -> None:
    """After a compaction the size of the window is told anew, and with each look at the limits the sums."""
    compacted = counted(SECOND, counts(0, 0, 0))
    limits = record("event_msg", type="token_count", info=None, rate_limits={"primary": None})
    assert len(read(*OLD, limits, compacted, record("compacted", message="x"), compacted)) == 2


def test_a_sub_agent_is_a_session_below_the_one_that_began_it() -> None:
    source = {"subagent": {"thread_spawn": {"parent_thread_id": "t1", "depth": 1}}}
    (one,) = read(meta("t2", source=source), TURN, used("r1", FIRST, FIRST, thread="t2"))
    assert (one.session, one.parent_session) == ("t2", "t1")


def test_a_tier_that_may_cost_otherwise_is_named() -> None:
    def applied(tier: Any) -> dict[str, Any]:
        return record("event_msg", type="thread_settings_applied", thread_settings={"service_tier": tier})

    (one,) = read(meta(), TURN, applied("priority"), used("r1", FIRST, FIRST))
    assert one.tier == "priority"
    for usual in ("default", "auto", None):
        (one,) = read(meta(), TURN, applied("flex"), applied(usual), used("r1", FIRST, FIRST))
        assert one.tier == ""
