"""What the tasks took that were run last: one statement, bounded, over indices only."""

from __future__ import annotations

from typing import Any

import apsw

from bursar.domain.money.past import EndedRun, Known
from bursar.domain.specs.traits import TaskTraits, known_kind
from bursar.storage.rows import columns, loaded

_RUN = (
    *("run", "workspace", "spec", "task_id", "task_title_sha256", "model", "counted_tokens", "first_pico"),
    *("task_kind", "task_chars", "files_named", "state", "created_at", "seconds_run"),
)
_ENDED = (
    f"SELECT {columns(_RUN, 'ended.')}, count(ledger.run), "  # noqa: S608 - names of our own
    "coalesce(sum(uncached_input + cache_read + cache_write_5m + cache_write_1h + output), 0),"
    " coalesce(sum(cost_pico), 0), coalesce(sum(unpriced), 0), coalesce(sum(certainty = 'unknown'), 0)"
    f" FROM (SELECT {columns(_RUN)} FROM run WHERE kind = 'task' AND state IN ('finished', 'failed')"
    " ORDER BY updated_at DESC LIMIT ?) AS ended LEFT JOIN ledger ON ledger.run = ended.run GROUP BY ended.run"
)


def ended_runs(connection: apsw.Connection, newest: int) -> list[EndedRun]:
    """The runs of tasks that ended last with what they took, at most that many; in no order."""
    return [_ended(row) for row in connection.execute(_ENDED, (newest,))]


def _ended(row: tuple[Any, ...]) -> EndedRun:
    run = dict(zip(_RUN, row, strict=False))
    requests, tokens, cost_pico, unpriced, unknown = row[len(_RUN) :]
    known = Known(
        traits=_traits(run),
        model=run["model"],
        workspace=loaded(run["workspace"]),
        spec=loaded(run["spec"]),
        first_tokens=run["counted_tokens"],
        first_pico=run["first_pico"],
    )
    return EndedRun(
        known=known,
        task=(None if run["task_id"] is None else loaded(run["task_id"]), run["task_title_sha256"]),
        finished=run["state"] == "finished",
        began_at=run["created_at"],
        tokens=tokens,
        cost_pico=cost_pico,
        time_ms=round(1000 * run["seconds_run"]),
        requests=requests,
        unpriced=unpriced,
        unknown=unknown,
    )


def _traits(run: dict[str, Any]) -> TaskTraits | None:
    """None for a run that was recorded before they were, or with a kind that this version does not know."""
    kind = known_kind(run["task_kind"])
    if kind is None:
        return None
    return TaskTraits(kind=kind, text_chars=run["task_chars"], files_named=run["files_named"])
