"""What reports about spending read: the kept sums, what is held, and the newest requests that were measured."""

from __future__ import annotations

import apsw

from bursar.domain.money.reconcile import Booked
from bursar.domain.money.rolls import OWN_AGENT, Sums
from bursar.domain.money.speed import Timed
from bursar.domain.money.spending import BELOW_WORKSPACE, MOST_TIMED, Spending, SpendKey, placed, roll_of
from bursar.domain.money.use_rate import DayRequests
from bursar.storage.rolls import number_of_keys, rolled, rolled_by_agent
from bursar.storage.rows import loaded

_TIMED = (
    "SELECT local_day, model, workspace, spec, task, ttft_ms, duration_ms, output FROM ledger ORDER BY n DESC LIMIT ?"
)


def request_days(connection: apsw.Connection, *, first: str) -> list[DayRequests]:
    """How many requests were booked on each local day from this one on, in each folder, whichever agent made them."""
    return [
        DayRequests(local_day=each.local_day, workspace=each.workspace, requests=each.sums.requests)
        for each in rolled(connection, "day", since=first)
    ]


def spending(
    connection: apsw.Connection,
    by: SpendKey,
    *,
    since: str | None = None,
    agent: str | None = None,
    most: int | None = None,
) -> Spending:
    """Everything a report by these keys shows; ``since`` is the first day of it.

    ``agent`` gives that one's rows only, and ``most`` the dearest of them (of days, the newest).
    """
    dimension = roll_of(by)
    by_workspace = by in BELOW_WORKSPACE
    rows = rolled(connection, dimension, since=since, agent=agent, most=most, by_workspace=by_workspace)
    shown, left_out = len({(each.local_day, each.workspace, each.key) for each in rows}), 0
    if most is not None and shown >= most:
        left_out = max(0, number_of_keys(connection, dimension, since=since, agent=agent) - shown)
    by_agent = rolled_by_agent(connection, since=since)
    own = by_agent.pop(OWN_AGENT, Sums())
    return Spending(
        rows=rows,
        left_out=left_out,
        own=own,
        others=sum(by_agent.values(), Sums()),
        held_pico=int(connection.execute("SELECT coalesce(sum(amount_pico), 0) FROM hold").get),
        timed=newest_timed(connection, by, since=since) if by in ("model", "task") else (),
    )


def newest_timed(
    connection: apsw.Connection, by: SpendKey, *, since: str | None, most: int = MOST_TIMED
) -> list[Timed]:
    """The newest requests with their times, by model or by task."""
    names: dict[tuple[str, ...], str] = {}
    found = []
    for day, model, workspace, spec, task, ttft_ms, duration_ms, output in connection.execute(_TIMED, (most,)):
        if since is not None and day < since:
            continue
        about = (model,) if by == "model" else (workspace, spec, task)
        name = names.get(about)
        if name is None:
            name = model if by == "model" else placed(loaded(workspace), f"{loaded(spec)}#{loaded(task)}")
            names[about] = name
        found.append(Timed(key=name, ttft_ms=ttft_ms, duration_ms=duration_ms, output_tokens=output))
    return found


def booked(
    connection: apsw.Connection, *, first: str, last: str, utc: bool, by_request: bool, all_agents: bool
) -> list[Booked]:
    """What is in the books from one day to another, by day and model or by request; ``utc`` takes days as UTC ones."""
    day = "substr(at, 1, 10)" if utc else "local_day"
    # An attempt whose provider gave an id twice has its own address behind it.
    request = "iif(instr(request_id, '~'), substr(request_id, 1, instr(request_id, '~') - 1), request_id)"
    request = request if by_request else "NULL"
    own = (
        f"SELECT {day} AS day, model, {request} AS request, coalesce(cost_pico, 0) AS cost,"  # noqa: S608
        " iif(cost_pico IS NULL, at_most_pico, 0) AS bound, unpriced FROM ledger WHERE day BETWEEN ?1 AND ?2"
    )
    others = (
        f"SELECT {day} AS day, model, {'request_id' if by_request else 'NULL'}, coalesce(cost_pico, 0), 0, unpriced"  # noqa: S608
        " FROM imported WHERE day BETWEEN ?1 AND ?2"
    )
    books = f"{own} UNION ALL {others}" if all_agents else own
    rows = connection.execute(
        f"SELECT day, model, request, sum(cost), sum(bound), sum(unpriced) FROM ({books}) GROUP BY 1, 2, 3",  # noqa: S608
        (first, last),
    )
    return [
        Booked(
            day=str(each_day),
            model=loaded(model),
            request=name,
            cost_pico=int(cost),
            at_most_pico=int(bound),
            unpriced_requests=int(unpriced),
        )
        for each_day, model, name, cost, bound, unpriced in rows
    ]
