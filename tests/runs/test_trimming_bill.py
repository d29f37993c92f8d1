"""What trims save stands on the provider's bill, as the replay of the same session foretells it.

The simulator keeps a prompt cache by bytes and writes a bill of its own. A task of more than sixty requests reads files
again, prints much, and waits an hour once; it is played with trims and without.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bursar.domain.context.decision import Terms
from bursar.domain.context.policies.bursar.policy import Steps
from bursar.domain.context.policies.rules import RulePolicy, keep_all
from bursar.domain.context.rates import PriceSet
from bursar.domain.context.replay import play, terms_of
from bursar.domain.context.session import RecordedSession, Request, Turn
from bursar.domain.context.sizes import base_tokens, tokens_per_character, turn_tokens
from bursar.domain.money.price import Rates
from bursar.providers import make_provider
from bursar.runs.savings import saving_of
from bursar.runs.shapes import TRIMMED
from bursar.runs.world import Ceilings, Finished
from bursar.simulator import tokens
from simulator.support import Simulator, simulator
from support.fakes import CountingIds
from support.world import Workshop, ran_well

MODEL = "claude-sonnet-5"
PRICES = {"input": "2", "output": "10", "cache_read": "0.20", "cache_write_5m": "2.5", "cache_write_1h": "4"}
RATES = Rates(**{bucket: Decimal(price) for bucket, price in PRICES.items()})
SET = PriceSet(name="test", read=0.1, write=1.25, ttl_s=300, output=5, minimum_tokens=1_024)
TOLERANCE = 0.08
"""Of the saving. The replay estimates sizes by characters and gives every marker one size; the run counts both."""
FILES, LOOKS, SILENCE_AT = 5, 62, 40


def script() -> list[dict[str, Any]]:
    """What the model does, one call at a time; the number of results in the conversation says where it is."""
    calls: list[dict[str, Any]] = []
    for n in range(LOOKS):
        if n % 8 == 5:
            calls.append({"name": "run_command", "input": {"argv": ["make", f"part{n}"]}})
        elif n % 3 == 0:
            calls.append({"name": "read_file", "input": {"path": f"src/file{n // 3 % FILES}.py"}})
        else:
            calls.append({"name": "list_files", "input": {"path": f"folder{n}"}})
    calls.append({"name": "finish", "input": {"summary": "Done."}})
    return [{"when": {"tool_results": n}, "tool_calls": [call]} for n, call in enumerate(calls)]


def file_text(number: int) -> str:
    return "\n".join(f"def function_{number}_{n}(value): return compute{number}(value, {n * 7})" for n in range(140))


def output_of(number: int) -> str:
    return "\n".join(f"step {number}.{n}: compiled module_{number}_{n} in {n % 13} ms" for n in range(220))


@dataclass
class Played:
    rows: list[dict[str, Any]]
    body: dict[str, Any]
    shop: Workshop
    run: str

    @property
    def input_usd(self) -> Decimal:
        """What all that was sent cost; the answers are the same in both."""
        used = [(bucket, tokens) for row in self.rows for bucket, tokens in row["billed_tokens"].items()]
        return (
            sum((Decimal(tokens) * PER_MTOK[bucket] for bucket, tokens in used if bucket in INPUT), Decimal(0)) / 10**6
        )


INPUT = ("uncached_input", "cache_read", "cache_write_5m", "cache_write_1h")
PER_MTOK = {bucket: Decimal(PRICES["input" if bucket == "uncached_input" else bucket]) for bucket in INPUT}


class TheirCounter:
    """Counts as the provider does: how far our count is from a vendor's is another question."""

    def count(self, text: str, /, *, encoding: str = "o200k_base") -> int:
        return tokens.count(text)

    def ready(self, encoding: str) -> bool:
        return True

    def load(self, encoding: str) -> None:
        return None


async def played(folder: Path, *, trims: bool) -> Played:
    scenario = {
        "models": {MODEL: {"wire": "anthropic", "prices": PRICES, "cache": {"ttl_s": 300, "min_tokens": 1024}}},
        "replies": script(),
        "otherwise": "error",
    }
    folder.mkdir()
    shop = Workshop(folder / "shop")
    shop.write("AGENTS.md", "\n".join(f"Rule {n}: keep functions short and say why in words." for n in range(200)))
    async with simulator(folder, scenario) as server:
        for n in range(FILES):
            shop.write(f"src/file{n}.py", file_text(n))
        for n in range(LOOKS):
            shop.write(f"folder{n}/a{n}.txt", "")
        numbers = [n for n in range(LOOKS) if n % 8 == 5]
        shop.programs.outcomes = [ran_well(output_of(n)) for n in numbers]
        shop.person.answers = ["Yes"] * len(numbers)
        shop.prices.rates[MODEL] = RATES
        provider = make_provider(
            name="acme",
            wire="anthropic",
            base_url=server.url,
            key=lambda: "none",
            key_name=None,
            clock=shop.clock,
            ids=CountingIds(),
        )
        _let_it_wait(shop, server)
        run = await shop.begin(provider, named=MODEL, ceiling_usd=None)  # type: ignore[arg-type]
        ended = await shop.drive(
            provider, run, trims=trims, counter=TheirCounter(), ceilings=Ceilings(requests=100, wall_s=1e9)
        )  # type: ignore[arg-type]
        assert isinstance(ended, Finished)
        rows = await server.rows_when(LOOKS + 1)
    last = max(shop.summary(run).requests, key=lambda each: int(each.step[1:]))
    body = json.loads(shop.journal.body(last.body_sha256 or "") or b"{}")
    return Played(rows=rows, body=body, shop=shop, run=run)


