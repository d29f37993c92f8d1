"""What is local-only never reaches a model on another machine: whatever the agent tries, a listening sink does not hear
it; and the sink hears it where nothing is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bursar.domain.conversation import ModelReply
from bursar.domain.errors import Overloaded
from bursar.domain.routes import LocalOnly, Route
from bursar.domain.runs import NewRun
from bursar.domain.specs import decode_spec, find_task, parse_spec
from bursar.domain.specs.model import SpecTask
from bursar.providers import make_provider
from bursar.runs.assemble import FirstRequest
from bursar.runs.gather import gather_documents
from bursar.runs.prepare import estimate_task, new_run
from bursar.runs.staying import KEPT_BACK, Keeps, why_it_stays
from bursar.runs.world import Finished, Outcome, Paused, Way, Ways
from faults.answers import calls, stream
from support.fault_server import FaultServer, fault_server
from support.world import MODEL, RATES, SPEC_PATH, ScriptedModel, WordCounter, Workshop, call, finish, ran_well, reply

CANARY = "canary-7f3a"
SECRET = "secrets/key.txt"
KEPT = LocalOnly(paths=("secrets",))
TASKS = """\
# Plan

- [ ] 1. First thing
  - Look at `src/app.py`
- [ ] 2. Merge with canary-7f3a Ltd
  - [ ] 2.1 Call their canary-7f3a lawyer
