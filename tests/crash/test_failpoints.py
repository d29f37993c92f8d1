"""Every place where a process can be killed by name is listed, costs nothing unless asked for, and is for tests."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import bursar
from bursar.domain.errors import BadInput
from bursar.system.failpoints import POINTS, Failpoints


def names_in_code() -> list[str]:
    """Every word that is given to something called a failpoint, from the source alone."""
    found = []
    for path in Path(bursar.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and _called(node.func) in ("failpoint", "_failpoint") and node.args:
                found += [
                    each.value for each in ast.walk(node.args[0]) if isinstance(each, ast.Constant) and each.value
                ]
    return [each for each in found if isinstance(each, str)]


def _called(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def test_the_list_and_the_code_name_the_same_points() -> None:
    named = names_in_code()
    assert sorted(set(named)) == sorted(POINTS)
    assert len(POINTS) >= 25
    assert all(text and not text.endswith(".") for text in POINTS.values())


def test_a_process_that_was_told_of_none_does_not_even_look_at_the_name() -> None:
    quiet = Failpoints({"PATH": os.environ["PATH"]})
    quiet("nowhere at all")
    with pytest.raises(KeyError):
        Failpoints({"BURSAR_FAILPOINT": "in_edit:1:kill"})("nowhere at all")


def test_a_process_that_looks_for_a_point_logs_what_it_passes(tmp_path: Path) -> None:
    log = tmp_path / "passed.log"
    failpoint = Failpoints({"BURSAR_FAILPOINT_LOG": str(log)})
    for name in ("before_intent", "in_edit", "in_edit"):
        failpoint(name)
    assert log.read_text().split() == ["before_intent", "in_edit", "in_edit"]


@pytest.mark.parametrize("told", ["nowhere:1:kill", "in_edit:0:kill", "in_edit:x:kill", "in_edit:1:jump", "in_edit"])
def test_a_point_that_is_not_there_is_refused(told: str) -> None:
    with pytest.raises(BadInput, match="BURSAR_FAILPOINT="):
        Failpoints({"BURSAR_FAILPOINT": told})


@pytest.mark.parametrize("by", ["workspace", "environment"])
def test_nothing_in_a_workspace_sets_a_point(tmp_path: Path, by: str) -> None:
    """Each of these files would be struck at the first start, if anything read it; the environment is the control."""
    root, home = tmp_path / "workspace", tmp_path / "home"
    strike = "in_migration:1:kill"
    for name in (".env", ".bursar/.env", ".kiro/.env"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"BURSAR_FAILPOINT={strike}\n")
    for name in (".bursar/settings.json", ".vscode/settings.json", "settings.json", "bursar.json"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"BURSAR_FAILPOINT": strike, "failpoint": strike, "bursar.failpoint": strike}))
    plain = {name: value for name, value in os.environ.items() if not name.startswith("BURSAR_")}
    told = {"BURSAR_FAILPOINT": strike} if by == "environment" else {}
    ended = subprocess.run(
        [sys.executable, "-m", "bursar", "runs", "--json"],
        cwd=root,
        env={**plain, "BURSAR_HOME": str(home), **told},
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == (-9 if by == "environment" else 0), ended.stderr
