"""The first open task of real specs, from the command to the mark, against one provider that bills for itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bursar.domain.specs import address_of, decode_spec, open_tasks, parse_spec
from support.program import CLAUDE, Simulator, User, simulator

CORPUS = Path(__file__).parents[1] / "fixtures" / "corpus"


@dataclass(frozen=True)
class Case:
    """One spec of the corpus, and what is special about it."""

    kind: str
    folder: str
    special: str

    @property
    def name(self) -> str:
        return self.folder.split("__")[-1]

    @property
    def place(self) -> str:
        return f".kiro/specs/{self.name}" if self.kind == "kiro" else f"specs/{self.name}"


CASES = [
    Case("kiro", "LuChangQiu__kiro-spec-engine__102-00-moqui-test-coverage-hardening", "a byte order mark"),
    Case("kiro", "scottlz0310__ci-helper__ci-helper-cli", "CRLF, Japanese"),
    Case("kiro", "yeemio__owlclaw__test-infra", "no id, Chinese"),
    Case("kiro", "26huitailang__kratos-boilerplate__plugin-system", "no line end at the end of the file"),
    Case("kiro", "gotalab__cc-sdd__customer-support-rag-backend-ja", "documents beside it, (P) marks"),
    Case("speckit", "microsoft__CommunityManagement-Sample-Spec-Kit__007-mock-auth", "CRLF"),
    Case("speckit", "vcwild__akon__002-ci-pipeline-with", "documents beside it"),
    Case("speckit", "11me__light-session__001-lightsession-chatgpt", "[P] marks, all open"),
]


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulator(tmp_path_factory.mktemp("simulator")) as running:
        yield running


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_first_open_task_is_run_billed_and_ticked(case: Case, sim: Simulator, tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    spec_folder = workspace / case.place
    spec_folder.mkdir(parents=True)
    for each in (CORPUS / case.kind / case.folder).iterdir():
        if each.name != "expected.json":
            (spec_folder / each.name).write_bytes(each.read_bytes())
    tasks = spec_folder / "tasks.md"
    before = tasks.read_bytes()
    expected = json.loads((CORPUS / case.kind / case.folder / "expected.json").read_text(encoding="utf-8"))
    text = decode_spec(before)
    spec = parse_spec(text, path_hint=f"{case.place}/tasks.md")
    task = open_tasks(spec)[0]
    address = address_of(spec, task)
    user = User(home=tmp_path / "home", cwd=workspace).uses(sim.url)

    done = user.do("run", case.place, "--task", address, "--json")

    assert done.code == 0, done.err
    last = done.last()
    assert (last["kind"], last["reason"], last["task"], last["ticked"]) == ("run_finished", "done", address, True)
    _only_the_mark_changed(before, tasks.read_bytes(), line=task.line)
    shown = user.do("spec", "show", case.place, "--json").json()
    states = [each["state"] for each in shown["tasks"]]
    assert states == ["done" if each["line"] == task.line else each["state"] for each in expected["tasks"]]
    (note,) = (workspace / "notes").iterdir()
    assert task.title.split("`")[0].strip()[:20] in note.read_text(encoding="utf-8")

    usage = user.do("usage", "--json").json()
    ours = {row["request_id"]: row for row in usage["requests"]}
    assert len(ours) == last["requests"] >= 3
    billed = sim.bill_with(set(ours))
    for request_id, row in ours.items():
        bill = billed[request_id]
        assert bill["outcome"] == "complete"
        assert (row["cost_usd"], row["certainty"], row["model"]) == (bill["cost_usd"], "billed", CLAUDE)
        assert {k: v for k, v in row["usage"].items() if k != "reasoning"} == bill["billed_tokens"]
    assert usage["held_usd"] == "0"


def _only_the_mark_changed(before: bytes, after: bytes, *, line: int) -> None:
    changed = [at for at, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    assert len(changed) == 1
    (at,) = changed
    assert before[at - 1 : at] == b"["
    assert before[at + 1 : at + 2] == b"]"
    assert after[at : at + 1] in (b"x", b"X")
    assert before[:at].replace(b"\r\n", b"\n").count(b"\n") == line


def test_the_cases_are_as_special_as_they_say() -> None:
    """Control: byte order mark, line ends, missing ids and other languages are really among what was run."""
    data = {case.folder: (CORPUS / case.kind / case.folder / "tasks.md").read_bytes() for case in CASES}
    assert sum(each.startswith(b"\xef\xbb\xbf") for each in data.values()) == 1
    assert sum(b"\r\n" in each for each in data.values()) == 2
    assert sum(not each.endswith(b"\n") for each in data.values()) >= 1
    assert sum(len([byte for byte in each if byte > 127]) > 2_000 for each in data.values()) >= 3
    first_ids = []
    for case in CASES:
        first_ids.append(
            open_tasks(parse_spec(decode_spec(data[case.folder]), path_hint=f"{case.place}/tasks.md"))[0].id
        )
    assert None in first_ids
