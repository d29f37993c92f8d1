"""Usage as the vendors report it, into disjoint buckets; what cannot be true is clamped and said to be."""

from __future__ import annotations

from typing import Any

from bursar.domain.money.usage import Usage

ABSURD_TOKENS = 10**9


class Figures:
    """Reads numbers from reported usage and remembers whether one of them had to be changed."""

    def __init__(self) -> None:
        self.clamped = False

    def number(self, raw: dict[str, Any], key: str, *, most: int) -> int:
        """The number under a key, 0 where there is none; an absurd one becomes ``most``, the request's own bound."""
        value = raw.get(key)
        if value is None:
            return 0
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            self.clamped = True
            return 0
        if value > ABSURD_TOKENS:
            self.clamped = True
            return most
        return value

    def at_most(self, value: int, bound: int) -> int:
        """The value, or the bound where it is above it, which cannot be."""
        if value > bound:
            self.clamped = True
            return bound
        return value

    def part(self, raw: dict[str, Any], key: str) -> dict[str, Any]:
        """The object under a key, empty where there is none."""
        value = raw.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.clamped = True
            return {}
        return value


def anthropic_usage(
    raw: dict[str, Any], *, most_input_tokens: int, most_output_tokens: int, content_seen: bool
) -> tuple[Usage, bool]:
    """The buckets of Anthropic's usage, which are disjoint already, and whether one was clamped."""
    figures = Figures()
    written = figures.number(raw, "cache_creation_input_tokens", most=most_input_tokens)
    split = figures.part(raw, "cache_creation")
    long = figures.number(split, "ephemeral_1h_input_tokens", most=most_input_tokens)
    short = figures.number(split, "ephemeral_5m_input_tokens", most=most_input_tokens)
    if split and written != short + long:
        # The sum and its parts disagree: the larger one is what may be billed.
        figures.clamped = True
        written = max(written, short + long)
    output = figures.number(raw, "output_tokens", most=most_output_tokens)
    details = figures.part(raw, "output_tokens_details")
    thinking = figures.number(details, "thinking_tokens", most=output)
    if content_seen and output == 0:
        figures.clamped = True
    usage = Usage(
        uncached_input=figures.number(raw, "input_tokens", most=most_input_tokens),
        cache_read=figures.number(raw, "cache_read_input_tokens", most=most_input_tokens),
        cache_write_5m=written - long,
        cache_write_1h=long,
        output=output,
        reasoning=figures.at_most(thinking, output),
    )
    return usage, figures.clamped


def openai_usage(
    raw: dict[str, Any], *, most_input_tokens: int, most_output_tokens: int, content_seen: bool
) -> tuple[Usage, bool]:
    """The buckets of Chat Completions' usage, and whether one was clamped.

    Cached and written tokens are part of the prompt's there. A cache write comes without a lifetime and is counted as
    a short one.
    """
    figures = Figures()
    prompt = figures.number(raw, "prompt_tokens", most=most_input_tokens)
    output = figures.number(raw, "completion_tokens", most=most_output_tokens)
    details = figures.part(raw, "prompt_tokens_details")
    if "cached_tokens" in details:
        cached = figures.number(details, "cached_tokens", most=prompt)
    else:
        cached = figures.number(raw, "prompt_cache_hit_tokens", most=prompt)
    cached = figures.at_most(cached, prompt)
    written = figures.at_most(figures.number(details, "cache_write_tokens", most=prompt), prompt - cached)
    thinking = figures.number(figures.part(raw, "completion_tokens_details"), "reasoning_tokens", most=output)
    if content_seen and output == 0:
        figures.clamped = True
    usage = Usage(
        uncached_input=prompt - cached - written,
        cache_read=cached,
        cache_write_5m=written,
        output=output,
        reasoning=figures.at_most(thinking, output),
    )
    return usage, figures.clamped


def responses_usage(
    raw: dict[str, Any], *, most_input_tokens: int, most_output_tokens: int, content_seen: bool
) -> tuple[Usage, bool]:
    """The buckets of Responses' usage, and whether one was clamped: the same figures under other names."""
    as_chat = {
        "prompt_tokens": raw.get("input_tokens"),
        "prompt_tokens_details": raw.get("input_tokens_details"),
        "completion_tokens": raw.get("output_tokens"),
        "completion_tokens_details": raw.get("output_tokens_details"),
    }
    return openai_usage(
        as_chat,
        most_input_tokens=most_input_tokens,
        most_output_tokens=most_output_tokens,
        content_seen=content_seen,
    )
