"""The user's own prices from a JSON file; a wrong one is refused whole, with the key and the line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bursar.domain.errors import BadInput
from bursar.domain.money.price import Price, Rates, Tier

# Six decimals per million tokens are whole pico-dollars per token, so that every sum is exact.
_Usd = Annotated[Decimal, Field(ge=0, le=10**6, decimal_places=6, allow_inf_nan=False)]
_MAX_BYTES = 4 * 1024 * 1024
_HINT = 'as in {"models": {"NAME": {"input": "3.00", "output": "15.00"}}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPrice:
    """A model's price in the user's file, and that through the provider's batch API where the file has one."""

    usual: Price
    batch: Price | None


def read_price_file(path: Path) -> dict[str, OwnPrice]:
    """The prices in a file by model; raises BadInput.

    A bucket without a price costs what plain input costs, a one-hour write what a short one costs. A tier replaces the
    prices it names.
    """
    text = _text_of(path)
    try:
        data = json.loads(text, parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise BadInput(f"the price file {path} is not JSON: line {error.lineno}: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"the price file {path} is not usable: {error}") from error
    try:
        file = _File.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(each) for each in first["loc"]) or "the whole"
        line = _line_of(text, first["loc"])
        raise BadInput(f"the price file {path}, line {line}: {where}: {first['msg']} ({_HINT})") from error
    card = f"override {path.name}"
    return {
        name: OwnPrice(
            usual=_price(name, entry, card),
            batch=None if entry.batch is None else _price(name, entry.batch, f"{card}, batch"),
        )
        for name, entry in file.models.items()
    }


class _Prices(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    input: _Usd | None = None
    output: _Usd | None = None
    cache_read: _Usd | None = None
    cache_write_5m: _Usd | None = None
    cache_write_1h: _Usd | None = None


class _Tier(_Prices):
    above_tokens: Annotated[int, Field(ge=0, strict=True)]


class _Rates(_Prices):
    input: _Usd
    output: _Usd
    tiers: tuple[_Tier, ...] = ()


class _Model(_Rates):
    batch: _Rates | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    models: dict[str, _Model]


def _price(name: str, entry: _Rates, rate_card: str) -> Price:
    prices = _named(entry)
    tiers = []
    for tier in sorted(entry.tiers, key=lambda each: each.above_tokens):
        prices = prices | _named(tier)
        tiers.append(Tier(above_tokens=tier.above_tokens, rates=_rates(prices)))
    return Price(model=name, rates=_rates(_named(entry)), tiers=tuple(tiers), rate_card=rate_card)


def _named(entry: _Prices) -> dict[str, Decimal]:
    return {key: value for key in _Prices.model_fields if (value := getattr(entry, key)) is not None}


def _rates(prices: dict[str, Decimal]) -> Rates:
    short = prices.get("cache_write_5m", prices["input"])
    return Rates(
        input=prices["input"],
        output=prices["output"],
        cache_read=prices.get("cache_read", prices["input"]),
        cache_write_5m=short,
        cache_write_1h=prices.get("cache_write_1h", short),
    )


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise BadInput(f"the price file {path} cannot be read: {error.strerror}") from error
    if len(raw) > _MAX_BYTES:
        raise BadInput(f"the price file {path} is larger than {_MAX_BYTES} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"the price file {path} is not UTF-8") from error


def _line_of(text: str, keys: tuple[int | str, ...]) -> int:
    """The line, from 1, of the deepest of these keys that can be found, each after the one before it."""
    at = 0
    for key in keys:
        if isinstance(key, str):
            found = text.find(json.dumps(key, ensure_ascii=False), at)
            if found < 0:
                break
            at = found
        else:
            for _ in range(key + 1):
                at = text.find("{", at + 1) if text.find("{", at + 1) >= 0 else at
    return text.count("\n", 0, at) + 1


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a price")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for number, (key, _) in enumerate(pairs) if key in dict(pairs[:number]))
        raise ValueError(f"the key '{twice}' is there twice")
    return found
