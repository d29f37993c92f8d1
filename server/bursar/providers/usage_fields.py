"""Usage as the vendors report it, into disjoint buckets; what cannot be true is clamped and said to be.

One pure function for each vendor's words. Live answers and recorded ones are read by the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bursar.domain.money.usage import Usage

ABSURD_TOKENS = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """Usage as one answer reports it, with what is wrong with it: sentences that name the field and its value.

    ``input_known`` is False where it says nothing of the input, which is then no zero. ``impossible`` is what cannot be
    (negative, no number, a part above its whole): the figure beside it is clamped. ``doubts`` are figures that can be
    and do not fit together: the larger one was taken. ``notes`` say what is billed beside the tokens.
    """

    usage: Usage
    input_known: bool = True
    impossible: tuple[str, ...] = field(default=())
    doubts: tuple[str, ...] = field(default=())
    notes: tuple[str, ...] = field(default=())

    @property
    def clamped(self) -> bool:
        """Whether a figure had to be changed or is in doubt."""
        return bool(self.impossible or self.doubts)


class Figures:
    """Reads numbers from reported usage and remembers what had to be changed; ``root`` is where the usage stands."""

    def __init__(self, root: str = "usage") -> None:
        self._root = root
        self._places: dict[int, str] = {}
        self.impossible: list[str] = []
        self.doubts: list[str] = []
        self.notes: list[str] = []

    def number(self, raw: Mapping[str, Any], key: str, *, most: int, needed: bool = False) -> int:
        """The number under a key, 0 where there is none; an absurd one becomes ``most``, the request's own bound.

        One that is ``needed`` and not there is no zero: it is said to be missing.
        """
        value = raw.get(key)
        if value is None:
            if needed:
                self.impossible.append(f"{self._name(raw, key)} is missing")
            return 0
        if isinstance(value, bool) or not isinstance(value, int):
            self.impossible.append(f"{self._name(raw, key)} is {_shown(value)}, which is no whole number")
            return 0
        if value < 0:
            self.impossible.append(f"{self._name(raw, key)} is {_shown(value)}, which is negative")
            return 0
        if value > ABSURD_TOKENS:
            self.impossible.append(f"{self._name(raw, key)} is {_shown(value)}, which no answer can have")
            return most
        return value

    def at_most(self, value: int, bound: int, *, what: str, whole: str) -> int:
        """The value, or the bound where it is above it, which cannot be; ``what`` and ``whole`` name the two."""
        if value > bound:
            self.impossible.append(f"{self._root}.{what} is {value}, above the {bound} of {self._root}.{whole}")
            return bound
        return value

    def part(self, raw: Mapping[str, Any], key: str) -> dict[str, Any]:
        """The object under a key, empty where there is none."""
        value = raw.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.impossible.append(f"{self._name(raw, key)} is {_shown(value)}, which is no object")
            return {}
        self._places[id(value)] = self._name(raw, key)
        return value

    def reported(self, usage: Usage, *, input_known: bool = True) -> Reported:
        """The usage with everything that was noticed."""
        return Reported(
            usage=usage,
            input_known=input_known,
            impossible=tuple(self.impossible),
            doubts=tuple(self.doubts),
            notes=tuple(self.notes),
        )

    def _name(self, raw: Mapping[str, Any], key: str) -> str:
        return f"{self._places.get(id(raw), self._root)}.{key}".removeprefix(".")


def anthropic_usage(
    raw: dict[str, Any], *, most_input_tokens: int, most_output_tokens: int, content_seen: bool
) -> Reported:
    """The buckets of Anthropic's usage, which are disjoint already: cached input stands beside ``input_tokens``."""
    figures = Figures()
    written = figures.number(raw, "cache_creation_input_tokens", most=most_input_tokens)
    split = figures.part(raw, "cache_creation")
    long = figures.number(split, "ephemeral_1h_input_tokens", most=most_input_tokens)
    short = figures.number(split, "ephemeral_5m_input_tokens", most=most_input_tokens)
    if split and written != short + long:
        # The sum and its parts disagree: the larger one is what may be billed.
        figures.doubts.append(
            f"usage.cache_creation_input_tokens is {written}, and its parts by lifetime are {short + long} together"
        )
        written = max(written, short + long)
    output = figures.number(raw, "output_tokens", most=most_output_tokens, needed=True)
    details = figures.part(raw, "output_tokens_details")
    thinking = figures.number(details, "thinking_tokens", most=output)
    _not_nothing(figures, "output_tokens", output, content_seen=content_seen)
    tools = figures.part(raw, "server_tool_use")
    for key in sorted(tools):
        if figures.number(tools, key, most=0):
            figures.notes.append(f"{tools[key]} of the provider's own tool ({key}) are billed beside the tokens")
    usage = Usage(
        uncached_input=figures.number(raw, "input_tokens", most=most_input_tokens, needed=True),
        cache_read=figures.number(raw, "cache_read_input_tokens", most=most_input_tokens),
        cache_write_5m=written - long,
        cache_write_1h=long,
        output=output,
        reasoning=figures.at_most(
            thinking, output, what="output_tokens_details.thinking_tokens", whole="output_tokens"
        ),
    )
    return figures.reported(usage)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    """What one of OpenAI's formats calls its four parts of usage."""

    prompt: str
    prompt_details: str
    output: str
    output_details: str


