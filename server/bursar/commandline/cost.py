"""``bursar cost``: what one recorded answer costs, bucket by bucket, and how certain that is."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from bursar.commandline.output import FINE, result, result_json
from bursar.domain.errors import BadInput
from bursar.domain.money.bound import counted_interval
from bursar.domain.money.ledger import Certainty
from bursar.domain.money.price import Cost, Price, Unpriced, buckets_at, cost_of, usd_text
from bursar.domain.money.usage import Usage
from bursar.domain.ports import TokenCounter
from bursar.providers.recorded import Recorded, read_recorded
from bursar.views.figures import count
from bursar.wiring import App

_LARGEST_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Our own count of what the model said, with the interval that the provider's count lies in."""

    output: int
    low: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """What an answer used and how far that is known.

    ``input_known`` is False where nothing says what it was asked; ``bounded`` is True where our count stands in for the
    whole of its output, so that the interval bounds it.
    """

    usage: Usage
    certainty: Certainty
    why: tuple[str, ...]
    counted: Counted | None
    input_known: bool
    bounded: bool = False


def cost(app: App, args: argparse.Namespace) -> int:
    """Explain what one recorded answer costs."""
    name, data = _read(args.file)
    recorded = read_recorded(data, name=name, wire=args.format)
    if recorded.reported is not None and recorded.reported.impossible:
        raise BadInput(
            f"the usage in {name} cannot be: {'; '.join(recorded.reported.impossible)}. "
            "Nothing is computed from such figures: look whether the file is what the provider sent"
        )
    model = recorded.model or args.model
    explained = explain(recorded, model=model or "", counter=app.counter())
    price = _price(app, recorded, model, args)
    found = cost_of(explained.usage, price) if explained.input_known else None
    if isinstance(found, Cost) and found.assumed:
        why = (*(explained.why if explained.certainty != "billed" else ()), *found.assumed)
        explained = replace(explained, certainty="estimated", why=why)
    if args.json:
        result_json(_json(recorded, model, explained, price, found))
    else:
        _print(recorded, model, explained, price, found)
    return FINE


def explain(recorded: Recorded, *, model: str, counter: TokenCounter) -> Explained:
    """The usage of a recorded answer: the provider's own, and our count only where that has none.

    Only an answer that came to its end and reports figures that fit together is 'billed'.
    """
    reported, why = recorded.reported, []
    usage = Usage() if reported is None else reported.usage
    counted = None
    if not recorded.final and not recorded.ended:
        why.append(f"the answer did not come to its end: {recorded.broken}")
    elif reported is not None and not recorded.final:
        why.append("the answer came to its end without usage: its input is what was reported at its beginning")
    if reported is None or not recorded.final or (recorded.said and usage.output == 0):
        own = counter.count(recorded.said)
        low, high = counted_interval(
            counted_tokens=own, text_bytes=len(recorded.said.encode("utf-8", "replace")), model=model
        )
        if own > usage.output or reported is None:
            counted = Counted(output=own, low=low, high=max(high, own))
            usage = replace(usage, output=own)
            why.append(
                f"its output is our own count of what arrived ({count(own)} tokens, the provider's may be "
                f"{count(low)} to {count(counted.high)})"
            )
    if reported is None:
        why.append("it reports no usage, and what it was asked is not in it, so its input is not known")
        return Explained(
            usage=usage,
            certainty="estimated" if recorded.ended else "unknown",
            why=tuple(why),
            counted=counted,
            input_known=False,
        )
    why += [*reported.doubts, *reported.notes]
    if not reported.input_known:
        return Explained(
            usage=usage,
            certainty="estimated",
            why=tuple(why),
            counted=counted,
            input_known=False,
        )
    if why:
        return Explained(
            usage=usage,
            certainty="estimated",
            why=tuple(why),
            counted=counted,
            input_known=True,
            bounded=recorded.ended and counted is not None,
        )
    return Explained(
        usage=usage,
        certainty="billed",
        why=(
            "the answer came to its end, and these are the provider's own figures"
            if recorded.ended
            else f"these are the provider's own figures: {recorded.broken}, and reports what it bills",
        ),
        counted=None,
        input_known=True,
    )


