"""The arithmetic of the figures: what a disturbed run was billed more than the same run undisturbed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from benchmarks.report import Row

BURSAR, RESTART, LANGGRAPH, DBOS = "Bursar", "restart", "LangGraph", "DBOS"
RUNNERS = (BURSAR, RESTART, LANGGRAPH, DBOS)
BUCKETS = ("uncached_input", "cache_read", "cache_write_5m", "cache_write_1h", "output")

MID_ANSWER, TAKEN_UP, ANSWERED, RECORDED, IN_TOOL = "mid-answer", "taken-up", "answered", "recorded", "in-tool"
POINTS = {
    MID_ANSWER: "in the middle of the answer",
    TAKEN_UP: "in the middle; the model, told of the half, says the rest",
    ANSWERED: "answer read, not yet recorded",
    RECORDED: "answer recorded, before its tool",
    IN_TOOL: "in the tool, after its effect",
}
"""Where a run is killed, in the order in which a step passes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one play came to: the provider's bill, the effects that the tools left, the questions to the user."""

    tokens: Mapping[str, int]
    usd: Decimal
    requests: int
    repeated_effects: int = 0
    questions: int = 0

    @property
    def all_tokens(self) -> int:
        """The tokens of all buckets."""
        return sum(self.tokens.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """Where and at which step a run is killed."""

    point: str
    step: int


Plays = Mapping[tuple[str, Kill], Measured]


def measured(bill: Mapping[str, Any], effects: Sequence[str], questions: int = 0) -> Measured:
    """The figures of a bill as the simulator writes it, and of the lines that the tools left."""
    rows = bill["requests"]
    usd = sum((Decimal(row["cost_usd"]) for row in rows), Decimal(0))
    if usd != Decimal(bill["total_usd"]):
        raise ValueError(f"the bill's rows add up to {usd}, its total is {bill['total_usd']}")
    return Measured(
        tokens={bucket: sum(row["billed_tokens"][bucket] for row in rows) for bucket in BUCKETS},
        usd=usd,
        requests=len(rows),
        repeated_effects=sum(times - 1 for times in Counter(effects).values()),
        questions=questions,
    )


def billed_again(disturbed: Measured, undisturbed: Measured) -> Measured:
    """What the disturbance cost: the difference of the bills. Effects and questions are counted from none."""
    return Measured(
        tokens={bucket: disturbed.tokens[bucket] - undisturbed.tokens[bucket] for bucket in BUCKETS},
        usd=disturbed.usd - undisturbed.usd,
        requests=disturbed.requests - undisturbed.requests,
        repeated_effects=disturbed.repeated_effects,
        questions=disturbed.questions,
    )


def total(each: Iterable[Measured]) -> Measured:
    """Several plays added up."""
    plays = list(each)
    return Measured(
        tokens={bucket: sum(play.tokens[bucket] for play in plays) for bucket in BUCKETS},
        usd=sum((play.usd for play in plays), Decimal(0)),
        requests=sum(play.requests for play in plays),
        repeated_effects=sum(play.repeated_effects for play in plays),
        questions=sum(play.questions for play in plays),
    )


def rows(again: Plays, kills: Sequence[Kill], peers: Mapping[str, str]) -> list[Row]:
    """The rows of the benchmark's file. ``peers`` gives each peer's name with its version."""
    return [
        Row(what=f"{what}: killed {POINTS[kill.point]}, step {kill.step}", value=ours, unit=unit, peer=name,
            peer_value=theirs)
        for kill in kills
        for peer, name in peers.items()
        for (what, unit, ours), (_, _, theirs) in zip(
            _figures(again[BURSAR, kill]), _figures(again[peer, kill]), strict=True
        )
    ]  # fmt: skip


def table(again: Plays, kills: Sequence[Kill]) -> list[str]:
    """The table in Markdown: for each point and runner the tokens at each step, then what adds up over the steps."""
    steps = sorted({kill.step for kill in kills})
    lines = [
        _line("killed", "", *(f"step {step}" for step in steps), "USD", "requests", "effects", "questions"),
        _line("---", "---", *["--:"] * (len(steps) + 4)),
    ]
    for point in dict.fromkeys(kill.point for kill in kills):
        for i, runner in enumerate(RUNNERS):
            plays = [again[runner, Kill(point=point, step=step)] for step in steps]
            sums = total(plays)
            lines.append(
                _line(
                    "" if i else POINTS[point],
                    runner,
                    *(f"{each.all_tokens:,}" for each in plays),
                    f"{sums.usd:.4f}",
                    sums.requests,
                    sums.repeated_effects,
                    sums.questions,
                )
            )
    return lines


def _figures(play: Measured) -> list[tuple[str, str, int | Decimal]]:
    return [
        ("tokens billed again", "tokens", play.all_tokens),
        *((f"{bucket} billed again", "tokens", play.tokens[bucket]) for bucket in BUCKETS),
        ("billed again", "USD", play.usd),
        ("requests sent again", "requests", play.requests),
        ("effects repeated", "effects", play.repeated_effects),
        ("questions to the user", "questions", play.questions),
    ]


def _line(*cells: object) -> str:
    return f"| {' | '.join(str(each) for each in cells)} |"
