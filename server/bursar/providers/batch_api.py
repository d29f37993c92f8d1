"""What the batch APIs have in common: making a batch, looking at one, and searching the list of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import quote

from bursar.domain.batches import BatchSeen
from bursar.domain.errors import AnswerAway, AnswerCut, BadInput, NotAccepted, ProviderError
from bursar.domain.ports import Clock
from bursar.providers.attempt import Deadlines, OpenTransport
from bursar.providers.exchange import Got, exchange
from bursar.providers.failures import Sender
from bursar.providers.strict_json import json_object

# More than any model takes or gives: what a result says of its usage is held against nothing narrower.
MOST_INPUT_TOKENS = 2_000_000
MOST_OUTPUT_TOKENS = 128_000
_PAGE = 100
_MOST_PAGES = 10


class Addressed(Protocol):
    """What a batch API shares with the wire format of single requests."""

    def url(self, base_url: str, /) -> str:
        """Where single requests go."""

    def headers(self, key: str | None, /) -> dict[str, str]:
        """The format's own headers."""


class BatchApi:
    """The half of a batch adapter that is the same for each provider. The key goes to the provider's own host only."""

    delay = "up to 24 hours"
    _cursor: str
    """The query's word for the batch that a page of the list begins after."""
    _single = ""
    """The end of a single request's address that is no part of the batches'."""

    def __init__(
        self,
        *,
        wire: Addressed,
        base_url: str,
        usable_key: Callable[[], str | None],
        sender: Callable[[str | None], Sender],
        clock: Clock,
        deadlines: Deadlines,
        transport: OpenTransport | None,
    ) -> None:
        self._wire = wire
        self._base = wire.url(base_url).removesuffix(self._single)
        self._batches_url = f"{self._base}/batches"
        self._usable_key = usable_key
        self._sender = sender
        self._clock = clock
        self._deadlines = deadlines
        self._transport = transport

    async def look(self, batch: str) -> BatchSeen:
        """The batch as it is now."""
        seen = self._seen(json_object((await self._get(f"{self._batches_url}/{quote(batch, safe='')}")).text))
        if seen is None:
            raise AnswerAway(f"{self._name} did not say how the batch {batch} stands")
        return seen

    async def cancel(self, batch: str) -> BatchSeen:
        """Ask for its end; where that is refused, because it has ended or is about to, the batch as it is now."""
        url = f"{self._batches_url}/{quote(batch, safe='')}/cancel"
        got = await self._exchange("POST", url, b"", model="")
        if isinstance(got, NotAccepted) and got.status in (404, 410):
            raise got
        if isinstance(got, ProviderError) and got.status not in (400, 409):
            raise AnswerAway(f"the batch cannot be cancelled now: {got}", status=got.status)
        seen = self._seen(json_object(got.text)) if isinstance(got, Got) else None
        return await self.look(batch) if seen is None else seen

    async def since(self, moment: str) -> tuple[BatchSeen, ...]:
        """The newest batches back to a moment. Raises AnswerAway where there are more than can be looked through."""
        found: list[BatchSeen] = []
        after = ""
        for _ in range(_MOST_PAGES):
            data = json_object((await self._get(f"{self._batches_url}?limit={_PAGE}{after}")).text) or {}
            rows = [seen for each in data.get("data") or [] if (seen := self._seen(each)) is not None]
            found += rows
            if not data.get("has_more") or not rows or self._before(rows[-1].created_at, moment):
                return tuple(each for each in found if not self._before(each.created_at, moment))
            after = f"&{self._cursor}={quote(rows[-1].batch, safe='')}"
        raise AnswerAway(f"{self._name} has more batches than can be looked through")

    def _seen(self, data: Any, /) -> BatchSeen | None:
        """A batch as this provider writes it; None where it is none."""
        raise NotImplementedError

    def _params(self, body: bytes) -> dict[str, Any]:
        """A request's body as a batch takes it: not streamed. Raises BadInput for one with tools."""
        params = json_object(body.decode("utf-8", "replace")) or {}
        if params.get("tools"):
            raise BadInput("a request with tools cannot go through a batch API: nobody could run them")
        params.pop("stream", None)
        return params

    async def _make(self, wanted: bytes, *, model: str) -> BatchSeen:
        """Have the batch made; raises AnswerCut where that may have happened, or not."""
        got = await self._exchange("POST", self._batches_url, wanted, model=model)
        if isinstance(got, ProviderError):
            raise got
        seen = self._seen(json_object(got.text))
        if seen is None:
            raise AnswerCut(f"{self._name} answered without the batch that it made", text_seen=False)
        return seen

    async def _get(self, url: str) -> Got:
        got = await self._exchange("GET", url, None, model="")
        if isinstance(got, NotAccepted) and got.status in (404, 410):
            raise got
        if isinstance(got, ProviderError):
            raise AnswerAway(f"the batch cannot be looked at now: {got}", status=got.status)
        return got

    async def _exchange(
        self, method: str, url: str, body: bytes | None, *, model: str, kind: str | None = None
    ) -> Got | ProviderError:
        key = self._usable_key()
        return await exchange(
            method,
            url,
            headers={**self._wire.headers(key), **({} if kind is None else {"content-type": kind})},
            body=body,
            sender=self._sender(key),
            clock=self._clock,
            deadlines=self._deadlines,
            model=model,
            transport=self._transport,
        )

    def _before(self, one: str, other: str) -> bool:
        return self._clock.seconds_until(one) < self._clock.seconds_until(other)

    @property
    def _name(self) -> str:
        return f"the provider {self._sender(None).name}"


def row_of(lines: str, custom_id: str) -> dict[str, Any] | None:
    """The line of one request in a file of lines of JSON."""
    for line in lines.split("\n"):
        row = json_object(line)
        if row is not None and row.get("custom_id") == custom_id:
            return row
    return None
