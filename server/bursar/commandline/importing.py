"""``bursar usage import``: what other agents spent, from their logs."""

from __future__ import annotations

import argparse
import sys
from types import TracebackType
from typing import Any

from bursar.commandline.output import FINE, message, result, result_json
from bursar.domain.errors import BadInput
from bursar.domain.money.imported import ImportedSpend
from bursar.domain.money.price import usd_text
from bursar.imports import FORMATS
from bursar.imports.frame import AgentImport
from bursar.views.figures import count, money, plural
from bursar.wiring import App

_NOTHING = ImportedSpend(cost_pico=0, requests=0, unpriced_requests=0, imported_at="")


def import_usage(app: App, args: argparse.Namespace) -> int:
    """Read what is new in the logs of these agents, or of all."""
    agents = tuple(dict.fromkeys(args.agents)) or tuple(FORMATS)
    for each in agents:
        if each not in FORMATS:
            raise BadInput(f"'{each}' is no agent whose logs can be read: choose from {', '.join(FORMATS)}")
    if args.folder is not None and not args.folder.is_dir():
        raise BadInput(f"{args.folder} is not a folder: give the one that the logs lie in")
    with Bar() as bar:
        done = app.import_usage(agents, folder=args.folder, progress=bar, on_wait=_waits)
    totals = app.imported_totals()
    for each in done:
        _tell_skips(each)
    if args.json:
        result_json({"agents": [_json(each, totals.get(each.agent, _NOTHING)) for each in done]})
        return FINE
    for each in done:
        _tell(each, totals.get(each.agent, _NOTHING))
    return FINE


def _waits() -> None:
    message("bursar: another import is under way; this one goes on when that has ended.")


def _tell(done: AgentImport, total: ImportedSpend) -> None:
    if not done.files:
        some, more = done.places[:3], len(done.places) - 3
        where = " or ".join(map(str, some)) + (f", nor in {plural(more, 'other place')}" if more > 0 else "")
        result(f"{done.agent:<12} no logs below {where}")
        return
    posted = done.posted
    new = f"{plural(posted.added, 'new request')}, {money(posted.cost_pico)}"
    if posted.updated:
        new += f", {count(posted.updated)} completed"
    read = f"{plural(done.files, 'file')}, {plural(done.records, 'record')}, {count(posted.duplicates)} repeated"
    result(f"{done.agent:<12} {new} ({read})")
    result(f"{'':<12} in all {plural(total.requests, 'request')}, {money(total.cost_pico)}")
    if done.unlogged:
        result(
            f"{'':<12} {plural(done.unlogged, 'compaction')} of the conversation cost more, which the agent does not"
            " write down: that is not in the sum"
        )
    if done.leaves_out:
        result(
            f"{'':<12} {done.leaves_out} are not in the sum: the agent writes them down nowhere, so the"
            " provider's bill can be higher"
        )
    if total.estimated_requests:
        result(
            f"{'':<12} {plural(total.estimated_requests, 'request')} of them estimated: this agent's log has rounded"
            " figures of its own, and not all that a provider has read from its cache."
        )
    if total.unpriced_requests:
        models = f": {', '.join(sorted(done.unpriced))}" if done.unpriced else ""
        result(
            f"{'':<12} {plural(total.unpriced_requests, 'request')} of them without a price, which is not in the sum"
            f'{models}. Give prices in the file that the setting "prices" names, and import again.'
        )


def _tell_skips(done: AgentImport) -> None:
    for each in done.skips:
        message(f"bursar: {each.file}{f', line {each.line}' if each.line else ''}: skipped: {each.why}.")
    if done.skipped > len(done.skips):
        message(f"bursar: {done.agent}: {count(done.skipped - len(done.skips))} more were skipped.")


def _json(done: AgentImport, total: ImportedSpend) -> dict[str, Any]:
    return {
        "agent": done.agent,
        "files": done.files,
        "records": done.records,
        "duplicates": done.posted.duplicates,
        "skipped": done.skipped,
        "cost_usd": usd_text(done.posted.cost_pico),
        "requests": done.posted.added,
        "completed": done.posted.updated,
        "unpriced_requests": done.posted.unpriced,
        "total_requests": total.requests,
        "total_unpriced_requests": total.unpriced_requests,
        "total_estimated_requests": total.estimated_requests,
        "total_usd": usd_text(total.cost_pico),
        "unlogged": done.unlogged,
        "skips": [{"file": each.file, "line": each.line, "why": each.why} for each in done.skips],
    }


class Bar:
    """A bar on stderr for each agent; nothing where that is no terminal."""

    def __init__(self) -> None:
        self._bar: Any = None
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                DownloadColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
        self._task: Any = None

    def __enter__(self) -> Bar:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self, agent: str, size: int) -> None:
        """So many bytes of an agent's logs."""
        if self._bar is not None:
            self._task = self._bar.add_task(agent, total=size)

    def advance(self, size: int) -> None:
        """So many more were looked at."""
        if self._bar is not None:
            self._bar.advance(self._task, size)
