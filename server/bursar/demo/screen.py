"""Draws what happens: one row a request with its cost, the running total and the budget bar."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from decimal import Decimal
from types import TracebackType
from typing import Any, Protocol

from bursar.domain.moments import moment_words
from bursar.domain.money.price import PICO_PER_USD
from bursar.domain.money.usage import Usage
from bursar.domain.ports import Clock
from bursar.runs.here import here_of
from bursar.views.figures import count, money, seconds
from bursar.views.progress import event_line

_BAR_CELLS = 8
_HEAD = f"{'':4}{'model':<18}{'uncached':>8}{'read':>7}{'written':>8}{'output':>7}{'cost':>8}{'first':>7}{'total':>8}"


class Screen(Protocol):
    """Where the demo draws."""

    def say(self, text: str, style: str = "") -> None:
        """A line that stays."""

    def working(self, text: str) -> None:
        """A sign of life that is replaced by the next one."""

    def __enter__(self) -> Screen: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class PlainScreen:
    """Lines on stdout, nothing that moves."""

    def say(self, text: str, style: str = "") -> None:
        """A line."""
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def working(self, text: str) -> None:
        """Nothing: a plain log has no moving parts."""

    def __enter__(self) -> PlainScreen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class RichScreen:
    """Colours and a moving line, on a terminal."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(highlight=False)
        self._status = self._console.status("starting")

    def say(self, text: str, style: str = "") -> None:
        """A line, in a colour."""
        self._console.print(text, style=style or None, markup=False)

    def working(self, text: str) -> None:
        """The moving line."""
        from rich.text import Text

        self._status.update(Text(text))

    def __enter__(self) -> RichScreen:
        self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._status.stop()


class Teller:
    """Turns a run's events into rows; keeps the running total of what was shown."""

    def __init__(self, screen: Screen, *, budget_usd: Decimal, clock: Clock) -> None:
        self._screen = screen
        self._budget_pico = int(budget_usd * PICO_PER_USD)
        self._clock = clock
        self._total_pico = 0

    def tell(self, event: Mapping[str, Any]) -> None:
        """Show one event."""
        kind, here = str(event["kind"]), here_of(self._clock)
        if kind in ("run_started", "run_resumed"):
            self._screen.say("")
            self._screen.say(event_line(kind, event, here) or "", "bold")
            self._screen.say(f"{_HEAD}  of {money(self._budget_pico)} today", "dim")
            self._screen.working("getting ready")
        elif kind == "request_finished":
            self._row(event)
            self._screen.working(f"request {event['n']} has ended")
        elif kind in ("request_first_token", "request_progress"):
            self._screen.working(f"request {event['n']}: {count(event['chars'])} characters so far")
        elif kind == "waiting":
            self._screen.say(f"    ⏸ paused: {event['message']}", "yellow")
            wait = seconds(float(event["seconds"]))
            until = moment_words(str(event["until"]), here)
            self._screen.say(f"      goes on by itself at {until}, in {wait}", "yellow")
            self._screen.working(f"waiting until {until}")
        elif kind == "going_on":
            self._screen.say("    ▶ goes on by itself", "yellow")
            self._screen.working("going on")
        elif (line := event_line(kind, event, here)) is not None:
            style = {"run_finished": "green", "run_paused": "yellow", "request_unknown": "red"}.get(kind, "dim")
            self._screen.say(f"  {line}", style)

    def _row(self, event: Mapping[str, Any]) -> None:
        usage = Usage(**event["usage"])
        cost_pico = int(Decimal(event["cost_usd"] or "0") * PICO_PER_USD)
        self._total_pico += cost_pico
        first = "" if event["ttft_ms"] is None else f"{event['ttft_ms']} ms"
        written = usage.cache_write_5m + usage.cache_write_1h
        self._screen.say(
            f"{event['n']:>3} {event['model']:<18}{count(usage.uncached_input):>8}{count(usage.cache_read):>7}"
            f"{count(written):>8}{count(usage.output):>7}{money(cost_pico):>8}{first:>7}"
            f"{money(self._total_pico):>8}  {bar(self._total_pico, self._budget_pico)}"
        )


def bar(taken_pico: int, limit_pico: int) -> str:
    """``[##......] 21 %``."""
    share = min(taken_pico / limit_pico, 1.0) if limit_pico else 0.0
    filled = round(share * _BAR_CELLS)
    return f"[{'#' * filled}{'.' * (_BAR_CELLS - filled)}] {share * 100:.0f} %"
