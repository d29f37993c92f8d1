"""tiktoken itself, as it comes, to compare with."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, TracebackType
from typing import Any, Self

from tiktoken_ext import openai_public

ENCODINGS = ("cl100k_base", "o200k_base")

_CHILD = """
import json, sys
import tiktoken
for line in sys.stdin:
    name, text = json.loads(line)
    ids = tiktoken.get_encoding(name).encode_ordinary(text)
    assert not any(module.split(".")[0] == "bursar" for module in sys.modules)
    sys.stdout.write(json.dumps(ids) + "\\n")
    sys.stdout.flush()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Official:
    """What tiktoken's own module says about an encoding."""

    url: str
    sha256: str
    pattern: str
    special_tokens: dict[str, int]


def official(encoding: str) -> Official:
    """Run tiktoken's own function for the encoding with a loader that notes what it is asked and downloads nothing."""
    asked: dict[str, str] = {}

    def note(url: str, expected_hash: str) -> dict[bytes, int]:
        asked.update(url=url, sha256=expected_hash)
        return {}

    function = getattr(openai_public, encoding)
    made = FunctionType(function.__code__, {**function.__globals__, "load_tiktoken_bpe": note})()
    return Official(**asked, pattern=made["pat_str"], special_tokens=made["special_tokens"])


def official_text(tokens: list[bytes]) -> bytes:
    """The tokens in the form in which they are published: base64, space, rank, a line each."""
    return b"".join(b"%s %d\n" % (base64.b64encode(token), rank) for rank, token in enumerate(tokens))


class Oracle:
    """Unmodified tiktoken in a process of its own that imports nothing of this project and has no network to ask.

    It reads the ranks from its own cache folder and checks their hash itself.
    """

    def __init__(self, cache: Path, tables: dict[str, list[bytes]]) -> None:
        for encoding, tokens in tables.items():
            name = hashlib.sha1(official(encoding).url.encode()).hexdigest()
            (cache / name).write_bytes(official_text(tokens))
        self._child = subprocess.Popen(
            [sys.executable, "-I", "-c", _CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={
                "TIKTOKEN_CACHE_DIR": str(cache),
                "http_proxy": "http://127.0.0.1:9",
                "https_proxy": "http://127.0.0.1:9",
            },
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait(timeout=30)
        assert self._child.stdout is not None
        self._child.stdout.close()

    def ids(self, text: str, encoding: str) -> list[int]:
        """The tokens of the whole text in one go."""
        assert self._child.stdin is not None and self._child.stdout is not None
        self._child.stdin.write(json.dumps([encoding, text]) + "\n")
        self._child.stdin.flush()
        answer: Any = json.loads(self._child.stdout.readline())
        return [int(token) for token in answer]
