"""The real specs below tests/fixtures/corpus, each with what a person expects a parser to read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).parents[2] / "fixtures" / "corpus"
_LINE_END = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True, kw_only=True)
class Case:
    name: str
    data: bytes
    expected: dict[str, Any]

    @property
    def text(self) -> str:
        return self.data.decode()

    @property
    def tasks(self) -> list[dict[str, Any]]:
        return self.expected["tasks"]

    def mark_offset(self, task: dict[str, Any]) -> int:
        """The byte offset of the task's mark, found without any code of ours: first bracket of the expected line."""
        starts = [0, *(end.end() for end in _LINE_END.finditer(self.data))]
        at = self.data.index(b"[", starts[task["line"]]) + 1
        assert self.data[at : at + 2].decode() == task["mark"] + "]"
        return at


def load() -> list[Case]:
    folders = sorted(path.parent for path in CORPUS.glob("*/*/expected.json"))
    return [
        Case(
            name=f"{folder.parent.name}/{folder.name}",
            data=(folder / "tasks.md").read_bytes(),
            expected=json.loads((folder / "expected.json").read_text(encoding="utf-8")),
        )
        for folder in folders
    ]


CASES = load()
