"""The rows of what other agents spent, added up and never changed; each is a request or a difference to one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import apsw

from bursar.domain.money.imported import ImportedRequest, Posted, PricedRequest, fuller
from bursar.domain.money.rolls import Spent, Sums
from bursar.domain.money.usage import Usage
from bursar.storage.rolls import add_spent
from bursar.storage.rows import USAGE_COLUMNS, columns, loaded, marks, stored

_COLUMNS = (
    "agent",
    "message_id",
    "request_id",
    "version",
    "session",
    "parent_session",
    "at",
    "local_day",
    "workspace",
    "provider",
    "model",
    *USAGE_COLUMNS,
    "requests",
    "unpriced",
    "cost_pico",
    "unit_prices",
    "rate_card",
    "reported_pico",
    "file",
    "line",
    "imported_at",
    "tier",
    "certainty",
)
_ADD = f"INSERT INTO imported ({columns(_COLUMNS)}) VALUES ({marks(_COLUMNS)})"  # noqa: S608 - names of our own
_KNOWN = (
    f"SELECT count(*), {', '.join(f'sum({name})' for name in USAGE_COLUMNS)}, sum(unpriced),"  # noqa: S608
    " sum(cost_pico), min(n) FROM imported WHERE agent = ? AND message_id = ? AND request_id = ?"
)
_ABOUT = (
    "message_id",
    "request_id",
    "session",
    "parent_session",
    "at",
    "workspace",
    "provider",
    "model",
    "file",
    "tier",
    "certainty",
)
_OF_ONE = "FROM imported WHERE agent = one.agent AND message_id = one.message_id AND request_id = one.request_id"
_UNPRICED = (
    f"SELECT n, (SELECT sum(unpriced) {_OF_ONE}), line,"  # noqa: S608 - names of our own
    f" {', '.join(f'(SELECT sum({name}) {_OF_ONE})' for name in USAGE_COLUMNS)}, {columns(_ABOUT)}"
    " FROM imported AS one WHERE unpriced > 0 AND agent = ? AND n > ? ORDER BY n LIMIT ?"
)


def add_requests(db: apsw.Connection, requests: Sequence[PricedRequest], at: str) -> Posted:
    """Add what is new of these requests, and the same to the kept sums, within the caller's transaction."""
    posted = Posted()
    last = int(db.execute("SELECT coalesce(max(n), 0) FROM imported").get)
    for each in requests:
        posted += _add(db, each, at)
    add_spent(db, _spent_after(db, last))
    return posted


def requests_without_price(
    db: apsw.Connection, agent: str, *, after: int, limit: int = 1_000
) -> tuple[int, list[ImportedRequest]]:
    """Requests that have no price to this day, from a row on, and the row to go on behind: 0 at the end."""
    last, found = 0, []
    rows: Sequence[Sequence[Any]] = db.execute(_UNPRICED, (agent, after, limit)).fetchall()
    for n, left, line, *row in rows:
        last = int(n)
        if left > 0:
            usage, about = row[: len(USAGE_COLUMNS)], row[len(USAGE_COLUMNS) :]
            texts = {name: loaded(str(each)) for name, each in zip(_ABOUT, about, strict=True) if each is not None}
            found.append(_request(agent, usage, texts, int(line)))
    return last, found


def _spent_after(db: apsw.Connection, n: int) -> Iterator[Spent]:
    """What the rows after this one add to the sums."""
    about = "local_day, workspace, agent, model, session, requests, unpriced, coalesce(cost_pico, 0), certainty"
    rows = db.execute(f"SELECT {about}, {columns(USAGE_COLUMNS)} FROM imported WHERE n > ?", (n,))  # noqa: S608
    for local_day, workspace, agent, model, session, requests, unpriced, cost_pico, certainty, *buckets in rows:
        yield Spent(
            local_day=local_day,
            workspace=loaded(workspace),
            agent=agent,
            model=loaded(model),
            session=loaded(session),
            sums=Sums(
                attempts=requests,
                requests=requests,
                estimated_requests=requests if certainty == "estimated" else 0,
                unpriced_requests=unpriced,
                usage=Usage(**dict(zip(USAGE_COLUMNS, buckets, strict=True))),
                cost_pico=cost_pico,
                estimated_pico=cost_pico if certainty == "estimated" else 0,
            ),
        )


