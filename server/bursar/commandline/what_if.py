"""``bursar what-if``: what a policy would have saved on sessions of other agents, from their own logs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from bursar.commandline.importing import Bar
from bursar.commandline.output import FINE, message, result, result_json
from bursar.commandline.what_if_output import (
    FIXED_ACTS,
    Told,
    Total,
    session_json,
    session_text,
    total_json,
    total_text,
)
from bursar.domain.context.optimum import can_be_computed
from bursar.domain.context.policies.registry import ENTRIES, OPTIMUM, Entry
from bursar.domain.context.rates import PRICE_SETS, PriceSet
from bursar.domain.context.retention import uses_by_request
from bursar.domain.context.rules import SAFE, rules_for
from bursar.domain.context.what_if import Replayed, money_of, prices_of, replay
from bursar.domain.errors import BadInput
from bursar.domain.money.price import Price, Unpriced
from bursar.domain.ports import PriceBook
from bursar.domain.ports.imports import OtherDatabase
from bursar.imports import FORMATS
from bursar.imports.pricing import Pricer, Pricing
from bursar.imports.sessions.conversation import LoggedSession
from bursar.imports.sessions.reading import AGENTS, OpenDatabase, Reading
from bursar.wiring import App

OWN_MODEL = "own"
_TOLD_SKIPS = 20


def what_if(app: App, args: argparse.Namespace) -> int:
    """Replay each conversation of the logs, and say of each and of all what would have been saved and missed."""
    entries = _policies(args.policy)
    places = _places(app, args.logs)
    book = app.prices(app.settings())
    priced = _Prices(book, args.prices, app.clock.now_utc())
    pricer = Pricer(Pricing(book=book, local_day_of=app.clock.local_day_of), set())
    reading = Reading(databases=_databases(app))
    logs = reading.find(places)
    if not logs:
        raise BadInput(f"no log lies in {', '.join(map(str, places))}: give files or folders of {', '.join(AGENTS)}")
    total = Total()
    told: list[dict[str, Any]] = []
    texts: list[str] = []
    with _exported(args.export) as export, Bar() as bar:
        bar.begin("what-if", sum(each.size for each in logs))
        reading.advance = bar.advance
        for logged in reading.sessions(logs):
            if export is not None:
                export(logged)
            one = _replayed(logged, priced, entries, pricer)
            total.add(one)
            if args.json:
                told.append(session_json(one))
            else:
                texts.append(session_text(one))
    for skipped in reading.skipped[:_TOLD_SKIPS]:
        message(f"bursar: {skipped.file}{f', line {skipped.line}' if skipped.line else ''}: skipped: {skipped.why}.")
    if len(reading.skipped) > _TOLD_SKIPS:
        message(f"bursar: {len(reading.skipped) - _TOLD_SKIPS:,} more parts were skipped.")
    if args.json:
        skips = [{"file": each.file, "line": each.line, "why": each.why} for each in reading.skipped]
        sums = {"totals": total_json(total), "files": reading.files, "skipped": skips, "note": FIXED_ACTS}
        result_json({"sessions": told, **sums})
    else:
        for each in texts:
            result(each)
        result(total_text(total))
    return FINE


def _replayed(logged: LoggedSession, priced: _Prices, entries: Sequence[Entry], pricer: Pricer) -> Told:
    uses = uses_by_request(logged.session)
    assumed = list(logged.assumed)
    rows: list[tuple[Replayed, Price | Unpriced | None]] = []
    sets = priced.of(logged)
    for chosen in sets:
        assumed += chosen.assumed
        rows += [(each, chosen.price) for each in replay(logged.session, uses, chosen.prices, entries)]
    paid = [pricer.priced(each).cost_pico for each in logged.billed]
    known = [each for each in paid if each is not None]
    return Told(
        logged=logged,
        assumed=tuple(dict.fromkeys(assumed)),
        paid_pico=sum(known) if known and len(known) == len(paid) else None,
        rows=tuple((each, None if price is None else money_of(each, price)) for each, price in rows),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    prices: PriceSet
    price: Price | Unpriced | None
    assumed: tuple[str, ...] = ()


class _Prices:
    """Which price sets a session is replayed under. Raises BadInput for a name that is neither a set nor a model."""

    def __init__(self, book: PriceBook, chosen: str, now: str) -> None:
        self._book = book
        self._model: str | None = None
        self._sets: list[PriceSet] | None = None
        if chosen == "all" or chosen in PRICE_SETS:
            self._sets = list(PRICE_SETS.values()) if chosen == "all" else [PRICE_SETS[chosen]]
        elif chosen != OWN_MODEL:
            self._model = chosen
            if isinstance(book.price(provider="", model=chosen, at=now), Unpriced) and rules_for(chosen) is SAFE:
                raise BadInput(
                    f"there is no price set '{chosen}', and no price is known for a model of that name: choose "
                    f"{', '.join(PRICE_SETS)}, all, or a model's whole name; without --prices it is the session's own"
                )
        self._now = now

    def of(self, logged: LoggedSession) -> list[_Chosen]:
        """With the price of a plain input token where the set is a model's."""
        if self._sets is not None:
            return [_Chosen(prices=each, price=None) for each in self._sets]
        own = logged.models[0] if logged.models else ""
        model, provider = (own, logged.provider) if self._model is None else (self._model, "")
        at = logged.billed[0].at if logged.billed and self._model is None else self._now
        price: Price | Unpriced = Unpriced(model=model, why="the log names no model")
        if model:
            price = self._book.price(provider=provider, model=model, at=at)
        rules = rules_for(model)
        wrote_long = sum(each.usage.cache_write_1h for each in logged.billed)
        wrote_short = sum(each.usage.cache_write_5m for each in logged.billed)
        notes: list[str] = []
        if isinstance(price, Unpriced):
            notes.append(f"No money, only shares: {price.why}.")
        if rules is SAFE:
            notes.append(f"No row says how the prompt cache of '{model}' works: the strictest of all is assumed.")
        if rules.preserved_thinking:
            notes.append(
                f"{model} binds its thinking to all that stands before it: what was sent cannot be changed there"
                " without losing that, so only what is left out before its first sending could have been saved."
            )
        prices = prices_of(model or "unknown", rules, price, writes_long=wrote_long > wrote_short)
        return [_Chosen(prices=prices, price=price, assumed=tuple(notes))]


