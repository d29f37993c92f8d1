"""Which steps brought nothing, and what their share of the answers was."""

from __future__ import annotations

from typing import Any

from bursar.domain.money.usage import Usage
from bursar.domain.money.waste import wasted
from bursar.domain.runs import RequestRow, StepKind, StepRecord


def step(key: str, tool: str, *, content: str = "text", error: bool = False, **given: Any) -> StepRecord:
    hashes = given.pop("hashes", None)
    intent: dict[str, Any] = {"tool": tool, "input": given}
    if hashes:
        intent |= {"sha256_before": hashes[0], "sha256_after": hashes[1]}
    kinds: dict[str, StepKind] = {"read_file": "look", "edit_file": "edit", "run_command": "command"}
    n, _, index = key[1:].partition(".")
    return StepRecord(
        run="run-1",
        key=key,
        n=int(n) * 1_000 + int(index) + 1,
        kind=kinds[tool],
        status="done",
        attempt=1,
        epoch=1,
        request_id=None,
        body_sha256=None,
        hold_pico=0,
        intent=intent,
        result={"content": content, "error": error},
        started_at="",
        ended_at=None,
    )


def asked(n: int, cost_pico: int | None) -> RequestRow:
    return RequestRow(
        request_id=f"r{n}",
        at="",
        run="run-1",
        step=f"m{n}",
        attempt=1,
        task="1",
        workspace="/w",
        spec="tasks.md",
        file=None,
        line=None,
        model="one",
        usage=Usage(),
        cost_pico=cost_pico,
        at_most_pico=0,
        unpriced=False,
        certainty="billed",
        ttft_ms=None,
        duration_ms=None,
    )


def found(steps: list[StepRecord], *requests: RequestRow) -> list[tuple[str, str, int | None]]:
    return [(each.step, each.kind, each.pico) for each in wasted("run-1", steps, requests)]


def test_a_file_that_is_read_again_unchanged() -> None:
    steps = [
        step("t1.0", "read_file", path="a"),
        step("t2.0", "read_file", path="a"),
        step("t2.1", "read_file", path="b"),
    ]
    # Two calls in the second answer: each has half of its 900.
    assert found(steps, asked(1, 100), asked(2, 900)) == [("t2.0", "read_again", 450)]


def test_a_file_that_changed_in_between_is_worth_reading() -> None:
    steps = [
        step("t1.0", "read_file", path="a", content="old"),
        step("t2.0", "read_file", path="a", content="new"),
        step("t3.0", "read_file", path="a", content="old"),
        step("t4.0", "read_file", path="a", content="old"),
    ]
    assert [each[0] for each in found(steps)] == ["t4.0"]


def test_another_range_is_another_reading() -> None:
    steps = [step("t1.0", "read_file", path="a", first_line=1), step("t2.0", "read_file", path="a", first_line=9)]
    assert found(steps) == []


def test_failed_calls_and_edits_without_a_change() -> None:
    steps = [
        step("t1.0", "run_command", argv=["pytest", "-q"], error=True),
        step("t1.1", "edit_file", path="a", hashes=("x", "x")),
        step("t1.2", "edit_file", path="a", hashes=("x", "y")),
        step("t1.3", "run_command", argv=["true"]),
    ]
    assert found(steps, asked(1, 400)) == [("t1.0", "failed", 100), ("t1.1", "no_change", 100)]
    first, other = wasted("run-1", steps, [asked(1, 400)])
    assert (first.about, other.about) == ("pytest -q", "a")


def test_money_that_is_not_known_is_not_zero() -> None:
    steps = [step("t1.0", "read_file", path="a", error=True)]
    assert found(steps, asked(1, None)) == [("t1.0", "failed", None)]
    # Both attempts at a request belong to its answer; one without a cost makes the whole not known.
    assert found(steps, asked(1, 100), asked(1, 50)) == [("t1.0", "failed", 150)]
    assert found(steps, asked(1, 100), asked(1, None)) == [("t1.0", "failed", None)]
