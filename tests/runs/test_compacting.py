"""A long task whose answers alone are longer than its window: a summary takes the place of the older ones.

The provider is the simulator: it refuses what is too long, and its bill says what everything cost.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from bursar.domain.money.price import PICO_PER_USD, Rates
from bursar.providers import make_provider
from bursar.runs.assemble import FirstRequest
from bursar.runs.compacted import COMPACTED, Compacted
from bursar.runs.context_parts import Window
from bursar.runs.fold import next_act
from bursar.runs.modes import modes_of
from bursar.runs.recalling import recalled
from bursar.runs.shapes import Shapes, shape_events, shapes_of
from bursar.runs.summarising import notes_of, why_not_usable
from bursar.runs.world import Ceilings, Finished, Paused
from simulator.support import Simulator, simulator
from support.fakes import CountingIds
from support.world import WordCounter, Workshop, call, finish, reply, sha256

MODEL = "claude-sonnet-5"
WINDOW = 30_000
STEPS = 16
RULE = "Rule 7: never rename a public function."
GOOD = "Task: First thing\nThe first files are read; what they say is decided. Go on with the next file."
PRICES = {"input": "2", "output": "10", "cache_read": "0.2", "cache_write_5m": "2.5", "cache_write_1h": "4"}


@dataclass
class Long:
    shop: Workshop
    server: Simulator
    provider: Any
    run: str

    async def drive(self, **rules: Any) -> Any:
        return await self.shop.drive(self.provider, self.run, ceilings=Ceilings(wall_s=1e9), **rules)

    def compacted(self) -> list[dict[str, Any]]:
        return [each.data for each in self.shop.journal.events(run=self.run) if each.kind == COMPACTED]

    def bodies(self) -> list[dict[str, Any]]:
        return [each["body"] for each in self.server.log()]

    def booked_usd(self) -> Decimal:
        runs = [self.run, *(each.record.run for each in self.shop.journal.operations(str(self.shop.root)))]
        return sum((Decimal(self.shop.summary(each).cost_pico) for each in runs), Decimal(0)) / PICO_PER_USD


def said(step: int) -> str:
    return f"Step {step} is done. " + " ".join(f"thought{step}x{n}" for n in range(600))


def script(summary: str) -> list[dict[str, Any]]:
    replies: list[dict[str, Any]] = [{"when": {"contains": "Write the notes."}, "text": summary}]
    done = [{"name": "finish", "input": {"summary": "Done."}}]
    replies.append({"when": {"contains": f"Step {STEPS - 1} is done."}, "tool_calls": done})
    for n in range(STEPS - 1, -1, -1):
        when = {} if n == 0 else {"contains": f"Step {n - 1} is done."}
        call = {"name": "read_file", "input": {"path": f"src/file{n}.py"}}
        replies.append({"when": when, "text": said(n), "tool_calls": [call]})
    return replies


@contextlib.asynccontextmanager
async def long_task(folder: Path, *, summary: str = GOOD) -> AsyncIterator[Long]:
    cache = {"ttl_s": 300, "min_tokens": 1024}
    scenario = {
        "models": {MODEL: {"wire": "anthropic", "prices": PRICES, "cache": cache, "window_tokens": WINDOW}},
        "replies": script(summary),
        "otherwise": "error",
    }
    shop = Workshop(folder / "shop")
    shop.write("AGENTS.md", RULE)
    for n in range(STEPS):
        shop.write(f"src/file{n}.py", f"value = {n}\n")
    shop.prices.rates[MODEL] = Rates(**{bucket: Decimal(price) for bucket, price in PRICES.items()})
    shop.prices.windows[MODEL] = WINDOW
    async with simulator(folder, scenario) as server:
        provider = make_provider(
            name="acme",
            wire="anthropic",
            base_url=server.url,
            key=lambda: "none",
            key_name=None,
            clock=shop.clock,
            ids=CountingIds(),
        )
        run = await shop.begin(provider, named=MODEL, ceiling_usd=None)  # type: ignore[arg-type]
        yield Long(shop, server, provider, run)
    shop.close()


def text_of(body: dict[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False)


async def test_a_long_task_runs_to_its_end_and_keeps_its_rules(tmp_path: Path) -> None:
    async with long_task(tmp_path) as task:
        ended = await task.drive()
        assert isinstance(ended, Finished), (ended, task.compacted(), task.server.rows())
        summaries = task.compacted()
        bill = task.server.bill()
        bodies = task.bodies()
        assert summaries
        assert {row["outcome"] for row in bill["requests"]} == {"complete"}
        assert len(bill["requests"]) == STEPS + 1 + len(summaries)
        assert task.booked_usd() == Decimal(bill["total_usd"])
        (operation, *_) = task.shop.journal.operations(str(task.shop.root))
        assert operation.record.kind == "compact"
        assert operation.record.about == task.run
        last = text_of(bodies[-1])
        assert RULE in last
        assert "Current task: [1] First thing" in last
        assert "Task: First thing" in last
        assert "thought0x0" not in last
        for each in summaries:
            assert each["tokens_after"] < each["tokens_before"] / 2
        events, steps = task.shop.journal.events(run=task.run), task.shop.journal.steps(task.run)
        shapes = shapes_of(events)
        assert "value = 0" in str(recalled({"item": "t1.0"}, steps, shapes))
        record = task.shop.journal.run(task.run)
        assert record is not None
        first = FirstRequest.from_json(record.first_request)
        window = Window(first, steps, modes_of(events, began_terse=False), shapes)
        items = [each.item for each in window.pieces(record)]
        newest = summaries[-1]["up_to"]
        behind = items[items.index("summary") + 1 :]
        assert behind[0] == f"m{newest + 1}"
        assert items[items.index("summary") - 1] == "task"
        assert {f"m{n}" for n in range(newest + 1, STEPS + 2)} <= set(behind)
        # Who takes these steps over builds the same bytes.
        kept = frozenset(each.key for each in steps)
        taken = shape_events(events, kept=kept, before=STEPS + 1)
        assert [data["n"] for kind, data in taken if kind == COMPACTED] == [each["n"] for each in summaries]


async def test_a_process_that_dies_behind_the_summary_pays_it_once(tmp_path: Path) -> None:
    async with long_task(tmp_path / "whole") as whole:
        await whole.drive()
        expected = [text_of(each) for each in whole.bodies()]
    async with long_task(tmp_path / "dead") as task:
        shop = task.shop

        def failpoint(name: str, /) -> None:
            if name == "before_send" and shop.journal.operations(str(shop.root)):
                # The summary is booked by then, and the run does not know of it.
                shop.dies_at = "after_state"

        await shop.die(task.provider, task.run, ceilings=Ceilings(wall_s=1e9), failpoint=failpoint)
        assert task.compacted() == []
        assert isinstance(await task.drive(), Finished)
        assert [text_of(each) for each in task.bodies()] == expected
        assert task.booked_usd() == Decimal(task.server.bill()["total_usd"])


async def test_switched_off_it_pauses_at_the_window(tmp_path: Path) -> None:
    async with long_task(tmp_path) as task:
        ended = await task.drive(compacts=False)
        assert isinstance(ended, Paused)
        assert ended.reason == "window"
        assert task.shop.journal.operations(str(task.shop.root)) == []
        assert task.server.rows()[-1]["outcome"] == "refused"


async def test_a_summary_that_forgets_the_task_is_refused_twice_and_no_more(tmp_path: Path) -> None:
    async with long_task(tmp_path, summary="Some files were read.") as task:
        ended = await task.drive()
        assert isinstance(ended, Paused)
        assert ended.reason == "window"
        assert "does not name the open task" in ended.detail
        assert task.compacted() == []
        asked = [each for each in task.bodies() if "Write the notes." in text_of(each)]
        assert len(asked) == 2
        assert "A first summary could not be used" in text_of(asked[1])
        assert task.booked_usd() == Decimal(task.server.bill()["total_usd"])


async def test_what_is_wrong_with_a_summary(shop: Workshop) -> None:
    from support.world import ScriptedModel

    run = await shop.begin(ScriptedModel(clock=shop.clock))
    record = shop.journal.run(run)
    assert record is not None

    def wrong(
        summary: str, *, stop_reason: str = "end_turn", notes: str = "notes", replaced: int = 1_000
    ) -> str | None:
        return why_not_usable(
            summary,
            notes,
            run=record,
            stop_reason=stop_reason,
            replaced_tokens=replaced,
            count=WordCounter().count,
        )

    assert wrong(GOOD) is None
    assert wrong("task:  FIRST\nthing, and so on") is None
    assert "empty" in str(wrong("  "))
    assert "broke off" in str(wrong(GOOD, stop_reason="max_tokens"))
    assert "does not name" in str(wrong("Task: Second thing"))
    assert "that it replaces" in str(wrong(GOOD + "word " * 3_000))
    assert "that it replaces" in str(wrong(GOOD, notes="note " * 3_000))
    assert "that it replaces" in str(wrong(GOOD, replaced=40))


def test_the_fold_without_a_summary_is_as_it_was() -> None:
    """The control: only the event changes what a conversation is built from."""
    assert next_act([]).later == ()  # type: ignore[union-attr]
    turns = Compacted(n=3, up_to=1, summary="s", notes="n").turns()
    assert [each.role for each in turns] == ["assistant", "user"]


async def test_files_and_pins_are_kept_beside_the_summary_whatever_it_says(shop: Workshop) -> None:
    shop.write("rules.txt", "never rename\n")
    _, _, summary = await shop.play(
        reply(call("write_file", id="c1", path="new.py", content="x = 1\n")),
        reply(call("read_file", id="c2", path="rules.txt")),
        reply(call("read_file", id="c3", path="new.py")),
        finish(),
    )
    run = summary.record
    steps = shop.journal.steps(run.run)
    pinned = Shapes(pinned=frozenset({"t2.0"}))
    notes = notes_of(run, 3, steps, pinned)
    assert f"- new.py: created in t1.0, sha256 {sha256('x = 1' + chr(10))[:12]}" in notes
    assert "Pinned by the user, result t2.0:\nnever rename" in notes
    assert notes.endswith(f"Go on with the task {run.task_address}: {run.task_title}")
    # The control: what is not pinned, and what is not replaced, is not in them.
    assert "never rename" not in notes_of(run, 3, steps, Shapes())
    assert "never rename" not in notes_of(run, 1, steps, pinned)