def _policies(name: str) -> list[Entry]:
    if name == "all":
        if not can_be_computed():
            message("bursar: 'optimum' is left out: it is computed with numpy (pip install 'bursar[bench]')")
        return [each for each in ENTRIES.values() if each.name != OPTIMUM or can_be_computed()]
    if name not in ENTRIES:
        raise BadInput(f"there is no policy '{name}': choose all, or one of {', '.join(ENTRIES)}")
    return [ENTRIES[name]]


def _places(app: App, logs: Sequence[str]) -> list[Path]:
    """The folders of the agents that were named, and the files and folders. Raises BadInput."""
    places: list[Path] = []
    for each in logs:
        if each in AGENTS:
            places += FORMATS[each].places(app.environ, app.user_folder())
        elif each in FORMATS:
            raise BadInput(f"{each} writes down no whole conversations: what-if reads those of {', '.join(AGENTS)}")
        elif Path(each).exists():
            places.append(Path(each))
        else:
            raise BadInput(
                f"there is no file or folder {each}: give a log, a folder of logs, or one of {', '.join(AGENTS)}"
            )
    return places


def _databases(app: App) -> OpenDatabase:
    def waits() -> None:
        message("bursar: an import is under way; this goes on when that has ended.")

    @contextmanager
    def opened_copy(path: Path, opened: Callable[[Path], BinaryIO]) -> Iterator[OtherDatabase]:
        store = app.imports()
        with store.importing(waits), store.other_database(path, opened) as database:
            yield database

    return opened_copy


@contextmanager
def _exported(path: Path | None) -> Iterator[Callable[[LoggedSession], None] | None]:
    """Writes each session as the bench reads it; nothing where no file is wanted."""
    if path is None:
        yield None
        return
    try:
        with path.open("w", encoding="utf-8") as file:

            def export(logged: LoggedSession) -> None:
                file.write(json.dumps(logged.record) + "\n")

            yield export
    except OSError as error:
        raise BadInput(f"{path} cannot be written ({error.strerror or error}): give another file") from error
