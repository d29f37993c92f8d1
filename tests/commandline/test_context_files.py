"""``bursar context files``, as a process of its own on the example workspace."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from bursar.commandline.schema import load_schema
from bursar.demo import copy_workspace
from support.program import User

SPEC = ".kiro/specs/shipping-quote"


@pytest.fixture
def here(tmp_path: Path) -> User:
    workspace = tmp_path / "workspace"
    copy_workspace(workspace)
    return User(home=tmp_path / "home", cwd=workspace)


def test_the_files_of_a_task_and_why(here: User) -> None:
    done = here.do("context", "files", "2.1", "--spec", SPEC, "--limit", 3)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    listed = [line.split()[1] for line in lines[::2]]
    assert sorted(listed) == ["parcel/errors.py", "parcel/rates.py", "tests/test_rates.py"]
    assert all(line.strip().startswith("named in the task") for line in lines[1::2])
    assert here.do("context", "files", "2.1", "--spec", SPEC, "--limit", 3).out == done.out, "the same each time"


def test_json_and_its_schema(here: User) -> None:
    told = here.do("context", "files", "fuel surcharge for remote areas", "--json").json()
    validator = Draft202012Validator(load_schema("context-files"))
    validator.validate(told)
    for key in told:
        assert not validator.is_valid({name: value for name, value in told.items() if name != key})
    first = told["files"][0]
    assert first["path"] == "tests/test_surcharges.py"
    assert first["score"] == pytest.approx(sum(first["signals"].values()), abs=1e-5)
    assert [each["score"] for each in told["files"]] == sorted((each["score"] for each in told["files"]), reverse=True)


def test_a_file_that_was_changed_is_seen(here: User) -> None:
    assert "nothing" not in here.do("context", "files", "teleportation").out
    (here.cwd / "parcel/beam.py").write_text("def teleportation():\n    pass\n")
    assert "parcel/beam.py" in here.do("context", "files", "teleportation").out


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["  "], "there is nothing to look for: say in some words what is to be done"),
        (["9.9", "--spec", SPEC], "has no task '9.9': it has 1, 1.1,"),
        (["2.1", "--spec", "nowhere"], "there is no tasks file at nowhere"),
        (["rates", "--limit", "0"], "--limit 0 is no number of files to list: give one from 1 to 500"),
    ],
)
def test_a_wrong_call(here: User, args: list[str], said: str) -> None:
    done = here.do("context", "files", *args)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_nothing_found_is_said(here: User) -> None:
    done = here.do("context", "files", "xylophone")
    assert (done.code, done.out) == (0, "")
    assert "has a word of it: say it in other words" in done.err


def test_erasing_a_workspace_forgets_its_words(here: User) -> None:
    here.do("context", "files", "rates")
    assert list((here.home / "repository").glob("*.sqlite"))
    assert here.do("erase", "--workspace").code == 0
    assert not list((here.home / "repository").iterdir())
