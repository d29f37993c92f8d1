"""Message Batches: requests that are answered later, all at once, for half the price; looked at until they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from bursar.simulator.bill import Books
from bursar.simulator.exchange import Job
from bursar.simulator.replies import holds
from bursar.simulator.request import Refusal, canonical, decode, invalid
from bursar.simulator.scenario import BatchPlan
from bursar.simulator.wire import Exchange, Wire, output_tokens

PATH = "/v1/messages/batches"
_LIFETIME = timedelta(hours=24)
_MOST = 100
_BREAKS_OFF = ("cut", "stall", "no_end")


@dataclass(slots=True, kw_only=True)
class Item:
    """One request of a batch, taken in or refused."""

    custom_id: str
    job: Job
    exchange: Exchange | None
    refusal: Refusal | None
    plan: BatchPlan


@dataclass(slots=True, kw_only=True)
class Batch:
    id: str
    created: datetime
    items: list[Item]
    looks_left: int
    ended: datetime | None = None
    cancelled: datetime | None = None
    source: str = ""


class Batches:
    """All batches of one simulated provider."""

    _prefix = "msg_"

    def __init__(
        self,
        *,
        wire: Wire,
        plans: Sequence[BatchPlan],
        new_job: Callable[[bytes], Job],
        take_in: Callable[[dict[str, Any], Job], Exchange],
        books: Books,
        wall: Callable[[], datetime],
    ) -> None:
        self._wire = wire
        self._plans = plans
        self._new_job = new_job
        self._take_in = take_in
        self._books = books
        self._wall = wall
        self._batches: dict[str, Batch] = {}

    def answer(self, method: str, path: str, query: str, raw: bytes) -> Mapping[str, Any] | str | None:
        """The answer to a request below the path: an object, or the lines of results; raises Refusal.

        None where the connection is to break off after a batch was made, as a fault of one of its requests asks.
        """
        rest = path.removeprefix(PATH).strip("/").split("/")
        if rest == [""]:
            return self._create(raw) if method == "POST" else self._list(method, query)
        batch = self._batches.get(rest[0])
        if batch is None:
            raise Refusal(404, "not_found_error", f"No batch found with id {rest[0]}.")
        if len(rest) == 1 and method == "GET":
            self._look(batch)
        elif rest[1:] == ["results"] and method == "GET":
            return self._results(batch)
        elif rest[1:] == ["cancel"] and method == "POST":
            # One that has ended stays as it is.
            if batch.ended is None:
                batch.cancelled = self._wall()
                self._end(batch)
        else:
            raise Refusal(405, "invalid_request_error", f"{method} is not allowed here.")
        return self._shown(batch)

    def _create(self, raw: bytes) -> Mapping[str, Any] | None:
        wanted = decode(raw).get("requests")
        if not isinstance(wanted, list) or not wanted or not all(isinstance(each, dict) for each in wanted):
            raise invalid("requests: Input should be a list with at least one request")
        names = [each.get("custom_id") for each in wanted]
        if not all(isinstance(each, str) and 0 < len(each) <= 64 for each in names) or len(set(names)) < len(names):
            raise invalid("requests: each needs a custom_id of its own, of at most 64 characters")
        return self._keep([self._item(str(each["custom_id"]), each.get("params")) for each in wanted], "msgbatch_")

    def _keep(self, items: list[Item], prefix: str, source: str = "") -> Mapping[str, Any] | None:
        """Make a batch of these; None where the answer to that is to break off."""
        name = f"{prefix}{hashlib.sha256(items[0].job.request_id.encode()).hexdigest()[:24]}"
        looks = max(each.plan.looks for each in items)
        batch = Batch(id=name, created=self._wall(), items=items, looks_left=looks, source=source)
        self._batches[name] = batch
        if any(each.job.fault and each.job.fault.kind in _BREAKS_OFF for each in items):
            return None
        return self._shown(batch)

    def _item(self, custom_id: str, params: Any) -> Item:
        if not isinstance(params, dict):
            raise invalid("requests.params: Input should be an object")
        job = self._new_job(canonical(params))
        job.batch = True
        exchange, refusal = None, None
        try:
            exchange = self._take_in(params, job)
        except Refusal as error:
            refusal = error
        # An answer in a batch has no request of its own: its id is what the bill knows it by.
        job.request_id = f"{self._prefix}{job.request_id.removeprefix('req_')}"
        plan = next((each for each in self._plans if exchange and holds(each.when, exchange.ask)), BatchPlan())
        return Item(custom_id=custom_id, job=job, exchange=exchange, refusal=refusal, plan=plan)

    def _look(self, batch: Batch) -> None:
        """Each look brings a batch nearer to its end."""
        if batch.ended is None:
            if batch.looks_left == 0:
                self._end(batch)
            batch.looks_left = max(0, batch.looks_left - 1)

    def _end(self, batch: Batch) -> None:
        """Answer everything and put it on the bill, before the end can be read."""
        batch.ended = self._wall()
        for each in batch.items:
            if self._outcome(batch, each) == "succeeded" and each.exchange is not None:
                each.job.generated_tokens = output_tokens(each.exchange.answer)
                each.job.settle(self._books, "complete")
            else:
                each.job.model = None
                each.job.settle(self._books, "refused")

    def _outcome(self, batch: Batch, item: Item) -> str:
        if item.refusal is not None:
            return "errored"
        return "canceled" if batch.cancelled is not None else item.plan.outcome

    def _results(self, batch: Batch) -> str:
        if batch.ended is None:
            raise invalid("The batch has not ended: there are no results yet.")
        rows = [{"custom_id": each.custom_id, "result": self._result(batch, each)} for each in reversed(batch.items)]
        return "".join(json.dumps(each, separators=(",", ":")) + "\n" for each in rows)

    def _result(self, batch: Batch, item: Item) -> Mapping[str, Any]:
        outcome = self._outcome(batch, item)
        if outcome == "succeeded" and item.exchange is not None:
            return {"type": outcome, "message": self._wire.whole(item.exchange)}
        if outcome == "errored":
            refusal = item.refusal or Refusal(500, "api_error", "Internal server error")
            return {"type": outcome, "error": self._wire.error(refusal, item.job.request_id)}
        return {"type": outcome}

    def _list(self, method: str, query: str) -> Mapping[str, Any]:
        if method != "GET":
            raise Refusal(405, "invalid_request_error", f"{method} is not allowed here.")
        asked = parse_qs(query)
        newest = list(reversed(self._batches.values()))
        after = asked.get("after_id", asked.get("after", [""]))[-1]
        if after in self._batches:
            newest = newest[newest.index(self._batches[after]) + 1 :]
        limit = asked.get("limit", ["20"])[-1]
        size = min(int(limit), _MOST) if limit.isascii() and limit.isdecimal() and int(limit) else 20
        rows = [self._shown(each) for each in newest[:size]]
        return {
            "data": rows,
            "has_more": len(newest) > size,
            "first_id": rows[0]["id"] if rows else None,
            "last_id": rows[-1]["id"] if rows else None,
        }

    def _shown(self, batch: Batch) -> Mapping[str, Any]:
        counts = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
        for each in batch.items:
            counts["processing" if batch.ended is None else self._outcome(batch, each)] += 1
        return {
            "id": batch.id,
            "type": "message_batch",
            "processing_status": "in_progress" if batch.ended is None else "ended",
            "request_counts": counts,
            "created_at": _rfc3339(batch.created),
            "expires_at": _rfc3339(batch.created + _LIFETIME),
            "ended_at": _rfc3339(batch.ended),
            "archived_at": None,
            "cancel_initiated_at": _rfc3339(batch.cancelled),
            # Absolute, as the vendor gives it: a client must not follow it to another host with its key.
            "results_url": None if batch.ended is None else f"https://results.invalid{PATH}/{batch.id}/results",
        }


def _rfc3339(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
