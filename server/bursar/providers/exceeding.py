"""Whether a provider refuses a request because it is longer than the model's window, and which window it names.

No vendor has a field for it: the codes differ, two have none, and the figures stand in a sentence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_CODES = frozenset(("context_length_exceeded", "model_context_window_exceeded", "exceed_context_size_error"))
_COUNT = r"([0-9][0-9,_]{0,14})"

# platform.claude.com/docs/en/api/errors and build-with-claude/context-windows: input alone, and input with the answer.
# The others: what the OpenAI, Gemini and llama.cpp servers answer, each with the figures in its own order.
_SENTENCES: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), names)
    for pattern, names in (
        (rf"prompt is too long: {_COUNT} tokens > {_COUNT} maximum", ("asked", "window")),
        (rf"max_tokens`? exceed context limit: {_COUNT} \+ {_COUNT} > {_COUNT}", ("asked", "answer", "window")),
        (
            rf"maximum context length is {_COUNT} tokens?[^0-9]{{1,80}}[0-9]+ tokens "
            rf"\({_COUNT} in the messages(?:, [^)]*?)?, {_COUNT} in the completion",
            ("window", "asked", "answer"),
        ),
        (rf"maximum context length is {_COUNT} tokens?[^0-9]{{1,80}}resulted in {_COUNT} tokens", ("window", "asked")),
        (rf"maximum context length is {_COUNT}", ("window",)),
        (
            rf"input token count \(?{_COUNT}\)? exceeds the maximum number of tokens allowed \(?{_COUNT}",
            ("asked", "window"),
        ),
        (
            rf"request \(?{_COUNT} tokens\)? exceeds the available context size \(?{_COUNT}",
            ("asked", "window"),
        ),
        (r"prompt is too long|exceeds? the (?:model'?s )?context (?:window|length|limit)|too long for the context", ()),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exceeded:
    """What was said of it: how long the prompt is, and what would have been taken; None where that was not named."""

    asked_tokens: int | None = None
    window_tokens: int | None = None


def exceeded_in(code: str, kind: str, text: str) -> Exceeded | None:
    """What an error says of a window that was exceeded; None where it is about something else."""
    for pattern, names in _SENTENCES:
        match = pattern.search(text)
        if match is None:
            continue
        found = {name: _number(each) for name, each in zip(names, match.groups(), strict=True)}
        asked, window = found.get("asked"), found.get("window")
        # A window that what was asked would fit into is no reason: the sentence was misread, or is nonsense.
        if window is not None and (window <= 0 or (asked is not None and asked + found.get("answer", 0) <= window)):
            return Exceeded()
        return Exceeded(asked_tokens=asked, window_tokens=window)
    return Exceeded() if code in _CODES or kind in _CODES else None


def _number(text: str) -> int:
    return int(text.replace(",", "").replace("_", ""))