- [ ] 3. Third thing
"""


class Away(ScriptedModel):
    """A model on another machine, as far as anybody can tell; what it was sent is kept."""

    def __init__(self, *script: Any, shop: Workshop, name: str = "away") -> None:
        super().__init__(*script, clock=shop.clock)
        self.name = name
        self.is_loopback = False

    def heard(self) -> bool:
        return any(CANARY.encode() in each for each in self.bodies)


@pytest.fixture
def shop(tmp_path: Path):  # type: ignore[no-untyped-def]
    made = Workshop(tmp_path, tasks="# Plan\n\n- [ ] 1. First thing\n- [ ] 3. Third thing\n")
    made.write(SECRET, f"the key is {CANARY}\n")
    made.write("src/app.py", "print('hello')\n")
    made.prices.rates["small"] = RATES
    yield made
    made.close()


def ways(*models: ScriptedModel, named: str = MODEL) -> Ways:
    chain = tuple(Way(provider=each, model=named) for each in models)
    return Ways(route=Route(chain=tuple(each.target for each in chain)), chain=chain)


async def begin(shop: Workshop, model: Any, task: str, local_only: LocalOnly) -> str:
    text = decode_spec(shop.tasks.read_bytes())
    spec = parse_spec(text, path_hint=SPEC_PATH)
    found = find_task(spec, task)
    assert isinstance(found, SpecTask)
    estimate = estimate_task(
        spec=spec,
        text=text,
        task=found,
        documents=gather_documents(shop.files(), shop.editor, SPEC_PATH),
        provider=model,
        model=MODEL,
        price=shop.prices.price(provider=model.name, model=MODEL, at=shop.clock.now_utc()),
        counter=WordCounter(),
        ceiling_pico=10**12,
        spec_path=SPEC_PATH,
        local_only=local_only,
    )
    planned: NewRun = new_run(
        run=shop.ids.new("run"),
        workspace=str(shop.root),
        spec_path=SPEC_PATH,
        task=found,
        estimate=estimate,
        provider=model.name,
        model=MODEL,
    )
    return (await shop.journal.create_run(planned)).run


async def play(
    shop: Workshop, model: Any, *others: Any, local_only: LocalOnly = KEPT, task: str = "1", run: str = "", **rules: Any
) -> tuple[Outcome, str]:
    run = run or await begin(shop, model, task, local_only)
    outcome = await shop.drive(model, run, ways=ways(model, *others), local_only=local_only, **rules)
    return outcome, run


def reads(path: str) -> ModelReply:
    return reply(call("read_file", path=path))


LOOKS = {
    "read": [reads(SECRET)],
    "read by another name": [reads("./secrets/key.txt")],
    "read through a link": [reads("link.txt")],
    "read through a linked folder": [reads("linked/key.txt")],
    "read a range": [reply(call("read_file", path=SECRET, first_line=1, last_line=1))],
    "search the file": [reply(call("search", pattern="key is", path=SECRET))],
    "search the folder": [reply(call("search", pattern="key is", path="secrets"))],
    "search everything": [reply(call("search", pattern="key is"))],
    "search through a link": [reply(call("search", pattern="key is", path="link.txt"))],
}


def links(shop: Workshop) -> None:
    (shop.root / "link.txt").symlink_to(shop.root / SECRET)
    (shop.root / "linked").symlink_to(shop.root / "secrets")


@pytest.mark.parametrize("how", LOOKS)
async def test_a_tool_does_not_show_it(shop: Workshop, how: str) -> None:
    links(shop)
    model = Away(*LOOKS[how], finish(), shop=shop)
    outcome, _ = await play(shop, model)
    assert isinstance(outcome, Finished)
    assert len(model.bodies) == 2
    assert not model.heard()


@pytest.mark.parametrize("how", LOOKS)
async def test_the_sink_hears_it_where_nothing_is_kept(shop: Workshop, how: str) -> None:
    """The control: the same calls, without the setting."""
    links(shop)
    model = Away(*LOOKS[how], finish(), shop=shop)
    await play(shop, model, local_only=LocalOnly())
    assert model.heard()


async def test_the_model_is_told_why(shop: Workshop) -> None:
    model = Away(reads(SECRET), finish(), shop=shop)
    await play(shop, model)
    (told,) = shop.results(model)
    assert told.startswith("secrets/key.txt stays on this machine (the user's setting local_only)")


async def test_it_cannot_be_guessed_by_changing_it(shop: Workshop) -> None:
    guess = reply(call("edit_file", path=SECRET, old=f"the key is {CANARY}", new="x"))
    model = Away(guess, finish(), shop=shop)
    await play(shop, model)
    assert "neither shown nor changed" in shop.results(model)[0]
    assert CANARY in (shop.root / SECRET).read_text()


def command(*argv: str) -> ModelReply:
    return reply(call("run_command", argv=list(argv)))


async def test_what_a_command_prints_is_kept_back(shop: Workshop) -> None:
    shop.person.answers = ["Yes"]
    shop.programs.outcomes = [ran_well(f"the key is {CANARY}\n")]
    model = Away(command("cat", SECRET), finish(), shop=shop)
    await play(shop, model, allowed_commands=frozenset({("cat", SECRET)}))
    assert shop.programs.ran == [("cat", SECRET)]
    assert not model.heard()
    assert shop.results(model) == [f"Exit code 0.\n{KEPT_BACK}"]


async def test_what_a_command_changed_is_not_shown_either(shop: Workshop) -> None:
    shop.programs.does = lambda: shop.write("copy.txt", f"the key is {CANARY}\n")
    model = Away(command("cp", SECRET, "copy.txt"), reads("copy.txt"), reads("src/app.py"), finish(), shop=shop)
    _, run = await play(shop, model, allowed_commands=frozenset({("cp", SECRET, "copy.txt")}))
    assert len(model.bodies) == 4
    assert not model.heard()
    assert b"hello" in model.bodies[-1], "what it did not change is shown"
    # Nor after a resume: the journal knows it.
    steps = {each.key: each for each in shop.journal.steps(run)}
    assert (steps["t1.0"].result or {})["kept_here"] == "output"
    keeps = Keeps(shop.files(), shop.editor, KEPT, list(steps.values()), is_free=False)
    assert keeps.refusal("copy.txt") is not None
    assert keeps.refusal("src/app.py") is None


async def test_a_command_is_heard_where_no_file_stays_here(shop: Workshop) -> None:
    shop.programs.outcomes = [ran_well("all green\n")]
    model = Away(command("pytest"), finish(), shop=shop)
    nowhere = LocalOnly(paths=("*.pem",))
    await play(shop, model, local_only=nowhere, allowed_commands=frozenset({("pytest",)}))
    assert shop.results(model) == ["Exit code 0.\nall green\n"]


# --- what the first request holds ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [".kiro/specs/demo/design.md", ".kiro/steering/tech.md", "AGENTS.md"])
@pytest.mark.parametrize("linked", [False, True], ids=["plain", "a link"])
async def test_a_document_that_stays_here_is_left_out(shop: Workshop, path: str, linked: bool) -> None:
    if linked:
        (shop.root / path).parent.mkdir(parents=True, exist_ok=True)
        (shop.root / path).symlink_to(shop.root / SECRET)
    else:
        shop.write(path, f"# {CANARY}\n")
    keeps = KEPT if linked else LocalOnly(paths=(path,))
    model = Away(finish(), shop=shop)
    outcome, _ = await play(shop, model, local_only=keeps)
    assert isinstance(outcome, Finished)
    assert not model.heard()
    shop.tasks.write_text(shop.tasks.read_text().replace("[x]", "[ ]"))
    control = Away(finish(), shop=shop)
    await play(shop, control, local_only=LocalOnly())
    assert control.heard()


@pytest.mark.parametrize("pattern", [f"{SPEC_PATH}#2", "**/tasks.md#2", "Merge with *"])
async def test_other_tasks_do_not_learn_its_title(shop: Workshop, pattern: str) -> None:
    shop.tasks.write_text(TASKS)
    keeps = LocalOnly(tasks=(pattern,))
    tries = [reads(SPEC_PATH), reply(call("search", pattern="2"))]
    model = Away(*tries, finish(), shop=shop)
    outcome, _ = await play(shop, model, local_only=keeps)
    assert isinstance(outcome, Finished)
    assert len(model.bodies) == 3
    assert not model.heard()
    shop.tasks.write_text(TASKS)
    control = Away(*tries, finish(), shop=shop)
    await play(shop, control, local_only=LocalOnly())
    assert control.heard()


@pytest.mark.parametrize(
    ("task", "keeps"),
    [
        ("2.1", LocalOnly(tasks=(f"{SPEC_PATH}#2",))),
        ("2.1", LocalOnly(tasks=(f"{SPEC_PATH}#2.1",))),
        ("2.1", LocalOnly(tasks=("Call their*",))),
        ("1", LocalOnly(paths=(".kiro/specs/demo",))),
        ("1", LocalOnly(paths=("tasks.md",))),
    ],
)
async def test_a_task_that_stays_here_is_not_sent_away(shop: Workshop, task: str, keeps: LocalOnly) -> None:
    shop.tasks.write_text(TASKS)
    model = Away(finish(), shop=shop)
    outcome, run = await play(shop, model, local_only=keeps, task=task)
    assert isinstance(outcome, Paused)
    assert model.bodies == []
    assert "Nothing was sent: this run stays on this machine" in outcome.detail
    assert f"'bursar resume {run} --model NAME/MODEL'" in outcome.detail
    assert shop.summary(run).held_pico == 0
    here = ScriptedModel(finish(), clock=shop.clock)
    outcome, _ = await play(shop, model, here, local_only=keeps, run=run)
    assert isinstance(outcome, Finished), "with a model that is here it goes on there"
    assert (model.bodies, len(here.bodies)) == ([], 1)


# --- once it is in the conversation ----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", LOOKS)
async def test_a_run_that_has_read_it_stays_here_whatever_is_set_later(shop: Workshop, how: str) -> None:
    links(shop)
    here = ScriptedModel(*LOOKS[how], Overloaded("busy"), Overloaded("busy"), clock=shop.clock)
    here.script += [Overloaded("busy")] * 4
    outcome, run = await play(shop, here)
    assert isinstance(outcome, Paused)
    away = Away(finish(), shop=shop)
    for later in (KEPT, LocalOnly()):
        outcome, _ = await play(shop, away, run=run, local_only=later)
        assert isinstance(outcome, Paused)
        assert "stays on this machine" in outcome.detail
    assert away.bodies == []
    here.script = [finish()]
    outcome, _ = await play(shop, away, here, run=run)
    assert isinstance(outcome, Finished)
    assert away.bodies == []


async def test_it_does_not_fail_over_to_another_machine(shop: Workshop) -> None:
    shop.tasks.write_text(TASKS)
    here = ScriptedModel(*[Overloaded("busy")] * 4, clock=shop.clock)
    away = Away(finish(), shop=shop)
    outcome, _ = await play(shop, here, away, local_only=LocalOnly(tasks=("*lawyer",)), task="2.1")
    assert isinstance(outcome, Paused)
    assert (len(here.bodies), away.bodies) == (4, [])


async def test_a_run_that_read_nothing_of_it_may_go_elsewhere(shop: Workshop) -> None:
    """The control: the same fault, without anything that stays here."""
    here = ScriptedModel(reads("src/app.py"), *[Overloaded("busy")] * 4, clock=shop.clock)
    away = Away(finish(), shop=shop)
    outcome, _ = await play(shop, here, away)
    assert isinstance(outcome, Finished)
    assert len(away.bodies) == 1


@pytest.mark.parametrize("how", ["read", "search everything"])
async def test_a_setting_that_comes_later_holds_for_what_was_read_before(shop: Workshop, how: str) -> None:
    away = Away(*LOOKS[how], *[Overloaded("busy")] * 4, shop=shop)
    outcome, run = await play(shop, away, local_only=LocalOnly())
    assert isinstance(outcome, Paused)
    before = len(away.bodies)
    outcome, _ = await play(shop, away, run=run)
    assert isinstance(outcome, Paused)
    assert "it has read secrets/key.txt" in outcome.detail
    assert len(away.bodies) == before


async def test_a_file_that_the_map_lists_keeps_the_run_here(shop: Workshop) -> None:
    _, run = await play(shop, Away(finish(), shop=shop))
    record = shop.summary(run).record
    first = FirstRequest(system="s", shared="d", task=f'<repository_map>\n<file path="{SECRET}">\n</file>\n\nt')
    assert "it holds secrets/key.txt" in (why_it_stays(KEPT, record, first, ()) or "")
    other = replace(first, task=first.task.replace(SECRET, "src/app.py"))
    assert why_it_stays(KEPT, record, other, ()) is None


async def test_a_review_of_what_stays_here_stays_here(shop: Workshop) -> None:
    _, run = await play(shop, Away(finish(), shop=shop))
    record = replace(shop.summary(run).record, kind="review")
    diff = f"<diff>\n--- {SECRET}\n+++ {SECRET}\n@@ -1 +1 @@\n-a\n+b\n</diff>"
    first = FirstRequest(system="s", shared="d", task=f"t\n\n{diff}")
    assert "it holds secrets/key.txt" in (why_it_stays(KEPT, record, first, ()) or "")
    other = replace(first, task=first.task.replace(SECRET, "src/app.py"))
    assert why_it_stays(KEPT, record, other, ()) is None


# --- over a socket ---------------------------------------------------------------------------------------------------


class Elsewhere:
    """A real provider over HTTP whose address counts as another machine's."""

    is_loopback = False

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


