"""Where runs lost the provider's prompt cache: the requests of the ledger, two at a time, and their recorded bodies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bursar.domain.context.losses import Loss, LostCache, Sent, loss_between, lost_pico, may_be_lost, rates_of
from bursar.domain.context.rules import rules_for
from bursar.domain.ports import Journal
from bursar.domain.runs import RequestRow, RunSummary
from bursar.runs.shapes import TRIMMED

_NEWEST_RUNS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A request and the one whose prefix it should have read. ``goes_on`` says that it is of the same run; else it is
    the first of its run, and shares its beginning with the newest request of another run of the same spec and model.
    """

    earlier: RequestRow
    later: RequestRow
    goes_on: bool


def pairs_of(rows: Iterable[RequestRow]) -> Iterator[Pair]:
    """The pairs in which the figures leave room for a loss; the rows are of runs of tasks, in any order."""
    of_run: dict[str, RequestRow] = {}
    of_spec: dict[tuple[str, str, str], RequestRow] = {}
    for row in sorted(rows, key=lambda each: each.at):
        if row.certainty != "billed" or not row.usage.input:
            continue
        spec = (row.workspace, row.spec, row.model)
        goes_on = row.run in of_run
        earlier = of_run.get(row.run) or of_spec.get(spec)
        of_run[row.run] = of_spec[spec] = row
        if earlier is None:
            continue
        if may_be_lost(earlier.usage, row.usage, rules_for(earlier.model), goes_on=goes_on):
            yield Pair(earlier=earlier, later=row, goes_on=goes_on)


def lost_caches(
    journal: Journal, rows: Iterable[RequestRow], *, only: str | None = None, newest: int = 0
) -> tuple[LostCache, ...]:
    """Every loss among these requests, or those of one run, in their order; of ``newest`` no more than so many pairs.

    Blocks, and reads bodies only where the figures say that something was lost.
    """
    pairs = [each for each in pairs_of(rows) if only is None or each.later.run == only]
    return tuple(found for pair in pairs[-newest:] if (found := lost_cache(journal, pair)) is not None)


def lost_cache(journal: Journal, pair: Pair) -> LostCache | None:
    """What was lost between two requests; blocks."""
    one, other = (_sent(each, journal) for each in (pair.earlier, pair.later))
    loss = loss_between(one, other, rules_for(pair.earlier.model), goes_on=pair.goes_on)
    if loss is None:
        return None
    if loss.cause == "message" and pair.goes_on:
        loss = _of_a_trim(journal, pair.later, loss)
    rates = rates_of(pair.later.unit_prices)
    pico = None if rates is None else lost_pico(loss.tokens, pair.later.usage, rates)
    return LostCache(row=pair.later, loss=loss, pico=pico)


def _of_a_trim(journal: Journal, row: RequestRow, loss: Loss) -> Loss:
    """An earlier turn is not as it was because a trim changed it: then that is the cause, or the silence before it."""
    for event in journal.events(run=row.run):
        data = event.data
        if event.kind != TRIMMED or f"m{data.get('n')}" != row.step:
            continue
        if any(not each["is_new"] for each in data["items"].values()):
            return replace(loss, cause="expired" if data["is_cold"] else "trimmed")
    return loss


def newest_rows(summaries: Iterable[RunSummary]) -> list[RequestRow]:
    """The requests of the newest runs of a workspace: what is shown beside tasks is about these."""
    asked = [each for each in summaries if each.requests and each.record.erased_at is None]
    newest = sorted(asked, key=lambda each: each.requests[-1].at)[-_NEWEST_RUNS:]
    return [row for each in newest for row in each.requests]


def by_run(losses: Iterable[LostCache]) -> dict[str, tuple[LostCache, ...]]:
    """The losses of each run."""
    found: dict[str, tuple[LostCache, ...]] = {}
    for each in losses:
        found[each.row.run] = (*found.get(each.row.run, ()), each)
    return found


def task_rows(journal: Journal, workspace: str, spec: str) -> Sequence[RequestRow]:
    """The requests of all runs of a spec's tasks."""
    runs = [each for each in journal.summaries(workspace) if each.record.spec == spec]
    return [row for each in runs for row in each.requests]


def _sent(row: RequestRow, journal: Journal) -> Sent:
    body = journal.body(row.body_sha256) if row.body_sha256 else None
    return Sent(model=row.model, body=body, at_s=_sent_at_s(row), usage=row.usage)


def _sent_at_s(row: RequestRow) -> float:
    """What is recorded of a request is when it was settled."""
    try:
        settled = datetime.fromisoformat(row.at).timestamp()
    except ValueError:
        return 0.0
    return settled - (row.duration_ms or 0) / 1_000
