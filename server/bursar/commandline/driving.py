"""What every command that drives a run needs: its world, its estimate, its printer, and a loop that signals end."""

from __future__ import annotations

import argparse
import asyncio
import shlex
import signal
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from bursar.commandline.forecasting import forecast_json
from bursar.commandline.output import FINE, PAUSED, message, result, result_json
from bursar.commandline.specs import OpenedSpec
from bursar.commandline.terminal import TerminalAsker
from bursar.domain.errors import BadInput
from bursar.domain.money.budget import parse_amount
from bursar.domain.money.forecast import Room, TaskForecast
from bursar.domain.money.price import Price, Unpriced, usd_text
from bursar.domain.ports import Clock, ModelProvider
from bursar.domain.routes import Effort
from bursar.domain.runs import TaskEstimate
from bursar.domain.specs import SpecTask
from bursar.runs.gather import gather_documents
from bursar.runs.here import here_of
from bursar.runs.prepare import Estimate, estimate_task
from bursar.runs.world import Finished, Outcome, Ways, World
from bursar.settings import Settings
from bursar.system.nobody import NoEditor
from bursar.views.figures import count, money
from bursar.views.forecasts import forecast_lines
from bursar.views.progress import event_line
from bursar.wiring import App


class Printer:
    """Prints events: JSON lines on stdout, or lines for people on stderr."""

    def __init__(self, clock: Clock, *, as_json: bool) -> None:
        self._clock = clock
        self._json = as_json
        self._seq = 0

    def __call__(self, *, run: str, kind: str, at: str, seq: int | None, data: dict[str, Any]) -> None:
        """One event; a sign of life carries the number of the newest kept event before it."""
        self._seq = seq if seq is not None else self._seq
        if self._json:
            result_json({"seq": self._seq, "at": at, "run": run, "kind": kind, **data})
            return
        line = event_line(kind, data, here_of(self._clock))
        if line is not None:
            message(line)

    def estimate(
        self,
        estimate: TaskEstimate,
        forecast: TaskForecast,
        rooms: Sequence[Room],
        *,
        at: str,
        together: TaskForecast | None = None,
    ) -> None:
        """What is known before a run; as a line it is numbered like an event, and of no run.

        ``together`` is the forecast of all tasks, with the last one of several.
        """
        first = estimate.first_request_pico
        self._seq += 1
        if self._json:
            result_json(
                {
                    "seq": self._seq,
                    "at": at,
                    "run": None,
                    "kind": "estimate",
                    "task": estimate.address,
                    "title": estimate.title,
                    "first_request_tokens": estimate.counted_tokens,
                    "encoding": "o200k_base",
                    "first_request_usd": None if first is None else usd_text(first),
                    "ceiling_usd": None if estimate.ceiling_pico is None else usd_text(estimate.ceiling_pico),
                    "forecast": forecast_json(forecast, rooms),
                    "together": None if together is None else forecast_json(together, rooms),
                }
            )
            return
        price = "no price known" if first is None else f"~{money(first)}"
        most = "no limit" if estimate.ceiling_pico is None else f"at most {money(estimate.ceiling_pico)}"
        known = f"first request {count(estimate.counted_tokens)} in {price} · {most}"
        told = "".join(f"\n       {each}" for each in (known, *forecast_lines(forecast, rooms)))
        result(f"{estimate.address:6} {estimate.title}{told}")
        if together is not None:
            told = "".join(f"\n       {each}" for each in forecast_lines(together, rooms))
            result(f"{'all':6} {together.tasks} tasks together{told}")


def world_for(
    app: App, settings: Settings, root: Path, ways: Ways, printer: Printer, args: argparse.Namespace
) -> World:
    """The world of a run that is driven from the command line."""
    allowed = frozenset(_argv(each) for each in args.allow_run)
    return app.world(
        root=root,
        settings=settings,
        ways=ways,
        on_event=printer,
        asker=TerminalAsker(),
        allowed_commands=allowed,
        in_doubt=getattr(args, "in_doubt", "ask"),
        economy=getattr(args, "economy", "ask"),
    )


def estimate_of(
    app: App,
    settings: Settings,
    opened: OpenedSpec,
    task: SpecTask,
    provider: ModelProvider,
    model: str,
    ceiling: int | None,
    effort: Effort = "normal",
) -> Estimate:
    """What is known of a task before it runs, and its first request."""
    price = price_of(app, settings, provider, model)
    return estimate_task(
        spec=opened.spec,
        text=opened.text,
        task=task,
        documents=gather_documents(
            app.files(opened.root), NoEditor(), opened.path, app.journal().pins(str(opened.root))
        ),
        provider=provider,
        model=model,
        price=price,
        counter=app.counter(),
        ceiling_pico=ceiling,
        terse=effort == "terse",
        spec_path=opened.path,
        local_only=settings.local_only,
        maps=app.repository_maps(opened.root) if settings.maps else None,
    )


def price_of(app: App, settings: Settings, provider: ModelProvider, model: str) -> Price | Unpriced:
    """The model's price now."""
    return app.prices(settings).price(provider=provider.name, model=model, at=app.clock.now_utc())


def ceiling_pico(app: App, settings: Settings, given: str | None) -> int | None:
    """The ceiling of a run: what was given, else the user's limit. Raises BadInput for what is no money."""
    amount = parse_amount(given) if given else app.budgets(settings).get("run")
    if amount is None:
        return None
    if amount.unit != "usd":
        if given:
            raise BadInput(
                "--max is an amount of money: write --max 1usd. A budget of tokens or requests for each run is set "
                f"with bursar budget set run {given}"
            )
        # It is checked with each request, like every budget that is no ceiling of the run's own.
        return None
    return amount.value


def run_loop(work: Coroutine[Any, Any, Outcome | None], world: World) -> int:
    """Run to the end; a termination signal cancels, which closes the connection and ends running commands."""

    async def guarded() -> Outcome | None:
        job = asyncio.current_task()
        loop = asyncio.get_running_loop()
        if job is not None:
            loop.add_signal_handler(signal.SIGTERM, job.cancel)
        try:
            return await work
        finally:
            world.commands.kill_all()

    try:
        outcome = asyncio.run(guarded())
    except asyncio.CancelledError:
        message("Ended by a signal. 'bursar resume' goes on where it stopped.")
        return PAUSED
    return FINE if outcome is None or isinstance(outcome, Finished) else PAUSED


def _argv(given: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(given))
    except ValueError as error:
        raise BadInput(f"--allow-run {given}: {error}; quote the command as one argument") from error