@asynccontextmanager
async def sink(shop: Workshop, wire: str) -> AsyncIterator[tuple[FaultServer, Elsewhere]]:
    async with fault_server() as server:
        server.will(*stream(calls(wire, f'{{"path": "{SECRET}"}}', name="read_file")))
        server.will(*stream(calls(wire, '{"summary": "done"}')))
        real = make_provider(
            name="away",
            wire=wire,
            base_url=f"{server.url}/v1",
            key=lambda: "k",
            key_name="K",
            clock=shop.clock,
            ids=shop.ids,
        )
        yield server, Elsewhere(real)


@pytest.mark.parametrize("wire", ["anthropic", "openai-chat", "openai-responses"])
@pytest.mark.parametrize("keeps", [KEPT, LocalOnly()], ids=["kept", "control"])
async def test_a_listening_sink(shop: Workshop, wire: str, keeps: LocalOnly) -> None:
    shop.prices.rates |= {"claude-x": RATES, "gpt-x": RATES}
    async with sink(shop, wire) as (server, model):
        outcome, _ = await play(shop, model, local_only=keeps)
        heard = b"".join(each.body for each in server.received)
    assert isinstance(outcome, Finished)
    assert len(server.received) == 2
    assert (CANARY.encode() in heard) is (not keeps)
