"""``bursar cost`` on recorded answers of every format: the money is that of the arithmetic beside the recording."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bursar.cli import build_parser
from bursar.commandline.cost import cost
from bursar.commandline.schema import load_schema
from bursar.domain.wires import WIRES
from bursar.wiring import App, build_app

from .arithmetic import money
from .cases import GROUPS, PRICES, Case, cases

CASES = list(cases())
Explain = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """One process for all: the ranks of the token counter are loaded once."""
    made = build_app({"BURSAR_HOME": str(tmp_path_factory.mktemp("home"))})
    yield made
    made.close()


@pytest.fixture
def explain(app: App, capsys: pytest.CaptureFixture[str]) -> Explain:
    def call(path: Path, *args: str) -> dict[str, Any]:
        given = build_parser().parse_args(["cost", str(path), "--json", "--prices", str(PRICES), *args])
        assert cost(app, given) == 0
        said: dict[str, Any] = json.loads(capsys.readouterr().out)
        return said

    return call


def differences(case: Case, said: dict[str, Any]) -> list[str]:
    """What of an answer is not as it should be, in words."""
    expected = case.expected
    found = []
    for key in ("model", "certainty"):
        if said[key] != expected[key]:
            found.append(f"{key} is {said[key]}, not {expected[key]}")
    usage = {key: said["usage"][key] for key in expected["usage"]}
    if usage != expected["usage"] or any(said["usage"][key] for key in said["usage"].keys() - usage.keys()):
        found.append(f"usage is {said['usage']}, not {expected['usage']}")
    wanted = expected["cost_usd"]
    if (wanted is None) != (said["cost_usd"] is None):
        found.append(f"cost is {said['cost_usd']}, not {wanted}")
    elif wanted is not None and Decimal(said["cost_usd"]) != money(wanted):
        found.append(f"cost is {said['cost_usd']}, not {money(wanted)} = {wanted}")
    found += [f"'{words}' is not said: {said['why']}" for words in expected.get("says", []) if words not in str(said)]
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda each: each.name)
def test_a_recorded_answer(case: Case, explain: Explain) -> None:
    said = explain(case.path, *case.args)
    assert differences(case, said) == []
    assert said["format"] == case.format
    Draft202012Validator(load_schema("cost")).validate(said)
    named = explain(case.path, *case.args, "--format", case.format)
    assert named == said


def test_there_are_enough_of_them_in_every_group_and_format() -> None:
    assert len(CASES) >= 60
    groups = Counter(each.group for each in CASES)
    assert set(groups) == set(GROUPS)
    assert min(groups.values()) >= 4, groups
    formats = Counter(each.format for each in CASES)
    assert set(formats) == set(WIRES)
    assert min(formats.values()) >= 5, formats


def test_a_stream_without_its_end_is_never_billed(explain: Explain, tmp_path: Path) -> None:
    """Every stream of the fixtures, cut before each of its events."""
    streams = [each for each in CASES if each.expected["certainty"] == "billed" and each.path.suffix != ".json"]
    assert len(streams) > 10
    for case in streams:
        data = case.path.read_bytes()
        separator = b"\n" if case.path.suffix == ".ndjson" else b"\n\n"
        events = [each for each in data.split(separator) if each.strip()]
        for length in range(1, len(events)):
            cut = tmp_path / f"cut{case.path.suffix}"
            cut.write_bytes(separator.join(events[:length]) + separator)
            said = explain(cut, "--format", case.format, *case.args)
            assert said["certainty"] != "billed", (case.name, length)


def _wrong(case: Case) -> Iterator[dict[str, Any]]:
    """The expectations of a case, each wrong in one way."""
    for key in case.expected["usage"]:
        changed = copy.deepcopy(case.expected)
        changed["usage"][key] += 1
        yield changed
    changed = copy.deepcopy(case.expected)
    changed["cost_usd"] = "1" if changed["cost_usd"] is None else f"{changed['cost_usd']} + 1/1e12"
    yield changed
    yield {**case.expected, "certainty": "billed" if case.expected["certainty"] != "billed" else "estimated"}


def test_the_comparison_sees_each_wrong_figure(explain: Explain) -> None:
    for case in CASES:
        said = explain(case.path, *case.args)
        for changed in _wrong(case):
            wrong = Case(name=case.name, path=case.path, group=case.group, args=case.args, expected=changed)
            assert differences(wrong, said), changed


@pytest.mark.parametrize(
    ("text", "value"),
    [("1200*3/1e6 + 300*15/1e6", "0.0081"), ("0", "0"), ("(1+2)*3 - 0.5", "8.5"), ("7*0.1/1e6", "0.0000007")],
)
def test_the_arithmetic(text: str, value: str) -> None:
    assert money(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "1+", "(1", "1 2", "abc", "__import__('os')", "1**2"])
def test_what_is_no_arithmetic(text: str) -> None:
    with pytest.raises((ValueError, ArithmeticError)):
        money(text)
