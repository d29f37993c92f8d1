"""``bursar/context`` and its commands: what a run's window holds, and the user's hold on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bursar.domain.errors import BadInput, BursarError
from bursar.lsp.commands import guarded
from bursar.lsp.desk import Desk
from bursar.lsp.from_lsp import argument
from bursar.lsp.protocol import failed
from bursar.lsp.to_lsp import file_uri
from bursar.lsp.uris import path_of


def register(desk: Desk) -> None:
    """Answer and offer them."""
    session = desk.session

    @desk.server.feature("bursar/context")
    async def context(params: Any) -> dict[str, Any]:
        run = params.get("run") if isinstance(params, dict) else getattr(params, "run", None)
        try:
            shown = await session.hold.window(str(run) if run else None)
        except BursarError as error:
            raise failed(error) from error
        return {**shown, "pins": [_with_uri(each) for each in shown["pins"]]}

    async def pin(*arguments: Any) -> dict[str, Any]:
        if _names_part(arguments):
            return await session.hold.part("pin", *_part(arguments))
        return await add_selection(*arguments)

    async def unpin(*arguments: Any) -> dict[str, Any]:
        if _names_part(arguments):
            item, run = _part(arguments)
            if item.startswith("pinned:"):
                return await session.hold.unpin_item(item)
            return await session.hold.part("unpin", item, run)
        return await session.hold.unpin(*_place(arguments))

    async def drop(*arguments: Any) -> dict[str, Any]:
        return await session.hold.part("drop", *_part(arguments))

    async def recall(*arguments: Any) -> dict[str, Any]:
        return await session.hold.part("recall", *_part(arguments))

    async def add_selection(*arguments: Any) -> dict[str, Any]:
        return await session.hold.pin(*_place(arguments))

    for name, handler in {
        "bursar.pin": pin,
        "bursar.unpin": unpin,
        "bursar.drop": drop,
        "bursar.recall": recall,
        "bursar.addSelection": add_selection,
    }.items():
        desk.server.command(name)(guarded(desk, handler))


def _names_part(arguments: tuple[Any, ...]) -> bool:
    return len(arguments) == 1 and isinstance(arguments[0], dict) and "item" in arguments[0]


def _part(arguments: tuple[Any, ...]) -> tuple[str, str | None]:
    (item,) = argument(arguments, item=str)
    return item, argument(arguments, run=str)[0] if "run" in arguments[0] else None


def _place(arguments: tuple[Any, ...]) -> tuple[str, tuple[int, int] | None]:
    """Path and lines of a range of a document; without a range the whole file."""
    (uri,) = argument(arguments, uri=str)
    path = path_of(uri)
    if path is None:
        raise BadInput(f"{uri} is no file on the disk: save the document first")
    given = arguments[0].get("range")
    if given is None:
        return path, None
    try:
        first, last = int(given["start"]["line"]), int(given["end"]["line"])
        at_line_start = int(given["end"]["character"]) == 0
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput("the range must be one of the protocol, with start and end") from error
    # A selection of whole lines ends before the first character of the next one.
    return path, (first + 1, last if at_line_start and last > first else last + 1)


def _with_uri(pin: dict[str, Any]) -> dict[str, Any]:
    place = {key: each for key, each in pin.items() if key != "workspace"}
    return {**place, "uri": file_uri(str(Path(pin["workspace"]) / pin["path"]))}
