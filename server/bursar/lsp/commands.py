"""workspace/executeCommand: what the lenses and the command palette ask for; each answers soon, runs go on beside."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from bursar.domain.errors import BursarError
from bursar.lsp.desk import Desk
from bursar.lsp.from_lsp import argument
from bursar.lsp.uris import path_of


def register(desk: Desk) -> None:
    """Offer the commands."""
    session = desk.session

    async def run_task(*arguments: Any) -> dict[str, Any]:
        uri, line, title = argument(arguments, uri=str, line=int, title=str)
        return {"run": await session.run_task(path_of(uri), line, title)}

    async def skip_task(*arguments: Any) -> dict[str, Any]:
        uri, line, title = argument(arguments, uri=str, line=int, title=str)
        return {"stopped": await session.skip_task(path_of(uri), line, title)}

    async def retry_task(*arguments: Any) -> dict[str, Any]:
        uri, line, title = argument(arguments, uri=str, line=int, title=str)
        return {"run": await session.retry_task(path_of(uri), line, title)}

    async def defer_task(*arguments: Any) -> dict[str, Any]:
        uri, line, title = argument(arguments, uri=str, line=int, title=str)
        until = argument(arguments, until=str)[0] if "until" in arguments[0] else None
        run, moment = await session.defer_task(path_of(uri), line, title, until)
        return {"run": run, "until": moment}

    async def split_task(*arguments: Any) -> dict[str, Any]:
        uri, line, title = argument(arguments, uri=str, line=int, title=str)
        return await session.split_task(path_of(uri), line, title)

    async def resume_run(*arguments: Any) -> dict[str, Any]:
        (run,) = argument(arguments, run=str)
        return {"run": await session.resume_run(run)}

    async def pause_run(*arguments: Any) -> dict[str, Any]:
        (run,) = argument(arguments, run=str)
        return {"run": await session.pause_run(run)}

    async def stop_run(*arguments: Any) -> dict[str, Any]:
        (run,) = argument(arguments, run=str)
        return {"run": await session.stop_run(run)}

    async def accept_run(*arguments: Any) -> dict[str, Any]:
        (run,) = argument(arguments, run=str)
        return {"run": run, "ticked": await session.accept_run(run)}

    async def rewind(*arguments: Any) -> dict[str, Any]:
        run, step = argument(arguments, run=str, step=str)
        return await session.rewind_run(run, step)

    async def set_budget(*arguments: Any) -> dict[str, Any]:
        (scope,) = argument(arguments, scope=str)
        if arguments[0].get("unset") is True:
            return {"scope": scope, "amount": await session.unset_budget(scope)}
        amount = argument(arguments, amount=str)[0] if "amount" in arguments[0] else None
        run = argument(arguments, run=str)[0] if "run" in arguments[0] else None
        return {"scope": scope, "amount": await session.set_budget(scope, amount, run)}

    async def toggle_small_hints(*arguments: Any) -> dict[str, Any]:
        return {"shown": session.analyst.toggle_small_hints()}

    for name, handler in {
        "bursar.runTask": run_task,
        "bursar.skipTask": skip_task,
        "bursar.retryTask": retry_task,
        "bursar.deferTask": defer_task,
        "bursar.splitTask": split_task,
        "bursar.resumeRun": resume_run,
        "bursar.pauseRun": pause_run,
        "bursar.stopRun": stop_run,
        "bursar.acceptRun": accept_run,
        "bursar.rewind": rewind,
        "bursar.setBudget": set_budget,
        "bursar.toggleSmallHints": toggle_small_hints,
    }.items():
        desk.server.command(name)(guarded(desk, handler))


def guarded(desk: Desk, handler: Callable[..., Awaitable[dict[str, Any]]]) -> Callable[..., Awaitable[dict[str, Any]]]:
    """The keys come first; a cancelled request is not begun, or ends the waiting; failures are one sentence."""

    async def command(*arguments: Any) -> dict[str, Any]:
        await desk.keys_taken.wait()
        if desk.server.protocol.was_cancelled():
            return {}  # which nobody gets: the cancellation was the answer
        try:
            return await asyncio.shield(asyncio.ensure_future(handler(*arguments)))
        except BursarError as error:
            raise desk.refuse(error) from error

    return command
