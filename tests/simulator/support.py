"""A real simulator on loopback, a clock that tests move, and readers of both streams."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from bursar.simulator import Clock, parse_scenario, serve

CLAUDE = "claude-sonnet-5-5"
GPT = "gpt-6-sol"
TOOLS = ("list_files", "read_file", "write_file", "finish")


@dataclass
class HandClock:
    """Stands still until a test moves it."""

    seconds: float = 1000.0

    def clock(self) -> Clock:
        start = datetime(2026, 11, 20, tzinfo=UTC)
        return Clock(wall=lambda: start + timedelta(seconds=self.seconds), monotonic=lambda: self.seconds)


@dataclass
class Simulator:
    url: str
    bill_path: Path
    log_path: Path
    client: httpx.AsyncClient
    job: asyncio.Task[None]
    hand: HandClock = field(default_factory=HandClock)

    def bill(self) -> dict[str, Any]:
        return json.loads(self.bill_path.read_text())

    def rows(self) -> list[dict[str, Any]]:
        return self.bill()["requests"]

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log_path.read_text().splitlines()]

    async def ask(self, body: dict[str, Any], **headers: str) -> httpx.Response:
        path = "/v1/chat/completions" if body.get("model") == GPT else "/v1/messages"
        return await self.client.post(path, json=body, headers=headers)

    async def stop(self) -> None:
        self.job.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.job

    async def rows_when(self, count: int) -> list[dict[str, Any]]:
        """The rows once there are that many; the server writes them without being asked."""
        async with asyncio.timeout(10):
            while len(rows := self.rows()) < count:
                await asyncio.sleep(0.005)
        return rows


@contextlib.asynccontextmanager
async def simulator(folder: Path, scenario: dict[str, Any] | None = None) -> AsyncIterator[Simulator]:
    hand, urls = HandClock(), asyncio.Queue[str]()
    bill_path, log_path = folder / "bill.json", folder / "log.jsonl"
    job = asyncio.create_task(
        serve(
            scenario=parse_scenario(scenario or {}),
            bill_path=bill_path,
            log_path=log_path,
            ready=urls.put_nowait,
            clock=hand.clock(),
        )
    )
    url = asyncio.create_task(urls.get())
    await asyncio.wait({job, url}, return_when=asyncio.FIRST_COMPLETED)
    if job.done():
        url.cancel()
        await job
    async with httpx.AsyncClient(base_url=url.result(), timeout=10, trust_env=False) as client:
        server = Simulator(url.result(), bill_path, log_path, client, job, hand)
        try:
            yield server
        finally:
            await server.stop()


def claude(text: str = "Hello", **more: Any) -> dict[str, Any]:
    return {"model": CLAUDE, "max_tokens": 1000, "messages": [{"role": "user", "content": text}], **more}


def gpt(text: str = "Hello", **more: Any) -> dict[str, Any]:
    return {"model": GPT, "messages": [{"role": "user", "content": text}], **more}


def sse(raw: str) -> list[dict[str, Any]]:
    """The data of each event; `[DONE]` as {"done": True}."""
    data = [block.split("data: ", 1)[1] for block in raw.split("\n\n") if "data: " in block]
    return [{"done": True} if item == "[DONE]" else json.loads(item) for item in data]


def claude_text(raw: str) -> str:
    deltas = [e["delta"] for e in sse(raw) if e.get("type") == "content_block_delta"]
    return "".join(d.get("text", "") + d.get("partial_json", "") for d in deltas)


def gpt_text(raw: str) -> str:
    deltas = [c["delta"] for e in sse(raw) for c in e.get("choices", [])]
    return "".join(d.get("content") or "" for d in deltas)


def total(rows: list[dict[str, Any]]) -> Decimal:
    return sum((Decimal(row["cost_usd"]) for row in rows), Decimal(0))
