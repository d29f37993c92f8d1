"""What each run took, as it was written: sums, the model of most requests, times by nearest rank, and a bound."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bursar.domain.money.usage import Usage
from bursar.domain.prompts import Prompt
from support.history import Asked, Did, Past, past


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Past]:
    with past(tmp_path / "home") as written:
        yield written


def test_a_run_with_everything_in_it(shop: Past) -> None:
    one, other = Usage(uncached_input=100, cache_read=50, output=7), Usage(cache_write_5m=30, output=3, reasoning=2)
    run = shop.run(
        Asked(cost_pico=5, usage=one, model="first", duration_ms=9_000),
        Did(tool="read_file", input={"path": "a"}),
        Asked(cost_pico=None, usage=other, model="second", duration_ms=1_000),
        Asked(cost_pico=2, usage=other, model="second", duration_ms=2_000, answered=False),
        title="Fix it 🦀",
        task="2.1",
        workspace="/w\udcff",
        prompt=Prompt(version="v", documents=(("a.md", "1"), ("b\udcff.md", "2"))),
        first_tokens=77,
    )
    (found,) = shop.journal.run_figures(5)
    assert (found.run, found.workspace, found.task, found.title, found.kind) == (
        run,
        "/w\udcff",
        "2.1",
        "Fix it 🦀",
        "fix",
    )
    assert (found.finished, found.model, found.first_tokens, found.prompt_version) == (True, "second", 77, "v")
    assert (found.requests, found.attempts, found.failed, found.unpriced, found.unknown) == (3, 3, 1, 1, 0)
    assert (found.cost_pico, found.p95_ms) == (7, 9_000)
    assert found.usage == one + other + other
    # Two whole answers and a tool call; the request that failed is no step that was done.
    assert found.steps == 3
    assert shop.journal.prompt_documents("v") == (("a.md", "1"), ("b\udcff.md", "2"))
    assert shop.journal.prompt_documents("w") == ()


def test_the_newest_that_ended_the_oldest_first(shop: Past) -> None:
    runs = []
    for n in range(4):
        shop.clock.advance(60)
        runs.append(shop.run(*[Asked()] * n, finished=n != 2))
    found = shop.journal.run_figures(3)
    assert [each.run for each in found] == runs[1:]
    assert [each.requests for each in found] == [1, 2, 3]
    assert [each.finished for each in found] == [True, False, True]


def test_a_run_without_a_request_has_no_figures(shop: Past) -> None:
    shop.run()
    (found,) = shop.journal.run_figures(1)
    assert (found.requests, found.attempts, found.cost_pico, found.p95_ms, found.model) == (0, 0, 0, None, "acme-1")
