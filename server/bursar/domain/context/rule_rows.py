"""The rows of the cache rules, by vendor: each with the page that it was taken from and the day that was read."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from bursar.domain.context.rule import CacheRules, Edge, Write

_READ_ON = "2026-11-20"
_TENTH, _TWENTIETH, _FORTIETH = Decimal("0.1"), Decimal("0.05"), Decimal("0.025")
_QUARTER, _HALF = Decimal("0.25"), Decimal("0.5")

_ANTHROPIC = CacheRules(
    models=("claude-sonnet-4-6", "claude-sonnet-5", "claude-opus-4-1", "claude-opus-4-8"),
    lookup="marked",
    read_ratio=_TENTH,
    writes=(Write(life_s=300, ratio=Decimal("1.25")), Write(life_s=3_600, ratio=Decimal(2))),
    most_life_s=300,
    min_prefix_tokens=1_024,
    marks=4,
    lookback_blocks=20,
    context_editing=True,
    source="Anthropic, 'Prompt caching' and 'Context editing'",
    as_of=_READ_ON,
)
_SECOND_HAND = "the read price is from release notes that cite the vendor's page"
_MINIMUM_CARRIED = "no page states the minimum of this model: that of the one before it in its line is taken"
_PRESERVED = replace(
    _ANTHROPIC,
    preserved_thinking=True,
    min_prefix_tokens=512,
    source="Anthropic, 'Prompt caching', 'Context editing' and 'Preserved thinking'",
    doubts=(_MINIMUM_CARRIED,),
)

_CLAUDE = (
    _ANTHROPIC,
    # One long-context edge is still on this model's price list alone; the others of its age bill all lengths alike.
    replace(
        _ANTHROPIC,
        models=("claude-sonnet-4-5",),
        edges=(Edge(above_tokens=200_000, input_ratio=Decimal(2), output_ratio=Decimal("1.5")),),
    ),
    replace(
        _ANTHROPIC,
        models=("claude-opus-4", "claude-opus-4-0", "claude-sonnet-4", "claude-sonnet-4-0"),
        doubts=("no page of this autumn lists this model: the row is from one of 2025",),
    ),
    replace(
        _ANTHROPIC,
        models=("claude-3-7-sonnet",),
        context_editing=False,
        doubts=("no page of this autumn lists this model: the row is from one of 2025",),
    ),
    replace(
        _ANTHROPIC,
        models=("claude-opus-4-7",),
        min_prefix_tokens=4_096,
        doubts=("pages disagree on the minimum, 2,048 or 4,096: the longer one is taken",),
    ),
    replace(_ANTHROPIC, models=("claude-opus-4-5", "claude-opus-4-6", "claude-haiku-4-5"), min_prefix_tokens=4_096),
    replace(_ANTHROPIC, models=("claude-opus-5", "claude-fable-5", "claude-mythos-5"), min_prefix_tokens=512),
    replace(
        _PRESERVED,
        models=("claude-fable-5-1", "claude-fable-5-2", "claude-mythos-5-1", "claude-mythos-5-2"),
        read_ratio=_FORTIETH,
        doubts=(_MINIMUM_CARRIED, _SECOND_HAND),
    ),
    replace(
        _PRESERVED,
        models=("claude-opus-5-5",),
        read_ratio=_TWENTIETH,
        doubts=(_MINIMUM_CARRIED,),
    ),
    replace(
        _PRESERVED,
        models=("claude-sonnet-5-5",),
        read_ratio=_TWENTIETH,
        min_prefix_tokens=1_024,
        doubts=(_MINIMUM_CARRIED, _SECOND_HAND),
    ),
    replace(
        _PRESERVED,
        models=("claude-haiku-5-5",),
        min_prefix_tokens=4_096,
        edges=(Edge(above_tokens=100_000, input_ratio=Decimal(5), output_ratio=Decimal(5)),),
        doubts=(_MINIMUM_CARRIED, "the edge at 100,000 tokens is from release notes that cite the vendor's page"),
    ),
)

_A_DAY = (Write(life_s=86_400, ratio=Decimal(1)),)
_DOUBLED = (Edge(above_tokens=272_000, input_ratio=Decimal(2), output_ratio=Decimal("1.5")),)
_OPENAI = CacheRules(
    models=(
        "gpt-5",
        "gpt-5-mini",
        "gpt-5-nano",
        "gpt-5.1",
        "gpt-5.1-codex-mini",
        "gpt-5.2",
        "gpt-5.3",
        "gpt-5.3-codex",
        "gpt-5.4-mini",
        "gpt-5.4-nano",
    ),
    lookup="prefix",
    read_ratio=_TENTH,
    writes=(Write(life_s=300, ratio=Decimal(1)),),
    most_life_s=3_600,
    min_prefix_tokens=1_024,
    step_tokens=128,
    source="OpenAI, 'Prompt caching'",
    as_of=_READ_ON,
    doubts=("the life before GPT-5.6 is given as 5 to 10 minutes, at times up to an hour",),
)
_MARKED_GPT = replace(
    _OPENAI,
    models=("gpt-5.6-sol", "gpt-5.6-luna", "gpt-5.6-terra", "gpt-6-astra", "gpt-6-luna", "gpt-6-sol"),
    lookup="exact",
    writes=(Write(life_s=1_800, ratio=Decimal("1.25")),),
    most_life_s=None,
    marks=4,
    edges=_DOUBLED,
    source="OpenAI, 'Prompt caching' and 'Prompt caching 201'",
    doubts=(),
)
_GPT = (
    _OPENAI,
    replace(_OPENAI, models=("gpt-5.4",), edges=_DOUBLED),
    replace(_OPENAI, models=("gpt-5.5",), edges=_DOUBLED, writes=_A_DAY, most_life_s=86_400, doubts=()),
    replace(_OPENAI, models=("gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano", "o3", "o4-mini"), read_ratio=_QUARTER),
    replace(_OPENAI, models=("gpt-4o", "gpt-4o-mini", "o1", "o3-mini"), read_ratio=_HALF),
    _MARKED_GPT,
    replace(
        _MARKED_GPT,
        models=("gpt-6.1-sol", "gpt-6.1-terra"),
        read_ratio=_TWENTIETH,
        doubts=("the read price is from release notes that cite the vendor's page",),
    ),
)

_LONG_PRO = (Edge(above_tokens=200_000, input_ratio=Decimal(2), output_ratio=Decimal("1.5")),)
_GOOGLE = CacheRules(
    models=("gemini-2.5-flash", "gemini-2.5-flash-lite"),
    lookup="prefix",
    read_ratio=_TENTH,
    writes=(Write(life_s=300, ratio=Decimal(1)),),
    min_prefix_tokens=2_048,
    step_tokens=256,
    source="Google, 'Context caching', the page of 13 October 2026",
    as_of=_READ_ON,
    doubts=("how long an implicit prefix lives, and in which steps it is read, is not stated",),
)
_GEMINI = (
    _GOOGLE,
    replace(_GOOGLE, models=("gemini-2.5-pro",), edges=_LONG_PRO),
    replace(
        _GOOGLE,
        models=(
            "gemini-3-flash-preview",
            "gemini-3.1-flash-lite",
            "gemini-3.5-flash",
            "gemini-3.5-flash-lite",
            "gemini-3.6-flash",
            "gemini-3.7-flash",
            "gemini-3.8-flash",
            "gemini-4-argon",
        ),
        min_prefix_tokens=4_096,
    ),
    replace(
        _GOOGLE,
        models=("gemini-3-pro-preview", "gemini-3.1-pro-preview"),
        min_prefix_tokens=4_096,
        edges=_LONG_PRO,
    ),
)

_DEEPSEEK = CacheRules(
    models=("deepseek-flash", "deepseek-v4-flash"),
    lookup="prefix",
    read_ratio=Decimal("0.02"),
    writes=(Write(life_s=3_600, ratio=Decimal(1)),),
    min_prefix_tokens=64,
    step_tokens=64,
    source="DeepSeek, 'Context caching'",
    as_of="2026-10-27",
    doubts=("the unit of 64 tokens is from older pages; the life is given as hours to days",),
)

ROWS: tuple[CacheRules, ...] = (
    *_CLAUDE,
    *_GPT,
    *_GEMINI,
    _DEEPSEEK,
    replace(_DEEPSEEK, models=("deepseek-v4-pro",), read_ratio=Decimal("0.0333")),
)
