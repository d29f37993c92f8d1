"""The map of the workspace in a run's first request."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bursar.callsites import SyntaxSymbols
from bursar.demo import copy_workspace
from bursar.domain.context.ranking import Ranked
from bursar.domain.context.repository import Definition, FileQuestion
from bursar.domain.context.repository_map import MAP_TOKENS, mapped_paths, repository_map
from bursar.domain.routes import LocalOnly
from bursar.runs.mapping import RepositoryMaps
from bursar.runs.repository import Repository
from bursar.storage.repository import SqliteRepositoryIndex
from bursar.tokens import TiktokenCounter
from bursar.workspace import LocalSources
from support.fakes import FakeClock
from support.program import User, make_workspace, simulator

COUNTER = TiktokenCounter()
QUESTION = FileQuestion(text="Add the missing surcharges in `parcel/surcharges.py`: remote area before fuel")


def maps_of(root: Path, home: Path, clock: FakeClock) -> RepositoryMaps:
    home.mkdir(mode=0o700, exist_ok=True)
    index = SqliteRepositoryIndex(home, str(root))
    repository = Repository(sources=LocalSources(root, off_limits=home), symbols=SyntaxSymbols(), index=index)
    return RepositoryMaps(repository, COUNTER, clock)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    copy_workspace(tmp_path / "workspace")
    return tmp_path / "workspace"


def test_it_lists_the_best_files_with_what_they_define(root: Path, tmp_path: Path) -> None:
    text = maps_of(root, tmp_path / "home", FakeClock()).text(QUESTION, LocalOnly())
    assert mapped_paths(text)[0] == "parcel/surcharges.py"
    assert "class Surcharge" in text or "def " in text
    assert COUNTER.count(text) <= MAP_TOKENS
    numbered = [line for line in text.splitlines() if line.strip()[:1].isdigit()]
    source = (root / "parcel/surcharges.py").read_text().splitlines()
    first = next(line for line in numbered)
    number, _, signature = first.strip().partition(": ")
    assert source[int(number) - 1].split()[:2] == signature.split()[:2], "the line is where it says"


def test_what_stays_on_this_machine_is_not_in_it(root: Path, tmp_path: Path) -> None:
    maps = maps_of(root, tmp_path / "home", FakeClock())
    assert "surcharges" in maps.text(QUESTION, LocalOnly())
    kept = maps.text(QUESTION, LocalOnly(paths=("**/*surcharges*",)))
    assert kept and not any("surcharges" in path for path in mapped_paths(kept))


def test_it_is_made_again_when_files_changed_and_looked_for_now_and_then(root: Path, tmp_path: Path) -> None:
    clock = FakeClock()
    maps = maps_of(root, tmp_path / "home", clock)
    first = maps.text(QUESTION, LocalOnly())
    (root / "parcel/remote_areas.py").write_text("def remote_area_before_fuel():\n    return 'surcharges'\n")
    assert maps.text(QUESTION, LocalOnly()) == first
    clock.advance(60)
    assert "remote_area_before_fuel" in maps.text(QUESTION, LocalOnly())


def ranked(path: str, score: float = 1.0) -> Ranked:
    return Ranked(path=path, score=score, parts=(("words", score),))


def test_a_map_is_bounded_and_its_files_are_whole() -> None:
    many = [ranked(f"folder/file_{each}.py") for each in range(40)]
    defined = {
        each.path: [
            Definition(name=f"name_{at}", kind="function", line=at, signature=f"def name_{at}(first, second):")
            for at in range(30)
        ]
        for each in many
    }
    for most in (0, 60, 200, 777, 5_000):
        text = repository_map(many, defined, tokens=COUNTER.count, most_tokens=most)
        assert COUNTER.count(text) <= most
        assert text.count('<file path="') == text.count("</file>")
        assert not text or (text.startswith("<repository_map>\n") and text.endswith("</repository_map>"))
    assert repository_map([], {}, tokens=COUNTER.count) == ""


def test_a_guess_and_a_path_that_could_end_the_line_are_left_out() -> None:
    text = repository_map(
        [ranked("good.py"), ranked('bad">.py'), ranked("bad\n.py"), ranked("guess.py", 0.01)], {}, tokens=COUNTER.count
    )
    assert mapped_paths(text) == ["good.py"] and "bad" not in text and "guess" not in text


EDITS = {
    "replies": [
        {
            "when": {"task": "1", "tool_results": 0},
            "tool_calls": [
                {"name": "edit_file", "input": {"path": "hello.py", "old": "def greet", "new": "def salute"}}
            ],
        },
        {"when": {"task": "1", "tool_results": 1}, "tool_calls": [{"name": "finish", "input": {"summary": "Done."}}]},
    ]
}


def opening(body: Any) -> list[str]:
    data = json.loads(body) if isinstance(body, str) else body
    return [block["text"] for block in data["messages"][0]["content"] if block["type"] == "text"]


def greeter(folder: Path, home: Path, url: str, *, mapped: bool) -> User:
    workspace = make_workspace(folder, requirements="# Requirements\n\nBe polite.\n")
    (workspace / "hello.py").write_text("def greet(name):\n    return name\n")
    user = User(home=home, cwd=workspace).uses(url)
    user.settings(context={"repository_map": mapped})
    return user


def test_a_run_carries_it_behind_the_documents_and_keeps_its_bytes(tmp_path: Path) -> None:
    with simulator(tmp_path / "sim", EDITS) as sim:
        user = greeter(tmp_path / "workspace", tmp_path / "home", sim.url, mapped=True)
        done = user.do("run", ".kiro/specs/demo", "--task", "1", "--json")
        assert done.code == 0, done.err
        first, second = (opening(row["body"]) for row in sim.log()[:2])
    assert "Be polite." in first[0] and "repository_map" not in first[0], "what all tasks share is the same for all"
    assert first[1].startswith("<repository_map>") and "1: def greet(name):" in first[1]
    assert first[1].index("</repository_map>") < first[1].index("<tasks>")
    assert "def salute" in (user.cwd / "hello.py").read_text()
    assert first == second, "what the run changed changes nothing of what was sent"


def test_without_the_setting_there_is_none(tmp_path: Path) -> None:
    with simulator(tmp_path / "sim", EDITS) as sim:
        user = greeter(tmp_path / "workspace", tmp_path / "home", sim.url, mapped=False)
        assert user.do("run", ".kiro/specs/demo", "--task", "1", "--json").code == 0
        assert "repository_map" not in sim.log_text()
    assert not (user.home / "repository").exists()


def test_it_is_counted_in_the_estimate_and_in_the_lens(tmp_path: Path) -> None:
    counted: dict[bool, int] = {}
    for mapped in (False, True):
        folder = tmp_path / str(mapped)
        user = greeter(folder / "workspace", folder / "home", "http://127.0.0.1:9", mapped=mapped)
        user.environ["BURSAR_MODEL"] = "sim/claude-sonnet-5-5"
        dry = user.do("run", ".kiro/specs/demo", "--task", "1", "--dry-run", "--json").events()[0]
        counted[mapped] = dry["first_request_tokens"]
    told = user.do("check", ".kiro/specs/demo/tasks.md", "--json").json()["files"][0]["lenses"]
    titles = " ".join(each["title"] for each in told)
    assert f"{counted[True]:,}" in re.findall(r"[\d,]+", titles), titles
    assert 30 < counted[True] - counted[False] <= MAP_TOKENS
