"""Budgets as a user sees them: in their own unit, never less than can have been spent, and where they come from."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import apsw
import pytest

from support.program import Simulator, User, make_workspace, simulator

SPEC = ".kiro/specs/demo"
CUT = {"faults": [{"when": {"task": "2"}, "kind": "cut", "after_chunks": 1}]}


def budgets(user: User, *args: str) -> dict[str, Any]:
    return {each["scope"]: each for each in user.do("budget", *args, "--json").json()["budgets"]}


def day(user: User, *args: str) -> dict[str, Any]:
    return budgets(user, *args)["day"]


def line(user: User, scope: str) -> str:
    return next(each for each in user.do("budget").out.splitlines() if each.startswith(scope))


def billed_tokens(sim: Simulator) -> int:
    return sum(sum(each["billed_tokens"].values()) for each in sim.bill())


def test_a_budget_is_shown_in_its_own_unit(user: User, sim: Simulator) -> None:
    user.uses(sim.url)
    assert user.do("run", SPEC, "--json").code == 0
    sent = len(sim.bill())
    assert sent >= 2
    state = day(user, "set", "day", "200ktok")
    tokens = billed_tokens(sim)
    assert (state["unit"], state["limit"], state["spent"], state["reserved"], state["not_known"]) == (
        "tokens",
        200_000,
        tokens,
        0,
        0,
    )
    assert line(user, "day") == f"day  {tokens:,} tokens of 200,000 tokens (ok)"
    state = day(user, "set", "day", "300req")
    assert (state["unit"], state["limit"], state["spent"]) == ("requests", 300, sent)
    assert line(user, "day") == f"day  {sent} requests of 300 requests (ok)"
    state = day(user, "set", "day", "5usd")
    assert (state["unit"], state["limit"]) == ("usd", "5")
    assert Decimal(state["spent"]) == sum(Decimal(each["cost_usd"]) for each in sim.bill())
    over = user.do("budget", "set", "day", f"{sent}req")
    assert (over.code, f"{sent} requests of {sent} requests (over)" in over.out) == (1, True)


def test_a_request_without_a_known_bill_counts_the_same_in_both_and_is_seen_to_be_a_bound(
    user: User, tmp_path: Path
) -> None:
    with simulator(tmp_path / "cut", CUT) as sim:
        user.uses(sim.url)
        assert user.do("run", SPEC, "--json").last()["reason"] == "cut"
        sim.stop()
        paid = sum(Decimal(each["cost_usd"]) for each in sim.bill())
    usage, state = user.do("usage", "--json").json(), day(user)
    (unknown,) = [each for each in usage["requests"] if each["certainty"] == "unknown"]
    bound = Decimal(unknown["at_most_usd"])
    assert Decimal(usage["held_usd"]) == Decimal(state["not_known"]) == bound > 0
    assert Decimal(usage["total_usd"]) + bound == Decimal(state["spent"]) == Decimal(usage["at_most_usd"])
    assert Decimal(usage["total_usd"]) < paid <= Decimal(state["spent"]), "never lower than it was"
    assert [Decimal(each["not_known_usd"]) for each in usage["rows"]] == [0, bound]
    assert "of it for requests whose bill is not known" in line(user, "day")
    assert "held or not known: at most $" in user.do("usage").out
    for command in ("usage", "budget"):
        assert "is counted at the most that it can have cost" in user.do(command, "--help").out
    # In tokens it is what was held for it: the bound of what went in, and the longest answer that was asked for.
    state = day(user, "set", "day", "200ktok")
    assert 0 < state["not_known"] <= state["spent"]
    assert state["spent"] > sum(sum(each["billed_tokens"].values()) for each in sim.bill())
    assert "tokens of it for requests whose bill is not known" in line(user, "day")
    assert day(user, "set", "day", "9req")["not_known"] == 0


def test_the_same_task_of_two_workspaces_is_two_rows(user: User, sim: Simulator, tmp_path: Path) -> None:
    user.uses(sim.url)
    other = make_workspace(tmp_path / "other")
    for place in (user.cwd, other):
        assert user.do("run", SPEC, "--task", "1", "--json", cwd=place).code == 0
    keys = [each["key"] for each in user.do("usage", "--json").json()["rows"]]
    assert sorted(keys) == sorted(f"{place}/{SPEC}/tasks.md#1" for place in (user.cwd, other))
    shown = user.do("usage").out.splitlines()
    assert sum(each.endswith(f"  {SPEC}/tasks.md#1") for each in shown) == 1
    assert sum(each.endswith(f"  {other}/{SPEC}/tasks.md#1") for each in shown) == 1


def test_a_limit_says_where_it_comes_from_and_can_be_taken_back(user: User) -> None:
    assert day(user)["source"] == "Bursar's default"
    user.settings(budget={"day": "3usd"})
    place = f"budget.day in {user.home / 'settings.json'}"
    state = day(user)
    assert (state["limit"], state["source"], state["overrides"]) == ("3", place, None)
    state = day(user, "set", "day", "7usd")
    assert (state["limit"], state["source"], state["overrides"]) == ("7", "bursar budget set day", f"3usd ({place})")
    said = user.do("budget").out
    assert f"from 'bursar budget set day', which overrides 3usd ({place}); 'bursar budget unset day' goes back" in said
    state = day(user, "unset", "day")
    assert (state["limit"], state["source"], state["overrides"]) == ("3", place, None)
    again = user.do("budget", "unset", "day")
    assert (again.code, again.err) == (0, "No budget for a day was set by command: nothing to unset.\n")
    assert budgets(user, "set", "run", "2usd")["run"]["overrides"] == "1usd (Bursar's default)"
    assert budgets(user, "unset", "run")["run"]["limit"] == "1"


def test_no_limit_in_the_settings_is_what_unset_goes_back_to(user: User) -> None:
    user.settings(budget={"day": "off"})
    assert (day(user)["limit"], day(user)["level"]) == (None, "off")
    assert day(user, "set", "day", "200ktok")["overrides"].startswith("no limit (budget.day in ")
    assert day(user, "unset", "day")["limit"] is None


def test_warning_levels_are_kept(user: User, sim: Simulator) -> None:
    user.uses(sim.url)
    assert user.do("run", SPEC, "--json").code == 0
    sent = len(sim.bill())
    limit = f"{sent * 10}req"
    first = user.do("budget", "set", "day", limit, "--json").json()
    assert (first["warn_percent"], first["budgets"][0]["level"]) == ([50, 80, 95], "ok")
    for warn, level in (("5,50,90", "notice"), ("5,10,90", "warning"), ("5,8,10", "critical"), ("11,12,100", "ok")):
        said = user.do("budget", "--warn", warn, "--json").json()
        assert (said["warn_percent"], said["budgets"][0]["level"]) == ([int(each) for each in warn.split(",")], level)
        assert user.do("budget", "--json").json() == said, "they are kept"
    both = user.do("budget", "set", "day", limit, "--warn", "1, 2, 3", "--json").json()
    assert (both["warn_percent"], both["budgets"][0]["level"]) == ([1, 2, 3], "critical")
    assert "warned at 1 %, 2 %, 3 % (notice, warning, critical)" in user.do("budget").out


@pytest.mark.parametrize(
    "warn", ["50", "50,80", "50,80,95,99", "80,50,95", "50,50,95", "0,1,2", "50,80,101", "a,b,c", ""]
)
def test_warning_levels_that_are_none_change_nothing(user: User, warn: str) -> None:
    wrong = user.do("budget", "set", "day", "9usd", "--warn", warn)
    assert (wrong.code, wrong.out) == (2, "")
    assert f"bursar: '{warn}' are no warning levels: write three ascending percentages" in wrong.err
    said = user.do("budget", "--json").json()
    assert (said["warn_percent"], said["budgets"][0]["limit"]) == ([50, 80, 95], "5")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (
            ("unset",),
            "say which budget: request, run, task, session, workspace, keep-warm, day, week, month; for example bursar",
        ),
        (("unset", "weeks"), "'weeks' is not a scope: did you mean 'week'?"),
        (("unset", "day", "5usd"), "unset takes no amount: write bursar budget unset day, or bursar budget set day"),
        (("set", "day", "none"), "'none' is not an amount: 'bursar budget unset day' goes back to the settings"),
    ],
)
def test_what_cannot_be_unset(user: User, args: tuple[str, ...], said: str) -> None:
    wrong = user.do("budget", *args)
    assert (wrong.code, wrong.out) == (2, "")
    assert said in wrong.err


def test_every_scope_can_be_set_and_is_shown_with_what_is_used_of_it(user: User, sim: Simulator) -> None:
    user.uses(sim.url)
    assert user.do("run", SPEC, "--json").code == 0
    paid = sum(Decimal(each["cost_usd"]) for each in sim.bill())
    amounts = {"request": "1usd", "task": "3usd", "session": "4usd", "workspace": "90usd", "week": "20usd"}
    for scope, amount in {**amounts, "month": "70usd"}.items():
        user.do("budget", "set", scope, amount)
    shown = budgets(user)
    assert list(shown) == ["day", "run", "week", "month", "workspace", "request", "task", "session"]
    assert {Decimal(shown[each]["spent"]) for each in ("day", "week", "month", "workspace")} == {paid}
    assert shown["week"]["resets_at"] is not None
    assert shown["week"]["resets_at"] != shown["month"]["resets_at"]
    assert line(user, "task") == "task at most $3.00 a task"
    assert "of $20.00 (ok), until " in line(user, "week")
    # The narrowest that has no room is named.
    user.do("budget", "set", "workspace", f"{paid}usd")
    make = user.cwd / SPEC / "tasks.md"
    make.write_text(make.read_text().replace("[x]", "[ ]"))
    sent = len(sim.bill())
    refused = user.do("run", SPEC, "--json").last()
    assert refused["reason"] == "budget"
    assert "This workspace's budget of" in refused["detail"]
    assert "'bursar budget set workspace'" in refused["detail"]
    user.do("budget", "unset", "workspace")
    user.do("budget", "set", "request", "1tok")
    refused = user.do("resume", "--json").last()
    assert "This request's budget of 1 token has no room" in refused["detail"]
    assert len(sim.bill()) == sent, "what is denied is not sent"


def test_the_windows_that_a_provider_told_are_kept_and_listed_until_their_reset(user: User, tmp_path: Path) -> None:
    """Told in the headers of real answers by one process, listed by another."""
    later = (datetime.now(UTC) + timedelta(hours=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    told = {
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "20",
        "anthropic-ratelimit-requests-reset": later,
        "anthropic-ratelimit-input-tokens-limit": "2000000",
        "anthropic-ratelimit-input-tokens-remaining": "300000",
        "anthropic-ratelimit-input-tokens-reset": later,
        # Without its reset nothing is known of a window.
        "anthropic-ratelimit-output-tokens-limit": "400000",
        "anthropic-ratelimit-output-tokens-remaining": "1000",
    }
    fault = {"when": {}, "times": 1_000, "kind": "no_usage", "headers": told}
    with simulator(tmp_path / "windows", {"faults": [fault]}) as sim:
        user.uses(sim.url)
        assert user.do("run", SPEC, "--task", "1", "--json").code == 0
    model = user.environ["BURSAR_MODEL"]
    found = {name: each for name, each in budgets(user).items() if each["unit"] == "window"}
    assert set(found) == {f"{model} requests", f"{model} input_tokens"}
    requests, tokens = found[f"{model} requests"], found[f"{model} input_tokens"]
    assert (requests["limit"], requests["spent"], requests["level"]) == (50, 30, "notice")
    assert (tokens["limit"], tokens["spent"], tokens["level"]) == (2_000_000, 1_700_000, "warning")
    for each in (requests, tokens):
        assert each["resets_at"] == later.replace("Z", ".000Z")
        assert each["source"].startswith("sim's own answer of ")
    assert line(user, f"{model} 30").startswith(f"{model} 30 of 50 requests (notice), until ")
    with contextlib.closing(apsw.Connection(str(user.home / "bursar.db"))) as db:
        db.execute("UPDATE provider_window SET resets_at = '2020-01-01T00:00:00.000Z' WHERE kind = 'requests'")
    left = {name for name, each in budgets(user).items() if each["unit"] == "window"}
    assert left == {f"{model} input_tokens"}
