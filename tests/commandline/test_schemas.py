"""Every JSON that is printed or written fits the schema that is shipped for it; a changed key does not."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bursar.commandline.schema import load_schema, schema_names
from bursar.demo import scenario_path
from bursar.prices import price_book
from bursar.settings import load_settings
from bursar.simulator import parse_scenario
from support.program import Done, Simulator, User, make_workspace, simulator

CUT_AND_LIMIT = {
    "replies": [
        {"when": {"task": "1", "tool_results": 0}, "tool_calls": [{"name": "run_command", "input": {"argv": ["true"]}}]}
    ],
    "faults": [
        {"when": {"task": "1", "tool_results": 1}, "kind": "429", "headers": {"retry-after": "0"}},
        {"when": {"task": "2"}, "kind": "cut", "after_chunks": 1},
    ],
}


def fits(name: str, value: Any) -> None:
    """The value fits the schema, and stops fitting when any one of its top keys is gone or renamed."""
    validator = Draft202012Validator(load_schema(name))
    validator.validate(value)
    for key in value:
        without = {each: value[each] for each in value if each != key}
        assert not validator.is_valid({**without, f"{key}_": value[key]}), f"{name}: {key} may be renamed"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[User, Simulator, Done]]:
    """A user whose first task met a limit and a question and was done, and whose second task was cut off."""
    folder = tmp_path_factory.mktemp("played")
    workspace = make_workspace(folder / "workspace")
    with simulator(folder / "sim", CUT_AND_LIMIT) as sim:
        user = User(home=folder / "home", cwd=workspace).uses(sim.url)
        done = user.do("run", ".kiro/specs/demo", "--json")
        assert done.code == 3, done.err
        yield user, sim, done


def test_each_schema_is_one() -> None:
    assert len(schema_names()) >= 15
    for name in schema_names():
        Draft202012Validator.check_schema(load_schema(name))
        assert load_schema(name)["$id"] == f"urn:bursar:schema:{name}"


def test_the_command_prints_them(user: User) -> None:
    assert user.do("schema").out.splitlines() == schema_names()
    listed = user.do("schema", "--json").json()
    fits("schemas", listed)
    assert user.do("schema", "runs").json() == load_schema("runs")
    wrong = user.do("schema", "nonsense")
    assert (wrong.code, wrong.out) == (2, "")
    assert "there is no schema 'nonsense': choose one of advise, bill, " in wrong.err


def test_events_of_runs(played: tuple[User, Simulator, Done]) -> None:
    _, _, done = played
    events = done.events()
    kinds = {each["kind"] for each in events}
    assert kinds >= {
        "run_started",
        "request_started",
        "request_accepted",
        "request_first_token",
        "request_progress",
        "request_finished",
        "request_refused",
        "request_unknown",
        "waiting",
        "going_on",
        "tool_started",
        "tool_finished",
        "approval_asked",
        "approval_answered",
        "ticked",
        "run_paused",
        "run_finished",
    }
    for event in events:
        fits("run-event", event)
    for event in (each for each in events if each["kind"] == "request_finished"):
        changed = copy.deepcopy(event)
        changed["usage"]["input"] = changed["usage"].pop("uncached_input")
        assert not Draft202012Validator(load_schema("run-event")).is_valid(changed)
    sequence = [each["seq"] for each in events]
    assert sequence == sorted(sequence)
    assert (events[-1]["kind"], events[-1]["reason"]) == ("run_paused", "cut")


def test_every_kind_of_event_that_the_source_tells_has_a_schema() -> None:
    """Found in the source, so that a new kind cannot be forgotten."""
    import re

    import bursar.runs

    folder = Path(bursar.runs.__file__).parent
    source = "\n".join(each.read_text(encoding="utf-8") for each in sorted(folder.glob("*.py")))
    told = set(re.findall(r"(?:\.tell|pass_on|_tell_end)\(\s*\"([a-z_]+)\"", source))
    told |= {"run_started", "run_resumed", "request_progress", "request_first_token"}
    assert told == set(load_schema("run-event")["properties"]["kind"]["enum"])


def test_records(played: tuple[User, Simulator, Done]) -> None:
    user, _, _ = played
    usage = user.do("usage", "--json").json()
    fits("usage", usage)
    fits("usage-import", user.do("usage", "import", "--json", HOME=user.home).json())
    assert {each["certainty"] for each in usage["requests"]} == {"billed", "unknown"}
    runs = user.do("runs", "--json").json()
    fits("runs", runs)
    assert [each["state"] for each in runs["runs"]] == ["finished", "paused"]
    wrong = copy.deepcopy(runs)
    wrong["runs"][0]["state"] = "sleeping"
    assert not Draft202012Validator(load_schema("runs")).is_valid(wrong)
    fits("budget", user.do("budget", "--json").json())
    paused = runs["runs"][1]["run"]
    fits("wish", user.do("pause", paused, "--json").json())
    fits("wish", user.do("stop", paused, "--json").json())
    fits("erase", user.do("erase", "--run", paused, "--json").json())
    fits("usage", user.do("usage", "--json").json())
    fits("runs", user.do("runs", "--all", "--json").json())


@pytest.mark.parametrize("amount", ["2usd", "300req", "200ktok"])
def test_budgets_in_every_unit(user: User, amount: str) -> None:
    fits("budget", user.do("budget", "set", "day", amount, "--json").json())


def test_specs_and_estimates(user: User) -> None:
    fits("spec-show", user.do("spec", "show", ".kiro/specs/demo", "--json").json())
    estimates = user.do("run", ".kiro/specs/demo", "--dry-run", "--json").events()
    for estimate in estimates:
        fits("estimate", estimate)
    assert [each["together"] is not None for each in estimates] == [False, True]
    fits("spec-tick", user.do("spec", "tick", ".kiro/specs/demo", "1", "--json").json())


def test_the_simulator(played: tuple[User, Simulator, Done]) -> None:
    _, sim, _ = played
    fits("simulate", {"url": sim.url})
    fits("bill", json.loads(sim.bill_path.read_text(encoding="ascii")))
    lines = sim.log()
    assert {each["outcome"] for each in lines} == {"complete", "cut", "refused"}
    for line in lines:
        fits("log-line", line)


def test_count(user: User) -> None:
    told = user.do("count", ".kiro/specs/demo/tasks.md", "--json").json()
    fits("count", told)
    unlike = copy.deepcopy(told)
    unlike["files"][0]["estimate"]["likely"] = unlike["files"][0]["estimate"].pop("tokens")
    assert not Draft202012Validator(load_schema("count")).is_valid(unlike)


def test_check(user: User) -> None:
    done = user.do("check", ".kiro/specs/demo/tasks.md", "--json")
    assert done.code == 0, done.err
    fits("check", done.json())


def _fails(name: str, value: Any) -> bool:
    return not Draft202012Validator(load_schema(name)).is_valid(value)


PROVIDER = {"wire": "anthropic", "base_url": "http://127.0.0.1:1", "price": "free", "key_env": "MINE"}


@pytest.mark.parametrize(
    ("settings", "good"),
    [
        ({}, True),
        ({"providers": {"x": PROVIDER}, "model": "x/y", "budget": {"run": "1usd", "day": "off"}}, True),
        (
            {
                "budget": {"day": "300req"},
                "diagnostics": {"requestCost": False, "forecast": False},
                "prices": "~/p.json",
            },
            True,
        ),
        ({"providers": {"x": {**PROVIDER, "wire": "morse"}}}, False),
        ({"providers": {"x": {**PROVIDER, "key": "secret"}}}, False),
        ({"providers": {"x": {"wire": "anthropic"}}}, False),
        ({"model": 5}, False),
        ({"budget": {"run": "a lot"}}, False),
        ({"budget": {"run": 1}}, False),
        ({"budget": {each: "1usd" for each in ("request", "task", "session", "workspace", "week", "month")}}, True),
        ({"budget": {"weak": "1usd"}}, False),
        ({"budgets": {"run": "1usd"}}, False),
        ({"routes": {"r": {"chain": ["openai/m", "anthropic/n"], "balance": True}}, "route": "r"}, True),
        ({"routes": {"r": {"chain": ["openai/m"], "effort": "terse", "stronger": "openai/n"}}}, True),
        ({"local_only": {"paths": ["secrets/**"], "tasks": ["**/tasks.md#2*", "Pay *"]}}, True),
        ({"routes": {"r": {"chain": []}}}, False),
        ({"routes": {"r": {"chain": ["m"]}}}, False),
        ({"routes": {"r": {"chain": ["openai/m", "openai/m"]}}}, False),
        ({"routes": {"r": {"chains": ["openai/m"]}}}, False),
        ({"routes": {"r": {"chain": ["openai/m"], "effort": "loud"}}}, False),
        ({"local_only": {"path": ["secrets/**"]}}, False),
        ({"local_only": {"paths": [""]}}, False),
        ({"alerts": {"cost_day": "5usd", "error_share": "20%", "p95_s": "60"}}, True),
        ({"alerts": {"cost_day": "off", "error_share": "", "p95_s": "1.5s"}}, True),
        ({"alerts": {"cost_day": "300req"}}, False),
        ({"alerts": {"error_share": "many"}}, False),
        ({"alerts": {"p95_s": 60}}, False),
        ({"alerts": {"p95": "60"}}, False),
        ({"hints": {"min_tokens": 0}}, True),
        ({"hints": {"min_tokens": -1}}, False),
        ({"hints": {"min_tokens": "200"}}, False),
        ({"hints": {"tokens": 200}}, False),
        ({"response_cache": {"ttl": "7d", "max_bytes": 1_000_000}}, True),
        ({"response_cache": {"ttl": "off"}}, True),
        ({"response_cache": {"ttl": "a week"}}, False),
        ({"response_cache": {"ttl": 7}}, False),
        ({"response_cache": {"ttl": "0d"}}, False),
        ({"response_cache": {"max_bytes": -1}}, False),
        ({"response_cache": {"max_bytes": True}}, False),
        ({"response_cache": {"size": 1}}, False),
        ({"files": {"include": {"prompts/**/*.md": "prompt"}, "exclude": ["vendor/**"]}}, True),
        ({"files": {"include": {"prompts/**/*.md": "letter"}}}, False),
        ({"files": {"include": ["prompts/**/*.md"]}}, False),
        ({"files": {"exclude": "vendor/**"}}, False),
        ({"files": {"only": []}}, False),
        ({"context": {"trim": False}}, True),
        ({"context": {}}, True),
        ({"context": {"trim": "no"}}, False),
        ({"context": {"compact": False}}, True),
        ({"context": {"compact": 1}}, False),
        ({"context": {"trims": True}}, False),
        ({"context": {"repository_map": True, "trim": True}}, True),
        ({"context": {"repository_map": 1_000}}, False),
    ],
)
def test_settings_that_fit_are_read_and_others_refused(tmp_path: Path, settings: dict[str, Any], good: bool) -> None:
    """The schema and the reader agree, in both directions."""
    from bursar.domain.errors import BadInput

    (tmp_path / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    assert _fails("settings", settings) is not good
    if good:
        load_settings(tmp_path, {})
    else:
        with pytest.raises(BadInput, match="settings"):
            load_settings(tmp_path, {})
    providers = settings.get("providers")
    if providers is not None:
        assert _fails("providers", providers) is not good


RATES = {"input": "3.00", "output": "15.00"}


@pytest.mark.parametrize(
    ("prices", "good"),
    [
        ({"models": {}}, True),
        ({"models": {"m": {**RATES, "cache_read": "0.3", "tiers": [{"above_tokens": 200000, "input": "6"}]}}}, True),
        ({"models": {"m": {**RATES, "batch": {**RATES, "tiers": [{"above_tokens": 5, "input": "6"}]}}}}, True),
        ({"models": {"m": {**RATES, "batch": {"input": "1"}}}}, False),
        ({"models": {"m": {"input": "3"}}}, False),
        ({"models": {"m": {**RATES, "outputs": "1"}}}, False),
        ({"models": {"m": {**RATES, "input": "-1"}}}, False),
        ({"models": {"m": {**RATES, "tiers": [{"input": "6"}]}}}, False),
        ({"model": {}}, False),
    ],
)
def test_price_files_that_fit_are_read_and_others_refused(tmp_path: Path, prices: dict[str, Any], good: bool) -> None:
    from bursar.domain.errors import BadInput

    path = tmp_path / "prices.json"
    path.write_text(json.dumps(prices), encoding="utf-8")
    assert _fails("price-file", prices) is not good
    if good:
        price_book(override_file=path, free_providers=frozenset())
    else:
        with pytest.raises(BadInput):
            price_book(override_file=path, free_providers=frozenset())


MODEL = {"wire": "anthropic", "prices": RATES}


@pytest.mark.parametrize(
    ("scenario", "good"),
    [
        ({}, True),
        (CUT_AND_LIMIT, True),
        (json.loads(scenario_path().read_bytes()), True),
        ({"models": {"m": {**MODEL, "cache": {"ttl_s": 300, "min_tokens": 1024}}}, "otherwise": "error"}, True),
        ({"require_key": "k", "replies": [{"text": "x", "chunk_ms": 5, "chunk_tokens": 2}]}, True),
        ({"batches": [{"when": {"contains": "x"}, "looks": 2, "outcome": "expired"}, {}]}, True),
        ({"models": {"m": {**MODEL, "prices": {**RATES, "batch": RATES}}}}, True),
        ({"models": {"m": {**MODEL, "prices": {**RATES, "batch": {"input": "1"}}}}}, False),
        ({"batches": [{"outcome": "lost"}]}, False),
        ({"batches": [{"looks": -1}]}, False),
        ({"models": {}}, False),
        ({"models": {"m": {"wire": "anthropic"}}}, False),
        ({"models": {"m": {**MODEL, "wire": "openai-responses"}}}, True),
        ({"models": {"m": {**MODEL, "wire": "gemini"}}}, False),
        ({"faults": [{"kind": "503"}]}, False),
        ({"faults": [{"when": {}}]}, False),
        ({"replies": [{"when": {"n": 3}}]}, False),
        ({"replies": [{"tool_calls": [{"input": {}}]}]}, False),
        ({"reply": []}, False),
    ],
)
def test_scenarios_that_fit_are_played_and_others_refused(scenario: dict[str, Any], good: bool) -> None:
    assert _fails("scenario", scenario) is not good
    if good:
        parse_scenario(scenario)
    else:
        with pytest.raises(ValueError):
            parse_scenario(scenario)
