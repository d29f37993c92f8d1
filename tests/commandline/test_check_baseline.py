"""``bursar check --baseline`` as a CI job uses it: written, read back, and failing where it must."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from bursar.commandline.baseline import read_baseline
from bursar.commandline.schema import load_schema
from bursar.domain.errors import BadInput
from support.program import Done, User

STEERING = ".kiro/steering/style.md"
WORDS = "Say what happened, to what, and what to do next. "


@pytest.fixture
def steering(user: User) -> Path:
    """A steering file with a baseline beside it."""
    path = user.cwd / STEERING
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"# Style\n\n{WORDS * 20}\n\n## Tests\n\n{WORDS * 5}\n", encoding="utf-8")
    written = user.do("check", STEERING, "--json")
    assert written.code == 0
    (user.cwd / "baseline.json").write_text(written.out, encoding="utf-8")
    return path


def check(user: User, *more: str) -> Done:
    return user.do("check", STEERING, "--baseline", "baseline.json", *more)


def test_as_it_was_is_fine_and_a_dearer_file_fails_by_name(user: User, steering: Path) -> None:
    same = check(user)
    assert (same.code, same.err) == (
        0,
        "bursar: 1 file compared with baseline.json: none dearer by more than 10%.\n",
    )
    steering.write_text(steering.read_text() + WORDS * 20, encoding="utf-8")
    dearer = check(user, "--max-increase", "50%")
    assert dearer.code == 1
    assert f"bursar: {STEERING} became dearer by more than 50%: 3" in dearer.err
    assert "most of it in “Tests” (+2" in dearer.err
    assert " in each request (+7" in dearer.err
    assert check(user, "--max-increase", "100%").code == 0

    told = check(user, "--json")
    assert told.code == 1
    Draft202012Validator(load_schema("check")).validate(told.json())
    before = json.loads((user.cwd / "baseline.json").read_text())["files"][0]
    (change,) = told.json()["baseline"]["compared"]
    assert (change["before_tokens"], change["after_tokens"]) == (before["tokens"], told.json()["files"][0]["tokens"])
    # Two dollars for a million tokens of input.
    assert before["resident"]["cost_usd"] == f"{before['tokens'] * 2 / 10**6:.6f}".rstrip("0")
    assert (change["before_usd"], change["dearer"]) == (before["resident"]["cost_usd"], True)


def test_new_and_missing_files_are_listed(user: User, steering: Path) -> None:
    (user.cwd / "new.md").write_text("new\n", encoding="utf-8")
    both = user.do("check", STEERING, "new.md", "--baseline", "baseline.json")
    assert both.code == 0
    assert "new.md: new, not in the baseline\n" in both.out
    only_new = user.do("check", "new.md", "--baseline", "baseline.json")
    assert only_new.code == 1
    assert f"{STEERING}: in the baseline, and not among the files that were given\n" in only_new.out
    assert "nothing was compared: no file that was given is in baseline.json under the same path" in only_new.err


@pytest.mark.parametrize(
    ("baseline", "said"),
    [
        (None, "cannot be read (No such file or directory)"),
        ("", "is empty, so nothing can be compared"),
        ('{"files": []}', "lists no file, so nothing can be compared"),
        ("[]", "is no output of 'bursar check --json'"),
        ('{"files": [{"path": "a.md"}]}', "is no output of 'bursar check --json'"),
        ('{"files": [{"path": "a.md", "tokens": true, "encoding": "o200k_base"}]}', "is no output of"),
        ('{"files": [{"path": "a.md", "tokens": -1, "encoding": "o200k_base"}]}', "is no output of"),
        ('{"files": [{"path": "a.md", "tokens": NaN, "encoding": "o200k_base"}]}', "is no output of"),
        ("[" * 100_000, "is no output of 'bursar check --json'"),
    ],
)
def test_what_is_no_baseline_is_refused(tmp_path: Path, baseline: str | None, said: str) -> None:
    path = tmp_path / "baseline.json"
    if baseline is not None:
        path.write_text(baseline, encoding="utf-8")
    with pytest.raises(BadInput, match=re.escape(said)) as refused:
        read_baseline(path)
    assert "'bursar check FILE... --json >BASELINE'" in str(refused.value)


def test_an_empty_baseline_fails_the_command(user: User, steering: Path) -> None:
    (user.cwd / "baseline.json").write_text('{"files": []}', encoding="utf-8")
    done = check(user)
    assert (done.code, done.out) == (2, "")
    assert "lists no file, so nothing can be compared" in done.err


def test_an_older_baseline_without_prices_still_compares_tokens(user: User, steering: Path) -> None:
    path = user.cwd / "baseline.json"
    data = json.loads(path.read_text())
    for name in ("resident", "sections"):
        del data["files"][0][name]
    path.write_text(json.dumps(data), encoding="utf-8")
    steering.write_text(steering.read_text() + WORDS * 20, encoding="utf-8")
    done = check(user, "--json")
    assert done.code == 1
    assert done.json()["baseline"]["compared"][0]["before_usd"] is None


def test_an_allowance_needs_a_baseline(user: User, steering: Path) -> None:
    done = user.do("check", STEERING, "--max-increase", "5%")
    assert (done.code, done.out) == (2, "")
    assert "give --baseline FILE, too" in done.err
    assert check(user, "--max-increase", "-5%").code == 2


def test_what_a_file_takes_in_counts_and_is_named(user: User, steering: Path) -> None:
    (user.cwd / "docs").mkdir()
    api, claude = user.cwd / "docs" / "api.md", user.cwd / "CLAUDE.md"
    api.write_text(WORDS * 10, encoding="utf-8")
    claude.write_text(f"# Project\n\n{WORDS * 10}\n\nSee @docs/api.md for more.\n", encoding="utf-8")
    written = user.do("check", "CLAUDE.md", "--json")
    Draft202012Validator(load_schema("check")).validate(written.json())
    (before,) = written.json()["files"]
    (taken,) = before["included"]
    assert taken["path"] == "docs/api.md"
    assert taken["tokens"] == user.do("count", "docs/api.md", "--json").json()["files"][0]["tokens"]
    whole = before["tokens"] + taken["tokens"]
    assert before["resident"]["cost_usd"] == f"{whole * 2 / 10**6:.6f}".rstrip("0")
    assert (
        f"{before['tokens']:,} tokens (o200k_base), {whole:,} with the 1 file that it takes in"
        in user.do("check", "CLAUDE.md").out
    )

    base = user.cwd / "base.json"
    base.write_text(written.out, encoding="utf-8")
    api.write_text(WORDS * 20, encoding="utf-8")
    dearer = user.do("check", "CLAUDE.md", "--baseline", "base.json")
    assert dearer.code == 1
    assert f"bursar: CLAUDE.md became dearer by more than 10%: {whole} -> " in dearer.err
    assert "with the files that it takes in" in dearer.err
    assert "; docs/api.md, which it takes in, has 1" in dearer.err

    # What wrote this one did not look at what a file takes in: only the file itself can be compared.
    old = written.json()
    del old["files"][0]["included"]
    old["files"][0]["resident"]["cost_usd"] = f"{before['tokens'] * 2 / 10**6:.6f}"
    base.write_text(json.dumps(old), encoding="utf-8")
    same = user.do("check", "CLAUDE.md", "--baseline", "base.json", "--json")
    assert same.code == 0, same.err
    (change,) = same.json()["baseline"]["compared"]
    assert (change["before_usd"], change["after_included_tokens"]) == (change["after_usd"], 0)

    claude.write_text(claude.read_text() + "And @docs/more.md.\n", encoding="utf-8")
    (user.cwd / "docs" / "more.md").write_text(WORDS * 30, encoding="utf-8")
    base.write_text(written.out, encoding="utf-8")
    assert "it takes in docs/more.md now (3" in user.do("check", "CLAUDE.md", "--baseline", "base.json").err