def _let_it_wait(shop: Workshop, server: Simulator) -> None:
    def wait(kind: str) -> None:
        if kind == "tool_finished":
            seconds = 3_600 if shop.kinds().count(kind) == SILENCE_AT else 5
            shop.clock.advance(seconds)
            server.hand.seconds += seconds

    shop.on_event.append(wait)


def recorded(whole: Played) -> RecordedSession:
    """The session as anybody would read it from the last request that was sent in full, and from the bill."""
    groups: list[list[tuple[str, str, str]]] = [[("user", whole.body["messages"][0]["content"][-1]["text"], "")]]
    for message in whole.body["messages"][1:]:
        if message["role"] == "assistant":
            groups.append([])
        for block in message["content"]:
            if block["type"] == "text":
                groups[-1].append(("assistant", block["text"], ""))
            elif block["type"] == "tool_use":
                groups[-1].append(("tool_call", json.dumps(block["input"]), block["name"]))
            else:
                groups[-1].append(("tool_result", "".join(each["text"] for each in block["content"]), ""))
    characters = [sum(len(text) for _, text, _ in group) for group in groups]
    billed = {
        n: sum(row["billed_tokens"][name] for name in row["billed_tokens"] if name in INPUT)
        for n, row in enumerate(whole.rows)
    }
    rate = tokens_per_character(billed, characters)
    turns = [
        Turn(
            index=0,
            kind=kind,  # type: ignore[arg-type]
            text=text,
            request=request,
            tokens=turn_tokens(len(text), rate),
            tool=tool,
        )
        for request, group in enumerate(groups)
        for kind, text, tool in group
    ]
    at, requests = 0.0, []
    for n in range(len(groups)):
        at += 0 if n == 0 else 3_600 if n == SILENCE_AT else 5
        requests.append(Request(n=n, at_s=at))
    return RecordedSession(
        id="played",
        source="test",
        turns=tuple(replace(each, index=n) for n, each in enumerate(turns)),
        requests=tuple(requests),
        base_tokens=base_tokens(billed, characters, rate),
        window_tokens=200_000,
        tokens_per_character=rate,
    )


def foretold_usd(session: RecordedSession, prices: PriceSet) -> Decimal:
    """What the replay says that trims save, at the price of a plain input token."""

    def cost(steps: bool) -> float:
        def make(terms: Terms) -> RulePolicy:
            return RulePolicy(Steps() if steps else keep_all, terms)

        return sum(each.cost for each in play(session, make, terms_of(session, prices)))

    return Decimal(cost(False) - cost(True)) * Decimal(PRICES["input"]) / 10**6


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Played, Played]]:
    import asyncio

    folder = tmp_path_factory.mktemp("bill")
    whole = asyncio.run(played(folder / "whole", trims=False))
    trimmed = asyncio.run(played(folder / "trimmed", trims=True))
    yield whole, trimmed
    for each in (whole, trimmed):
        each.shop.close()


def test_the_bill_is_lower_by_what_the_replay_foretells(both: tuple[Played, Played]) -> None:
    whole, trimmed = both
    saved = whole.input_usd - trimmed.input_usd
    foretold = foretold_usd(recorded(whole), SET)
    assert saved > whole.input_usd / 4
    assert abs(saved - foretold) <= Decimal(TOLERANCE) * saved, (saved, foretold)


@pytest.mark.parametrize("wrong", [{"read": 0.2}, {"write": 2.0}, {"ttl_s": 7_200.0}])
def test_another_price_or_life_foretells_something_else(both: tuple[Played, Played], wrong: dict[str, float]) -> None:
    """The control: the tolerance does not hide a wrong ratio, nor a cache that is thought to live on."""
    whole, trimmed = both
    saved = whole.input_usd - trimmed.input_usd
    foretold = foretold_usd(recorded(whole), replace(SET, **wrong))
    assert abs(saved - foretold) > Decimal(TOLERANCE) * saved, (saved, foretold)


def test_trims_happened_on_arrival_and_in_the_silence(both: tuple[Played, Played]) -> None:
    _, trimmed = both
    events = [each.data for each in trimmed.shop.journal.events(run=trimmed.run) if each.kind == TRIMMED]
    whys = {item["why"] for each in events for item in each["items"].values()}
    assert {"shown above", "bulk", "the cache was cold"} <= whys
    assert [each["n"] for each in events if each["is_cold"]] == [SILENCE_AT + 1]


def test_what_is_said_to_be_saved_is_what_the_bills_differ_by(both: tuple[Played, Played]) -> None:
    """The fold of the run's own bills, which knows nothing of the run that was not trimmed."""
    whole, trimmed = both
    journal = trimmed.shop.journal
    made = saving_of(journal.events(run=trimmed.run), journal.requests(run=trimmed.run))
    assert made is not None
    saved = whole.input_usd - trimmed.input_usd
    assert abs(Decimal(made.realised.pico) / 10**12 - saved) <= saved * Decimal("0.02"), (made, saved)
    assert saving_of(whole.shop.journal.events(run=whole.run), whole.shop.journal.requests(run=whole.run)) is None
