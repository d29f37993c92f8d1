"""What the newest runs took: bounded by their number, whatever the ledger holds."""

from __future__ import annotations

from collections import Counter
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
_ROWS = (
    f"SELECT run, model, outcome, certainty, unpriced, cost_pico, duration_ms, {columns(USAGE_COLUMNS)} FROM ledger"  # noqa: S608 - names of our own
    f" WHERE run IN (SELECT run {_NEWEST}) ORDER BY n"
)
_COUNTS = "SELECT run, count(*) FROM {} AND run IN (SELECT run " + _NEWEST + ") GROUP BY run"  # noqa: S608


def run_figures(connection: apsw.Connection, newest: int) -> list[RunFigures]:
    """The runs of tasks that ended last, oldest first, at most that many."""
    rows: dict[str, list[tuple[Any, ...]]] = {}
    for run, *row in connection.execute(_ROWS, (newest,)):
        rows.setdefault(str(run), []).append(tuple(row))
    steps = dict(connection.execute(_COUNTS.format("step WHERE status = 'done' AND kind <> 'tick'"), (newest,)))
    not_taken = dict(connection.execute(_COUNTS.format("not_taken WHERE true"), (newest,)))
    found = connection.execute(f"SELECT {columns(_RUN)} {_NEWEST}", (newest,)).fetchall()
    return [
        _figures(
            dict(zip(_RUN, each, strict=True)),
            rows.get(str(each[0]), []),
            int(steps.get(each[0], 0)),
            int(not_taken.get(each[0], 0)),
        )
        for each in reversed(found)
    ]


def prompt_documents(connection: apsw.Connection, version: str) -> tuple[tuple[str, str], ...]:
    """Path and hash of each text that makes this version; none where it is not known."""
    rows = connection.execute(
        "SELECT path, sha256 FROM prompt_document WHERE prompt_version = ? ORDER BY place", (version,)
    )
    return tuple((loaded(str(path)), str(sha256)) for path, sha256 in rows)


def _figures(run: dict[str, Any], rows: list[tuple[Any, ...]], steps: int, not_taken: int) -> RunFigures:
    usage = Usage()
    models: Counter[str] = Counter()
    durations = []
    for model, _, _, _, _, duration_ms, *buckets in rows:
        usage += Usage(**dict(zip(USAGE_COLUMNS, buckets, strict=True)))
        models[str(model)] += 1
        if duration_ms is not None:
            durations.append(int(duration_ms))
    failed = sum(outcome == "failed" or (not outcome and certainty == "unknown") for _, outcome, certainty, *_ in rows)
    slow = nearest_rank(durations)
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
        model=models.most_common(1)[0][0] if models else run["model"],
        prompt_version=run["prompt_version"],
        first_tokens=run["counted_tokens"],
        steps=steps,
        requests=len(rows),
        attempts=len(rows) + not_taken,
        failed=failed + not_taken,
        unpriced=sum(int(each[3]) for each in rows),
        unknown=sum(each[2] == "unknown" for each in rows),
        usage=usage,
        cost_pico=sum(each[4] or 0 for each in rows),
        p95_ms=None if slow is None else int(slow.p95),
    )