_CHAT = _Names(
    prompt="prompt_tokens",
    prompt_details="prompt_tokens_details",
    output="completion_tokens",
    output_details="completion_tokens_details",
)
_RESPONSES = _Names(
    prompt="input_tokens",
    prompt_details="input_tokens_details",
    output="output_tokens",
    output_details="output_tokens_details",
)


def openai_usage(
    raw: dict[str, Any], *, most_input_tokens: int, most_output_tokens: int, content_seen: bool
) -> Reported:
    """The buckets of Chat Completions' usage, as OpenAI and those who speak its format report it (DeepSeek: hit, miss).

    Cached and written tokens are part of the prompt's there. A cache write comes without a lifetime and is counted as
    a short one.
    """
    return _openai(raw, _CHAT, most_input_tokens, most_output_tokens, content_seen=content_seen)


def responses_usage(
    raw: dict[str, Any], *, most_input_tokens: int, most_output_tokens: int, content_seen: bool
) -> Reported:
    """The buckets of Responses' usage: the same figures under other names."""
    return _openai(raw, _RESPONSES, most_input_tokens, most_output_tokens, content_seen=content_seen)


def _openai(
    raw: dict[str, Any], names: _Names, most_input_tokens: int, most_output_tokens: int, *, content_seen: bool
) -> Reported:
    figures = Figures()
    prompt = figures.number(raw, names.prompt, most=most_input_tokens, needed=True)
    output = figures.number(raw, names.output, most=most_output_tokens, needed=True)
    details = figures.part(raw, names.prompt_details)
    cached_name = f"{names.prompt_details}.cached_tokens"
    cached = figures.number(details, "cached_tokens", most=prompt)
    if not cached and raw.get("prompt_cache_hit_tokens") is not None:
        # DeepSeek's own words; a server that knows both may fill only these.
        cached_name = "prompt_cache_hit_tokens"
        cached = figures.number(raw, cached_name, most=prompt)
    missed = figures.number(raw, "prompt_cache_miss_tokens", most=prompt)
    if raw.get("prompt_cache_miss_tokens") is not None and cached + missed != prompt:
        figures.doubts.append(
            f"usage.{names.prompt} is {prompt}, and cache hits and misses are {cached + missed} together"
        )
        prompt = max(prompt, cached + missed)
    cached = figures.at_most(cached, prompt, what=cached_name, whole=names.prompt)
    written = figures.at_most(
        figures.number(details, "cache_write_tokens", most=prompt),
        prompt - cached,
        what=f"{names.prompt_details}.cache_write_tokens",
        whole=f"{names.prompt} that were not cached",
    )
    output_details = figures.part(raw, names.output_details)
    thinking = figures.number(output_details, "reasoning_tokens", most=output)
    for part, where in ((details, names.prompt_details), (output_details, names.output_details)):
        if figures.number(part, "audio_tokens", most=0):
            figures.notes.append(f"usage.{where}.audio_tokens ({part['audio_tokens']}) have a price of their own")
    _not_nothing(figures, names.output, output, content_seen=content_seen)
    usage = Usage(
        uncached_input=prompt - cached - written,
        cache_read=cached,
        cache_write_5m=written,
        output=output,
        reasoning=figures.at_most(
            thinking, output, what=f"{names.output_details}.reasoning_tokens", whole=names.output
        ),
    )
    return figures.reported(usage)


def llama_cpp_timings(raw: dict[str, Any], *, most_input_tokens: int, most_output_tokens: int) -> Reported:
    """The buckets of a llama.cpp server's ``timings``, which stand where its streams have no usage.

    ``prompt_n`` is what was computed; what its own cache had is in ``cache_n``, which older servers do not say.
    """
    figures = Figures("timings")
    if raw.get("cache_n") is None:
        figures.doubts.append("timings.cache_n is missing, so what the server's cache had of the prompt is not known")
    usage = Usage(
        uncached_input=figures.number(raw, "prompt_n", most=most_input_tokens, needed=True),
        cache_read=figures.number(raw, "cache_n", most=most_input_tokens),
        output=figures.number(raw, "predicted_n", most=most_output_tokens, needed=True),
    )
    return figures.reported(usage)


def shrunk(before: Mapping[str, Any], now: Mapping[str, Any], *, root: str = "usage") -> tuple[str, ...]:
    """The figures of a running total that fell, which a total cannot: a sentence for each."""
    return tuple(
        f"{root}.{key} fell from {value} to {now[key]}"
        for key, value in before.items()
        if _is_count(value) and _is_count(now.get(key)) and now[key] < value
    )


def larger(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """A running total after one more report: what was said last, and never less than before."""
    merged = {**before, **{key: value for key, value in now.items() if value is not None}}
    for key, value in before.items():
        if _is_count(value) and _is_count(merged[key]):
            merged[key] = max(value, merged[key])
    return merged


def _not_nothing(figures: Figures, name: str, output: int, *, content_seen: bool) -> None:
    if content_seen and output == 0 and not figures.impossible:
        figures.doubts.append(f"usage.{name} is 0, and the answer has content")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    """A value as it stood there, not longer than a line."""
    text = repr(value) if isinstance(value, str) else str(value) if _is_number(value) else type(value).__name__
    return text if len(text) <= 40 else f"{text[:30]}... ({len(text)} characters)"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)
