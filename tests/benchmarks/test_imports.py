"""The benchmark of importing plays on small logs, and finds a total that is wrong."""

from __future__ import annotations

from pathlib import Path

from benchmarks.imports import __main__ as bench
from benchmarks.imports.make import Truth


def test_what_was_put_into_the_logs_is_imported(tmp_path: Path) -> None:
    wrong: list[str] = []
    assert bench._agent("codex", tmp_path, 1, None, wrong) == []
    assert wrong == []


def test_a_wrong_total_is_told() -> None:
    truth, wrong = Truth(), list[str]()
    truth.add(input=5, output=7)
    bench._compare("x", truth, {"input": 5, "output": 8}, wrong)
    assert wrong == ["x: 8 tokens of output, and 7 are in the logs"]
