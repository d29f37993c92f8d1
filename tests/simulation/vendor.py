"""The provider of a simulated world: it bills, it keeps prompts, it fails in every way that the seed says.

Nothing of the product is imported here: its bill is what the product's ledger is held against.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from .brain import Brain, Said
from .log import Log
from .seeded import Chance
from .wires import AnthropicSide, ChatSide, Piece, Used, answered, conversation

MODEL, OTHER = "claude-sonnet-5-5", "lynx-2"
PICO_PER_TOKEN = {
    MODEL: {"plain": 3_000_000, "read": 300_000, "written": 3_750_000, "output": 15_000_000},
    OTHER: {"plain": 1_000_000, "read": 100_000, "written": 1_250_000, "output": 4_000_000},
}
Side = AnthropicSide | ChatSide
KEPT_S = 300.0
FAULTS = {
    "refused": 6,
    "429": 5,
    "429 short": 6,
    "429 long": 2,
    "529": 5,
    "503": 3,
    "500": 5,
    "quota": 1,
    "400": 1,
    "silent": 3,
    "cut": 10,
    "short": 5,
    "stall": 5,
    "error first": 3,
    "error later": 4,
    "no usage": 3,
}
"""What goes wrong and how often, compared with one another."""


@dataclass(slots=True)
class Row:
    """One request that was taken, and what is owed for it."""

    n: int
    request_id: str
    who: str
    run: str
    generation: int
    path: str
    turns: tuple[str, ...]
    model: str
    used: Used
    day: str
    output: int = 0
    names: str = "everywhere"
    """Where the answer has its id: ``nowhere``, in the ``body`` alone, or ``everywhere``."""
    outcome: str = "open"
    size: int = 0
    """Bytes of the whole answer; 0 where none was planned."""
    kept: int = 0
    """Bytes of it that a process has kept."""
    was_kept: bool = False
    """Whether the same had been asked before, and its whole answer kept, since the run was last rewound."""

    @property
    def pico(self) -> int:
        """What is owed."""
        price = PICO_PER_TOKEN[self.model]
        return (
            self.used.plain * price["plain"]
            + self.used.read * price["read"]
            + self.used.written * price["written"]
            + self.output * price["output"]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a request is answered: a refusal, or pieces and how they end."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    refusal: bytes = b""
    pieces: tuple[Piece, ...] = ()
    row: Row | None = None
    fault: str = ""
    goes_on: bool = False
    pings: bool = False


class Vendor:
    """One provider, alive for the whole of a world."""

    def __init__(self, chance: Chance, log: Log, *, faulty: float) -> None:
        self.sides = {each.path: each for each in (AnthropicSide(), ChatSide())}
        self.brain = Brain(chance)
        self.rows: list[Row] = []
        self.sent = 0
        self.asked: list[tuple[str, int]] = []
        self.faults: Counter[str] = Counter()
        self.faulty = faulty
        self._chance = chance.of("vendor")
        self._naming = chance.of("naming")
        self._log = log
        self._kept: dict[str, float] = {}

    def take(self, path: str, body: bytes, *, run: str, generation: int, who: str, day: str) -> Plan:
        """Decide about a request: nothing is billed but what is accepted here."""
        self.sent += 1
        self.asked.append((who, answered(body)))
        side = self.sides[path]
        chance = self._chance
        fault = chance.choices(list(FAULTS), list(FAULTS.values()))[0] if chance.happens(self.faulty) else ""
        self._log.add("request", n=self.sent, run=run, path=path, fault=fault, sha256=hashlib.sha256(body).hexdigest())
        if fault:
            self.faults[fault] += 1
        refusal = self._refusal(fault, side)
        if refusal is not None:
            return refusal
        parsed = json.loads(body)
        row = Row(
            n=self.sent,
            request_id=f"req-{self.sent}",
            who=who,
            run=run,
            generation=generation,
            path=path,
            turns=conversation(body),
            model=parsed["model"],
            used=self._used(parsed, side),
            day=day,
            names=self._naming.choices(("everywhere", "body", "nowhere"), (16, 1, 3))[0],
        )
        row.was_kept = any(
            (each.run, each.generation, each.turns) == (run, generation, row.turns) and 0 < each.size <= each.kept
            for each in self.rows
        )
        self.rows.append(row)
        if fault == "500":
            return Plan(status=chance.choice((500, 502, 504)), refusal=b"<html>oops</html>", row=row, fault=fault)
        said = self.brain.answer(side.asked(parsed), self.sent)
        pieces = self._pieces(said, row, fault, parsed, side)
        row.size = sum(len(each.data) for each in pieces) if fault in ("", "no usage") else 0
        return Plan(
            pieces=pieces,
            row=row,
            fault=fault,
            goes_on=chance.happens(0.3),
            pings=chance.happens(0.5),
        )

    def left(self, row: Row, sent: int, *, goes_on: bool, pieces: tuple[Piece, ...]) -> None:
        """Nobody listens any more: what was generated is owed, all of it where the provider goes on."""
        if row.outcome != "open":
            return
        row.outcome = "cut"
        if goes_on and pieces:
            row.output = pieces[-1].tokens
        self._log.add("hung up", n=row.n, sent=sent, output=row.output)

    def called(self, who: str, request_id: str) -> None:
        """A process has begun to keep the answer that it reads under this name: its own, where it was given none."""
        newest = next((each for each in reversed(self.rows) if each.who == who), None)
        if newest is not None and newest.names != "everywhere":
            newest.request_id = request_id
            newest.names = "everywhere"

    def kept(self, request_id: str, data: bytes) -> None:
        """A process has put these bytes of an answer where its end does not reach them."""
        for row in self.rows:
            if row.request_id == request_id:
                row.kept += len(data)

    def total_pico(self) -> int:
        """The bill."""
        return sum(each.pico for each in self.rows)

    def _refusal(self, fault: str, side: Side) -> Plan | None:
        chance = self._chance
        match fault:
            case "refused":
                return Plan(status=0, fault=fault)
            case "429":
                return Plan(status=429, refusal=_error("rate_limit_error", "slow down"), fault=fault)
            case "429 short":
                wait = chance.choice(("0", "1", "2.5", "7", "40"))
                return Plan(
                    status=429, headers={"retry-after": wait}, refusal=_error("rate_limit_error", "slow"), fault=fault
                )
            case "429 long":
                wait = chance.choice(("900", "7200", "Sun, 22 Nov 2026 09:00:00 GMT"))
                return Plan(
                    status=429, headers={"retry-after": wait}, refusal=_error("rate_limit_error", "later"), fault=fault
                )
            case "529" | "503":
                return Plan(status=int(fault), refusal=_error("overloaded_error", "busy"), fault=fault)
            case "quota":
                refusal = _error("billing_error", "Your credit balance is too low")
                return Plan(status=402, refusal=refusal, fault=fault)
            case "400":
                return Plan(status=400, refusal=_error("invalid_request_error", "no"), fault=fault)
            case "error first":
                broken = Piece(side.broken("overloaded_error"), 0)
                return Plan(pieces=(broken,), fault=fault, headers={"request-id": f"req-{self.sent}"})
        return None

    def _pieces(self, said: Said, row: Row, fault: str, parsed: dict[str, Any], side: Side) -> tuple[Piece, ...]:
        chance = self._chance
        own = None if row.names == "nowhere" else row.request_id
        whole = side.answer(said, row.used, model=row.model, request_id=own, with_usage=fault != "no usage")
        if whole[-1].tokens > (parsed.get("max_tokens") or parsed.get("max_completion_tokens")):
            raise AssertionError("the model has said more than it may: make its answers shorter")
        if fault == "error later":
            at = chance.randrange(len(whole) // 2, len(whole) - 1)
            whole = [*whole[:at], Piece(side.broken("api_error"), whole[at].tokens)]
        elif fault in ("cut", "short", "stall"):
            whole = _up_to(whole, chance.randrange(sum(len(each.data) for each in whole)))
        return tuple(_torn(whole, chance))

    def _used(self, body: dict[str, Any], side: Side) -> Used:
        now = asyncio.get_running_loop().time()
        parts = side.parts(body)
        total = read = last = seen = 0
        prefix = hashlib.sha256(body["model"].encode())
        marks = []
        for each in parts:
            prefix.update(each.sha256.encode())
            seen += each.tokens
            if each.marked:
                word = prefix.hexdigest()
                marks.append(word)
                last = seen
                if self._kept.get(word, -1.0) >= now:
                    read = seen
        total = seen
        for word in marks:
            self._kept[word] = now + KEPT_S
        if not side.writes:
            return Used(plain=total - read, read=read, written=0)
        return Used(plain=total - last, read=read, written=last - read)


def _error(kind: str, message: str) -> bytes:
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()


def _up_to(whole: list[Piece], most: int) -> list[Piece]:
    """The first so many bytes."""
    out: list[Piece] = []
    for each in whole:
        if most < len(each.data):
            return [*out, Piece(each.data[:most], each.tokens)]
        out.append(each)
        most -= len(each.data)
    return out


def _torn(whole: list[Piece], chance: Chance) -> list[Piece]:
    """The same bytes in other pieces: the network knows nothing of events."""
    data = b"".join(each.data for each in whole)
    ends, at = [], 0
    for each in whole:
        at += len(each.data)
        ends.append((at, each.tokens))
    out, start = [], 0
    while start < len(data):
        stop = min(len(data), start + chance.choice((1, 60, 200, 700, 3_000)))
        tokens = next(tokens for end, tokens in ends if end >= stop)
        out.append(Piece(data[start:stop], tokens))
        start = stop
    return out
