"""A run's world for tests: the real journal and the real files, a scripted model, a clock that is told the time."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from bursar.domain.batches import Batches
from bursar.domain.conversation import (
    Accepted,
    Block,
    BrokenToolCall,
    Delta,
    ModelReply,
    ModelRequest,
    OnStream,
    Text,
    ToolCall,
)
from bursar.domain.errors import AnswerCut
from bursar.domain.money.budget import Amount, BudgetKind
from bursar.domain.money.price import PICO_PER_USD, Assumed, Price, Rates, Unpriced
from bursar.domain.money.usage import Usage
from bursar.domain.ports import CommandOutcome, CommandPlan, Question, ToolRefused
from bursar.domain.runs import RunSummary, StepRecord
from bursar.domain.specs import decode_spec, find_task, parse_spec
from bursar.domain.specs.model import SpecTask
from bursar.providers import make_provider
from bursar.runs.driver import drive
from bursar.runs.gather import gather_documents
from bursar.runs.prepare import estimate_task, new_run
from bursar.runs.world import Outcome, World
from bursar.storage import SqliteJournal, open_journal
from bursar.storage.spool import FileSpool
from bursar.workspace import LocalFiles, LocalSnapshots
from support.fakes import CountingIds, FakeClock, ToldJitter

MODEL = "claude-sonnet-5-5"
SPEC_PATH = ".kiro/specs/demo/tasks.md"
RATES = Rates(
    input=Decimal(2),
    output=Decimal(10),
    cache_read=Decimal("0.10"),
    cache_write_5m=Decimal("2.5"),
    cache_write_1h=Decimal(4),
)
BATCH_RATES = Rates(
    input=Decimal(1),
    output=Decimal(5),
    cache_read=Decimal("0.05"),
    cache_write_5m=Decimal("1.25"),
    cache_write_1h=Decimal(2),
)
DEAR = Rates(
    input=Decimal(200),
    output=Decimal(1000),
    cache_read=Decimal(10),
    cache_write_5m=Decimal(250),
    cache_write_1h=Decimal(400),
)
USAGE = Usage(uncached_input=10, cache_read=1_000, cache_write_5m=200, output=50)

Turn = ModelReply | Exception | Callable[[bytes], Awaitable[ModelReply]]


class ProcessDied(BaseException):
    """Nothing may handle this: it stands for the end of the process."""


class WorkClock(FakeClock):
    """A fake clock that can be told what happens while somebody sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self.slept_s = 0.0
        self.while_asleep: Callable[[], Awaitable[object]] | None = None

    async def sleep(self, seconds: float) -> None:
        self.slept_s += seconds
        # The clock counts whole microseconds: a shorter sleep must still take some time.
        await super().sleep(math.ceil(seconds * 1e6) / 1e6)
        if self.while_asleep is not None:
            happens, self.while_asleep = self.while_asleep, None
            await happens()


def reply(*blocks: Block, usage: Usage | None = USAGE, model: str = MODEL, clamped: bool = False) -> ModelReply:
    """A whole answer; its request id is given by the model that sends it."""
    return ModelReply(
        request_id="",
        model=model,
        blocks=blocks,
        stop_reason="tool_use",
        usage=usage,
        usage_raw=None if usage is None else json.dumps({"output_tokens": usage.output}),
        usage_clamped=clamped,
        ttft_ms=120,
        duration_ms=900,
    )


def call(name: str, id: str = "c1", **given: Any) -> ToolCall:
    return ToolCall(id=id, name=name, input=given)


def finish(summary: str = "All done.") -> ModelReply:
    return reply(call("finish", summary=summary))


def broken(raw: str = "{", why: str = "its arguments are not JSON") -> BrokenToolCall:
    return BrokenToolCall(id="c1", name="write_file", raw_input=raw, why=why)


