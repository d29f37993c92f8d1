"""Batches of chat completions by files, as the vendor describes them, and their bill at half the price."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from .support import Simulator, gpt, simulator

ENDPOINT = "/v1/chat/completions"


async def upload(sim: Simulator, *texts: str) -> str:
    lines = [
        {"custom_id": f"r{at}", "method": "POST", "url": ENDPOINT, "body": gpt(text)} for at, text in enumerate(texts)
    ]
    data = "".join(json.dumps(each) + "\n" for each in lines)
    answer = await sim.client.post("/v1/files", data={"purpose": "batch"}, files={"file": ("requests.jsonl", data)})
    assert answer.status_code == 200
    return str(answer.json()["id"])


async def make(sim: Simulator, *texts: str) -> dict[str, Any]:
    wanted = {"input_file_id": await upload(sim, *texts), "endpoint": ENDPOINT, "completion_window": "24h"}
    made: dict[str, Any] = (await sim.client.post("/v1/batches", json=wanted)).json()
    return made


async def rows(sim: Simulator, name: str) -> dict[str, dict[str, Any]]:
    text = (await sim.client.get(f"/v1/files/{name}/content")).text
    return {row["custom_id"]: row for row in map(json.loads, text.splitlines())}


async def test_answers_come_in_a_file_and_cost_half(tmp_path: Path) -> None:
    replies = [{"when": {"contains": "one"}, "text": "uno"}, {"when": {"contains": "two"}, "text": "dos"}]
    async with simulator(tmp_path, {"replies": replies, "batches": [{"looks": 1}]}) as sim:
        made = await make(sim, "one", "two")
        assert (made["object"], made["status"], made["output_file_id"]) == ("batch", "in_progress", None)
        assert made["expires_at"] - made["created_at"] == 86_400
        looks = [(await sim.client.get(f"/v1/batches/{made['id']}")).json() for _ in range(3)]
        assert [each["status"] for each in looks] == ["in_progress", "completed", "completed"]
        found = await rows(sim, looks[-1]["output_file_id"])
        whole = [found[name]["response"]["body"] for name in ("r0", "r1")]
        assert [each["choices"][0]["message"]["content"] for each in whole] == ["uno", "dos"]
        assert [each["request_id"] for each in sim.rows()] == [each["id"] for each in whole]
        for row, answer in zip(sim.rows(), whole, strict=True):
            usage = answer["usage"]
            usual = Decimal(2) * usage["prompt_tokens"] + Decimal(10) * usage["completion_tokens"]
            assert Decimal(row["cost_usd"]) == usual / 2 / 10**6


@pytest.mark.parametrize(
    ("outcome", "status", "code"),
    [
        ("expired", "expired", "batch_expired"),
        ("canceled", "cancelled", "batch_cancelled"),
        ("errored", "completed", None),
    ],
)
async def test_what_is_not_answered_stands_in_the_other_file(
    tmp_path: Path, outcome: str, status: str, code: str | None
) -> None:
    async with simulator(tmp_path, {"batches": [{"outcome": outcome}]}) as sim:
        made = await make(sim, "one")
        ended = (await sim.client.get(f"/v1/batches/{made['id']}")).json()
        assert (ended["status"], ended["output_file_id"]) == (status, None)
        (row,) = (await rows(sim, ended["error_file_id"])).values()
        assert (row["error"] or {}).get("code") == code
        assert [each["cost_usd"] for each in sim.rows()] == ["0"]


async def test_the_list_is_newest_first_and_what_is_wrong_is_refused(tmp_path: Path) -> None:
    async with simulator(tmp_path) as sim:
        ids = [(await make(sim, "one"))["id"] for _ in range(3)]
        first = (await sim.client.get("/v1/batches?limit=2")).json()
        assert ([each["id"] for each in first["data"]], first["has_more"]) == ([ids[2], ids[1]], True)
        rest = (await sim.client.get(f"/v1/batches?after={first['last_id']}")).json()
        assert [each["id"] for each in rest["data"]] == [ids[0]]
        assert (await sim.client.post("/v1/batches", json={"input_file_id": "file-0"})).status_code == 400
        assert (await sim.client.get("/v1/files/file-0/content")).status_code == 404
        assert (await sim.client.get("/v1/batches/batch_0")).status_code == 404
        assert (await sim.client.post("/v1/files", content=b"nothing")).status_code == 400
