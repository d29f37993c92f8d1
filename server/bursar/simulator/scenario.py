"""What the simulated provider serves: models with prices, scripted replies and faults, read from one JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

WIRES = ("anthropic", "openai-chat", "openai-responses")
BATCH_OUTCOMES = ("succeeded", "errored", "canceled", "expired")
FAULT_KINDS = ("429", "529", "cut", "stall", "no_usage", "no_end", "failed", "evict")
PRICE_KEYS = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")


class ScenarioError(ValueError):
    """A scenario that cannot be played; the message names the key that is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """Prices that replace others once the whole prompt is longer than `above_tokens`."""

    above_tokens: int
    prices: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model on offer: its wire format, its USD prices per million tokens and its cache rules.

    A request with one of the keys that it ``refuses`` is rejected as one with a parameter that nobody knows.
    """

    name: str
    wire: str
    prices: Mapping[str, Decimal]
    tiers: tuple[Tier, ...] = ()
    batch_prices: Mapping[str, Decimal] | None = None
    """Through the batch API; half of the usual ones where the scenario has none."""
    cache_ttl_s: float = 300
    cache_min_tokens: int = 1024
    refuses: tuple[str, ...] = ()
    input_token_ratio: Decimal = Decimal(1)
    """How many tokens this model makes of one of the simulator's own, in what it is asked."""
    window_tokens: int | None = None
    """What the prompt and the longest answer asked for may have together; without it nothing is too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """What a request body must contain; parts left out always hold."""

    task: str | None = None
    contains: str | None = None
    tool_results: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedCall:
    """A tool call of a scripted reply."""

    name: str
    input: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A scripted answer; with neither text nor calls it is the generic answer at this pace."""

    when: When
    text: str = ""
    tool_calls: tuple[ScriptedCall, ...] = ()
    chunk_ms: int = 0
    chunk_tokens: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A failure that the first `times` matching requests meet; with `evict` all caches are given up before one."""

    when: When
    kind: str
    times: int = 1
    after_chunks: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPlan:
    """What becomes of a request in a batch, and after how many looks at the batch it has ended."""

    when: When = field(default_factory=When)
    looks: int = 0
    outcome: str = "succeeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Everything the simulated provider knows before the first request."""

    models: Mapping[str, Model]
    replies: tuple[Reply, ...] = ()
    faults: tuple[Fault, ...] = ()
    otherwise: str = "generic"
    require_key: str | None = None
    batches: tuple[BatchPlan, ...] = ()


def default_scenario() -> Scenario:
    """The generic model under two names, one for each wire format."""
    return parse_scenario({})


