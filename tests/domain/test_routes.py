"""Which files and tasks a pattern keeps on this machine, and how targets are written."""

from __future__ import annotations

import pytest

from bursar.domain.errors import BadInput
from bursar.domain.routes import LocalOnly, Route, Target, target_of


@pytest.mark.parametrize(
    ("pattern", "path", "held"),
    [
        ("secrets/**", "secrets/a.txt", True),
        ("secrets/**", "secrets/deep/er/a.txt", True),
        ("secrets/**", "my/secrets/a.txt", False),
        ("secrets", "my/secrets/a.txt", True),
        ("secrets/", "my/secrets/a.txt", True),
        ("/secrets", "my/secrets/a.txt", False),
        ("/secrets", "secrets/a.txt", True),
        ("./src/keys.py", "src/keys.py", True),
        ("*.pem", "deploy/keys/server.pem", True),
        ("*.pem", "deploy/server.pem.txt", False),
        ("src/*.py", "src/app.py", True),
        ("src/*.py", "src/deep/app.py", False),
        ("src/**/*.py", "src/app.py", True),
        ("src/**/*.py", "src/a/b/app.py", True),
        ("**/keys.json", "keys.json", True),
        ("**/keys.json", "a/b/keys.json", True),
        ("**", "anything/at/all", True),
        ("data?.csv", "data1.csv", True),
        ("data?.csv", "data12.csv", False),
        ("pages/[id].ts", "pages/[id].ts", True),
        ("pages/[id].ts", "pages/i.ts", False),
        ("Secrets/Key.TXT", "secrets/key.txt", True),
        ("caf\u00e9.txt", "cafe\u0301.txt", True),
        ("a+b(c).txt", "a+b(c).txt", True),
        ("*****************************a", "b" * 200, False),
    ],
)
def test_paths(pattern: str, path: str, held: bool) -> None:
    assert LocalOnly(paths=(pattern,)).holds_path(path) is held


SPEC = ".kiro/specs/pay/tasks.md"


@pytest.mark.parametrize(
    ("pattern", "held"),
    [
        (f"{SPEC}#2.1", True),
        (f"{SPEC}#2", False),
        (f"{SPEC}#2*", True),
        (f"{SPEC}#*", True),
        ("specs/pay/**#2.1", False),
        ("**/pay/tasks.md#2.1", True),
        (".kiro/specs/*/tasks.md#2.?", True),
        (".kiro/specs/other/tasks.md#2.1", False),
        ("Read the salaries", True),
        ("*SALARIES*", True),
        ("salaries", False),
        ("", False),
    ],
)
def test_tasks(pattern: str, held: bool) -> None:
    assert LocalOnly(tasks=(pattern,)).holds_task(SPEC, "2.1", "Read the salaries") is held


def test_a_title_may_hold_the_sign_between_path_and_id() -> None:
    assert LocalOnly(tasks=("Port to C#",)).holds_task(SPEC, "3", "Port to C#")
    assert LocalOnly(tasks=("Port to C#",)).holds_task(SPEC, None, "Port to C#")


def test_two_together_keep_what_either_keeps() -> None:
    both = LocalOnly(paths=("a",), tasks=("x",)) | LocalOnly(paths=("b", "a"))
    assert both == LocalOnly(paths=("a", "b"), tasks=("x",))
    assert not LocalOnly()
    assert both


def test_targets_are_written_as_provider_and_model() -> None:
    assert target_of("openrouter/vendor/model") == Target(provider="openrouter", model="vendor/model")
    assert str(target_of("a/b")) == "a/b"
    for wrong in ("", "a", "a/", "/b"):
        with pytest.raises(BadInput, match="names no provider: write PROVIDER/MODEL"):
            target_of(wrong)


def test_a_route_names_each_target_once() -> None:
    a, b, c = (Target(provider="p", model=each) for each in "abc")
    assert Route(chain=(a, b), stronger=c, economy=b).targets == (a, b, c)
