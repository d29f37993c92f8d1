"""The agent loop that the peers share, with the standard library alone: one request, one tool call, one result.

It sends what Bursar sends: the opening of Bursar's own first request, the same cache marks, the same words for what a
command came to. So undisturbed, every runner gets the same bill. Each function is one step of a peer's engine.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Message = dict[str, Any]
MARK = {"type": "ephemeral"}


class Agent:
    """Asks the model and uses tools; keeps nothing between the calls."""

    def __init__(self, folder: Path) -> None:
        self._url = os.environ["BENCH_URL"]
        self._kill_at = os.environ.get("BENCH_KILL", "")
        self._workspace = folder / "workspace"
        self._opening = json.loads((folder / "opening.json").read_text("utf-8"))

    def ask(self, later: list[Message]) -> Message:
        """The model's next turn, after the turns behind the opening."""
        n = 1 + sum(each["role"] == "assistant" for each in later)
        turn = self._stream(self._body(later), n)
        self._pass("answered", n)
        return turn

    def use(self, later: list[Message]) -> Message | None:
        """The results of the newest turn's tool calls as a turn; None when the model has called finish."""
        n = sum(each["role"] == "assistant" for each in later)
        self._pass("recorded", n)
        results = []
        for call in calls(later[-1]):
            if call["name"] == "finish":
                return None
            done = subprocess.run(
                call["input"]["argv"], cwd=self._workspace, capture_output=True, text=True, check=False
            )
            said = f"Exit code {done.returncode}.\n{done.stdout}"
            content = [{"type": "text", "text": said}]
            results.append({"type": "tool_result", "tool_use_id": call["id"], "content": content})
        return {"role": "user", "content": results}

    def _body(self, later: list[Message]) -> bytes:
        """Opening and later turns, marked where a prefix ends that a later request shares."""
        body = json.loads(json.dumps({**self._opening, "messages": [*self._opening["messages"], *later]}))
        first, last = body["messages"][0]["content"], body["messages"][-1]["content"]
        for block in (first[0], first[-1], last[-1]):
            block["cache_control"] = MARK
        return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    def _stream(self, body: bytes, n: int) -> Message:
        connection = http.client.HTTPConnection(urlsplit(self._url).netloc, timeout=60)
        connection.request(
            "POST", "/v1/messages", body, {"content-type": "application/json", "anthropic-version": "2023-06-01"}
        )
        response = connection.getresponse()
        if response.status != 200:
            raise RuntimeError(f"the simulator said {response.status}: {response.read()!r}")
        blocks: list[dict[str, Any]] = []
        texts: list[str] = []
        chars = 0
        for line in response:
            if not line.startswith(b"data: "):
                continue
            event = json.loads(line[6:])
            if event["type"] == "content_block_start":
                blocks.append(event["content_block"])
                texts.append("")
            elif event["type"] == "content_block_delta":
                delta = event["delta"]
                texts[-1] += delta.get("text") or delta.get("partial_json") or ""
                chars = sum(len(each) for each in texts)
                print(json.dumps({"kind": "request_progress", "n": n, "chars": chars}), flush=True)
            elif event["type"] == "message_stop":
                break
        else:
            raise RuntimeError("the answer ended without its end mark")
        connection.close()
        for block, text in zip(blocks, texts, strict=True):
            block |= {"text": text} if block["type"] == "text" else {"input": json.loads(text)}
        return {"role": "assistant", "content": blocks}

    def _pass(self, point: str, n: int) -> None:
        """Die here, at once, when the benchmark says so."""
        if self._kill_at == f"{point}:{n}":
            os.kill(os.getpid(), signal.SIGKILL)


def calls(turn: Message) -> list[dict[str, Any]]:
    """The tool calls of a turn."""
    return [each for each in turn["content"] if each["type"] == "tool_use"]