class ScriptedModel:
    """Plays one turn for each request, in order; the bodies and their counted text are the real wire's."""

    def __init__(self, *script: Turn, wire: str = "anthropic", clock: FakeClock | None = None) -> None:
        self.name = "acme"
        self.wire = wire
        self.address = "http://127.0.0.1:9"
        self.is_loopback = True
        self.can_reattach = False
        self.script = list(script)
        self.bodies: list[bytes] = []
        self._clock = clock or FakeClock()
        self._wire = make_provider(
            name="acme",
            wire=wire,
            base_url="http://127.0.0.1:9",
            key=lambda: None,
            key_name=None,
            clock=self._clock,
            ids=CountingIds(),
        )
        self.seconds_per_request = 0.0
        self.arrives: bytes = b""

    def body(self, request: ModelRequest, /) -> bytes:
        return self._wire.body(request)

    def prompt_text(self, body: bytes, /) -> str:
        return self._wire.prompt_text(body)

    async def send(self, body: bytes, /, *, on_stream: OnStream, keep: Callable[[bytes], None]) -> ModelReply:
        self.bodies.append(body)
        request_id = f"req-{len(self.bodies)}"
        turn = self.script.pop(0)
        self._clock.advance(self.seconds_per_request)
        if isinstance(turn, AnswerCut):
            on_stream(Accepted(request_id=request_id))
            if turn.text_seen:
                keep(b"event: message_start\n")
                on_stream(Delta(chars=turn.output_chars))
            turn.request_id = request_id
            raise turn
        if isinstance(turn, Exception):
            raise turn
        on_stream(Accepted(request_id=request_id))
        answer = turn if isinstance(turn, ModelReply) else await turn(body)
        keep(self.arrives)
        on_stream(Delta(chars=10))
        return replace(answer, request_id=request_id)

    def reply_from(self, data: bytes, /, *, request_id: str, model: str) -> ModelReply:
        return self._wire.reply_from(data, request_id=request_id, model=model)

    async def reattach(
        self, kept: bytes, /, *, request_id: str, model: str, on_stream: OnStream, keep: Callable[[bytes], None]
    ) -> ModelReply:
        return await self._wire.reattach(kept, request_id=request_id, model=model, on_stream=on_stream, keep=keep)

    async def give_up(self, kept: bytes, /, *, request_id: str, model: str) -> ModelReply:
        return await self._wire.give_up(kept, request_id=request_id, model=model)

    def kept_from(self, data: bytes, /) -> tuple[Block, ...]:
        return self._wire.kept_from(data)

    def batches(self) -> Batches | None:
        return self._wire.batches()

    def missing_key(self) -> str | None:
        return None

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The bodies as JSON."""
        return [json.loads(each) for each in self.bodies]


@dataclass
class Prices:
    """The rates of each model that is listed."""

    rates: dict[str, Rates] = field(default_factory=lambda: {MODEL: RATES})
    batch_rates: dict[str, Rates] = field(default_factory=lambda: {MODEL: BATCH_RATES})
    service_rates: dict[tuple[str, str], Rates] = field(default_factory=dict)
    assumed: tuple[Assumed, ...] = ()
    windows: dict[str, int] = field(default_factory=dict)

    def window_tokens(self, *, provider: str, model: str) -> int | None:
        """What these tests' models take."""
        return self.windows.get(model, 200_000)

    def batch_price(self, *, provider: str, model: str, at: str) -> Price | Unpriced:
        if model in self.batch_rates:
            return Price(model=model, rates=self.batch_rates[model], rate_card="test, batch")
        return Unpriced(model=model, why=f"no card has a batch price for {model}")

    def service_price(self, *, provider: str, model: str, at: str, service: str | None) -> Price | Unpriced:
        if (model, service) in self.service_rates:
            return Price(model=model, rates=self.service_rates[model, str(service)], rate_card=f"test, {service}")
        return Unpriced(model=model, why=f"no card has a price of {model} in the service {service}")

    def price(self, *, provider: str, model: str, at: str) -> Price | Unpriced:
        if model in self.rates:
            return Price(model=model, rates=self.rates[model], rate_card="test", assumed=self.assumed)
        return Unpriced(model=model, why=f'no card knows {model}: set "price": "free" on the provider {provider}')


