"""Anthropic's Message Batches: one request as a batch of one, looked at until it has ended, its result read once."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from bursar.domain.batches import BatchSeen, NoAnswer, Why
from bursar.domain.conversation import ModelReply
from bursar.domain.errors import AnswerCut
from bursar.providers.anthropic_reader import AnthropicReader
from bursar.providers.attempt import as_reply
from bursar.providers.batch_api import MOST_INPUT_TOKENS, MOST_OUTPUT_TOKENS, BatchApi, row_of
from bursar.providers.canonical import canonical_bytes
from bursar.providers.failures import clean
from bursar.providers.sse import SseEvent
from bursar.providers.wire import BadStream, StreamError

_WORDS: dict[str, tuple[Why, str]] = {
    "errored": ("errored", "answered it with an error"),
    "canceled": ("canceled", "says that the batch was cancelled before its turn"),
    "expired": ("expired", "says that it expired before its turn"),
}


class AnthropicBatches(BatchApi):
    """See the port. The key goes to the provider's own host only: addresses in its answers are not followed."""

    _cursor = "after_id"

    async def submit(self, *, custom_id: str, body: bytes) -> BatchSeen:
        """Send one request as a batch."""
        params = self._params(body)
        wanted = canonical_bytes({"requests": [{"custom_id": custom_id, "params": params}]})
        return await self._make(wanted, model=str(params.get("model", "")))

    async def result(self, batch: str, *, custom_id: str, model: str) -> ModelReply | NoAnswer:
        """The line of this request in the results."""
        got = await self._get(f"{self._batches_url}/{quote(batch, safe='')}/results")
        if (row := row_of(got.text, custom_id)) is not None:
            return self._read(row.get("result"), model)
        return NoAnswer(why="missing", message=f"{self._name} has no result for this request in the batch {batch}")

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
        reader = AnthropicReader(most_input_tokens=MOST_INPUT_TOKENS, most_output_tokens=MOST_OUTPUT_TOKENS)
        try:
            for event in _as_stream(message):
                reader.take(SseEvent(name=str(event["type"]), data=json.dumps(event)))
        except (BadStream, StreamError) as error:
            raise AnswerCut(f"{self._name} sent a result that is no message ({error})", text_seen=False) from error
        return as_reply(
            reader.reading(), request_id=str(message.get("id") or ""), model=model, ttft_ms=None, duration_ms=0
        )

    def _seen(self, data: Any, /) -> BatchSeen | None:
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
