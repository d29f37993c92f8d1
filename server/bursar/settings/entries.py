"""A configured provider, and those that are known without one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

ESTIMATE_MODEL = "claude-sonnet-5-5"
"""Whose figures stand where no model was chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEntry:
    """One configured provider; ``key_env`` names the environment variable that holds its key."""

    name: str
    wire: str
    base_url: str
    key_env: str | None
    price: Literal["card", "free"]


BUILT_IN: Mapping[str, ProviderEntry] = {
    "anthropic": ProviderEntry(
        name="anthropic",
        wire="anthropic",
        base_url="https://api.anthropic.com",
        key_env="ANTHROPIC_API_KEY",
        price="card",
    ),
    "openai": ProviderEntry(
        name="openai",
        wire="openai-chat",
        base_url="https://api.openai.com/v1",
        key_env="OPENAI_API_KEY",
        price="card",
    ),
}
