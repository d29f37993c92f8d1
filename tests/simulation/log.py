"""What happened, line by line: the same seed writes the same bytes, on every machine and in every process."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any


class Log:
    """The lines so far; paths of this machine are written as words."""

    def __init__(self, words: dict[str, str]) -> None:
        self._words = words
        self.lines: list[str] = []

    def add(self, what: str, **data: Any) -> None:
        """Write a line: when, what, and its data in the order of their names."""
        at_s = round(asyncio.get_running_loop().time(), 6)
        line = json.dumps({"at_s": at_s, "what": what, **data}, sort_keys=True, ensure_ascii=True, default=str)
        for path, word in self._words.items():
            line = line.replace(path, word)
        self.lines.append(line)

    def text(self) -> str:
        """All lines."""
        return "".join(f"{each}\n" for each in self.lines)

    def digest(self) -> str:
        """One word for all lines."""
        return hashlib.sha256(self.text().encode()).hexdigest()