def _add(db: apsw.Connection, priced: PricedRequest, at: str) -> Posted:
    request = priced.request
    key = (request.agent, *(stored(each) for each in (request.message_id, request.request_id)))
    found: Sequence[Any] = db.execute(_KNOWN, key).fetchall()[0]
    versions, *sums, unpriced, cost_pico, first = found
    if not versions:
        posted = Posted(added=1, unpriced=int(priced.cost_pico is None), cost_pico=priced.cost_pico or 0)
        _insert(db, priced, 0, request.usage, posted, priced.cost_pico, at)
        return posted
    known = Usage(**dict(zip(USAGE_COLUMNS, (int(each) for each in sums), strict=True)))
    was_unpriced, was_pico = int(unpriced), int(cost_pico or 0)
    if fuller(known, request.usage) == known:
        if not was_unpriced or priced.cost_pico is None or request.usage != known:
            return Posted(duplicates=1)
        return _price(db, priced, int(versions), int(first), at)
    posted = Posted(
        updated=1,
        unpriced=int(priced.cost_pico is None) - was_unpriced,
        cost_pico=(priced.cost_pico or 0) - was_pico,
    )
    difference = None if priced.cost_pico is None and was_unpriced else posted.cost_pico
    there = _where_it_stands(db, priced, int(first))
    _insert(db, there, int(versions), _minus(request.usage, known), posted, difference, at)
    return posted


def _price(db: apsw.Connection, priced: PricedRequest, version: int, first: int, at: str) -> Posted:
    """The price of a request that had none, as a row of its own."""
    posted = Posted(unpriced=-1, cost_pico=priced.cost_pico or 0)
    _insert(db, _where_it_stands(db, priced, first), version, Usage(), posted, priced.cost_pico, at)
    return posted


def _where_it_stands(db: apsw.Connection, priced: PricedRequest, first: int) -> PricedRequest:
    """A difference belongs where the request is already: to its day, its project, its session and its model."""
    where = db.execute("SELECT local_day, at, session, workspace, model FROM imported WHERE n = ?", (first,))
    local_day, at, session, project, model = (loaded(str(each)) for each in where.fetchall()[0])
    request = replace(priced.request, at=at, session=session, project=project, model=model)
    return replace(priced, request=request, local_day=local_day)


def _insert(
    db: apsw.Connection,
    priced: PricedRequest,
    version: int,
    usage: Usage,
    posted: Posted,
    cost_pico: int | None,
    at: str,
) -> None:
    request = priced.request
    buckets = usage.as_dict()
    db.execute(
        _ADD,
        (
            request.agent,
            stored(request.message_id),
            stored(request.request_id),
            version,
            stored(request.session),
            None if request.parent_session is None else stored(request.parent_session),
            request.at,
            priced.local_day,
            stored(request.project),
            stored(request.provider),
            stored(request.model),
            *(buckets[name] for name in USAGE_COLUMNS),
            int(version == 0),
            posted.unpriced,
            cost_pico,
            priced.unit_prices,
            priced.rate_card,
            request.reported_pico,
            stored(request.file),
            request.line,
            at,
            stored(request.tier),
            request.certainty,
        ),
    )


def _request(agent: str, usage: Sequence[Any], texts: dict[str, str], line: int) -> ImportedRequest:
    return ImportedRequest(
        agent=agent,
        session=texts["session"],
        parent_session=texts.get("parent_session"),
        message_id=texts["message_id"],
        request_id=texts["request_id"],
        at=texts["at"],
        project=texts["workspace"],
        provider=texts["provider"],
        model=texts["model"],
        usage=Usage(**dict(zip(USAGE_COLUMNS, map(int, usage), strict=True))),
        file=texts["file"],
        line=line,
        tier=texts["tier"],
        certainty="estimated" if texts["certainty"] == "estimated" else "billed",
    )


def _minus(usage: Usage, known: Usage) -> Usage:
    before = known.as_dict()
    return Usage(**{name: number - before[name] for name, number in usage.as_dict().items()})
