"""``python -m benchmarks.context.train --traces FILE``: learn the chance of a line to be needed again, and write it.

Plays recorded sessions as they were, with repeats as pointers, and notes of each visible line of each result, at a few
ages and after each silence of five minutes, what is known of it and whether a later call needs it. A logistic
regression (Newton's method, an L2 penalty on standardised features) is fitted on all sessions, and once more without
each source, for judging its sessions. Writes ``coefficients.py`` of the policy.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

from bursar.domain.context.decision import Arrived
from bursar.domain.context.policies.bursar import features
from bursar.domain.context.policies.bursar.admission import WORTHWHILE_TOKENS
from bursar.domain.context.policies.bursar.history import History
from bursar.domain.context.policies.bursar.origin import UNKNOWN, Origin, origin_of
from bursar.domain.context.policies.dedupe import Dedupe
from bursar.domain.context.rates import PRICE_SETS
from bursar.domain.context.replay import terms_of
from bursar.domain.context.retention import Use, uses_by_request
from bursar.domain.context.session import RecordedSession
from bursar.domain.context.window import Window
from bursar.imports.recorded import read_sessions

AGES = frozenset({0, 1, 2, 3, 5, 8, 12, 18, 27, 40, 60, 90, 135, 200, 300, 450})
SILENCE_S = 300
SEED = 1
NEGATIVES = 0.15
"""The share of lines that nobody needed which is looked at; each stands for the others."""
PENALTY = 300.0
WRITTEN = Path(__file__).parents[3] / "server/bursar/domain/context/policies/bursar/coefficients.py"


@dataclass(frozen=True)
class Sample:
    """A line at a moment. ``line`` is (result, number)."""

    line: tuple[int, int]
    request: int
    values: tuple[float, ...]
    is_drawn: bool


def main() -> int:
    """Read, learn, write."""
    parser = argparse.ArgumentParser(prog="train", description=__doc__)
    parser.add_argument("--traces", type=Path, required=True)
    parser.add_argument("--into", type=Path, default=WRITTEN)
    args = parser.parse_args()
    sessions = read_sessions(args.traces)
    draw = random.Random(SEED)
    rows, needed, sources = [], [], []
    for session in sessions:
        for values, is_needed in learnt_from(session, draw):
            rows.append(values)
            needed.append(is_needed)
            sources.append(session.source)
    data = numpy.array(rows, dtype=numpy.float32)
    target = numpy.array(needed, dtype=numpy.float64)
    source = numpy.array(sources)
    sys.stdout.write(f"{len(rows)} lines, {int(target.sum())} of them needed again\n")
    fitted = {None: fit(data, target)}
    for each in sorted(set(sources)):
        others = source != each
        fitted[each] = fit(data[others], target[others])
    args.into.write_text(written(fitted, len(sessions)), encoding="utf-8")
    return 0


def learnt_from(session: RecordedSession, draw: random.Random) -> Iterator[tuple[tuple[float, ...], bool]]:
    """What was known of a line and whether it was needed from then on."""
    samples: list[Sample] = []
    needed: dict[tuple[int, int], int] = {}
    for request, history, uses in _played(session, samples, draw):
        for use in uses:
            line = _needed(use, history, session)
            if line is not None:
                needed[line] = request
    for sample in samples:
        is_needed = needed.get(sample.line, -1) >= sample.request
        if is_needed or sample.is_drawn:
            yield sample.values, is_needed


def _played(
    session: RecordedSession, samples: list[Sample], draw: random.Random
) -> Iterator[tuple[int, History, Sequence[Use]]]:
    terms = terms_of(session, PRICE_SETS["A"])
    window, dedupe, history = Window(terms), Dedupe(from_tokens=WORTHWHILE_TOKENS), History()
    calls: dict[str, Origin] = {}
    shown: dict[int, dict[int, tuple[float, ...]]] = {}
    last = UNKNOWN
    for request, turns, uses in zip(session.requests, session.by_request(), uses_by_request(session), strict=True):
        gap_s = session.gap_s(request.n)
        window.take(turns)
        dedupe(window, Arrived(request=request.n, gap_s=gap_s, is_cold=False, turns=turns), terms)
        for number in range(window.arrived_from, len(window.turns)):
            turn, origin = window.turns[number], UNKNOWN
            if turn.kind == "tool_call":
                origin = last = origin_of(turn.tool, turn.text)
                calls[turn.call] = origin
            elif turn.kind == "tool_result":
                origin = calls.get(turn.call, last) if turn.call else last
            history.add(number, turn, origin)
            if turn.kind == "tool_result":
                result = history.results[number]
                shown[number] = {}
                for line, text in enumerate(result.lines):
                    if window.shows(number, line):
                        history.show(number, line)
                        shown[number][line] = features.fixed(
                            text, line, len(result.lines) - 1, result.seen[line], terms.tokens_per_character
                        )
        for number, result in history.results.items():
            if gap_s > SILENCE_S or request.n - result.turn.request in AGES:
                of_result = history.of_result(result, request.n)
                for line, fixed in shown[number].items():
                    values = (*fixed, *history.changing(result, line), *of_result)
                    samples.append(
                        Sample(
                            line=(number, line),
                            request=request.n,
                            values=values,
                            is_drawn=draw.random() < NEGATIVES,
                        )
                    )
        yield request.n, history, uses


def _needed(use: Use, history: History, session: RecordedSession) -> tuple[int, int] | None:
    if any(session.turns[each].kind != "tool_result" for each in use.holders):
        return None  # it stands where nothing is trimmed
    if use.kind == "atom":
        return history.holder_of(use.text)
    return history.newest_of(use.text) if use.kind == "edit_line" else None


def fit(data: Any, target: Any) -> list[float]:
    """The intercept and a coefficient for each feature."""
    weights = numpy.where(target > 0, 1.0, 1 / NEGATIVES)
    mean = numpy.average(data, axis=0, weights=weights)
    spread = numpy.sqrt(numpy.average((data - mean) ** 2, axis=0, weights=weights))
    scale = numpy.where(spread > 1e-6, spread, 1.0)
    known = numpy.column_stack(((data - mean) / scale, numpy.ones(len(data)))).astype(numpy.float64)
    penalty = numpy.full(known.shape[1], PENALTY)
    penalty[-1] = 0.0
    share = numpy.average(target, weights=weights)
    beta = numpy.zeros(known.shape[1])
    beta[-1] = numpy.log(share / (1 - share))
    for _ in range(12):
        chance = 1 / (1 + numpy.exp(-numpy.clip(known @ beta, -30, 30)))
        slope = known.T @ (weights * (chance - target)) + penalty * beta
        curve = (known * (weights * chance * (1 - chance))[:, None]).T @ known + numpy.diag(penalty)
        step = numpy.linalg.solve(curve, slope)
        beta -= step
        if numpy.abs(step).max() < 1e-6:
            break
    raw = beta[:-1] / scale
    return [float(beta[-1] - raw @ mean), *map(float, raw)]


def written(fitted: dict[str | None, list[float]], sessions: int) -> str:
    """The module."""
    sources = [each for each in fitted if each is not None]
    lines = [
        '"""What the features of a line say of the chance that a later call needs it; written by a program.',
        "",
        f"Learnt by ``tests/benchmarks/context/train.py`` from {sessions} recorded sessions of the sources below,",
        "which publish them under the MIT licence. ``LEFT_OUT`` has for each source what was learnt from all others: a",
        "figure measured on sessions that were learnt from is flattered. The first number is the intercept, the others",
        "belong to ``features.NAMES``, in their order.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "# fmt: off",
        f"ALL: tuple[float, ...] = ({_numbers(fitted[None])})",
        "LEFT_OUT: dict[str, tuple[float, ...]] = {",
    ]
    lines += [f'    "{each}": ({_numbers(fitted[each])}),' for each in sources]
    return "\n".join([*lines, "}", ""])


def _numbers(values: Sequence[float]) -> str:
    shown, line = [], ""
    for each in values:
        word = f"{each:.4g}, "
        if len(line) + len(word) > 100:
            shown.append(line.rstrip())
            line = ""
        line += word
    return "\n    ".join(["", *shown, line.rstrip()]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
