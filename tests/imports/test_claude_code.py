"""What a record of Claude Code says, each case as a table."""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import Any

import pytest

from bursar.domain.money.imported import ImportedRequest
from bursar.imports.claude_code import ClaudeCode
from bursar.imports.reading import BadRecord

from .logs import said


def read(*records: Any) -> list[ImportedRequest]:
    reader = ClaudeCode().open("/logs/s1.jsonl", {})
    return [
        each for number, record in enumerate(records, 1) for each in reader.record(number, json.dumps(record).encode())
    ]


def with_usage(**usage: Any) -> Any:
    return said(1, message={"id": "msg_1", "model": "claude-sonnet-5-5", "usage": usage})


def test_the_buckets_are_disjoint() -> None:
    (one,) = read(said(1, output=40))
    assert one.usage.as_dict() == {
        "uncached_input": 100,
        "cache_read": 1_000,
        "cache_write_5m": 20,
        "cache_write_1h": 3,
        "output": 40,
        "reasoning": 0,
    }
    assert (one.message_id, one.request_id, one.session, one.parent_session) == ("msg_1", "req_1", "s1", None)
    assert (one.provider, one.model, one.project, one.line) == (
        "anthropic",
        "claude-sonnet-5-5",
        "/home/ada/project",
        1,
    )


@pytest.mark.parametrize(
    ("usage", "short", "long"),
    [
        ({"cache_creation_input_tokens": 50}, 50, 0),
        ({"cache_creation_input_tokens": 50, "cache_creation": {"ephemeral_1h_input_tokens": 50}}, 0, 50),
        ({"cache_creation_input_tokens": 50, "cache_creation": {"ephemeral_1h_input_tokens": 20}}, 30, 20),
        ({"cache_creation": {"ephemeral_5m_input_tokens": 7, "ephemeral_1h_input_tokens": 9}}, 7, 9),
        ({"cache_creation_input_tokens": 50, "cache_creation": None}, 50, 0),
    ],
)
def test_cache_writes_by_their_time_to_live(usage: dict[str, Any], short: int, long: int) -> None:
    (one,) = read(with_usage(output_tokens=1, **usage))
    assert (one.usage.cache_write_5m, one.usage.cache_write_1h) == (short, long)


def test_thinking_is_a_part_of_the_output() -> None:
    (one,) = read(with_usage(output_tokens=90, output_tokens_details={"thinking_tokens": 60}))
    assert (one.usage.output, one.usage.reasoning) == (90, 60)


@pytest.mark.parametrize(
    ("usage", "tier"),
    [
        ({}, ""),
        ({"service_tier": "standard", "speed": "standard"}, ""),
        ({"service_tier": None}, ""),
        ({"service_tier": "batch"}, "batch"),
        ({"service_tier": "priority"}, "priority"),
        ({"service_tier": "standard", "speed": "fast"}, "fast"),
    ],
)
def test_a_tier_that_may_cost_otherwise_is_named(usage: dict[str, Any], tier: str) -> None:
    (one,) = read(with_usage(output_tokens=1, **usage))
    assert one.tier == tier


@pytest.mark.parametrize(
    "record",
    [
        {"type": "user", "message": {"content": 'it says "usage" here'}},
        {"type": "user", "toolUseResult": {"usage": {"output_tokens": 900}, "totalTokens": 900}},
        {"type": "summary", "usage": {"output_tokens": 900}},
        said(1, isApiErrorMessage=True),
        said(1, model="<synthetic>"),
        with_usage(input_tokens=0, output_tokens=0),
        {"type": "assistant", "message": "usage", "usage": 3},
    ],
)
def test_what_is_no_request_counts_nothing(record: Any) -> None:
    """The sum that a sub-agent hands back in a tool result is among them: its own log has its requests."""
    assert read(record) == []


def test_a_compaction_is_told_of_because_no_record_has_its_figures() -> None:
    reader = ClaudeCode().open("/logs/s1.jsonl", {})
    told = {"type": "system", "subtype": "compact_boundary", "compactMetadata": {"trigger": "auto", "preTokens": 9_898}}
    spoken = {"type": "user", "message": {"content": 'they call it "compact_boundary"'}}
    for record in (told, spoken, said(1), told):
        reader.record(1, json.dumps(record).encode())
    assert reader.unlogged == 2


def test_a_sub_agent_is_a_session_below_the_one_that_began_it() -> None:
    (one,) = read(said(1, isSidechain=True, agentId="a1"))
    assert (one.session, one.parent_session) == ("a1", "s1")


def test_a_copied_record_belongs_to_where_it_was_made() -> None:
    (one,) = read(said(1, session="fork", requestSessionId="s1"))
    assert one.session == "s1"


def test_without_ids_the_copies_of_a_record_are_the_same_request() -> None:
    bare = said(1)
    del bare["message"]["id"], bare["requestId"]
    other = said(2, uuid="u1", session="s2")
    del other["message"]["id"], other["requestId"]
    assert read(bare)[0].key == read(other)[0].key
    del bare["uuid"], other["uuid"]
    assert read(bare)[0].key == read(other)[0].key
    assert read({**bare, "timestamp": "2026-11-20T09:31:00.000Z"})[0].key != read(other)[0].key


def test_a_long_id_is_kept_short() -> None:
    (one,) = read(said(1, requestId="r" * 100_000))
    assert len(one.request_id) < 100


@pytest.mark.parametrize("value", [1.5, "12", True, [], {}])
def test_a_count_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(BadRecord, match="cannot be a number of tokens"):
        read(with_usage(output_tokens=value))


@pytest.mark.parametrize(
    ("told", "kept"),
    [(0.0271, 27_100_000_000), ("0.5", 5 * 10**11), (0, 0), (None, None), (-1, None), (True, None), ("much", None)],
)
def test_a_cost_that_the_agent_wrote_down_is_kept_beside_ours(told: Any, kept: int | None) -> None:
    (one,) = read(said(1, costUSD=told))
    assert one.reported_pico == kept


def test_only_its_own_logs_are_taken() -> None:
    found = [each for each in ("p/s.jsonl", "rollout-1.jsonl", "s.json", "a/agent-1.jsonl") if is_log(each)]
    assert found == ["p/s.jsonl", "a/agent-1.jsonl"]


def is_log(path: str) -> bool:
    return ClaudeCode().is_log(PurePath(path))
