"""What is published of how vendors count: one row per family of models, with where it comes from.

A ratio is a vendor's tokens by ours under ``o200k_base``. A row's range holds every published ratio of its kind, wider
by a tenth on both sides, because few texts were looked at; where a single sentence was, by a quarter. These are priors:
what a model's own requests report replaces them (see ``calibrate.py``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bursar.domain.counting.kinds import TextKind

OWN_ENCODING = "o200k_base"

# OpenAI's models and the encoding that OpenAI names for them, as tiktoken lists it; the longest beginning holds.
_ENCODINGS = {
    "gpt-5": OWN_ENCODING,
    "gpt-4.5": OWN_ENCODING,
    "gpt-4.1": OWN_ENCODING,
    "gpt-4o": OWN_ENCODING,
    "chatgpt-4o": OWN_ENCODING,
    "gpt-oss": OWN_ENCODING,
    "o1": OWN_ENCODING,
    "o3": OWN_ENCODING,
    "o4-mini": OWN_ENCODING,
    "gpt-4": "cl100k_base",
    "gpt-3.5": "cl100k_base",
    "gpt-35": "cl100k_base",
    "text-embedding-3": "cl100k_base",
    "text-embedding-ada-002": "cl100k_base",
}
_CLAUDE_VERSION = re.compile(r"(?<![0-9.])([1-9][0-9]?)(?:[-.]([0-9]{1,2}))?(?![0-9])")
_FEW = 0.10
_ONE_SENTENCE = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How many of the vendor's tokens one of ours is: the likely figure, and the range that it lies in."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Models that are counted alike, as far as is published."""

    name: str
    rates: Mapping[TextKind, Rate]
    source: str
    as_of: str


def exact_encoding(model: str) -> str | None:
    """The encoding under which our count of a text is the vendor's own; None where the vendor names none of ours."""
    name = bare_name(model).removeprefix("ft:")
    fitting = [each for each in _ENCODINGS if name == each or name.startswith((f"{each}-", f"{each}:", f"{each}."))]
    return _ENCODINGS[max(fitting, key=len)] if fitting else None


def family_of(model: str) -> Family | None:
    """The family of a model by its name; None for one that nothing is published of."""
    name = bare_name(model)
    if "claude" in name:
        return _CLAUDE_47 if _claude_version(name) >= (4, 7) else _CLAUDE
    return next((family for word, family in _BY_WORD if word in name), None)


def bare_name(model: str) -> str:
    """The model's own name, without the provider before it."""
    return model.rsplit("/", 1)[-1].lower()


def _claude_version(name: str) -> tuple[int, int]:
    """The version in a name; the newest counts where there is none: it makes the most tokens of a text."""
    found = _CLAUDE_VERSION.search(name)
    return (99, 0) if found is None else (int(found[1]), int(found[2] or 0))


def _rate(values: Sequence[float], wider: float = _FEW) -> Rate:
    low, high = min(values), max(values)
    return Rate(value=sum(values) / len(values), low=low * (1 - wider), high=high * (1 + wider))


_CTOK = "counts of the reconstructed vocabulary of ctok 1.3.0 on samples of 9 to 60 KB"
_SPLINTR = "counts by the vocabularies that splintr-rs carries on samples of 9 to 60 KB"
_AS_OF = "2026-11-20"

_CLAUDE = Family(
    name="Claude 3 to 4.6",
    rates={
        "prose": _rate([1.10, 1.16]),
        "code": _rate([1.25, 1.23]),
        "json": _rate([1.23]),
        "cjk": _rate([1.37], _ONE_SENTENCE),
        "other": _rate([1.42], _ONE_SENTENCE),
    },
    source=_CTOK,
    as_of=_AS_OF,
)
_CLAUDE_47 = Family(
    name="Claude 4.7 and later",
    rates={
        "prose": _rate([1.46, 1.58]),
        "code": _rate([1.55, 1.48]),
        "json": _rate([1.29]),
        "cjk": _rate([1.37], _ONE_SENTENCE),
        "other": _rate([2.16], _ONE_SENTENCE),
    },
    source=_CTOK,
    as_of=_AS_OF,
)
_GEMINI = Family(
    name="Gemini and Gemma",
    rates={
        "prose": _rate([1.05, 1.12, 1.08]),
        "code": _rate([1.20, 1.22, 1.08]),
        "json": _rate([1.31, 1.08]),
        "cjk": _rate([0.90, 1.08], _ONE_SENTENCE),
        "other": _rate([1.05, 1.08], _ONE_SENTENCE),
    },
    source=f"ai-tokenizer 1.0.6's factor for Gemini 2.5, and {_SPLINTR} (Gemma 3)",
    as_of=_AS_OF,
)
_LLAMA = Family(
    name="Llama 3",
    rates={
        "prose": _rate([0.99]),
        "code": _rate([0.99]),
        "json": _rate([1.00]),
        "cjk": _rate([0.97], _ONE_SENTENCE),
        "other": _rate([1.26], _ONE_SENTENCE),
    },
    source=_SPLINTR,
    as_of=_AS_OF,
)
_DEEPSEEK = Family(
    name="DeepSeek",
    rates={
        "prose": _rate([1.04]),
        "code": _rate([1.07, 1.04]),
        "json": _rate([1.00]),
        "cjk": _rate([0.80], _ONE_SENTENCE),
        "other": _rate([1.11], _ONE_SENTENCE),
    },
    source=_SPLINTR,
    as_of=_AS_OF,
)
_QWEN = Family(
    name="Qwen",
    rates={
        "prose": _rate([1.00, 1.03]),
        "code": _rate([0.99, 1.07]),
        "json": _rate([1.12]),
        "cjk": _rate([0.87], _ONE_SENTENCE),
        "other": _rate([1.21], _ONE_SENTENCE),
    },
    source=_SPLINTR,
    as_of=_AS_OF,
)
# OpenAI has named no encoding for these yet; its earlier two differ by up to 1.43 in Chinese, and hardly in English.
_OPENAI = Family(
    name="OpenAI's newer models",
    rates={
        "prose": _rate([1.00, 0.99]),
        "code": _rate([1.00, 0.99]),
        "json": _rate([1.00]),
        "cjk": _rate([1.00, 1.43]),
        "other": _rate([1.00, 1.26]),
    },
    source="the distance of OpenAI's own cl100k_base from o200k_base on samples of 9 to 60 KB",
    as_of=_AS_OF,
)
_BY_WORD = (
    ("gemini", _GEMINI),
    ("gemma", _GEMINI),
    ("llama-3", _LLAMA),
    ("llama3", _LLAMA),
    ("qwen", _QWEN),
    ("deepseek", _DEEPSEEK),
    ("gpt-", _OPENAI),
    ("codex", _OPENAI),
)
FAMILIES = (_CLAUDE, _CLAUDE_47, _GEMINI, _LLAMA, _DEEPSEEK, _QWEN, _OPENAI)
