"""Regressions over runs: found in the right series, told with their cause, and silent where nothing changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bursar.domain.moments import Here
from bursar.domain.money.history import RunFigures, tasks_done
from bursar.domain.money.regressions import Finding, findings
from bursar.domain.money.usage import Usage
from bursar.views.findings import finding_text

CENT = 10**10
HERE = Here(zone=UTC, day="2026-11-21")
START = datetime(2026, 11, 1, tzinfo=UTC)


def run(n: int, **changed: object) -> RunFigures:
    plain = RunFigures(
        run=f"run-{n}",
        workspace="/home/dev/shop",
        spec="tasks.md",
        task=str(n),
        title=f"Fix the total {n}",
        kind="fix",
        finished=True,
        ended_at=(START + timedelta(hours=n)).isoformat().replace("+00:00", ".000Z"),
        model="acme-1",
        prompt_version="v1",
        first_tokens=4_000 + n % 3,
        steps=8 + n % 3,
        requests=5,
        attempts=5,
        failed=0,
        unpriced=0,
        unknown=0,
        usage=Usage(uncached_input=2_000 + n % 5, cache_read=18_000, output=400),
        cost_pico=(20 + n % 4) * CENT,
        p95_ms=9_000 + 10 * (n % 7),
    )
    return replace(plain, **changed)  # type: ignore[arg-type]


def documents(version: str) -> list[tuple[str, str]]:
    return [("steering/style.md", version), ("specs/a/design.md", "same")]


def found_in(runs: list[RunFigures]) -> dict[tuple[str, str], Finding]:
    return {(each.metric, each.kind): each for each in findings(runs, documents)}


def test_steady_runs_say_nothing() -> None:
    assert found_in([run(n) for n in range(120)]) == {}
    assert found_in([]) == {}


def test_another_model_is_named_as_the_cause() -> None:
    runs = [run(n) for n in range(40)]
    runs += [run(n, model="acme-2", cost_pico=(50 + n % 4) * CENT) for n in range(40, 65)]
    (found,) = found_in(runs).values()
    assert (found.metric, found.kind, found.workspace) == ("cost", "fix", "/home/dev/shop")
    assert abs(int(found.first.removeprefix("run-")) - 40) <= 2
    assert found.before in (21 * CENT, 22 * CENT)
    text = finding_text(found, HERE)
    assert "Tasks of the kind “fix” cost $0.51 (2.4 times as much), median of 2" in text
    assert "What changed with it: the model is acme-2 and was acme-1." in text


def test_a_prompt_that_grew_is_named_with_its_file() -> None:
    runs = [run(n) for n in range(40)]
    runs += [
        run(n, prompt_version="v2", first_tokens=9_000, p95_ms=15_000 + 10 * (n % 7), cost_pico=40 * CENT + n)
        for n in range(40, 70)
    ]
    found = found_in(runs)
    assert set(found) == {("cost", "fix"), ("p95", "")}
    (cause,) = found["cost", "fix"].causes
    assert (cause.kind, cause.paths) == ("prompt", ("steering/style.md",))
    assert "grew by 4,999 tokens, from 4,001 (changed: steering/style.md)" in finding_text(found["p95", ""], HERE)


def test_the_cache_and_errors_and_steps() -> None:
    cold = Usage(uncached_input=15_000, cache_read=5_000, output=400)
    runs = [run(n) for n in range(40)]
    runs += [run(n, usage=replace(cold, output=n), attempts=8, failed=3, steps=30 + n % 3) for n in range(40, 80)]
    found = found_in(runs)
    assert set(found) == {("uncached", ""), ("errors", ""), ("steps", "fix")}
    assert (found["uncached", ""].before, found["uncached", ""].after) == (100, 750)
    assert found["errors", ""].after == 375
    assert "cannot be told from the records" in finding_text(found["errors", ""], HERE)


def test_a_dearer_project_beside_a_cheap_one_is_no_regression() -> None:
    runs = []
    for n in range(120):
        other = n >= 60
        workspace, factor = ("/home/dev/big", 10) if other else ("/home/dev/shop", 1)
        runs.append(run(n, workspace=workspace, cost_pico=(20 + n % 4) * factor * CENT))
    assert found_in(runs) == {}


def test_what_failed_attempts_took_is_part_of_the_task() -> None:
    first = run(1, finished=False, cost_pico=5 * CENT, task="7", title="Same")
    other = run(2, task="7", title="Same", cost_pico=2 * CENT)
    unknown = run(3, task="8", title="Other", unknown=1)
    done = tasks_done([other, unknown, first])
    assert [(each.last.run, each.runs, each.cost_pico) for each in done] == [("run-2", 2, 7 * CENT), ("run-3", 1, None)]
    assert done[0].steps == first.steps + other.steps


def test_a_cost_that_is_not_known_is_never_zero() -> None:
    """Tasks without a price are left out: as zeros they would hide what became dearer, or make it look so."""
    runs = [run(n, unpriced=5, cost_pico=0) for n in range(40)] + [run(n) for n in range(40, 80)]
    assert ("cost", "fix") not in found_in(runs)
