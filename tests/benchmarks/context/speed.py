"""``python -m benchmarks.context.speed``: how long a decision takes in sessions of 50 to 600 requests.

Sessions are made from a seed (reads, searches, edits, repeats, silences), some 500 tokens for each request. Timed is
what the policy does before each request, beside the naive way: it takes the whole prompt anew before the last one.
Writes ``build/bench/context.json``. ``--traces FILE`` times recorded sessions instead.
"""

from __future__ import annotations

import argparse
import gc
import importlib.metadata
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from statistics import median

from benchmarks import report
from bursar.domain.context.decision import Arrived
from bursar.domain.context.policies.bursar.policy import Steps
from bursar.domain.context.policies.rules import RulePolicy
from bursar.domain.context.rates import PRICE_SETS
from bursar.domain.context.replay import terms_of
from bursar.domain.context.session import RecordedSession
from bursar.imports.recorded import read_sessions
from support.sessions import made_session

LENGTHS = (50, 100, 200, 400, 600)
SEEDS = (1, 2, 3)
PEER = "reading the whole prompt anew"


def main() -> int:
    """Time, print and write."""
    parser = argparse.ArgumentParser(prog="bench-context", description=__doc__)
    parser.add_argument("--traces", type=Path)
    args = parser.parse_args()
    if args.traces is not None:
        rows = [_row(each.id, [each]) for each in read_sessions(args.traces)]
    else:
        rows = [_row(f"{each} requests", _made(each)) for each in LENGTHS]
    report.write("context", [each for row in rows for each in row], {"bursar": importlib.metadata.version("bursar")})
    return 0


def _made(requests: int) -> list[RecordedSession]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sessions.jsonl"
        made = [made_session(seed, requests=requests) for seed in SEEDS]
        path.write_text("".join(f"{json.dumps(each)}\n" for each in made), encoding="utf-8")
        return read_sessions(path)


def _row(what: str, sessions: Sequence[RecordedSession]) -> list[report.Row]:
    times, naive, last, tokens = [], [], [], []
    lines = 0
    for session in sessions:
        steps, taken, held = timed(session)
        times += taken
        last += taken[-len(taken) // 4 :]
        lines += steps.lines_weighed
        tokens.append(held)
        naive += [_naive(session) for _ in range(3)]
    p50, p99, p50_last = median(times), sorted(times)[int(0.99 * len(times))], median(last)
    sys.stdout.write(
        f"{what:<24} {median(tokens):>9,.0f} tokens  p50 {p50:7.2f} ms  p99 {p99:7.2f} ms  "
        f"last quarter {p50_last:7.2f} ms  {lines / len(times):6.0f} lines weighed  naive {median(naive):8.1f} ms\n"
    )
    sys.stdout.flush()
    return [
        report.Row(what=f"{name}, {what}", value=_ms(value), unit="ms", peer=PEER, peer_value=_ms(median(naive)))
        for name, value in (("decision, p50", p50), ("decision, p99", p99), ("last quarter, p50", p50_last))
    ]


def timed(session: RecordedSession) -> tuple[Steps, list[float], int]:
    """The policy after the whole session, the milliseconds of each decision, and the tokens of all turns."""
    terms = terms_of(session, PRICE_SETS["A"], 10_000_000)
    steps = Steps()
    policy = RulePolicy(steps, terms)
    times = []
    gc.collect()
    for request, turns in zip(session.requests, session.by_request(), strict=True):
        gap_s = session.gap_s(request.n)
        arrived = Arrived(request=request.n, gap_s=gap_s, is_cold=gap_s > terms.prices.ttl_s, turns=turns)
        start = time.perf_counter()
        policy.decide(arrived)
        times.append(1_000 * (time.perf_counter() - start))
    return steps, times, sum(each.tokens for each in session.turns)


def _naive(session: RecordedSession) -> float:
    """All turns at once, as one who keeps nothing has to take them."""
    terms = terms_of(session, PRICE_SETS["A"], 10_000_000)
    policy = RulePolicy(Steps(), terms)
    turns = tuple(replace(each, request=0) for each in session.turns)
    arrived = Arrived(request=0, gap_s=400.0, is_cold=True, turns=turns)
    start = time.perf_counter()
    policy.decide(arrived)
    return 1_000 * (time.perf_counter() - start)


def _ms(value: float) -> Decimal:
    return Decimal(f"{value:.3f}")


if __name__ == "__main__":
    sys.exit(main())