class WordCounter:
    """Four bytes are a token, rounded up."""

    def count(self, text: str, /, *, encoding: str = "o200k_base") -> int:
        return -(-len(text.encode("utf-8", "replace")) // 4)

    def ready(self, encoding: str) -> bool:
        return True

    def load(self, encoding: str) -> None:
        return None


@dataclass
class Person:
    """Answers questions in order, and with nothing (closed) once the answers are used up."""

    answers: list[str | None] = field(default_factory=list)
    asked: list[Question] = field(default_factory=list)

    async def ask(self, question: Question) -> str | None:
        self.asked.append(question)
        return self.answers.pop(0) if self.answers else None


@dataclass
class Editor:
    """Open documents with unsaved changes, by absolute path; ``accepts`` false stands for an edit meanwhile."""

    unsaved: dict[str, str] = field(default_factory=dict)
    accepts: bool = True

    def unsaved_text(self, path: str) -> str | None:
        return self.unsaved.get(path)

    async def replace(self, path: str, *, expected: str, new: str) -> bool:
        if not self.accepts or self.unsaved.get(path) != expected:
            return False
        self.unsaved[path] = new
        return True


@dataclass
class Programs:
    """Remembers what was run; ``outcomes`` are played in order, then every command succeeds."""

    runs_workspace_files: bool = False
    state: str | None = "unchanged"
    ran: list[tuple[str, ...]] = field(default_factory=list)
    outcomes: list[CommandOutcome | Callable[[], BaseException]] = field(default_factory=list)
    killed: int = 0
    does: Callable[[], object] = lambda: None

    def plan(self, argv: Sequence[str]) -> CommandPlan | ToolRefused:
        if argv[0] == "missing":
            return ToolRefused(message="The command was not run: there is no program 'missing'.")
        return CommandPlan(
            argv=tuple(argv), program=f"/bin/{argv[0]}", cwd="/w", runs_workspace_files=self.runs_workspace_files
        )

    def state_of_files(self) -> str | None:
        return self.state

    async def run(self, plan: CommandPlan) -> CommandOutcome:
        self.ran.append(plan.argv)
        self.does()
        outcome = self.outcomes.pop(0) if self.outcomes else ran_well()
        if isinstance(outcome, CommandOutcome):
            return outcome
        raise outcome()

    def kill_all(self) -> None:
        self.killed += 1


def ran_well(output: str = "ok\n", exit_code: int | None = 0, *, timed_out: bool = False) -> CommandOutcome:
    return CommandOutcome(exit_code=exit_code, output=output, truncated=False, timed_out=timed_out, duration_ms=1_500)


class MortalJournal:
    """The journal of a process that may die: after that it gives nothing back, as the kernel sees it."""

    def __init__(self, journal: SqliteJournal) -> None:
        self._journal = journal
        self.dead = False

    async def release(self, run: str) -> None:
        if not self.dead:
            await self._journal.release(run)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)


TASKS = """\
# Plan

- [ ] 1. First thing
  - Look at `src/app.py`
- [ ] 2. Second thing
"""


