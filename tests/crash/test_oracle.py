"""The checks of the kill tests find what they are for: books with one thing wrong in them are not let through."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from .oracle import NOT_RUN, Kill, Rewind, check_all_booked, check_money, check_repeats, failed_calls

T0 = datetime(2025, 1, 1, tzinfo=UTC)
BILL: dict[str, Any] = {
    "total_usd": "0.000000000006",
    "requests": [
        {"request_id": "a", "cost_usd": "0.000000000001", "outcome": "complete"},
        {"request_id": "b", "cost_usd": "0.000000000005", "outcome": "cut"},
    ],
}
USAGE: dict[str, Any] = {
    "total_usd": "0.000000000001",
    "held_usd": "0.000000000007",
    "requests": [
        {"request_id": "a", "certainty": "billed", "cost_usd": "0.000000000001"},
        {"request_id": "b", "certainty": "unknown", "cost_usd": None, "at_most_usd": "0.000000000007"},
    ],
}


def test_books_that_agree_are_let_through() -> None:
    assert check_money(BILL, USAGE) == check_all_booked(BILL, USAGE) == []


@pytest.mark.parametrize(
    ("at", "field", "value", "said"),
    [
        (0, "cost_usd", "0.000000000002", "a: ours 0.000000000002, billed 0.000000000001"),
        (0, "request_id", "x", "x is in the ledger and not on the bill"),
        (0, "certainty", "estimated", "a is booked as estimated"),
        (0, "request_id", "b", "b is in the ledger 2 times"),
        (1, "at_most_usd", "0.000000000004", "b: held 0.000000000004, billed 0.000000000005"),
        (1, "at_most_usd", "0.000000000008", "held 0.000000000007 is less than what is booked as at most"),
    ],
)
def test_a_wrong_ledger_row_is_found(at: int, field: str, value: str, said: str) -> None:
    usage = deepcopy(USAGE)
    usage["requests"][at][field] = value
    assert said in check_money(BILL, usage)


def test_a_bill_out_of_bounds_is_found() -> None:
    usage = {**USAGE, "held_usd": "0.000000000004", "requests": USAGE["requests"][:1]}
    assert any("out of bounds" in each for each in check_money(BILL, usage))
    assert check_all_booked(BILL, usage) == [
        "1 requests of the bill are not in the ledger, which knows of 0 without an id"
    ]


@pytest.mark.parametrize(("cost_usd", "found"), [("0", 0), ("0.000000000001", 1)])
def test_a_refused_request_needs_no_row_where_it_costs_nothing(cost_usd: str, found: int) -> None:
    bill = deepcopy(BILL)
    bill["requests"].append({"request_id": "c", "cost_usd": cost_usd, "outcome": "refused"})
    assert len(check_all_booked(bill, USAGE)) == found


def test_a_request_booked_as_ended_that_was_cut_is_found() -> None:
    bill = deepcopy(BILL)
    bill["requests"][0]["outcome"] = "cut"
    assert any("it was cut" in each for each in check_money(bill, USAGE))


@pytest.mark.parametrize(
    ("point", "kill_ms", "kind"),
    [
        ("random", 24, "unread"),
        ("mid_stream", 5_000, "unread"),
        ("random", 5_001, "repeats"),
        ("random", -3, "after"),
        ("random", -101, "repeats"),  # it began after the kill
        ("before_result", 5, "repeats"),
        ("after_result", 5, "repeats"),
    ],
)
def test_a_repeat_is_let_through_only_where_the_end_cannot_have_been_read(point: str, kill_ms: int, kind: str) -> None:
    log = [answer(1, ended=T0), answer(2, ended=T0 + timedelta(seconds=50))]
    findings = check_repeats(log, [Kill(point=point, at=T0 + timedelta(milliseconds=kill_ms))])
    assert {name for name in ("repeats", "after", "unread") if getattr(findings, name)} == {kind}


def test_one_kill_excuses_one_repeat() -> None:
    log = [answer(n, ended=T0 + timedelta(seconds=n)) for n in (1, 2, 3)]
    findings = check_repeats(log, [Kill(point="random", at=T0 + timedelta(seconds=1))])
    assert (len(findings.unread), len(findings.repeats)) == (1, 1)


def test_a_kill_does_not_excuse_the_repeat_of_an_answer_that_was_had() -> None:
    log = [answer(1, ended=T0), answer(2, ended=T0 + timedelta(seconds=5))]
    findings = check_repeats(log, [Kill(point="random", at=T0, had=frozenset({"req-1"}))])
    assert (len(findings.unread), len(findings.repeats)) == (0, 1)


def test_a_kill_does_not_excuse_a_repeat_that_had_begun_before_it() -> None:
    log = [answer(1, ended=T0), answer(2, ended=T0 + timedelta(milliseconds=200))]
    findings = check_repeats(log, [Kill(point="random", at=T0 + timedelta(milliseconds=150))])
    assert len(findings.repeats) == 1


@pytest.mark.parametrize(("began_s", "at_s", "found"), [(-1, 1, 0), (1, 1, 1), (-1, -1, 1), (-1, 6, 1)])
def test_a_rewind_excuses_what_its_run_had_asked_for_by_then_once(began_s: int, at_s: int, found: int) -> None:
    log = [answer(1, ended=T0), answer(2, ended=T0 + timedelta(seconds=5))]
    rewind = Rewind(began=T0 + timedelta(seconds=began_s), at=T0 + timedelta(seconds=at_s))
    assert len(check_repeats(log, [], [rewind]).repeats) == found


def test_a_cut_answer_may_be_asked_for_again() -> None:
    log = [{**answer(1, ended=T0), "outcome": "cut"}, answer(2, ended=T0)]
    findings = check_repeats(log, [])
    assert not findings.repeats


def test_a_call_that_failed_is_found() -> None:
    result = {"type": "tool_result", "content": "not there", "is_error": True}
    body = {"messages": [{"role": "user", "content": "x"}, {"role": "user", "content": [result]}]}
    assert failed_calls([{"n": 7, "body": body}]) == ["request 7: not there"]


@pytest.mark.parametrize(
    "body",
    [
        {"input": [{"type": "function_call_output", "call_id": "c", "output": "error: not there"}]},
        {"messages": [{"role": "tool", "tool_call_id": "c", "content": "error: not there"}]},
    ],
)
def test_a_call_that_failed_is_found_in_the_other_formats_too(body: dict[str, Any]) -> None:
    assert failed_calls([{"n": 7, "body": body}]) == ["request 7: error: not there"]


@pytest.mark.parametrize(
    "body",
    [
        {"input": "hello"},
        {"input": [{"type": "message", "role": "user", "content": "error: x"}]},
        {"input": [{"type": "function_call_output", "call_id": "c", "output": f"error: {NOT_RUN}"}]},
        {"input": [{"type": "function_call_output", "call_id": "c", "output": "fine"}]},
        {"messages": [{"role": "user", "content": "error: x"}]},
    ],
)
def test_what_is_no_failed_call_is_let_through(body: dict[str, Any]) -> None:
    assert failed_calls([{"n": 7, "body": body}]) == []


def test_a_call_that_was_cut_off_and_never_run_is_not_a_failed_one() -> None:
    result = {"type": "tool_result", "content": [{"type": "text", "text": f"{NOT_RUN} Call again."}], "is_error": True}
    assert failed_calls([{"n": 7, "body": {"messages": [{"role": "user", "content": [result]}]}}]) == []


def answer(n: int, *, ended: datetime) -> dict[str, Any]:
    began = ended - timedelta(milliseconds=100)
    return {
        "n": n,
        "request_id": f"req-{n}",
        "at": began.isoformat(),
        "ended_at": ended.isoformat(),
        "sha256_of_body": "5" * 64,
        "outcome": "complete",
    }
