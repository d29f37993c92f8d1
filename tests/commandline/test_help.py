"""Each command shows an example, and what is wrong with a call is one sentence that says where to read on."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import pytest

from bursar.cli import build_parser, run_command_line


def commands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield each.prog, each
                yield from commands(each)


@pytest.mark.parametrize(("name", "parser"), [pytest.param(*each, id=each[0]) for each in commands(build_parser())])
def test_a_command_shows_an_example_of_itself(name: str, parser: argparse.ArgumentParser) -> None:
    shown = parser.format_help()
    _, found, example = shown.lower().rpartition("example: ")
    assert found, shown
    assert example.startswith(name), example


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["run"], "bursar: the following arguments are required: path: see 'bursar run --help'"),
        (["check"], "bursar: the following arguments are required: FILE: see 'bursar check --help'"),
        (["spec"], "bursar: the following arguments are required: show|tick: see 'bursar spec --help'"),
        (["erase"], "bursar: one of the arguments --run --workspace --all is required: see 'bursar erase --help'"),
        (["usage", "--nonsense"], "bursar: unrecognized arguments: --nonsense: see 'bursar --help'"),
        (["simulate", "--port", "x"], "is not a port: give a number from 0 to 65535: see 'bursar simulate --help'"),
        (["simulate", "--scenario", "/none.json"], "cannot be read (No such file or directory): give the path of a"),
    ],
)
def test_a_wrong_call(argv: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(argv) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert said in shown.err.splitlines()[-1]


def test_a_command_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["nonsense"]) == 2
    shown = capsys.readouterr().err
    assert shown.splitlines()[-1].startswith("bursar: argument COMMAND: invalid choice: 'nonsense' (choose from ")
    assert shown.endswith(": see 'bursar --help'\n")
