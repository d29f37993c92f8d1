"""What reports about spending read: the kept sums, what is held, and the newest requests that were measured."""

from __future__ import annotations

import apsw

from bursar.domain.money.rolls import OWN_AGENT
from bursar.domain.money.speed import Timed
from bursar.domain.money.spending import MOST_TIMED, Spending, SpendKey, add_up, placed, roll_of
from bursar.storage.rolls import rolled
from bursar.storage.rows import loaded

_TIMED = (
    "SELECT local_day, model, workspace, spec, task, ttft_ms, duration_ms, output FROM ledger ORDER BY n DESC LIMIT ?"
)


def spending(connection: apsw.Connection, by: SpendKey, since: str | None) -> Spending:
    """Everything a report by these keys shows; ``since`` is the first day of it."""
    models = rolled(connection, "model", since=since)
    return Spending(
        rows=models if roll_of(by) == "model" else rolled(connection, roll_of(by), since=since),
        own=add_up(each for each in models if each.agent == OWN_AGENT),
        others=add_up(each for each in models if each.agent != OWN_AGENT),
        held_pico=int(connection.execute("SELECT coalesce(sum(amount_pico), 0) FROM hold").get),
        timed=newest_timed(connection, by, since=since) if by in ("model", "task") else (),
    )


def newest_timed(
    connection: apsw.Connection, by: SpendKey, *, since: str | None, most: int = MOST_TIMED
) -> list[Timed]:
    """The newest requests with their times, by model or by task."""
    return [
        Timed(
            key=str(model) if by == "model" else placed(loaded(workspace), f"{loaded(spec)}#{loaded(task)}"),
            ttft_ms=ttft_ms,
            duration_ms=duration_ms,
            output_tokens=int(output),
        )
        for day, model, workspace, spec, task, ttft_ms, duration_ms, output in connection.execute(_TIMED, (most,))
        if since is None or day >= since
    ]
