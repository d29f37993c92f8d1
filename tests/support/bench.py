"""Real processes: `bursar simulate` as the provider, `bursar serve` as the server, a fresh copy of the demo spec."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bursar.demo import copy_workspace, scenario_path
from support.lsp_client import Client, editor

SPEC = ".kiro/specs/shipping-quote"
SIM_MODEL = "sim/claude-sonnet-5-5"


@dataclass
class Bench:
    """A workspace, a state folder and a simulated provider."""

    folder: Path
    workspace: Path
    url: str = ""
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def tasks(self) -> Path:
        return self.workspace / SPEC / "tasks.md"

    @property
    def bill(self) -> dict[str, Any]:
        return json.loads((self.folder / "bill.json").read_text())

    @property
    def log(self) -> list[dict[str, Any]]:
        path = self.folder / "log.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @contextlib.asynccontextmanager
    async def window(self, **more: Any) -> AsyncIterator[Client]:
        """A window on the workspace, initialized and trusted unless it says otherwise."""
        keys = more.pop("keys", None)
        environ = {**self.environ, **more.pop("environ", {})}
        configuration = more.pop("configuration", {})
        async with editor(environ, keys=keys) as client:
            client.configuration = configuration
            await client.initialize(self.workspace, **more)
            yield client


Scenario = Mapping[str, Any] | Path | None
MakeBench = Callable[[Scenario], contextlib.AbstractAsyncContextManager[Bench]]


@contextlib.asynccontextmanager
async def make_bench(folder: Path, scenario: Scenario = None) -> AsyncIterator[Bench]:
    """A bench with its simulator running: the demo's scenario, another, or the generic model."""
    bench = Bench(folder=folder, workspace=copy_workspace(folder / "workspace"))
    path = scenario if isinstance(scenario, Path) else folder / "scenario.json"
    if not isinstance(scenario, Path):
        models = json.loads(scenario_path().read_text())["models"]
        path.write_text(json.dumps({"models": models, "otherwise": "generic", **(scenario or {})}))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bursar", "simulate", "--die-with-parent", "--scenario", str(path)),
        *("--bill", str(folder / "bill.json"), "--log", str(folder / "log.jsonl")),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    bench.url = json.loads(await process.stdout.readline())["url"]
    prices = json.loads(path.read_text())["models"]
    card = folder / "prices.json"
    card.write_text(json.dumps({"models": {name: each["prices"] for name, each in prices.items()}}))
    home = folder / "home"
    home.mkdir(mode=0o700)
    (home / "settings.json").write_text(json.dumps({"prices": str(card)}))
    bench.environ = {
        "BURSAR_HOME": str(home),
        "BURSAR_MODEL": SIM_MODEL,
        "BURSAR_PROVIDERS": json.dumps({"sim": {"wire": "anthropic", "base_url": bench.url}}),
    }
    try:
        yield bench
    finally:
        process.kill()
        await process.wait()
