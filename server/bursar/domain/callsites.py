"""Where a program asks a model: the call, what it sends as far as the text says it, and what it leaves open."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

CodeLanguage = Literal["python", "typescript", "tsx", "javascript"]
Library = Literal["openai", "anthropic", "litellm", "google-genai", "langchain", "ai-sdk"]

LANGUAGES: dict[str, CodeLanguage] = {
    ".py": "python",
    ".pyi": "python",
    ".ts": "typescript",
    ".mts": "typescript",
    ".cts": "typescript",
    ".tsx": "tsx",
    ".js": "javascript",
    ".mjs": "javascript",
    ".cjs": "javascript",
    ".jsx": "javascript",
}

LARGEST_CHARS = 600_000
"""Above this a file is data or was made by a program: no calls are looked for in it."""

_PYTHON_NAMES = ("openai", "anthropic", "litellm", "genai", "langchain")
_SCRIPT_NAMES = ("openai", "@anthropic-ai/", "@google/genai", '"ai', "'ai", "@ai-sdk/", "langchain")
# Words first: they are found a hundred times as fast as a pattern says that it does not fit.
_PYTHON_IMPORT = re.compile(r"(?m)^[^#\n]*\b(?:from|import)\b[^#\n]*(?:" + "|".join(_PYTHON_NAMES) + ")")
_SCRIPT_IMPORT = re.compile(
    r"""(?:\bfrom|\brequire\s*\(|\bimport\s*\(?)\s*["'](?:[^"'\n]*openai|@anthropic-ai/|@google/genai|ai["'/]|@ai-sdk/"""
    r"""|@langchain/|langchain)"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A text that the program sends, as far as it is written down; lines as LSP ends them, characters are code points.

    ``pieces`` are the literal parts as the model gets them; between two of them is one value that is made at run time.
    ``role`` is ``system``, ``developer``, ``user``, ``assistant``, ``tool``, ``tools`` for the definitions of tools, or
    empty where the text does not say it.
    """

    role: str
    line: int
    character: int
    end_line: int
    end_character: int
    pieces: tuple[str, ...]

    @property
    def holes(self) -> int:
        """How many values are put into it at run time."""
        return len(self.pieces) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSite:
    """One call of a model; ``not_literal`` names every part of the request that the text does not say.

    ``provider`` is whose price counts, empty where the text does not say that; ``model`` is None where none is written
    literally. ``is_template`` is true for prompts, and agents, that are only prepared here and asked elsewhere.
    """

    line: int
    character: int
    end_line: int
    end_character: int
    library: Library
    function: str
    provider: str
    model: str | None
    prompts: tuple[Prompt, ...]
    max_output_tokens: int | None
    not_literal: tuple[str, ...]
    is_template: bool = False

    @property
    def open_parts(self) -> tuple[str, ...]:
        """What is not literal, without what is said in brackets of why."""
        return tuple(each.partition(" (")[0] for each in self.not_literal)


def language_of(path: str) -> CodeLanguage | None:
    """The language of a file by its name; None for one that no calls are looked for in."""
    dot = path.rfind(".")
    return LANGUAGES.get(path[dot:].lower()) if dot > path.rfind("/") else None


def may_ask(text: str, language: CodeLanguage) -> bool:
    """Whether a text may import a library that asks models: cheap, and wrong only in saying yes."""
    names, pattern = (_PYTHON_NAMES, _PYTHON_IMPORT) if language == "python" else (_SCRIPT_NAMES, _SCRIPT_IMPORT)
    if len(text) > LARGEST_CHARS or not any(each in text for each in names):
        return False
    return pattern.search(text) is not None