def load_scenario(path: Path | None) -> Scenario:
    """The scenario in this file, or the default one for None; raises ScenarioError."""
    if path is None:
        return default_scenario()
    try:
        data = json.loads(path.read_bytes(), parse_float=Decimal)
    except OSError as error:
        raise ScenarioError(
            f"the scenario {path} cannot be read ({error.strerror}): give the path of a JSON file"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ScenarioError(f"the scenario {path} is not JSON: {error}") from error
    return parse_scenario(data)


def parse_scenario(data: object) -> Scenario:
    """The scenario in this decoded JSON; raises ScenarioError that names the bad key."""
    top = _object(data, "scenario", ("models", "replies", "faults", "otherwise", "require_key", "batches"))
    named = _object(top.get("models", _DEFAULT_MODELS), "models")
    if not named:
        raise ScenarioError("models: name at least one model, or leave the key out for the built-in ones")
    otherwise = _choice(top.get("otherwise", "generic"), "otherwise", ("generic", "error"))
    key = top.get("require_key")
    return Scenario(
        models={name: _model(name, value) for name, value in named.items()},
        replies=tuple(_reply(item, f"replies[{i}]") for i, item in enumerate(_list(top, "replies", ""))),
        faults=tuple(_fault(item, f"faults[{i}]") for i, item in enumerate(_list(top, "faults", ""))),
        otherwise=otherwise,
        require_key=None if key is None else _text(key, "require_key"),
        batches=tuple(_batch(item, f"batches[{i}]") for i, item in enumerate(_list(top, "batches", ""))),
    )


_DEFAULT_MODELS: Mapping[str, Any] = {
    "claude-sonnet-5-5": {
        "wire": "anthropic",
        "prices": {"input": "2", "output": "10", "cache_read": "0.10", "cache_write_5m": "2.5", "cache_write_1h": "4"},
        "cache": {"ttl_s": 300, "min_tokens": 1024},
    },
    "gpt-6-sol": {
        "wire": "openai-chat",
        "prices": {"input": "2", "output": "10", "cache_read": "0.2", "cache_write_5m": "2.5"},
        "cache": {"ttl_s": 1800, "min_tokens": 1024},
    },
}


def _model(name: str, value: object) -> Model:
    key = f"models.{name}"
    raw = _object(value, key, ("wire", "prices", "cache", "refuses", "input_token_ratio", "window_tokens"))
    prices = _object(raw.get("prices"), f"{key}.prices", (*PRICE_KEYS, "tiers", "batch"))
    for needed in ("input", "output"):
        if needed not in prices:
            raise ScenarioError(f"{key}.prices.{needed} is missing")
    cache = _object(raw.get("cache", {}), f"{key}.cache", ("ttl_s", "min_tokens"))
    ttl_s = cache.get("ttl_s", 300)
    if isinstance(ttl_s, bool) or not isinstance(ttl_s, int | float | Decimal) or not 0 < ttl_s < 10**9:
        raise ScenarioError(f"{key}.cache.ttl_s must be a number of seconds above 0")
    ratio = raw.get("input_token_ratio", 1)
    if isinstance(ratio, bool) or not isinstance(ratio, int | float | Decimal) or not Decimal("0.1") <= ratio <= 10:
        raise ScenarioError(f"{key}.input_token_ratio must be a number from 0.1 to 10")
    return Model(
        name=name,
        wire=_choice(raw.get("wire"), f"{key}.wire", WIRES),
        prices=_prices(prices, f"{key}.prices"),
        tiers=tuple(_tier(item, f"{key}.prices.tiers[{i}]") for i, item in enumerate(_list(prices, "tiers", key))),
        batch_prices=None if "batch" not in prices else _batch_prices(prices["batch"], f"{key}.prices.batch"),
        cache_ttl_s=float(ttl_s),
        cache_min_tokens=_whole(cache.get("min_tokens", 1024), f"{key}.cache.min_tokens", least=1),
        refuses=tuple(_text(item, f"{key}.refuses[{i}]") for i, item in enumerate(_list(raw, "refuses", key))),
        input_token_ratio=Decimal(str(ratio)),
        window_tokens=None
        if "window_tokens" not in raw
        else _whole(raw["window_tokens"], f"{key}.window_tokens", least=1),
    )


def _batch_prices(value: object, key: str) -> dict[str, Decimal]:
    raw = _object(value, key, PRICE_KEYS)
    for needed in ("input", "output"):
        if needed not in raw:
            raise ScenarioError(f"{key}.{needed} is missing")
    return _prices(raw, key)


def _tier(value: object, key: str) -> Tier:
    raw = _object(value, key, (*PRICE_KEYS, "above_tokens"))
    above = _whole(raw.get("above_tokens"), f"{key}.above_tokens", least=0)
    return Tier(above_tokens=above, prices=_prices(raw, key))


def _prices(raw: Mapping[str, Any], key: str) -> dict[str, Decimal]:
    return {name: _price(raw[name], f"{key}.{name}") for name in PRICE_KEYS if name in raw}


def _price(value: object, key: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ScenarioError(f'{key} must be USD per million tokens, as "2.50"')
    try:
        price = Decimal(value)
    except InvalidOperation as error:
        raise ScenarioError(f'{key} must be USD per million tokens, as "2.50"') from error
    if not price.is_finite() or not 0 <= price < 10**9:
        raise ScenarioError(f"{key} must be between 0 and a thousand million")
    # Six decimals per million tokens are whole pico-dollars per token, so that every sum is exact.
    if price != price.quantize(Decimal("0.000001")):
        raise ScenarioError(f"{key} has more than six decimals, so a token would not cost whole pico-dollars")
    return price


def _when(value: object, key: str) -> When:
    raw = _object(value, key, ("task", "contains", "tool_results"))
    task, contains, results = raw.get("task"), raw.get("contains"), raw.get("tool_results")
    return When(
        task=None if task is None else _text(task, f"{key}.task"),
        contains=None if contains is None else _text(contains, f"{key}.contains"),
        tool_results=None if results is None else _whole(results, f"{key}.tool_results", least=0),
    )


def _reply(value: object, key: str) -> Reply:
    raw = _object(value, key, ("when", "text", "tool_calls", "chunk_ms", "chunk_tokens"))
    calls = []
    for i, item in enumerate(_list(raw, "tool_calls", key)):
        call = _object(item, f"{key}.tool_calls[{i}]", ("name", "input"))
        arguments = _object(call.get("input", {}), f"{key}.tool_calls[{i}].input")
        calls.append(ScriptedCall(name=_text(call.get("name"), f"{key}.tool_calls[{i}].name"), input=_plain(arguments)))
    return Reply(
        when=_when(raw.get("when", {}), f"{key}.when"),
        text=_text(raw.get("text", ""), f"{key}.text"),
        tool_calls=tuple(calls),
        chunk_ms=_whole(raw.get("chunk_ms", 0), f"{key}.chunk_ms", least=0),
        chunk_tokens=_whole(raw.get("chunk_tokens", 8), f"{key}.chunk_tokens", least=1),
    )


def _batch(value: object, key: str) -> BatchPlan:
    raw = _object(value, key, ("when", "looks", "outcome"))
    return BatchPlan(
        when=_when(raw.get("when", {}), f"{key}.when"),
        looks=_whole(raw.get("looks", 0), f"{key}.looks", least=0),
        outcome=_choice(raw.get("outcome", "succeeded"), f"{key}.outcome", BATCH_OUTCOMES),
    )


def _fault(value: object, key: str) -> Fault:
    raw = _object(value, key, ("when", "times", "kind", "after_chunks", "headers"))
    headers = _object(raw.get("headers", {}), f"{key}.headers")
    after = raw.get("after_chunks")
    for name, text in headers.items():
        if not name.isascii() or not name or not all(c.isalnum() or c in "-_" for c in name):
            raise ScenarioError(f"{key}.headers: {name!r} is not a header name")
        if name.lower() in ("content-length", "transfer-encoding", "connection", "content-type"):
            raise ScenarioError(f"{key}.headers.{name} belongs to the server, not to a scenario")
        if not _text(text, f"{key}.headers.{name}").isprintable() or not text.isascii():
            raise ScenarioError(f"{key}.headers.{name} must be printable ASCII")
    return Fault(
        when=_when(raw.get("when", {}), f"{key}.when"),
        kind=_choice(raw.get("kind"), f"{key}.kind", FAULT_KINDS),
        times=_whole(raw.get("times", 1), f"{key}.times", least=0),
        after_chunks=None if after is None else _whole(after, f"{key}.after_chunks", least=0),
        headers={name.lower(): text for name, text in headers.items()},
    )


def _object(value: object, key: str, allowed: tuple[str, ...] | None = None) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ScenarioError(f"{key} is missing" if value is None else f"{key} must be an object")
    for name in value:
        if allowed is not None and name not in allowed:
            raise ScenarioError(f"{key}.{name} is not known here: the keys are {', '.join(allowed)}")
    return value


def _list(raw: Mapping[str, Any], name: str, key: str) -> list[Any]:
    value = raw.get(name, [])
    if not isinstance(value, list):
        raise ScenarioError(f"{key}.{name} must be a list".lstrip("."))
    return value


def _text(value: object, key: str) -> str:
    if not isinstance(value, str):
        raise ScenarioError(f"{key} is missing" if value is None else f"{key} must be a string")
    return value


def _whole(value: object, key: str, *, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ScenarioError(f"{key} must be a whole number of at least {least}")
    return value


def _choice(value: object, key: str, choices: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise ScenarioError(f"{key} must be one of {', '.join(choices)}")
    return value


def _plain(value: Any) -> Any:
    """The same JSON with decimals as floats: tool inputs are data, not money."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return float(value) if isinstance(value, Decimal) else value
