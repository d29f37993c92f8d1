"""What other agents spent, in an editor that was open while a terminal imported it."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from support.bench import Bench


async def test_the_meter_tells_what_other_agents_spent_today(bench: Bench, tmp_path: Path) -> None:
    usage = {"input_tokens": 1_000_000, "output_tokens": 0}
    message = {"id": "msg_1", "model": "claude-sonnet-5-5", "role": "assistant", "usage": usage}
    at = datetime.now(UTC).isoformat()
    record = {"type": "assistant", "requestId": "req_1", "sessionId": "s", "timestamp": at, "message": message}
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "s.jsonl").write_text(f"{json.dumps(record)}\n")
    async with bench.window() as window:
        window.open(bench.tasks)
        await window.until(lambda: window.told("bursar/meter"))
        assert "Other agents" not in window.told("bursar/meter")[-1]["tooltip"]
        command = [sys.executable, "-m", "bursar", "usage", "import", "claude-code", "--from", str(tmp_path / "logs")]
        done = await asyncio.create_subprocess_exec(*command, env=bench.environ, stdout=asyncio.subprocess.DEVNULL)
        assert await done.wait() == 0
        await window.until(lambda: "Other agents today: " in window.told("bursar/meter")[-1]["tooltip"])
        if datetime.now(UTC).astimezone().date() == datetime.fromisoformat(at).astimezone().date():
            assert "Other agents today: $2.00 (imported " in window.told("bursar/meter")[-1]["tooltip"]
        assert window.told("bursar/meter")[-1]["spent_usd"] == "0"
