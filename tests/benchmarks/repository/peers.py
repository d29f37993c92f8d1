"""Plain BM25 over content: SQLite's own, on the text as it is. It shares nothing with what it is compared with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import apsw

Tokenizer = Literal["unicode61", "porter unicode61"]


class PlainBm25:
    """FTS5 with one of its own tokenizers over the contents of a tree's files."""

    def __init__(self, root: Path, tokenizer: Tokenizer) -> None:
        self._db = apsw.Connection(":memory:")
        self._db.execute(f"CREATE VIRTUAL TABLE content USING fts5(path UNINDEXED, text, tokenize = '{tokenizer}')")
        for path in sorted(root.rglob("*")):
            if path.is_file() and path.stat().st_size:
                try:
                    text = path.read_text("utf-8")
                except UnicodeDecodeError:
                    continue
                self._db.execute("INSERT INTO content VALUES (?, ?)", (path.relative_to(root).as_posix(), text))

    def ranked(self, question: str, most: int = 50) -> list[str]:
        """The files that have any word of the question, best first."""
        words = " OR ".join(f'"{each}"' for each in dict.fromkeys(re.findall(r"\w+", question)))
        rows = self._db.execute(
            "SELECT path FROM content WHERE content MATCH ? ORDER BY bm25(content), path LIMIT ?", (words, most)
        )
        return [str(path) for (path,) in rows]
