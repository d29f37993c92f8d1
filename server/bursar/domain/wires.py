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
_LEAST_ANSWER = {"openai-responses": 16}
"""Where the format refuses a shorter bound than that (its reference, 'max_output_tokens')."""


def least_answer_tokens(wire: str) -> int:
    """The shortest answer that a request in this format may ask for."""
    return _LEAST_ANSWER.get(wire, 1)
