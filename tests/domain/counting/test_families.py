"""Which models are counted exactly, and what is published of the others."""

from __future__ import annotations

import pytest
import tiktoken.model

from bursar.domain.counting.families import FAMILIES, exact_encoding, family_of
from bursar.domain.counting.kinds import KINDS

OURS = {"o200k_base": "o200k_base", "o200k_harmony": "o200k_base", "cl100k_base": "cl100k_base"}
NOT_OF_OPENAI_NOW = {"davinci-002", "babbage-002", "ft:davinci-002", "ft:babbage-002"}


def test_the_exact_models_are_those_that_tiktoken_lists_for_our_encodings() -> None:
    listed = {**tiktoken.model.MODEL_TO_ENCODING, **tiktoken.model.MODEL_PREFIX_TO_ENCODING}
    for name, encoding in listed.items():
        if name in NOT_OF_OPENAI_NOW:
            continue
        asked = f"openai/{name}2026-01-01" if name.endswith("-") else f"openai/{name}"
        assert exact_encoding(asked) == OURS.get(encoding), name


@pytest.mark.parametrize(
    "model",
    ["gpt-4o", "gpt-4o-mini", "gpt-4.1-nano", "gpt-5", "gpt-5.2-codex", "o1", "o3-mini", "gpt-oss-120b", "gpt-4-turbo"],
)
def test_tiktoken_itself_agrees_about_a_model(model: str) -> None:
    assert exact_encoding(model) == OURS[tiktoken.model.encoding_name_for_model(model)]


@pytest.mark.parametrize(
    "model", ["gpt-6-sol", "o5", "claude-sonnet-5-5", "gemini-3-pro", "gpt-2", "gpt-40", "o1x", ""]
)
def test_no_other_model_is_called_exact(model: str) -> None:
    assert exact_encoding(model) is None


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("claude-3-opus-20240229", "Claude 3 to 4.6"),
        ("claude-3-5-sonnet-latest", "Claude 3 to 4.6"),
        ("anthropic/claude-sonnet-4-20250514", "Claude 3 to 4.6"),
        ("claude-opus-4-6", "Claude 3 to 4.6"),
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", "Claude 3 to 4.6"),
        ("claude-opus-4.7", "Claude 4.7 and later"),
        ("claude-sonnet-5-5", "Claude 4.7 and later"),
        ("claude-opus-4-10@20270101", "Claude 4.7 and later"),
        ("Claude-Next", "Claude 4.7 and later"),
        ("gemini-3-flash", "Gemini and Gemma"),
        ("meta/llama-3.3-70b", "Llama 3"),
        ("deepseek-r1-distill-qwen-32b", "Qwen"),
        ("deepseek-v3", "DeepSeek"),
        ("gpt-6-sol", "OpenAI's newer models"),
        ("llama-2-7b", None),
        ("anything-else", None),
    ],
)
def test_the_family_follows_from_the_name(model: str, family: str | None) -> None:
    found = family_of(model)
    assert (found.name if found else None) == family


def test_every_row_has_all_kinds_a_source_and_a_range_around_its_figure() -> None:
    for family in FAMILIES:
        assert set(family.rates) == set(KINDS)
        assert family.source
        assert family.as_of.startswith("20")
        for kind, rate in family.rates.items():
            assert 0.5 < rate.low < rate.value < rate.high < 3, (family.name, kind)
