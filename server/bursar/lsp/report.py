"""bursar.openReport: the report as a file, shown in the user's browser where the client can do that."""

from __future__ import annotations

from typing import Any

from bursar.lsp.commands import guarded
from bursar.lsp.desk import Desk
from bursar.session.ports import Adapters


def register(desk: Desk, adapters: Adapters) -> None:
    """Offer the command."""

    async def open_report(*arguments: Any) -> dict[str, Any]:
        # Only who asks for it waits for what a report is made with.
        from bursar.session.reporting import write_report

        path = await write_report(adapters, desk.session.folders)
        asked = arguments[0] if arguments and isinstance(arguments[0], dict) else {}
        shown = asked.get("show") is not False and await desk.editor.show_outside(path)
        if asked.get("show") is not False and not shown:
            desk.editor.say("info", f"The report is in {path}: open it in a browser.")
        return {"path": path, "shown": shown}

    desk.server.command("bursar.openReport")(guarded(desk, open_report))
