"""``bursar context``: the window of a run that waits, held against the provider's bill for the request that follows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from support.program import CLAUDE, Simulator, User, make_workspace, simulator

from .test_schemas import fits

SPEC = ".kiro/specs/demo"
PRICES = {"input": "3", "output": "15", "cache_read": "0.30", "cache_write_5m": "3.75"}
LONG = "".join(f"def price_{n}(weight: int) -> int:\n    return weight * {n}\n" for n in range(200))
READ = {"name": "read_file", "input": {"path": "prices.py"}}
LOOK = {"name": "list_files", "input": {"path": "."}}
DONE = {"name": "finish", "input": {"summary": "Done."}}
SCENARIO: dict[str, Any] = {
    "models": {CLAUDE: {"wire": "anthropic", "prices": PRICES, "input_token_ratio": 2, "cache": {"min_tokens": 1024}}},
    "replies": [
        {"when": {"task": "1", "tool_results": 0}, "tool_calls": [READ, LOOK]},
        {"when": {"task": "1", "tool_results": 2}, "text": "price_7 is what I need.", "tool_calls": [LOOK]},
        {"when": {}, "tool_calls": [DONE]},
    ],
    "faults": [{"when": {"task": "1", "tool_results": 3}, "kind": "429", "headers": {"retry-after": "7200"}}],
}


def begun(folder: Path, sim: Simulator) -> User:
    """A run that read a long file and waits for a limit before its third request."""
    workspace = make_workspace(folder / "workspace", requirements=f"# Needs\n\n{'Say hello. ' * 400}\n")
    (workspace / "prices.py").write_text(LONG)
    (workspace / "AGENTS.md").write_text("Write plainly.\n")
    card = folder / "prices.json"
    card.write_text(json.dumps({"models": {CLAUDE: PRICES}}))
    user = User(home=folder / "home", cwd=workspace).uses(sim.url)
    user.settings(prices=str(card))
    done = user.do("run", SPEC, "--task", "1", "--json")
    assert (done.code, done.last()["reason"]) == (3, "limit"), done.err
    return user


@pytest.fixture
def waits(tmp_path: Path) -> Iterator[tuple[User, Simulator]]:
    with simulator(tmp_path / "sim", SCENARIO) as sim:
        yield begun(tmp_path, sim), sim


def input_usd(row: dict[str, Any]) -> Decimal:
    """What the provider took for the input of a request, at its own prices."""
    tokens = row["billed_tokens"]
    buckets = {"uncached_input": "input", "cache_read": "cache_read", "cache_write_5m": "cache_write_5m"}
    return sum((tokens[name] * Decimal(PRICES[price]) for name, price in buckets.items()), Decimal(0)) / 10**6


def parts(shown: Any) -> dict[str, dict[str, Any]]:
    return {each["item"]: each for each in shown["parts"]}


def after_resuming(user: User, sim: Simulator) -> dict[str, Any]:
    assert user.do("resume", "--all", "--json").code == 0
    (finished,) = [each for each in sim.bill() if each["n"] == max(row["n"] for row in sim.bill())]
    return finished


def test_the_next_request_costs_what_was_shown_also_after_a_drop_was_taken_back(waits: tuple[User, Simulator]) -> None:
    user, sim = waits
    for words in (("drop", "t1.0"), ("pin", "t1.1"), ("recall", "t1.0")):
        done = user.do("context", *words, "--json")
        assert done.code == 0, done.err
        fits("context-wish", done.json())
    shown = user.do("context", "--json").json()
    fits("context", shown)
    found = parts(shown)
    assert list(found) == [
        *("tools", "system", "steering:AGENTS.md", f"spec:{SPEC}/requirements.md", "task"),
        *("m1", "t1.0", "t1.1", "m2", "t2.0"),
    ]
    assert found["t1.0"]["cached"] and not found["m2"]["cached"] and found["t1.1"]["pinned"]
    assert found["t1.0"]["last_used_request"] == 2 and found["t1.1"]["last_used_request"] is None
    expected = Decimal(shown["per_request_usd"])
    paid = input_usd(after_resuming(user, sim))
    assert "price_150" in sim.bodies()[-1]
    # The parts are counted one by one, so what lies between them is missing.
    assert abs(expected - paid) < paid / 50, (expected, paid)
    # With the reads of the cache taken for writes it would be another amount altogether.
    as_new = sum(each["tokens"] for each in shown["parts"]) * 2 * Decimal(PRICES["cache_write_5m"]) / 10**6
    assert abs(as_new - paid) > paid
    finished = user.do("context", "drop", "t1.0")
    assert (finished.code, finished.out) == (2, "") and "is finished: no request follows" in finished.err
    assert "pinned" in user.do("context").out


def test_what_is_dropped_is_not_sent_and_costs_what_was_shown(waits: tuple[User, Simulator]) -> None:
    user, sim = waits
    done = user.do("context", "drop", "t1.0")
    assert done.code == 0, done.err
    assert "no longer read from the prompt cache" in done.out
    shown = user.do("context", "--json").json()
    dropped = parts(shown)["t1.0"]
    assert dropped["shape"] == "stub" and dropped["original_tokens"] > 20 * dropped["tokens"]
    # The cache ends where the first changed turn begins; what stands before it is still read.
    assert [item for item, each in parts(shown).items() if each["cached"]][-1] == "task"
    row = after_resuming(user, sim)
    assert "price_150" in sim.bodies()[1] and "price_150" not in sim.bodies()[-1]
    assert abs(Decimal(shown["per_request_usd"]) - input_usd(row)) < input_usd(row) / 20
    # A cache that had outlived the edit would have made it half the price.
    as_kept = sum(each["tokens"] for each in shown["parts"]) * 2 * Decimal(PRICES["cache_read"]) / 10**6
    assert abs(as_kept - input_usd(row)) > input_usd(row) / 4


def test_a_pinned_file_goes_into_later_runs_and_says_when_it_changed(tmp_path: Path) -> None:
    done = {"replies": [{"when": {}, "tool_calls": [DONE]}]}
    with simulator(tmp_path / "sim", done) as sim:
        user = User(home=tmp_path / "home", cwd=make_workspace(tmp_path / "workspace")).uses(sim.url)
        (user.cwd / "src").mkdir()
        (user.cwd / "src" / "a.py").write_text("one = 1\ntwo = 2\nthree = 3\n")
        pinned = user.do("context", "pin", "a.py#L2-L3", "--json", cwd=user.cwd / "src")
        assert pinned.code == 0, pinned.err
        fits("context-wish", pinned.json())
        assert pinned.json()["item"] == "pinned:src/a.py#L2-L3"
        missing = user.do("context", "pin", "src/none.py")
        assert (missing.code, missing.out) == (2, "") and "src/none.py" in missing.err
        assert user.do("run", SPEC, "--task", "1", "--json").code == 0
        assert "two = 2\\nthree = 3" in sim.bodies()[0] and "one = 1" not in sim.bodies()[0]
        (user.cwd / "src" / "a.py").write_text("other = 1\n")
        shown = user.do("context", "--json").json()
        fits("context", shown)
        assert "pinned:src/a.py#L2-L3" in parts(shown)
        assert [each["state"] for each in shown["pins"]] == ["gone"]
        again = user.do("run", SPEC, "--task", "2", "--json")
        assert again.code == 0 and "pinned:src/a.py#L2-L3 is gone" in again.err
        assert "src/a.py" not in sim.bodies()[-1]
        assert user.do("context", "unpin", "pinned:src/a.py#L2-L3").code == 0
        assert user.do("context", "unpin", "src/a.py#L2-L3").code == 2


def test_without_a_run_there_is_nothing_to_show(user: User) -> None:
    shown = user.do("context")
    assert (shown.code, shown.out) == (0, "") and "No run is recorded here" in shown.err
    empty = user.do("context", "--json").json()
    fits("context", empty)
    assert empty["parts"] == []
    none = user.do("context", "pin", "t1.0")
    assert none.code == 2 and "no run is recorded here" in none.err
