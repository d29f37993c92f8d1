"""OpenAI's Batch API for chat completions: the request as a file, a batch of it, and its line in the result's file."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from bursar.domain.batches import BatchSeen, NoAnswer, Why
from bursar.domain.conversation import ModelReply
from bursar.domain.errors import AnswerCut, NotAccepted, ProviderError, Unreachable
from bursar.providers.attempt import as_reply
from bursar.providers.batch_api import MOST_INPUT_TOKENS, MOST_OUTPUT_TOKENS, BatchApi, row_of
from bursar.providers.canonical import canonical_bytes
from bursar.providers.failures import clean
from bursar.providers.openai_chat import OpenAIChatReader
from bursar.providers.sse import SseEvent
from bursar.providers.strict_json import json_object
from bursar.providers.wire import BadStream, StreamError

_ENDPOINT = "/v1/chat/completions"
_ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
_WORDS: dict[str, tuple[Why, str]] = {
    "failed": ("errored", "did not take the batch's file"),
    "expired": ("expired", "says that the batch expired before this request's turn"),
    "cancelled": ("canceled", "says that the batch was cancelled before this request's turn"),
}


class OpenAIBatches(BatchApi):
    """See the port."""

    _cursor = "after"
    _single = "/chat/completions"

    async def submit(self, *, custom_id: str, body: bytes) -> BatchSeen:
        """Send the file, which costs nothing, then make the batch of it."""
        params = self._params(body)
        # A batch has a service of its own.
        for field in ("stream_options", "service_tier"):
            params.pop(field, None)
        line = canonical_bytes({"custom_id": custom_id, "method": "POST", "url": _ENDPOINT, "body": params})
        model = str(params.get("model", ""))
        file_id = await self._upload(line, boundary=f"bursar-{custom_id}", model=model)
        wanted = {"input_file_id": file_id, "endpoint": _ENDPOINT, "completion_window": "24h"}
        return await self._make(canonical_bytes(wanted), model=model)

    async def result(self, batch: str, *, custom_id: str, model: str) -> ModelReply | NoAnswer:
        """The line of this request in the file of results, or in that of errors."""
        data = await self._object(f"{self._batches_url}/{quote(batch, safe='')}")
        for key in ("output_file_id", "error_file_id"):
            name = data.get(key)
            if not isinstance(name, str) or not name:
                continue
            got = await self._get(f"{self._base}/files/{quote(name, safe='')}/content")
            if (row := row_of(got.text, custom_id)) is not None:
                return self._read(row, model)
        why, words = _WORDS.get(str(data.get("status")), ("missing", f"has no result for this request in {batch}"))
        # A batch whose file was not even taken says nothing of whose it was.
        if why != "missing" and not await self._is_ours(data, custom_id):
            return NoAnswer(why="missing", message=f"{self._name} has no result for this request in {batch}")
        return NoAnswer(why=why, message=f"{self._name} {words}")

    async def _upload(self, line: bytes, *, boundary: str, model: str) -> str:
        """The id of the file that holds the request. Nothing is owed for a file, whatever becomes of it."""
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--{boundary}\r\n'
        about = (
            'Content-Disposition: form-data; name="file"; filename="request.jsonl"\r\nContent-Type: application/jsonl'
        )
        body = f"{head}{about}\r\n\r\n".encode() + line + f"\n\r\n--{boundary}--\r\n".encode()
        kind = f"multipart/form-data; boundary={boundary}"
        got = await self._exchange("POST", f"{self._base}/files", body, model=model, kind=kind)
        if isinstance(got, NotAccepted):
            raise got
        if isinstance(got, ProviderError):
            raise Unreachable(f"the file for the batch could not be sent: {got}", status=got.status)
        file_id = (json_object(got.text) or {}).get("id")
        if not isinstance(file_id, str) or not file_id:
            raise Unreachable(f"{self._name} answered without the id of the file that it was sent")
        return file_id

    async def _is_ours(self, batch: dict[str, Any], custom_id: str) -> bool:
        name = batch.get("input_file_id")
        if not isinstance(name, str):
            return False
        got = await self._get(f"{self._base}/files/{quote(name, safe='')}/content")
        return row_of(got.text, custom_id) is not None

    def _read(self, row: dict[str, Any], model: str) -> ModelReply | NoAnswer:
        response = row.get("response")
        body = response.get("body") if isinstance(response, dict) else None
        if isinstance(response, dict) and response.get("status_code") == 200 and isinstance(body, dict):
            return self._reply(body, model)
        error = row.get("error") or (body.get("error") if isinstance(body, dict) else None)
        code = str(error.get("code") or "") if isinstance(error, dict) else ""
        said = clean(str(error.get("message", "")), sender=self._sender(None)) if isinstance(error, dict) else ""
        why: Why = "expired" if code == "batch_expired" else "canceled" if code == "batch_cancelled" else "errored"
        return NoAnswer(why=why, message=f"{self._name} answered it with an error{f': {said}' if said else ''}")

    def _reply(self, whole: dict[str, Any], model: str) -> ModelReply:
        """The whole completion, read by the rules of a streamed one."""
        reader = OpenAIChatReader(most_input_tokens=MOST_INPUT_TOKENS, most_output_tokens=MOST_OUTPUT_TOKENS)
        choices = whole.get("choices")
        found = [each for each in (choices if isinstance(choices, list) else []) if isinstance(each, dict)]
        streamed = [{**each, "delta": each.get("message")} for each in found]
        try:
            reader.take(SseEvent(name="message", data=json.dumps({**whole, "choices": streamed})))
            reader.take(SseEvent(name="message", data="[DONE]"))
        except (BadStream, StreamError) as error:
            raise AnswerCut(f"{self._name} sent a result that is no completion ({error})", text_seen=False) from error
        request_id = str(whole.get("id") or "")
        return as_reply(reader.reading(), request_id=request_id, model=model, ttft_ms=None, duration_ms=0)

    async def _object(self, url: str) -> dict[str, Any]:
        return json_object((await self._get(url)).text) or {}

    def _seen(self, data: Any, /) -> BatchSeen | None:
        if not isinstance(data, dict) or not isinstance(data.get("id"), str) or not data["id"]:
            return None
        created = _moment(data.get("created_at"))
        if created is None:
            return None
        return BatchSeen(
            batch=data["id"],
            ended=data.get("status") in _ENDED,
            created_at=created,
            expires_at=_moment(data.get("expires_at")),
        )


def _moment(epoch_s: Any) -> str | None:
    if isinstance(epoch_s, bool) or not isinstance(epoch_s, int | float) or not 0 <= epoch_s < 10**11:
        return None
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
