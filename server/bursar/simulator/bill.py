"""The provider's own bill and its log: what each request took, produced and cost."""

from __future__ import annotations

import decimal
import json
import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

from bursar.simulator.cache import Taken
from bursar.simulator.scenario import Model

_MILLION = Decimal(1_000_000)
_EXACT = decimal.Context(prec=60, traps=[decimal.Inexact, decimal.InvalidOperation])


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One request that ended."""

    n: int
    request_id: str
    model: str
    taken: Taken
    output: int
    cost_usd: Decimal
    outcome: str


def cost_usd(model: Model, taken: Taken, output: int, *, batch: bool = False) -> Decimal:
    """The exact price of one request; the tier is chosen by the whole prompt. In a batch it is half of that."""
    prices = _prices_for(model, taken.total)
    share = Decimal(1)
    if batch and model.batch_prices is None:
        share = Decimal("0.5")
    elif batch:
        prices = _whole({**model.batch_prices} if model.batch_prices else {})
    buckets = {
        "input": taken.uncached_input,
        "cache_read": taken.cache_read,
        "cache_write_5m": taken.cache_write_5m,
        "cache_write_1h": taken.cache_write_1h,
        "output": output,
    }
    with decimal.localcontext(_EXACT):
        return sum((prices[name] * tokens * share for name, tokens in buckets.items()), Decimal(0)) / _MILLION


def dollars(amount: Decimal) -> str:
    """An amount as a plain decimal string, without exponent and without zeros that say nothing."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class Books:
    """Keeps the bill and the log on disk; both hold only requests that ended, and never a header or a key."""

    def __init__(self, bill_path: Path | None, log_path: Path | None) -> None:
        """Start an empty bill and open the log for appending; raises OSError where that cannot be done."""
        self._bill_path = bill_path
        self._rows: list[Row] = []
        self._log = _own_log(log_path) if log_path else None
        self._write_bill()

    def close(self) -> None:
        """Close the log; the bill is whole already."""
        if self._log:
            self._log.close()

    def enter(self, row: Row, log_line: Mapping[str, Any]) -> None:
        """Put one ended request on the bill and into the log."""
        self._rows.append(row)
        self._rows.sort(key=lambda r: r.n)
        self._write_bill()
        if self._log:
            self._log.write(json.dumps(log_line, separators=(",", ":")) + "\n")
            self._log.flush()

    def _write_bill(self) -> None:
        if self._bill_path is None:
            return
        with decimal.localcontext(_EXACT):
            total = sum((row.cost_usd for row in self._rows), Decimal(0))
        bill = {"total_usd": dollars(total), "requests": [_as_json(row) for row in self._rows]}
        try:
            with tempfile.NamedTemporaryFile(
                "w", encoding="ascii", dir=self._bill_path.parent, prefix=f".{self._bill_path.name}.", delete=False
            ) as file:
                json.dump(bill, file, indent=1)
            Path(file.name).replace(self._bill_path)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._bill_path)) from error


def _own_log(path: Path) -> TextIO:
    """The log, open at its end; a file is the user's alone, for all that was asked is in it."""
    log = open(path, "a", encoding="ascii", opener=lambda name, flags: os.open(name, flags, 0o600))  # noqa: SIM115
    found = os.fstat(log.fileno())
    if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and found.st_mode & 0o077:
        os.fchmod(log.fileno(), 0o600)
    return log


def _prices_for(model: Model, prompt_tokens: int) -> dict[str, Decimal]:
    prices = dict(model.prices)
    for tier in sorted(model.tiers, key=lambda t: t.above_tokens):
        if prompt_tokens > tier.above_tokens:
            prices.update(tier.prices)
    return _whole(prices)


def _whole(prices: dict[str, Decimal]) -> dict[str, Decimal]:
    """A bucket that the scenario gives no price costs what plain input costs; a long write at least a short one."""
    prices.setdefault("cache_read", prices["input"])
    prices.setdefault("cache_write_5m", prices["input"])
    prices.setdefault("cache_write_1h", prices["cache_write_5m"])
    return prices


def _as_json(row: Row) -> dict[str, Any]:
    return {
        "n": row.n,
        "request_id": row.request_id,
        "model": row.model,
        "billed_tokens": {
            "uncached_input": row.taken.uncached_input,
            "cache_read": row.taken.cache_read,
            "cache_write_5m": row.taken.cache_write_5m,
            "cache_write_1h": row.taken.cache_write_1h,
            "output": row.output,
        },
        "cost_usd": dollars(row.cost_usd),
        "outcome": row.outcome,
    }
