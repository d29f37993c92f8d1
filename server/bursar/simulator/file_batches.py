"""Batches of chat completions: requests come as the lines of a file, and so do the answers, for half the price."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from bursar.simulator.batches import Batch, Batches, Item
from bursar.simulator.request import Refusal, decode, invalid

FILES = "/v1/files"
PATH = "/v1/batches"
_ENDPOINT = "/v1/chat/completions"
_LIFETIME_S = 86_400
_PART = re.compile(rb'name="file".*?\r\n\r\n(?P<data>.*?)\r\n--', re.DOTALL)


class FileBatches(Batches):
    """All of them, with their files."""

    _prefix = "chatcmpl-"

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._files: dict[str, str] = {}

    def answer(self, method: str, path: str, query: str, raw: bytes) -> Mapping[str, Any] | str | None:
        """The answer to a request below one of the two paths; see the other batches."""
        if path.startswith(FILES):
            return self._file(method, path.removeprefix(FILES).strip("/").split("/"), raw)
        return super().answer(method, path.replace(PATH, "/v1/messages/batches", 1), query, raw)

    def _file(self, method: str, rest: list[str], raw: bytes) -> Mapping[str, Any] | str:
        if rest == [""] and method == "POST":
            found = _PART.search(raw)
            if found is None or b'name="purpose"' not in raw:
                raise invalid("A file and its purpose are required.")
            return self._kept_file(found["data"].decode("utf-8", "replace"))
        if len(rest) == 2 and rest[1] == "content" and method == "GET" and rest[0] in self._files:
            return self._files[rest[0]]
        raise Refusal(404, "invalid_request_error", "No such File object.")

    def _kept_file(self, text: str) -> Mapping[str, Any]:
        name = f"file-{hashlib.sha256(f'{len(self._files)} {text}'.encode()).hexdigest()[:24]}"
        self._files[name] = text
        return {"id": name, "object": "file", "bytes": len(text), "purpose": "batch", "filename": "request.jsonl"}

    def _create(self, raw: bytes) -> Mapping[str, Any] | None:
        asked = decode(raw)
        text = self._files.get(str(asked.get("input_file_id")))
        if text is None or asked.get("endpoint") != _ENDPOINT or asked.get("completion_window") != "24h":
            raise invalid("input_file_id, endpoint and a completion_window of 24h are required.")
        rows = [json.loads(line) for line in text.splitlines() if line.strip()]
        items = [self._item(str(each["custom_id"]), each.get("body")) for each in rows]
        return self._keep(items, "batch_", str(asked["input_file_id"]))

    def _end(self, batch: Batch) -> None:
        super()._end(batch)
        self._files[f"{batch.id}-out"] = self._lines(batch, good=True)
        self._files[f"{batch.id}-err"] = self._lines(batch, good=False)

    def _lines(self, batch: Batch, *, good: bool) -> str:
        rows = [self._line(batch, each) for each in batch.items if (self._outcome(batch, each) == "succeeded") == good]
        return "".join(json.dumps(each) + "\n" for each in rows)

    def _line(self, batch: Batch, item: Item) -> Mapping[str, Any]:
        outcome = self._outcome(batch, item)
        row: dict[str, Any] = {"id": f"batch_req_{item.job.n}", "custom_id": item.custom_id, "error": None}
        if outcome == "succeeded" and item.exchange is not None:
            return {**row, "response": {"status_code": 200, "body": self._wire.whole(item.exchange)}}
        if outcome == "errored":
            refusal = item.refusal or Refusal(500, "server_error", "The server had an error.")
            body = self._wire.error(refusal, item.job.request_id)
            return {**row, "response": {"status_code": refusal.status, "body": body}}
        code = "batch_expired" if outcome == "expired" else "batch_cancelled"
        return {**row, "response": None, "error": {"code": code, "message": "This request was not run in time."}}

    def _shown(self, batch: Batch) -> Mapping[str, Any]:
        ended = batch.ended is not None
        outcomes = [self._outcome(batch, each) for each in batch.items] if ended else []
        unfinished = {each for each in outcomes if each in ("expired", "canceled")}
        status = "completed" if ended else "in_progress"
        if len(unfinished) == 1:
            (only,) = unfinished
            status = {"canceled": "cancelled"}.get(only, only)
        created = int(batch.created.timestamp())
        return {
            "id": batch.id,
            "object": "batch",
            "endpoint": _ENDPOINT,
            "input_file_id": batch.source,
            "completion_window": "24h",
            "status": status,
            "output_file_id": f"{batch.id}-out" if "succeeded" in outcomes else None,
            "error_file_id": f"{batch.id}-err" if any(each != "succeeded" for each in outcomes) else None,
            "created_at": created,
            "expires_at": created + _LIFETIME_S,
            "request_counts": {
                "total": len(batch.items),
                "completed": outcomes.count("succeeded"),
                "failed": len(outcomes) - outcomes.count("succeeded"),
            },
        }