class Workshop:
    """One workspace with one user's state; drives runs with a scripted model."""

    def __init__(self, folder: Path, *, tasks: str = TASKS) -> None:
        self.home = folder / "home"
        self.root = folder / "workspace"
        self.tasks = self.root / SPEC_PATH
        self.tasks.parent.mkdir(parents=True)
        self.tasks.write_bytes(tasks.encode())
        self.clock = WorkClock()
        self.jitter = ToldJitter()
        self.ids = CountingIds()
        self.prices = Prices()
        self.person = Person()
        self.editor = Editor()
        self.programs = Programs()
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.on_event: list[Callable[[str], None]] = []
        self.passed: list[str] = []
        self.dies_at: str | None = None
        self.dies_on: tuple[str, int] | None = None
        self.day_limit: Amount | None = None
        self.limits: dict[BudgetKind, Amount] = {}
        self._mortal: MortalJournal | None = None
        self.journal = self.open_again()

    def write(self, path: str, text: str) -> Path:
        """A file of the workspace."""
        full = self.root / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(text.encode())
        return full

    def files(self) -> LocalFiles:
        return LocalFiles(self.root, buffers=self.editor, failpoint=self._failpoint)

    def snapshots(self) -> LocalSnapshots:
        return LocalSnapshots(self.root, home=self.home, env=os.environ, failpoint=self._failpoint)

    def budgets(self) -> dict[BudgetKind, Amount]:
        return {**self.limits, **({} if self.day_limit is None else {"day": self.day_limit})}

    def world(self, model: ScriptedModel, **rules: Any) -> World:
        values: dict[str, Any] = {
            "journal": self.journal,
            "spool": FileSpool(self.home),
            "provider": model,
            "prices": self.prices,
            "counter": WordCounter(),
            "files": self.files(),
            "snapshots": self.snapshots(),
            "commands": self.programs,
            "asker": self.person,
            "buffers": self.editor,
            "clock": self.clock,
            "jitter": self.jitter,
            "failpoint": self._failpoint,
            "on_event": self._heard,
            "budgets": self.budgets,
        }
        return World(**{**values, **rules})

    async def begin(
        self,
        model: ScriptedModel,
        task: str = "1",
        *,
        ceiling_usd: str | None = "1",
        named: str = MODEL,
        only_one: bool = False,
        journal: SqliteJournal | None = None,
    ) -> str:
        """Record a run of a task; its id."""
        text = decode_spec(self.tasks.read_bytes())
        spec = parse_spec(text, path_hint=SPEC_PATH)
        found = find_task(spec, task)
        assert isinstance(found, SpecTask)
        estimate = estimate_task(
            spec=spec,
            text=text,
            task=found,
            documents=gather_documents(self.files(), self.editor, SPEC_PATH),
            provider=model,
            model=named,
            price=self.prices.price(provider=model.name, model=named, at=self.clock.now_utc()),
            counter=WordCounter(),
            ceiling_pico=None if ceiling_usd is None else int(Decimal(ceiling_usd) * PICO_PER_USD),
        )
        planned = new_run(
            run=self.ids.new("run"),
            workspace=str(self.root),
            spec_path=SPEC_PATH,
            task=found,
            estimate=estimate,
            provider=model.name,
            model=named,
        )
        return (await (journal or self.journal).create_run(planned, only_one=only_one)).run

    async def drive(self, model: ScriptedModel, run: str, **rules: Any) -> Outcome:
        return await drive(self.world(model, **rules), run)

    async def play(self, *script: Turn, task: str = "1", **rules: Any) -> tuple[Outcome, ScriptedModel, RunSummary]:
        """A new run with this script, to its end."""
        ceiling = rules.pop("ceiling_usd", "1")
        model = ScriptedModel(*script, clock=self.clock)
        run = await self.begin(model, task, ceiling_usd=ceiling)
        outcome = await self.drive(model, run, **rules)
        return outcome, model, self.summary(run)

    async def die(self, model: ScriptedModel, run: str, **rules: Any) -> None:
        """Drive until the process dies; then a new process opens the store."""
        mortal = self.mortal()
        try:
            await drive(self.world(model, journal=mortal, **rules), run)
        except ProcessDied:
            assert mortal.dead
        else:
            raise AssertionError("the process did not die")
        self.restart()

    def mortal(self) -> MortalJournal:
        """The journal of the process that dies next."""
        self._mortal = MortalJournal(self.journal)
        return self._mortal

    def death(self) -> ProcessDied:
        """The end of the process, to be raised where it happens."""
        assert self._mortal is not None
        self._mortal.dead = True
        return ProcessDied()

    def restart(self) -> None:
        """Close the store as the end of a process does, and open it as the next one."""
        self.dies_at = self.dies_on = None
        self.events.clear()
        self.journal.close()
        self.journal = self.open_again()

    def summary(self, run: str) -> RunSummary:
        summary = self.journal.summary(run)
        assert summary is not None
        return summary

    def steps(self, run: str) -> dict[str, StepRecord]:
        return {each.key: each for each in self.journal.steps(run)}

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.events]

    def told(self, kind: str) -> dict[str, Any]:
        """The newest event of a kind."""
        return [data for each, data in self.events if each == kind][-1]

    def results(self, model: ScriptedModel) -> list[str]:
        """What the model was told in the last request: the contents of the newest tool results."""
        content = model.requests[-1]["messages"][-1]["content"]
        return [_content(each) for each in content if each["type"] == "tool_result"]

    def close(self) -> None:
        self.journal.close()

    def open_again(self) -> SqliteJournal:
        return open_journal(self.home, clock=self.clock, ids=self.ids, failpoint=self._failpoint)

    def _failpoint(self, name: str, /) -> None:
        self.passed.append(name)
        if name == self.dies_at:
            raise self.death()

    def _heard(self, *, run: str, kind: str, at: str, seq: int | None, data: dict[str, Any]) -> None:
        self.events.append((kind, data))
        if self.dies_on is not None and self.dies_on == (kind, self.kinds().count(kind)):
            raise self.death()
        for each in self.on_event:
            each(kind)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def text(words: str) -> Text:
    return Text(text=words)


def _content(result: dict[str, Any]) -> str:
    content = result["content"]
    return content if isinstance(content, str) else "".join(each["text"] for each in content)
