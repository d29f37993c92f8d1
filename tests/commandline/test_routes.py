"""Routes in the settings: what is read, what is refused and how it is said, and who may loosen what."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bursar.commandline.schema import load_schema
from bursar.domain.errors import BadInput
from bursar.domain.routes import ROLES as ROLE_NAMES
from bursar.domain.routes import LocalOnly
from bursar.settings import Settings, load_settings
from bursar.wiring import build_app
from support.program import User, make_workspace, simulator

HOME = {"wire": "openai-chat", "base_url": "http://127.0.0.1:9", "price": "free"}
ROUTES = {
    "day": {"chain": ["anthropic/big", "home/small"], "stronger": "anthropic/huge", "economy": "home/tiny"},
    "safe": {"chain": ["home/small"], "balance": True, "effort": "terse", "local_only": {"paths": ["secrets"]}},
}
FILE: dict[str, Any] = {"providers": {"home": HOME}, "routes": ROUTES, "model": "anthropic/one"}


def load(home: Path, file: Any, editor: Any = None, **environ: str) -> Settings:
    (home / "settings.json").write_text(json.dumps(file), "utf-8")
    return load_settings(home, environ, editor)


def test_a_route_is_read_as_it_is_written(tmp_path: Path) -> None:
    settings = load(tmp_path, {**FILE, "route": "day"})
    route = settings.route
    assert route is not None
    assert (route.name, [str(each) for each in route.chain]) == ("day", ["anthropic/big", "home/small"])
    assert (str(route.stronger), str(route.economy)) == ("anthropic/huge", "home/tiny")
    assert (route.balance, route.effort) == (False, "normal")
    safe = settings.routes["safe"]
    assert (safe.balance, safe.effort, safe.local_only) == (True, "terse", LocalOnly(paths=("secrets",)))
    assert not settings.local_only, "a route that is not chosen keeps nothing"


def test_without_a_chosen_route_the_model_is_what_it_was(tmp_path: Path) -> None:
    settings = load(tmp_path, FILE)
    assert (settings.route, settings.model) == (None, "anthropic/one")


@pytest.mark.parametrize(
    ("editor", "environ", "route"),
    [
        ({}, {}, "day"),
        ({"model": ""}, {}, "day"),
        ({"model": "home/small"}, {}, None),
        ({"model": "home/small", "route": "safe"}, {}, "safe"),
        ({"route": "safe"}, {"BURSAR_MODEL": "home/small"}, None),
    ],
)
def test_what_is_chosen_nearer_to_the_user_holds(
    tmp_path: Path, editor: dict[str, Any], environ: dict[str, str], route: str | None
) -> None:
    settings = load(tmp_path, {**FILE, "route": "day"}, editor, **environ)
    assert (settings.route.name if settings.route else None) == route


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ({"routes": []}, "settings.json: routes must be a JSON object"),
        ({"routes": {"x": []}}, "settings.json: routes.x must be a JSON object"),
        ({"routes": {"x": {}}}, "settings.json: routes.x.chain: Field required"),
        ({"routes": {"x": {"chain": []}}}, "settings.json: routes.x.chain is empty: name at least one PROVIDER/MODEL"),
        ({"routes": {"x": {"chain": ["a/b"]}}}, "routes.x.chain: no provider is named 'a': choose one of anthropic, "),
        ({"routes": {"x": {"chain": ["b"]}}}, "routes.x.chain: 'b' names no provider: write PROVIDER/MODEL"),
        ({"routes": {"x": {"chain": "home/m"}}}, "routes.x.chain: Input should be a valid list"),
        ({"routes": {"x": {"chain": ["home/m", "home/m"]}}}, "routes.x.chain names home/m twice"),
        ({"routes": {"x": {"chain": ["home/m"], "ballance": True}}}, "routes.x: 'ballance' is not a setting; the sett"),
        ({"routes": {"x": {"chain": ["home/m"], "balance": 1}}}, "routes.x.balance: Input should be a valid boolean"),
        ({"routes": {"x": {"chain": ["home/m"], "effort": "high"}}}, "routes.x.effort: Input should be 'normal' or"),
        ({"routes": {"x": {"chain": ["home/m"], "stronger": "a/b"}}}, "routes.x.stronger: no provider is named 'a'"),
        ({"routes": {"x": {"chain": ["home/m"], "local_only": {"path": []}}}}, "routes.x.local_only.path: Extra input"),
        ({"route": "night"}, "settings.json: no route is named 'night': there are none, or add it to 'routes'"),
        ({"route": "night", "routes": ROUTES}, "no route is named 'night': choose one of day, safe"),
        ({"route": 5}, "'route' must be a string"),
        ({"local_only": ["secrets"]}, "settings.json: local_only must be a JSON object"),
        ({"local_only": {"files": []}}, "settings.json: local_only: 'files' is not a setting; the settings are paths"),
        ({"local_only": {"paths": ["/"]}}, "settings.json: local_only.paths holds an empty pattern"),
        ({"local_only": {"paths": "secrets"}}, "settings.json: local_only.paths: Input should be a valid list"),
        ({"rout": "day"}, "settings.json: 'rout' is not a setting"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, file: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput) as raised:
        load(tmp_path, {"providers": {"home": HOME}, **file})
    assert said in str(raised.value)


KEPT = LocalOnly(paths=("secrets",), tasks=("Pay",))


@pytest.mark.parametrize(
    "editor",
    [
        {},
        {"local_only": {}},
        {"local_only": {"paths": [], "tasks": []}},
        {"routes": {"safe": {"chain": ["anthropic/big"]}}},
        {"routes": {"safe": {"chain": ["anthropic/big"], "local_only": {"paths": []}}}},
        {"route": "day"},
        {"model": "anthropic/big"},
        {"routes": {"mine": {"chain": ["anthropic/big"]}}, "route": "mine"},
    ],
)
def test_no_editor_takes_away_what_the_file_keeps_here(tmp_path: Path, editor: dict[str, Any]) -> None:
    file = {**FILE, "route": "safe", "local_only": {"tasks": ["Pay"]}}
    assert load(tmp_path, file, editor).local_only == LocalOnly(tasks=("Pay",), paths=("secrets",)) == KEPT
    assert load(tmp_path, file, editor, BURSAR_MODEL="anthropic/x").local_only == KEPT


def test_an_editor_may_keep_more_here(tmp_path: Path) -> None:
    settings = load(tmp_path, {"local_only": {"paths": ["a"]}}, {"local_only": {"paths": ["b"], "tasks": ["c"]}})
    assert settings.local_only == LocalOnly(paths=("a", "b"), tasks=("c",))


@pytest.mark.parametrize("wrong", [["secrets"], {"paths": "secrets"}, "secrets"])
def test_the_editor_does_not_hide_a_wrong_value_in_the_file(tmp_path: Path, wrong: Any) -> None:
    with pytest.raises(BadInput, match="local_only"):
        load(tmp_path, {"local_only": wrong}, {"local_only": {"paths": ["b"]}})


# --- the commands on a route -----------------------------------------------------------------------------------------

FINISH = {"when": {}, "tool_calls": [{"name": "finish", "input": {"summary": "Said hello."}}]}
PRICES = {"models": {name: {"input": "2", "output": "10"} for name in ("first-model", "second-model")}}


def scenario(name: str, wire: str, *faults: dict[str, Any]) -> dict[str, Any]:
    prices = PRICES["models"][name]
    return {"models": {name: {"wire": wire, "prices": prices}}, "replies": [FINISH], "faults": list(faults)}


def test_a_run_on_a_route_ends_at_its_second_target_and_says_so(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "workspace")
    (tmp_path / "prices.json").write_text(json.dumps(PRICES))
    overloaded = {"when": {}, "times": 99, "kind": "529"}
    with (
        simulator(tmp_path / "a", scenario("first-model", "anthropic", overloaded)) as a,
        simulator(tmp_path / "b", scenario("second-model", "openai-chat")) as b,
    ):
        user = User(home=tmp_path / "home", cwd=workspace)
        user.settings(
            providers={
                "one": {"wire": "anthropic", "base_url": a.url},
                "two": {"wire": "openai-chat", "base_url": b.url},
            },
            routes={"both": {"chain": ["one/first-model", "two/second-model"]}},
            route="both",
            prices=str(tmp_path / "prices.json"),
        )
        done = user.do("run", ".kiro/specs/demo", "--task", "1", "--json")
        assert done.code == 0, done.err
        events = [json.loads(line) for line in done.out.splitlines()]
        validator = Draft202012Validator(load_schema("run-event"))
        for each in events:
            validator.validate(each)
        (switched,) = [each for each in events if each["kind"] == "switched"]
        assert (switched["provider"], switched["model"]) == ("two", "second-model")
        assert switched["instead_of"] == "one/first-model"
        assert switched["unit_prices"]["input"] == "2"
        sent = [each["provider"] for each in events if each["kind"] == "request_started"]
        assert sent == ["one", "one", "two"]
        usage = json.loads(user.do("usage", "--json").out)
        assert [each["model"] for each in usage["requests"]] == ["second-model"]
        rows = b.bill_with({each["request_id"] for each in usage["requests"]}).values()
        assert Decimal(usage["total_usd"]) == sum(Decimal(each["cost_usd"]) for each in rows) > 0
        assert all(Decimal(each["cost_usd"]) == 0 for each in a.bill())
        # For people: the target, the price and the reason are on one line.
        spec = workspace / ".kiro/specs/demo/tasks.md"
        again = user.do("run", str(spec), "--task", "2")
        assert again.code == 0, again.err
        (line,) = [each for each in again.err.splitlines() if "goes to" in each]
        assert line.startswith("  request 1 goes to two/second-model, at most $")
        assert "is overloaded (529)" in line
        doctor = {each["name"]: each for each in json.loads(user.do("doctor", "--json").out)["checks"]}
        assert doctor["provider"]["detail"].startswith("route both: one/first-model at http://127.0.0.1:")
        assert doctor["key"]["ok"]


def test_a_model_that_is_named_is_a_chain_of_one(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "workspace")
    overloaded = {"when": {}, "times": 99, "kind": "429", "headers": {"retry-after": "7200"}}
    with simulator(tmp_path / "a", scenario("first-model", "anthropic", overloaded)) as a:
        user = User(home=tmp_path / "home", cwd=workspace)
        one = {"wire": "anthropic", "base_url": a.url, "price": "free"}
        user.settings(
            providers={"one": one, "two": one},
            routes={"both": {"chain": ["one/first-model", "two/second-model"]}},
            route="both",
        )
        done = user.do("run", ".kiro/specs/demo", "--task", "1", "--model", "one/first-model", "--json")
        assert done.code == 3, done.err
        events = [json.loads(line) for line in done.out.splitlines()]
        assert [each["provider"] for each in events if each["kind"] == "request_started"] == ["one"]
        assert events[-1]["reason"] == "limit"


def test_a_model_that_is_chosen_for_a_run_of_a_route_holds_for_every_later_resume(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "workspace")
    overloaded = {"when": {}, "times": 2, "kind": "429", "headers": {"retry-after": "7200"}}
    with simulator(tmp_path / "a", scenario("second-model", "anthropic", overloaded)) as a:
        user = User(home=tmp_path / "home", cwd=workspace)
        one = {"wire": "anthropic", "base_url": a.url, "price": "free"}
        away = {**one, "base_url": "http://127.0.0.1:9"}
        user.settings(
            providers={"one": away, "two": one},
            routes={"both": {"chain": ["one/first-model", "two/second-model"]}},
            route="both",
        )
        first = user.do("run", ".kiro/specs/demo", "--task", "1", "--json")
        run = first.last()["run"]
        asked = user.do("resume", run, "--model", "two/second-model", "--json")
        assert [first.code, asked.code] == [3, 3], asked.err
        again = user.do("resume", run, "--json")
        events = [json.loads(line) for line in (*asked.out.splitlines(), *again.out.splitlines())]
        assert [each["model"] for each in events if each["kind"] == "model_chosen"] == ["two/second-model"]
        assert {each["provider"] for each in events if each["kind"] == "request_started"} == {"two"}
        assert (again.code, events[-1]["kind"]) == (0, "run_finished")


@pytest.mark.parametrize("by", ["setting", "route"])
def test_a_task_that_stays_here_is_sent_nowhere_by_the_command(tmp_path: Path, by: str) -> None:
    """With a provider that is not on this machine (there is none by that name) nothing is even looked up."""
    workspace = make_workspace(tmp_path / "workspace")
    keeps = {"tasks": ["**/tasks.md#1"]}
    route = {"chain": ["away/m"], **({"local_only": keeps} if by == "route" else {})}
    user = User(home=tmp_path / "home", cwd=workspace)
    user.settings(
        providers={
            "away": {"wire": "anthropic", "base_url": "https://nobody.invalid", "key_env": "K", "price": "free"}
        },
        routes={"r": route},
        route="r",
        **({"local_only": keeps} if by == "setting" else {}),
    )
    done = user.do("run", ".kiro/specs/demo", "--task", "1", "--json", K="secret")
    assert done.code == 3, done.err
    events = [json.loads(line) for line in done.out.splitlines()]
    assert "request_started" not in {each["kind"] for each in events}
    assert events[-1]["detail"].startswith("Nothing was sent: this run stays on this machine, because its task '")
    assert "away/m" not in events[-1]["detail"]
    assert (events[-1]["reason"], user.do("runs", "--json").json()["runs"][0]["reason"]) == ("local_only",) * 2
    assert events[-1]["requests"] == 0


ROLES = {"plan": "day", "check": "home/tiny"}


def test_a_role_asks_its_own_route_and_the_others_the_one_that_holds_for_all(tmp_path: Path) -> None:
    settings = load(tmp_path, {**FILE, "route": "safe", "roles": {**ROLES, "summarise": "safe"}})
    Draft202012Validator(load_schema("settings")).validate({**FILE, "route": "safe", "roles": ROLES})
    assert settings.roles["plan"] is settings.routes["day"]
    assert [str(each) for each in settings.roles["check"].chain] == ["home/tiny"]
    assert "edit" not in settings.roles
    assert load(tmp_path, FILE).roles == {}, "one model for all"
    # A model that is chosen nearer to the user holds for every role, and what stays here stays here.
    near = load(tmp_path, {**FILE, "roles": {"plan": "safe"}}, BURSAR_MODEL="home/own")
    assert (near.roles, near.local_only) == ({}, LocalOnly(paths=("secrets",)))


@pytest.mark.parametrize(
    ("roles", "words"),
    [
        ({"planing": "day"}, "'planing' is no role: the roles are plan, edit, summarise, check"),
        ({"plan": "night"}, "no route is named 'night'"),
        ({"plan": "nowhere/model"}, "no provider is named 'nowhere'"),
        ({"plan": 3}, "roles.plan must be the name of a route or PROVIDER/MODEL"),
        ("day", "roles must be"),
    ],
)
def test_a_role_that_means_nothing_is_refused(tmp_path: Path, roles: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        load(tmp_path, {**FILE, "roles": roles})


def test_each_command_asks_the_model_of_its_role(tmp_path: Path) -> None:
    user = User(home=tmp_path / "home", cwd=make_workspace(tmp_path / "workspace"))
    user.settings(providers={"home": HOME}, model="home/one", roles={"plan": "home/planner", "edit": "home/editor"})
    app = build_app({"BURSAR_HOME": str(user.home)})
    try:
        asked = {role: str(app.ways(app.settings(), role=role).chain[0].target) for role in ROLE_NAMES}
        assert asked == {"plan": "home/planner", "edit": "home/editor", "summarise": "home/one", "check": "home/one"}
        assert str(app.ways(app.settings(), "home/own", role="plan").chain[0].target) == "home/own"
    finally:
        app.close()
    said = user.do("split", "1", "--dry-run", "--spec", ".kiro/specs/demo")
    assert said.code == 0, said.err
    assert "home/planner" in said.out
