"""The wire formats that are spoken: a row for each."""

from __future__ import annotations

# The adapter of a row is the module of its name in providers, with '_' for '-'. A new format is that file and its row.
WIRES = (
    "anthropic",
    "openai-chat",
    "openai-responses",
    "gemini",
    "ollama",
)
