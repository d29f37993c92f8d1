"""The same load through a litellm proxy with a budget; what it spent is what ``bursar simulate`` billed.

The budget is the proxy's own for a provider, ``provider_budget_config``: it is kept in memory, with no database. Of its
other budgets ``litellm_settings: max_budget`` does nothing without a database, as the proxy says itself when it starts.
A virtual key's budget needs one too; the database's client, prisma, fetches an engine from a host of its own, which
cannot be had everywhere. A key that ``custom_auth`` hands out, with ``custom_auth_run_common_checks``, is held to its
budget without a database and reserves the longest answer before it sends; but what was reserved was not given back
after the answers: of $0.625, $0.23 was spent when it refused everything for good. That may be for want of the database,
so it is no column here.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from benchmarks.budget.load import ANSWER_TOKENS, PRICE, RATES, SHARE_PERCENT, naive_pico
from benchmarks.budget.play import Played
from benchmarks.report import ROOT
from bursar.domain.money.price import PICO_PER_USD
from support.program import simulator

PROXY = ROOT / "build" / "bench-litellm" / "bin" / "litellm"
READY_S = 300
_KEY = f"sk-{'0123456789abcdef' * 2}"
_PICO_PER_TOKEN = PICO_PER_USD // 1_000_000


class PeerFailed(Exception):
    """The peer did not start, or answered what is neither an answer nor a refusal by its budget."""


def play_litellm(folder: Path, *, clients: int, count: int, limit_pico: int) -> Played:
    """Start the provider and the proxy, and let the clients spend at the same time."""
    load = sizes(clients=clients, count=count)
    with (
        simulator(folder, scenario(load)) as provider,
        _proxy(folder, upstream=provider.url, limit_pico=limit_pico) as url,
    ):
        granted, refused = send(url, load)
        # A row of the bill is there before the last bytes of its answer, so all are there.
        bill = provider.bill_path.read_text("ascii")
    billed_pico = int(Decimal(json.loads(bill)["total_usd"]) * PICO_PER_USD)
    return Played(
        limit_pico=limit_pico,
        billed_pico=billed_pico,
        held_pico=0,
        most_pico=billed_pico,
        granted=granted,
        refused=refused,
        waited=0,
    )


def sizes(*, clients: int, count: int) -> list[list[int]]:
    """The tokens of each client's requests, drawn as the other loads draw theirs."""
    chances = [random.Random(f"p{number}") for number in range(clients)]
    return [[chance.randint(100, 600) for _ in range(count)] for chance in chances]


def scenario(load: list[list[int]]) -> dict[str, Any]:
    """A provider whose answer to each size of request costs the share of the worst case that the other loads settle."""
    prices = {
        "input": str(RATES.input),
        "output": str(RATES.output),
        "cache_read": str(RATES.cache_read),
        "cache_write_5m": str(RATES.cache_write_5m),
        "cache_write_1h": str(RATES.cache_write_1h),
    }
    replies = [
        {"when": {"contains": _mark(size)}, "text": ("some " * _answer_tokens(size)).strip(), "chunk_tokens": 100}
        for size in sorted({size for each in load for size in each})
    ]
    models = {PRICE.model: {"wire": "anthropic", "prices": prices}}
    return {"models": models, "replies": replies, "otherwise": "error"}


def send(url: str, load: list[list[int]]) -> tuple[int, int]:
    """How many requests were answered and how many the budget refused; raises PeerFailed for anything else."""
    with ThreadPoolExecutor(len(load)) as pool:
        said = list(pool.map(lambda mine: _spend(url, mine), load))
    return sum(granted for granted, _ in said), sum(refused for _, refused in said)


def _spend(url: str, mine: list[int]) -> tuple[int, int]:
    granted = refused = 0
    headers = {"x-api-key": _KEY, "anthropic-version": "2023-06-01"}
    with httpx.Client(base_url=url, headers=headers, timeout=READY_S, trust_env=False) as client:
        for size in mine:
            body = {
                "model": PRICE.model,
                "max_tokens": ANSWER_TOKENS,
                "stream": True,
                "messages": [{"role": "user", "content": _mark(size) + " word" * size}],
            }
            answer = client.post("/v1/messages", json=body)
            if answer.status_code == 200 and "message_stop" in answer.text:
                granted += 1
            elif answer.status_code == 429 and "crossed budget" in answer.text:
                refused += 1
            else:
                raise PeerFailed(f"litellm answered {answer.status_code}: {answer.text[:300]}")
    return granted, refused


def _answer_tokens(size: int) -> int:
    cost_pico = naive_pico(size) * SHARE_PERCENT // 100
    return int((cost_pico - size * RATES.input * _PICO_PER_TOKEN) / (RATES.output * _PICO_PER_TOKEN))


def _mark(size: int) -> str:
    return f"<{size}>"


@contextlib.contextmanager
def _proxy(folder: Path, *, upstream: str, limit_pico: int) -> Iterator[str]:
    config = {
        "model_list": [
            {
                "model_name": PRICE.model,
                "litellm_params": {
                    "model": f"anthropic/{PRICE.model}",
                    "api_base": upstream,
                    "api_key": "sk-nothing",
                    "input_cost_per_token": float(RATES.input) / 1e6,
                    "output_cost_per_token": float(RATES.output) / 1e6,
                },
            }
        ],
        "litellm_settings": {"num_retries": 0, "telemetry": False},
        "router_settings": {
            "num_retries": 0,
            "provider_budget_config": {
                "anthropic": {"budget_limit": limit_pico / PICO_PER_USD, "time_period": "1d"},
            },
        },
        "general_settings": {"master_key": _KEY},
    }
    path, log = folder / "litellm.yaml", folder / "litellm.log"
    path.write_text(json.dumps(config), "utf-8")  # JSON is YAML too
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    argv = [PROXY, "--config", path, "--host", "127.0.0.1", "--port", port, "--telemetry", "False"]
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["nice", "-n", "10", *map(str, argv)], stdout=out, stderr=subprocess.STDOUT, env=environ, cwd=folder
        )
    try:
        _await(url, process, log)
        yield url
    finally:
        process.kill()
        process.wait()


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    ends_s = time.monotonic() + READY_S
    while time.monotonic() < ends_s and process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/health/liveliness", trust_env=False).status_code == 200:
                return
        time.sleep(0.5)
    how = "ended" if process.poll() is not None else f"did not answer within {READY_S} s"
    raise PeerFailed(f"litellm {how}; its log ends: {log.read_text('utf-8', 'replace')[-600:]}")
