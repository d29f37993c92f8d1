"""Requests of real texts to a simulated provider that counts in its own way, and how well its counts are foretold.

The provider has a tokenizer of its own and a factor on top, and reports what it counted as it does in every test; its
books are not read. What it makes of a text alone is asked of that tokenizer, which shares nothing with ours.
"""

from __future__ import annotations

import random
import sysconfig
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bursar.domain.conversation import Message, ModelRequest, Text
from bursar.domain.counting import Calibration, CountedRequest, TextKind, calibration_of, count_kinds, estimate_text
from bursar.domain.counting.kinds import KINDS
from bursar.domain.ports import ModelProvider, TokenCounter
from bursar.providers import make_provider
from bursar.simulator import tokens as oracle
from simulator.support import simulator
from support.fakes import CountingIds, FakeClock

ROOT = Path(__file__).parents[3]
MODEL = "acme-1"
RATIO = 1.35
LEARNT_FROM = 50
_CHUNK_CHARS = (600, 9_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How far the likely figures were off, and how often the true one lay in the range."""

    errors: tuple[float, ...]
    covered: int
    width: float

    @property
    def error(self) -> float:
        """The median of the relative errors."""
        return sorted(self.errors)[len(self.errors) // 2]

    @property
    def coverage(self) -> float:
        return self.covered / len(self.errors)


def materials() -> dict[str, list[str]]:
    """Real texts: documents in several languages, code, and JSON."""
    stdlib = Path(sysconfig.get_path("stdlib"))
    names = ("argparse", "ast", "dataclasses", "difflib", "inspect", "json/decoder", "pathlib", "textwrap", "typing")
    found = {
        "documents": sorted((ROOT / "tests" / "fixtures" / "corpus").rglob("*.md")),
        "code": [stdlib / f"{name}.py" for name in names if (stdlib / f"{name}.py").is_file()],
        "json": sorted((ROOT / "tests" / "fixtures" / "responses").rglob("*.json")),
    }
    return {kind: [each.read_bytes().decode("utf-8", "replace") for each in paths] for kind, paths in found.items()}


def pieces(chance: random.Random, texts: Mapping[str, Sequence[str]], number: int) -> list[str]:
    """So many passages of these texts, drawn."""
    drawn = []
    for _ in range(number):
        text = chance.choice(texts[chance.choice(list(texts))])
        size = chance.randint(*_CHUNK_CHARS)
        start = chance.randrange(max(len(text) - size, 1))
        drawn.append(text[start : start + size])
    return [each for each in drawn if each.strip()]


@asynccontextmanager
async def provider(folder: Path, ratio: float = RATIO) -> AsyncIterator[ModelProvider]:
    """A simulated provider whose model makes this many tokens of one of its tokenizer's."""
    prices = {"input": "2", "output": "10", "cache_read": "0.1", "cache_write_5m": "2.5", "cache_write_1h": "4"}
    scenario = {
        "models": {MODEL: {"wire": "anthropic", "prices": prices, "input_token_ratio": ratio}},
        "replies": [{"when": {}, "text": "Done."}],
    }
    async with simulator(folder, scenario) as server:
        yield make_provider(
            name="sim",
            wire="anthropic",
            base_url=server.url,
            key=lambda: None,
            key_name=None,
            clock=FakeClock(),
            ids=CountingIds(),
        )


async def ask(
    sender: ModelProvider, counter: TokenCounter, *, runs: int, of_each: int, seed: int
) -> list[CountedRequest]:
    """Send the requests of so many runs, each a conversation that grows, and keep what a journal would."""
    chance, texts, kept = random.Random(seed), materials(), []
    for run in range(runs):
        # A run is about something: some of what there is to read, and more of one kind.
        about = {kind: chance.sample(all_, min(3, len(all_))) for kind, all_ in texts.items() if chance.random() < 0.7}
        about = about or texts
        messages: list[Message] = []
        for _ in range(of_each):
            said = "\n".join(pieces(chance, about, chance.randint(1, 3))) or "Go on."
            messages.append(Message(role="user", blocks=(Text(text=said),)))
            body = sender.body(
                ModelRequest(
                    model=MODEL, system="You carry out a task.", tools=(), messages=tuple(messages), max_tokens=64
                )
            )
            reply = await sender.send(body, on_stream=lambda _: None, keep=lambda _: None)
            assert reply.usage is not None
            text = sender.prompt_text(body)
            kept.append(
                CountedRequest(
                    model=MODEL,
                    run=f"run-{run}",
                    counted_tokens=counter.count(text),
                    reported_tokens=reply.usage.input,
                    kinds=count_kinds(text, counter.count),
                )
            )
            messages.append(Message(role="assistant", blocks=reply.blocks))
    return kept


def swapped(requests: Sequence[CountedRequest]) -> list[CountedRequest]:
    """The control: the same sums, each kind's tokens told as those of the next kind, by another rule each time."""
    changed = []
    for n, each in enumerate(requests):
        kinds: dict[TextKind, int] = {
            KINDS[(KINDS.index(kind) + n) % len(KINDS)]: tokens for kind, tokens in each.kinds.items()
        }
        changed.append(replace(each, kinds=kinds))
    return changed


def on_requests(calibration: Calibration, left_out: Sequence[CountedRequest]) -> Score:
    """How well whole requests are foretold."""
    errors, covered, widths = [], 0, []
    for each in left_out:
        low, likely, high = (
            calibration.overhead_tokens
            + sum(getattr(calibration.rates[kind], end) * n for kind, n in each.kinds.items())
            for end in ("low", "value", "high")
        )
        errors.append(abs(likely / each.reported_tokens - 1))
        covered += low <= each.reported_tokens <= high
        widths.append((high - low) / likely)
    return Score(errors=tuple(errors), covered=covered, width=sum(widths) / len(widths))


def on_texts(calibration: Calibration, texts: Sequence[str], counter: TokenCounter, ratio: float = RATIO) -> Score:
    """How well single texts are: what ``bursar count`` says of them beside what the provider's tokenizer says."""
    errors, covered, widths = [], 0, []
    for each in texts:
        true = oracle.count(each) * ratio
        found = estimate_text(each, calibration, counter)
        errors.append(abs(found.tokens / true - 1))
        covered += found.low <= true <= found.high
        widths.append((found.high - found.low) / max(found.tokens, 1))
    return Score(errors=tuple(errors), covered=covered, width=sum(widths) / len(widths))


def splits(
    requests: Sequence[CountedRequest], number: int, seed: int
) -> list[tuple[list[CountedRequest], list[CountedRequest]]]:
    """So many times some runs to learn from and the other ones to foretell, drawn."""
    chance, made = random.Random(seed), []
    runs = sorted({each.run for each in requests})
    for _ in range(number):
        learnt = set(chance.sample(runs, len(runs) // 2))
        first = [each for each in requests if each.run in learnt]
        chance.shuffle(first)
        made.append((first[:LEARNT_FROM], [each for each in requests if each.run not in learnt]))
    return made


def learnt(requests: Sequence[CountedRequest]) -> Calibration:
    """What the product makes of these requests."""
    found = calibration_of(MODEL, requests)
    assert found is not None
    return found


def together(scores: Sequence[Score]) -> Score:
    """Several as one."""
    errors = tuple(error for each in scores for error in each.errors)
    width = sum(each.width * len(each.errors) for each in scores) / len(errors)
    return Score(errors=errors, covered=sum(each.covered for each in scores), width=width)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What was foretold with the product's own estimate, and with the control's."""

    requests: Score
    texts: Score
    swapped_requests: Score
    swapped_texts: Score


def compare(requests: Sequence[CountedRequest], counter: TokenCounter, *, rounds: int, seed: int) -> Compared:
    """Learn from the runs of one half and foretell those of the other, so many times; the control learns the same
    figures with the kinds of text swapped."""
    texts = pieces(random.Random(seed), materials(), 40 * rounds)
    scores: dict[str, list[Score]] = {}
    for n, (first, left_out) in enumerate(splits(requests, rounds, seed)):
        own = texts[n::rounds]
        for name, calibration in (("", learnt(first)), ("swapped_", learnt(swapped(first)))):
            scores.setdefault(f"{name}requests", []).append(on_requests(calibration, left_out))
            scores.setdefault(f"{name}texts", []).append(on_texts(calibration, own, counter))
    return Compared(**{name: together(each) for name, each in scores.items()})
