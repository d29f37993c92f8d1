"""What a dry run says of a task from the user's own history, and what is told before a run that will not finish."""

from __future__ import annotations

import asyncio

from bursar.domain.specs.traits import TaskTraits
from support.past import CENT, have_run, journal_at
from support.program import CLAUDE, Simulator, User

SPEC = ".kiro/specs/demo"


def has_run_before(user: User, costs_pico: list[int]) -> None:
    """Past tasks of the same size as the first one of the spec."""
    estimate = user.do("run", SPEC, "--dry-run", "--json").events()[0]

    async def write() -> None:
        journal = journal_at(user.home)
        await have_run(
            journal,
            costs_pico,
            workspace=str(user.cwd),
            spec=f"{SPEC}/tasks.md",
            model=CLAUDE,
            first_tokens=estimate["first_request_tokens"],
            first_pico=round(float(estimate["first_request_usd"]) * 10**12),
            traits=TaskTraits(kind="other", text_chars=30, files_named=0),
        )
        journal.close()

    asyncio.run(write())


def test_a_dry_run_without_history_says_so(user: User) -> None:
    done = user.do("run", SPEC, "--dry-run")
    assert done.code == 0
    assert "not enough data for a forecast: 0 similar of yours have ended, 5 are needed." in done.out
    for each in user.do("run", SPEC, "--dry-run", "--json").events():
        forecast = each["forecast"]
        assert (forecast["enough"], forecast["similar"], forecast["needed"]) == (False, 0, 5)
        assert [forecast[name] for name in ("cost_usd", "tokens", "requests", "seconds")] == [None] * 4
        assert forecast["fits"] == []


def test_a_dry_run_says_what_such_tasks_took_and_a_run_that_will_not_fit_is_told(user: User, sim: Simulator) -> None:
    user.uses(sim.url)
    has_run_before(user, [(20 + each) * CENT for each in range(20)])
    first, last = user.do("run", SPEC, "--dry-run", "--json").events()
    forecast = first["forecast"]
    assert forecast["enough"]
    assert (forecast["similar"], forecast["past"]) == (20, 20)
    assert forecast["similar_cost_usd"] == {"lowest": "0.2", "highest": "0.39"}
    assert 0.20 <= float(forecast["cost_usd"]["p50"]) <= 0.39
    figures = [float(forecast["cost_usd"][name]) for name in ("p10", "p50", "p90")]
    assert figures == sorted(figures)
    assert forecast["requests"]["p50"] == 1
    assert [each["limit"] for each in forecast["fits"]] == ["this run's budget", "today's budget"]
    assert all(each["chance"] > 0.9 for each in forecast["fits"])
    assert first["together"] is None
    both = last["together"]
    assert float(both["cost_usd"]["p50"]) > float(forecast["cost_usd"]["p50"])
    assert [each["limit"] for each in both["fits"]] == ["today's budget"]
    shown = user.do("run", SPEC, "--dry-run").out
    assert "usually $0." in shown
    assert ", 20 similar" in shown
    assert "all    2 tasks together" in shown
    (checked,) = user.do("check", f"{SPEC}/tasks.md", "--json").json()["files"]
    titles = [each["title"] for each in checked["lenses"]]
    assert titles[0].startswith("2 open tasks · usually $0.")
    assert titles[1].endswith(", 20 similar"), "as in an editor"
    tight = user.do("run", SPEC, "--task", "1", "--max", "0.1usd", "--json")
    assert "1: Will probably not finish: half of the runs of such tasks took more than $0." in tight.err
    assert "and $0.10 of this run's budget is left" in tight.err
    user.settings(diagnostics={"forecast": False})
    assert "Will probably" not in user.do("run", SPEC, "--task", "2", "--max", "0.1usd", "--json").err


def test_too_little_history_warns_of_nothing(user: User, sim: Simulator) -> None:
    user.uses(sim.url)
    has_run_before(user, [50 * CENT] * 4)
    done = user.do("run", SPEC, "--task", "1", "--max", "0.1usd", "--json")
    assert "Will probably" not in done.err
