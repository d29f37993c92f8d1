"""The table that is scored: one row for each request of a user to an agent, figures only, no text.

``build`` makes it from recorded sessions (JSON lines, see the README beside the table); it is kept so that the
benchmark needs nothing else.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from benchmarks.report import ROOT
from bursar.domain.money.past import Known, PastTask
from bursar.domain.specs.traits import TaskTraits, traits_of

TABLE = ROOT / "tests" / "fixtures" / "forecast" / "requests.csv"
CHARS_PER_TOKEN = 3.5
WRITE_PERCENT, READ_PERCENT = 125, 10
"""What a token written to and read from the prompt cache costs, in hundredths of an uncached one."""
PICO_PER_HUNDREDTH = 10_000
"""At $1 per million tokens of uncached input."""

# What stands in the place of a user's message and was written by a program.
_NOT_A_PROMPT = (
    *("<local-command", "<task-notification", "<ci-monitor", "<environment_context", "<command-name>", "<objective>"),
    *("<system-reminder", "<user-prompt-submit", "# AGENTS.md", "Base directory for this skill", "$ ls"),
)
_BROKEN_OFF = ("[Request interrupted", "<turn_aborted")
_CARRIED_OVER = "This session is being continued"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One request of a user, from it to the next one: what was known before, and what it took."""

    repository: str
    session: str
    position: int
    harness: str
    model: str
    kind: str
    text_chars: int
    files_named: int
    first_tokens: int
    first_pico: int
    tokens: int
    cost_pico: int
    time_ms: int
    requests: int
    whole: int

    @property
    def past(self) -> PastTask:
        """As the product keeps it: the repository is the workspace, the session the spec."""
        traits = TaskTraits(kind=self.kind, text_chars=self.text_chars, files_named=self.files_named)  # type: ignore[arg-type]
        known = Known(
            traits=traits,
            model=self.model,
            workspace=self.repository,
            spec=self.session,
            first_tokens=self.first_tokens,
            first_pico=self.first_pico,
        )
        return PastTask(
            known=known,
            tokens=self.tokens,
            cost_pico=self.cost_pico,
            time_ms=self.time_ms,
            requests=self.requests,
            whole=bool(self.whole),
        )


def load(path: Path = TABLE) -> list[Scored]:
    """The rows of a table, in its order."""
    kinds = {each.name: str if each.type == "str" else int for each in fields(Scored)}
    with path.open(encoding="utf-8", newline="") as file:
        return [Scored(**{name: kinds[name](value) for name, value in row.items()}) for row in csv.DictReader(file)]


def save(rows: Sequence[Scored], path: Path = TABLE) -> None:
    """Write a table."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [each.name for each in fields(Scored)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(each) for each in rows)


def build(traces: Path) -> list[Scored]:
    """The rows of all sessions in a file that say what was billed."""
    with gzip.open(traces, "rt", encoding="utf-8") as file:
        return [row for line in file for row in _of_session(json.loads(line))]


def _of_session(trace: dict[str, Any]) -> Iterator[Scored]:
    billed = {each["req"]: each for each in trace["usage"]}
    if not billed:
        return
    broken_off: set[int] = set()
    prompts: dict[int, list[dict[str, Any]]] = {}
    carried_over: set[int] = set()
    for turn in (each for each in trace["turns"] if each["kind"] == "user"):
        text = turn["text"].lstrip()
        if text.startswith(_BROKEN_OFF):
            broken_off.add(turn["req"])
        elif not text.startswith(_NOT_A_PROMPT):
            prompts.setdefault(turn["req"], []).append(turn)
            if text.startswith(_CARRIED_OVER):
                carried_over.add(turn["req"])
    starts = sorted(prompts)
    position = 0
    for start, end in zip(starts, [*starts[1:], trace["requests"]], strict=True):
        answered = [billed[number] for number in range(start, end) if number in billed]
        if not answered or start in carried_over:
            continue
        is_last = end == trace["requests"]
        began_s, ended_s = prompts[start][-1].get("t"), answered[-1].get("t")
        traits = traits_of("\n".join(each["text"] for each in prompts[start]))
        first = _first_tokens(trace, billed, start)
        writes = any(each["cache_write"] for each in billed.values())
        yield Scored(
            repository=trace["source"].rpartition("/")[2],
            session=trace["id"],
            position=position,
            harness=trace["harness"],
            model=trace["model"],
            kind=traits.kind,
            text_chars=traits.text_chars,
            files_named=traits.files_named,
            first_tokens=first,
            first_pico=first * (WRITE_PERCENT if writes else 100) * PICO_PER_HUNDREDTH,
            tokens=sum(map(_input, answered)),
            cost_pico=sum(map(_hundredths, answered)) * PICO_PER_HUNDREDTH,
            time_ms=max(1, round(1000 * (ended_s - began_s))),
            requests=len(answered),
            whole=int(end not in broken_off and not (is_last and trace["segment"] < trace["segments"] - 1)),
        )
        position += 1


def _first_tokens(trace: dict[str, Any], billed: dict[int, dict[str, Any]], start: int) -> int:
    """The size of the first request, from what is known before it is sent: what the request before it was billed
    for, and the characters that came since. The first one of a session is a body like any other, and nothing was
    billed before it: its size is taken from its own bill."""
    before = max((number for number in billed if number < start), default=None)
    if before is None:
        return _input(billed[start])
    since = sum(
        len(each["text"])
        for each in trace["turns"]
        if (each["role"] == "assistant" and before <= each["req"] < start)
        or (each["role"] != "assistant" and before < each["req"] <= start)
    )
    return _input(billed[before]) + round(since / CHARS_PER_TOKEN)


def _input(usage: dict[str, Any]) -> int:
    return int(usage["input"] + usage["cache_write"] + usage["cache_read"])


def _hundredths(usage: dict[str, Any]) -> int:
    return int(usage["input"] * 100 + usage["cache_write"] * WRITE_PERCENT + usage["cache_read"] * READ_PERCENT)


def repositories(rows: Iterable[Scored]) -> list[str]:
    """The names of the repositories, in order."""
    return sorted({each.repository for each in rows})