def _read(given: str) -> tuple[str, bytes]:
    """The file's name for messages and its bytes; ``-`` is standard input."""
    if given == "-":
        return "standard input", sys.stdin.buffer.read(_LARGEST_BYTES + 1)
    path = Path(given)
    try:
        if not path.is_file():
            # A pipe would be waited for, and a device may never end.
            path.stat()
            raise BadInput(f"{given} is no file but a folder, a pipe or a device: give a file with one recorded answer")
        with path.open("rb") as file:
            return given, file.read(_LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise BadInput(f"{given} cannot be read ({why}): give a file with one recorded answer") from error


def _price(app: App, recorded: Recorded, model: str | None, args: argparse.Namespace) -> Price | Unpriced:
    at = _moment(args.at) if args.at is not None else app.clock.now_utc()
    if model is None:
        return Unpriced(model="", why="the answer names no model: name it with --model")
    if args.prices is not None:
        from bursar.prices import price_book

        book = price_book(override_file=Path(args.prices), free_providers=frozenset())
    else:
        book = app.prices(app.settings())
    return book.service_price(provider=recorded.seller, model=model, at=at, service=recorded.tier)


def _moment(given: str) -> str:
    """The time as RFC 3339 in UTC. Raises BadInput for what is none, and for one without its zone."""
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise BadInput(f"--at {given} is no time: write it with its zone, for example 2026-11-21T08:00:00Z")
    return given


def _json(
    recorded: Recorded,
    model: str | None,
    explained: Explained,
    price: Price | Unpriced,
    found: Cost | Unpriced | None,
) -> dict[str, Any]:
    counted, at_most = explained.counted, _at_most(explained, price)
    rates = None if isinstance(price, Unpriced) else price.rates_for(explained.usage.input)
    why = list(explained.why)
    unpriced = _unpriced(price, found)
    if unpriced is not None:
        why.append(unpriced.why)
    return {
        "format": recorded.format,
        "model": model,
        "usage": explained.usage.as_dict(),
        "counted": None if counted is None else {"output": counted.output, "low": counted.low, "high": counted.high},
        "unit_prices": None if rates is None else rates.as_dict(),
        "cost_usd": usd_text(found.pico) if isinstance(found, Cost) else None,
        "at_most_usd": None if at_most is None else usd_text(at_most),
        "certainty": explained.certainty,
        "why": why,
        "rate_card": None if isinstance(price, Unpriced) else price.rate_card,
    }


def _unpriced(price: Price | Unpriced, found: Cost | Unpriced | None) -> Unpriced | None:
    """What is not known of the price: the whole of it, or that of a bucket which the answer used."""
    return next((each for each in (price, found) if isinstance(each, Unpriced)), None)


def _at_most(explained: Explained, price: Price | Unpriced) -> int | None:
    """The most that the answer can have cost, where our count stands in for what it reported as nothing."""
    if isinstance(price, Unpriced) or not explained.bounded or explained.counted is None:
        return None
    most = cost_of(replace(explained.usage, output=explained.counted.high), price)
    return most.pico if isinstance(most, Cost) else None


_BUCKET_WORDS = {
    "uncached_input": "uncached input",
    "cache_read": "cache read",
    "cache_write_5m": "cache write, 5 min",
    "cache_write_1h": "cache write, 1 h",
    "output": "output",
}


def _print(
    recorded: Recorded,
    model: str | None,
    explained: Explained,
    price: Price | Unpriced,
    found: Cost | Unpriced | None,
) -> None:
    usage = explained.usage
    result(f"{model or 'an unnamed model'} ({recorded.format})")
    tokens = usage.as_dict()
    if isinstance(price, Unpriced):
        for bucket, words in _BUCKET_WORDS.items():
            result(f"  {words:<20}{count(tokens[bucket]):>12}{_of_which(bucket, usage)}")
        result("  cost                  unknown")
    else:
        rates = price.rates_for(usage.input)
        for each in buckets_at(usage, rates):
            price_each = f"x ${_plain(each.usd_per_mtok):>7} per million"
            money = f"= ${usd_text(each.pico)}{_of_which(each.bucket, usage)}"
            result(f"  {_BUCKET_WORDS[each.bucket]:<20}{count(each.tokens):>12}  {price_each} {money}")
        if isinstance(found, Cost):
            result(f"  {'sum':<20}{count(usage.input + usage.output):>12}{'':>24} = ${usd_text(found.pico)}")
        elif found is None:
            result("  cost                  unknown, and not less than the output above")
        else:
            result("  cost                  unknown")
        result(f"price: {price.rate_card}")
    most = _at_most(explained, price)
    result(f"{explained.certainty}{'' if most is None else f', at most ${usd_text(most)}'}: {'; '.join(explained.why)}")
    unpriced = _unpriced(price, found)
    if unpriced is not None:
        result(f"unpriced: {unpriced.why}")


def _of_which(bucket: str, usage: Usage) -> str:
    return f"  (of which {count(usage.reasoning)} thinking)" if bucket == "output" and usage.reasoning else ""


def _plain(rate: Decimal) -> str:
    return f"{rate.normalize():f}"
