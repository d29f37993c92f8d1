"""What the newest runs took: bounded by their number, whatever the ledger holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw

from bursar.domain.money.history import RunFigures
from bursar.domain.money.speed import nearest_rank
from bursar.domain.money.usage import Usage
from bursar.domain.specs.traits import known_kind, traits_of
from bursar.storage.rows import USAGE_COLUMNS, columns, loaded

_RUN = (
    *("run", "workspace", "spec", "task_address", "task_title", "task_kind", "state", "updated_at", "model"),
    *("prompt_version", "counted_tokens"),
)
_NEWEST = "FROM run WHERE kind = 'task' AND state IN ('finished', 'failed') ORDER BY updated_at DESC LIMIT ?"
_SUMS = (
    "SELECT run, count(*), sum(outcome = 'failed' OR (outcome = '' AND certainty = 'unknown')), sum(unpriced),"  # noqa: S608 - names of our own
    f" sum(certainty = 'unknown'), coalesce(sum(cost_pico), 0), {', '.join(f'sum({name})' for name in USAGE_COLUMNS)}"
    f" FROM ledger WHERE run IN (SELECT run {_NEWEST}) GROUP BY run"
)
_MODELS = (
    f"SELECT run, model, count(*) FROM ledger WHERE run IN (SELECT run {_NEWEST}) GROUP BY run, model"  # noqa: S608
    " ORDER BY run, count(*), max(n)"
)
_TIMES = f"SELECT run, duration_ms FROM ledger WHERE run IN (SELECT run {_NEWEST}) AND duration_ms IS NOT NULL"  # noqa: S608
_COUNTS = "SELECT run, count(*) FROM {} AND run IN (SELECT run " + _NEWEST + ") GROUP BY run"  # noqa: S608


_NOTHING = (0,) * (5 + len(USAGE_COLUMNS))


def run_figures(connection: apsw.Connection, newest: int) -> list[RunFigures]:
    """The runs of tasks that ended last, oldest first, at most that many."""
    sums = {str(run): row for run, *row in connection.execute(_SUMS, (newest,))}
    models = {str(run): str(model) for run, model, _ in connection.execute(_MODELS, (newest,))}
    times: dict[str, list[int]] = {}
    for run, duration_ms in connection.execute(_TIMES, (newest,)):
        times.setdefault(run, []).append(duration_ms)
    steps = dict(connection.execute(_COUNTS.format("step WHERE status = 'done' AND kind <> 'tick'"), (newest,)))
    not_taken = dict(connection.execute(_COUNTS.format("not_taken WHERE true"), (newest,)))
    found = connection.execute(f"SELECT {columns(_RUN)} {_NEWEST}", (newest,)).fetchall()
    return [
        _figures(
            dict(zip(_RUN, each, strict=True)),
            sums.get(each[0], _NOTHING),
            model=models.get(each[0]),
            times=times.get(each[0], []),
            steps=int(steps.get(each[0], 0)),
            not_taken=int(not_taken.get(each[0], 0)),
        )
        for each in reversed(found)
    ]


def prompt_documents(connection: apsw.Connection, version: str) -> tuple[tuple[str, str], ...]:
    """Path and hash of each text that makes this version; none where it is not known."""
    rows = connection.execute(
        "SELECT path, sha256 FROM prompt_document WHERE prompt_version = ? ORDER BY place", (version,)
    )
    return tuple((loaded(str(path)), str(sha256)) for path, sha256 in rows)


def _figures(
    run: dict[str, Any], sums: Sequence[int], *, model: str | None, times: list[int], steps: int, not_taken: int
) -> RunFigures:
    requests, failed, unpriced, unknown, cost_pico, *buckets = sums
    slow = nearest_rank(times)
    title = loaded(run["task_title"])
    return RunFigures(
        run=run["run"],
        workspace=loaded(run["workspace"]),
        spec=loaded(run["spec"]),
        task=loaded(run["task_address"]),
        title=title,
        kind=known_kind(run["task_kind"]) or traits_of(title).kind,
        finished=run["state"] == "finished",
        ended_at=run["updated_at"],
        model=model or run["model"],
        prompt_version=run["prompt_version"],
        first_tokens=run["counted_tokens"],
        steps=steps,
        requests=requests,
        attempts=requests + not_taken,
        failed=failed + not_taken,
        unpriced=unpriced,
        unknown=unknown,
        usage=Usage(**dict(zip(USAGE_COLUMNS, buckets, strict=True))),
        cost_pico=cost_pico,
        p95_ms=None if slow is None else int(slow.p95),
    )
