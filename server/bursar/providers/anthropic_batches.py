"""Anthropic's Message Batches: one request as a batch of one, looked at until it has ended, its result read once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from bursar.domain.batches import BatchSeen, NoAnswer, Why
from bursar.domain.conversation import ModelReply
from bursar.domain.errors import AnswerAway, AnswerCut, BadInput, NotAccepted, ProviderError
from bursar.domain.ports import Clock
from bursar.providers.anthropic import AnthropicReader, AnthropicWire
from bursar.providers.attempt import Deadlines, OpenTransport, as_reply
from bursar.providers.canonical import canonical_bytes
from bursar.providers.exchange import Got, exchange
from bursar.providers.failures import Sender, clean
from bursar.providers.sse import SseEvent
from bursar.providers.strict_json import json_object
from bursar.providers.wire import BadStream, StreamError

_PAGE = 100
_MOST_PAGES = 10
_MOST_INPUT_TOKENS = 2_000_000
_MOST_OUTPUT_TOKENS = 128_000
_WORDS: dict[str, tuple[Why, str]] = {
    "errored": ("errored", "answered it with an error"),
    "canceled": ("canceled", "says that the batch was cancelled before its turn"),
    "expired": ("expired", "says that it expired before its turn"),
}


class AnthropicBatches:
    """See the port. The key goes to the provider's own host only: addresses in its answers are not followed."""

    delay = "up to 24 hours"

    def __init__(
        self,
        *,
        wire: AnthropicWire,
        base_url: str,
        usable_key: Callable[[], str | None],
        sender: Callable[[str | None], Sender],
        clock: Clock,
        deadlines: Deadlines,
        transport: OpenTransport | None,
    ) -> None:
        self._wire = wire
        self._url = f"{wire.url(base_url)}/batches"
        self._usable_key = usable_key
        self._sender = sender
        self._clock = clock
        self._deadlines = deadlines
        self._transport = transport

    async def submit(self, *, custom_id: str, body: bytes) -> BatchSeen:
        """Send one request as a batch."""
        params = json_object(body.decode("utf-8", "replace")) or {}
        if params.get("tools"):
            raise BadInput("a request with tools cannot go through a batch API: nobody could run them")
        params.pop("stream", None)
        wanted = canonical_bytes({"requests": [{"custom_id": custom_id, "params": params}]})
        got = await self._exchange("POST", self._url, wanted, model=str(params.get("model", "")))
        if isinstance(got, ProviderError):
            raise got
        seen = _seen(json_object(got.text))
        if seen is None:
            raise AnswerCut(f"{self._name} answered without the batch that it made", text_seen=False)
        return seen

    async def look(self, batch: str) -> BatchSeen:
        """The batch as it is now."""
        seen = _seen(json_object((await self._get(f"{self._url}/{quote(batch, safe='')}")).text))
        if seen is None:
            raise AnswerAway(f"{self._name} did not say how the batch {batch} stands")
        return seen

    async def result(self, batch: str, *, custom_id: str, model: str) -> ModelReply | NoAnswer:
        """The line of this request in the results."""
        got = await self._get(f"{self._url}/{quote(batch, safe='')}/results")
        for line in got.text.split("\n"):
            row = json_object(line)
            if row is not None and row.get("custom_id") == custom_id:
                return self._read(row.get("result"), model)
        return NoAnswer(why="missing", message=f"{self._name} has no result for this request in the batch {batch}")

    async def since(self, moment: str) -> tuple[BatchSeen, ...]:
        """The newest batches back to a moment. Raises AnswerAway where there are more than can be looked through."""
        found: list[BatchSeen] = []
        after = ""
        for _ in range(_MOST_PAGES):
            data = json_object((await self._get(f"{self._url}?limit={_PAGE}{after}")).text) or {}
            rows = [seen for each in data.get("data") or [] if (seen := _seen(each)) is not None]
            found += rows
            if not data.get("has_more") or not rows or self._before(rows[-1].created_at, moment):
                return tuple(each for each in found if not self._before(each.created_at, moment))
            after = f"&after_id={quote(rows[-1].batch, safe='')}"
        raise AnswerAway(f"{self._name} has more batches than can be looked through")

    def _before(self, one: str, other: str) -> bool:
        return self._clock.seconds_until(one) < self._clock.seconds_until(other)

    def _read(self, result: Any, model: str) -> ModelReply | NoAnswer:
        kind = result.get("type") if isinstance(result, dict) else None
        if kind == "succeeded" and isinstance(message := result.get("message"), dict):
            return self._reply(message, model)
        why, words = _WORDS.get(str(kind), ("errored", "says nothing that can be read of it"))
        error = result.get("error") if isinstance(result, dict) else None
        inner = error.get("error", error) if isinstance(error, dict) else None
        said = clean(str(inner.get("message", "")), sender=self._sender(None)) if isinstance(inner, dict) else ""
        return NoAnswer(why=why, message=f"{self._name} {words}{f': {said}' if said else ''}")

    def _reply(self, message: dict[str, Any], model: str) -> ModelReply:
        """The whole message, read by the rules of a streamed one."""
        reader = AnthropicReader(most_input_tokens=_MOST_INPUT_TOKENS, most_output_tokens=_MOST_OUTPUT_TOKENS)
        try:
            for event in _as_stream(message):
                reader.take(SseEvent(name=str(event["type"]), data=json.dumps(event)))
        except (BadStream, StreamError) as error:
            raise AnswerCut(f"{self._name} sent a result that is no message ({error})", text_seen=False) from error
        return as_reply(
            reader.reading(), request_id=str(message.get("id") or ""), model=model, ttft_ms=None, duration_ms=0
        )

    async def _get(self, url: str) -> Got:
        got = await self._exchange("GET", url, None, model="")
        if isinstance(got, NotAccepted) and got.status in (404, 410):
            raise got
        if isinstance(got, ProviderError):
            raise AnswerAway(f"the batch cannot be looked at now: {got}", status=got.status)
        return got

    async def _exchange(self, method: str, url: str, body: bytes | None, *, model: str) -> Got | ProviderError:
        key = self._usable_key()
        return await exchange(
            method,
            url,
            headers=self._wire.headers(key),
            body=body,
            sender=self._sender(key),
            clock=self._clock,
            deadlines=self._deadlines,
            model=model,
            transport=self._transport,
        )

    @property
    def _name(self) -> str:
        return f"the provider {self._sender(None).name}"


def _seen(data: Any) -> BatchSeen | None:
    if not isinstance(data, dict) or not isinstance(data.get("id"), str) or not data["id"]:
        return None
    expires = data.get("expires_at")
    return BatchSeen(
        batch=data["id"],
        ended=data.get("processing_status") == "ended",
        created_at=str(data.get("created_at") or ""),
        expires_at=expires if isinstance(expires, str) else None,
    )


def _as_stream(message: dict[str, Any]) -> list[dict[str, Any]]:
    usage = message.get("usage")
    events: list[dict[str, Any]] = [{"type": "message_start", "message": {**message, "content": []}}]
    content = message.get("content")
    for index, block in enumerate(content if isinstance(content, list) else []):
        text = block.get("text") if isinstance(block, dict) and block.get("type") == "text" else None
        events.append({"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}})
        if isinstance(text, str):
            delta = {"type": "text_delta", "text": text}
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    stop = {"stop_reason": message.get("stop_reason")}
    events.append({"type": "message_delta", "delta": stop, **({"usage": usage} if isinstance(usage, dict) else {})})
    events.append({"type": "message_stop"})
    return events
