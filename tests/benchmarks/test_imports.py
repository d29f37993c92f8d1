"""The benchmark of importing plays on small logs, and finds a total that is wrong."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks import report
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


def test_rows_are_added_to_those_of_another_script(tmp_path: Path) -> None:
    def rows(what: str, value: int) -> list[report.Row]:
        return [report.Row(what=what, value=value, unit="s", peer="x", peer_value=2)]

    for what, value in (("a", 1), ("b", 2), ("a", 3)):
        path = report.add("both", rows(what, value), {what: "1"}, tmp_path)
    written = json.loads(path.read_text())
    assert [(each["what"], each["value"]) for each in written["rows"]] == [("b", 2), ("a", 3)]
    assert written["versions"] == {"a": "1", "b": "1"}
