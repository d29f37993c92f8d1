"""One quiet word when a run that has just ended is the one that makes a regression certain."""

from __future__ import annotations

import asyncio

from bursar.runs.here import here_of
from bursar.session.ports import Adapters, Editor


async def tell_worse(adapters: Adapters, editor: Editor, run: str) -> None:
    """Look beside the loop, and tell what this run brought to light; so each regression is told once, by one window."""
    # Not at the start of a server, which is waited for.
    from bursar.runs.watching import watched
    from bursar.views.findings import finding_text

    journal = adapters.journal()
    for each in await asyncio.to_thread(watched, journal):
        if each.found == run:
            editor.say("info", f"{finding_text(each, here_of(adapters.clock))} 'Bursar: Open Report' shows more.")
