"""A run's window from the journal, with the prices and settings of now; and the user's hold on it."""

from __future__ import annotations

from bursar.domain.context.parts import SessionContext
from bursar.domain.errors import BadInput
from bursar.domain.runs import RunRecord
from bursar.session.ports import Adapters
from bursar.settings import Settings


def newest_run(adapters: Adapters, workspace: str) -> str | None:
    """The run of this workspace that something happened in last; None where none is recorded."""
    runs = [each for each in adapters.journal().runs(workspace) if each.erased_at is None]
    return max(runs, key=lambda each: each.updated_at).run if runs else None


def window_of(adapters: Adapters, settings: Settings, run: str) -> SessionContext:
    """What the run's next request would carry. Counts, so beside the loop. Raises BadInput and StorageError."""
    # Here and not above: what drives runs is loaded when it is first needed, not when the server starts.
    from bursar.runs.context_parts import context_of

    journal = adapters.journal()
    record = _recorded(adapters, run)
    providers = settings.providers
    return context_of(
        record,
        journal.steps(run),
        journal.events(run=run),
        journal.requests(run=run),
        counter=adapters.counter(),
        prices=adapters.prices(settings),
        wire_of=lambda name: providers[name].wire if name in providers else None,
        at=adapters.clock.now_utc(),
    )


async def hold_part(adapters: Adapters, settings: Settings, wish: str, item: str, run: str) -> str:
    """Pin, unpin, drop or recall a part of a run's window; what follows from it, in words.

    Raises BadInput with the reason where that cannot be, and StorageError.
    """
    import asyncio

    from bursar.runs.holding import WISHES, held
    from bursar.runs.shapes import shapes_of

    if wish not in WISHES:
        raise BadInput(f"'{wish}' is nothing that can be done with a part: choose {', '.join(WISHES)}")
    journal = adapters.journal()
    record = _recorded(adapters, run)
    context = await asyncio.to_thread(window_of, adapters, settings, run)
    found = held(wish, item, record, context, shapes_of(journal.events(run=run)))
    await journal.append_event(run=run, kind=found.kind, data={"items": [found.item]})
    return found.message


def _recorded(adapters: Adapters, run: str) -> RunRecord:
    record = adapters.journal().run(run)
    if record is None:
        raise BadInput(f"there is no run '{run}': see 'bursar runs --all'")
    if record.kind != "task":
        raise BadInput(f"{run} is a single request and no run of a task: it has no window that goes on")
    if record.erased_at is not None:
        raise BadInput(f"the texts of {run} were erased at {record.erased_at}: what it carried is not known any more")
    return record
