"""The user's own prices from a JSON file; a wrong one is refused whole, with the key and the line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from datetime import date as day
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bursar.domain.errors import BadInput
from bursar.domain.money.price import Price, Rates, Service, Tier

# Six decimals per million tokens are whole pico-dollars per token, so that every sum is exact.
_Usd = Annotated[Decimal, Field(ge=0, le=10**6, decimal_places=6, allow_inf_nan=False)]
_HOUR_MINUTE = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d", re.ASCII)
_MAX_BYTES = 4 * 1024 * 1024
_HINT = 'as in {"models": {"NAME": {"input": "3.00", "output": "15.00"}}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPrice:
    """A model's price in the user's file, with those of other services and of other hours where the file has some."""

    usual: Price
    services: Mapping[Service, Price]
    hours: tuple[tuple[time, time, Price], ...] = ()

    def at(self, moment: str, service: Service) -> Price | None:
        """The price of a service at a moment; None where the file has none. The first hours that hold it count."""
        if service != "standard":
            return self.services.get(service)
        clock = datetime.fromisoformat(moment).astimezone(UTC).time()
        for start, end, price in self.hours:
            if start <= clock < end if start < end else (clock >= start or clock < end):
                return price
        return self.usual


def read_price_file(path: Path) -> dict[str, OwnPrice]:
    """The prices in a file by model; raises BadInput.

    A bucket without a price costs what plain input costs, a one-hour write what a short one costs. A tier replaces the
    prices it names, and so do hours, in the tiers too.
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
    card = f"override {path.name}" + ("" if file.date is None else f" {file.date.isoformat()}")
    return {name: _own(name, entry, card) for name, entry in file.models.items()}


def _own(name: str, entry: _Model, card: str) -> OwnPrice:
    services: dict[Service, _Rates | None] = {
        "batch": entry.batch,
        "flex": entry.flex,
        "priority": entry.priority,
        "fast": entry.fast,
    }
    return OwnPrice(
        usual=_price(name, entry, card),
        services={key: _price(name, each, f"{card}, {key}") for key, each in services.items() if each is not None},
        hours=tuple(
            (each.start, each.end, _price(name, entry, f"{card}, {each.start:%H:%M}-{each.end:%H:%M} UTC", each))
            for each in entry.hours
        ),
    )


def _clock(given: object) -> object:
    if not isinstance(given, str) or _HOUR_MINUTE.fullmatch(given) is None:
        raise ValueError("a time of the day in UTC is written as in 16:30")
    return given


def _day(given: object) -> object:
    if not isinstance(given, str):
        raise ValueError("the day of the prices is written as in 2026-11-20")
    return given


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


class _Hours(_Prices):
    """Hours of the day in UTC: ``from`` is in them, ``until`` is not; they may go over midnight."""

    start: Annotated[time, Field(alias="from"), BeforeValidator(_clock)]
    end: Annotated[time, Field(alias="until"), BeforeValidator(_clock)]


class _Model(_Rates):
    batch: _Rates | None = None
    flex: _Rates | None = None
    priority: _Rates | None = None
    fast: _Rates | None = None
    hours: tuple[_Hours, ...] = ()


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    date: Annotated[day | None, BeforeValidator(_day)] = None
    models: dict[str, _Model]


def _price(name: str, entry: _Rates, rate_card: str, hours: _Hours | None = None) -> Price:
    within = {} if hours is None else _named(hours)
    prices = _named(entry)
    base, tiers = _rates(prices | within), []
    for tier in sorted(entry.tiers, key=lambda each: each.above_tokens):
        prices = prices | _named(tier)
        tiers.append(Tier(above_tokens=tier.above_tokens, rates=_rates(prices | within)))
    return Price(model=name, rates=base, tiers=tuple(tiers), rate_card=rate_card)


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
