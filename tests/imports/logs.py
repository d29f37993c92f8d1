"""Writes logs as the agents write them, and imports them into a real store."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

from bursar.domain.money.price import Price, Rates, Unpriced
from bursar.imports import FORMATS
from bursar.imports.frame import AgentImport, import_agent
from bursar.imports.pricing import Pricing
from bursar.storage import SqliteJournal

AT = "2026-11-20T09:30:00.000Z"


class Card:
    """One USD per million of everything, two for output; nothing is known of a model called 'new'."""

    def price(self, *, provider: str, model: str, at: str) -> Price | Unpriced:
        if model == "new":
            return Unpriced(model=model, why="it is new")
        one, two = Decimal(1), Decimal(2)
        rates = Rates(input=one, output=two, cache_read=one, cache_write_5m=one, cache_write_1h=one)
        return Price(model=model, rates=rates, rate_card="test 1")

    def batch_price(self, *, provider: str, model: str, at: str) -> Price | Unpriced:
        return Unpriced(model=model, why="no batch price")

    def service_price(self, *, provider: str, model: str, at: str, service: str | None) -> Price | Unpriced:
        return Unpriced(model=model, why=f"no price of the service {service}")

    def window_tokens(self, *, provider: str, model: str) -> int | None:
        return None


class Silent:
    """Counts the bytes it is told of."""

    def __init__(self) -> None:
        self.size = 0
        self.seen = 0

    def begin(self, agent: str, size: int) -> None:
        self.size += size

    def advance(self, size: int) -> None:
        self.seen += size


def day_of(moment: str) -> str:
    return moment[:10]


def imports(journal: SqliteJournal, agent: str, *places: Path, card: Any = None) -> AgentImport:
    """One import of these folders; all bytes that were promised are told."""
    progress = Silent()
    pricing = Pricing(book=card or Card(), local_day_of=day_of)
    with journal.imports.importing(lambda: None):
        done = import_agent(FORMATS[agent], places, store=journal.imports, pricing=pricing, progress=progress)
        journal.imports.finish([agent])
    assert progress.seen == progress.size
    return done


def said(number: int, *, output: int = 10, session: str = "s1", model: str = "claude-sonnet-5-5", **more: Any) -> Any:
    """A record of Claude Code: 100 tokens of input, 1,000 read, 20 and 3 written, and this output."""
    usage = {
        "input_tokens": 100,
        "cache_creation_input_tokens": 23,
        "cache_read_input_tokens": 1_000,
        "output_tokens": output,
        "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 3},
        "service_tier": "standard",
    }
    message = {"id": f"msg_{number}", "model": model, "role": "assistant", "usage": usage}
    record = {
        "type": "assistant",
        "uuid": f"u{number}",
        "sessionId": session,
        "requestId": f"req_{number}",
        "isSidechain": False,
        "timestamp": AT,
        "cwd": "/home/ada/project",
        "message": message,
    }
    return {**record, **more}


def pico(*, output: int = 10) -> int:
    """What the card asks for ``said``: a dollar for a million is a million pico-dollars for one."""
    return (100 + 20 + 3 + 1_000 + 2 * output) * 10**6


def text(records: Iterable[Any]) -> str:
    return "".join(f"{json.dumps(each)}\n" for each in records)


def write(path: Path, *records: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text(records), encoding="utf-8")
    return path


def add(path: Path, more: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(more)
