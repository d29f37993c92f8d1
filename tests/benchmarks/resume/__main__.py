"""``python -m benchmarks.resume [--steps 2,10] [--keep DIR]``: plays every kill with every runner, prints the table."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import report
from benchmarks.resume import scene
from benchmarks.resume.figures import (
    BURSAR,
    DBOS,
    LANGGRAPH,
    POINTS,
    RESTART,
    RUNNERS,
    Kill,
    Measured,
    billed_again,
    rows,
    table,
)
from benchmarks.resume.play import PEERS_PYTHON, BenchFailed, Play

STEPS = (2, 5, 10, 15, 19)
_PACKAGES = {LANGGRAPH: ("langgraph", "langgraph-checkpoint-sqlite"), DBOS: ("dbos",)}


def main() -> int:
    """Play, print and write; 1 where a play did not go as it must."""
    parser = argparse.ArgumentParser(prog="bench-resume", description=__doc__)
    parser.add_argument("--steps", type=lambda text: tuple(map(int, text.split(","))), default=STEPS)
    parser.add_argument("--keep", type=Path, help="keep what was played in this new folder")
    args = parser.parse_args()
    if any(not 1 <= each < scene.STEPS for each in args.steps):
        parser.error(f"--steps takes numbers from 1 to {scene.STEPS - 1}")
    if args.keep and args.keep.exists():
        parser.error(f"{args.keep} is there already: name a new folder")
    if not PEERS_PYTHON.exists():
        parser.error(f"{PEERS_PYTHON} is missing: `make bench-resume` sets it up")
    kills = [Kill(point=point, step=step) for point in POINTS for step in args.steps]
    # Whoever ends it leaves nothing running, and nothing in the folder for temporary files.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bursar-bench-") as temporary:
        folder = args.keep.resolve() if args.keep else Path(temporary)
        try:
            undisturbed, opening = _undisturbed(folder)
            again = {}
            for kill in kills:
                for runner in RUNNERS:
                    _say(f"{runner}, killed {POINTS[kill.point]}, step {kill.step}")
                    with Play(folder / f"{runner}-{kill.point}-{kill.step}", runner, kill, opening) as play:
                        again[runner, kill] = billed_again(play.run(), undisturbed)
        except BenchFailed as error:
            gone = "" if args.keep else "; that folder is gone now: BENCH_FLAGS='--keep DIR' keeps the next one"
            print(f"bench-resume failed: {error}{gone}", file=sys.stderr)
            return 1
    versions = _versions()
    print(
        f"A run of {scene.STEPS} steps takes {undisturbed.all_tokens:,} tokens, ${undisturbed.usd}, with each runner."
    )
    print(
        "After a kill this is billed again (tokens for each step; USD, requests, effects that the tool left twice and"
    )
    print("questions to the user over all these steps):\n")
    print("\n".join(table(again, kills)))
    peers = {RESTART: "restart from scratch", **{peer: _named(peer, versions) for peer in _PACKAGES}}
    path = report.write("resume", rows(again, kills, peers), versions)
    print(f"\nin {time.monotonic() - began_s:.0f} s; {', '.join(f'{name} {each}' for name, each in versions.items())}")
    print(f"written to {path.relative_to(report.ROOT)}")
    return 0


def _undisturbed(folder: Path) -> tuple[Measured, dict[str, object]]:
    """The figures without a kill, the same for every runner, and the opening of Bursar's first request."""
    with Play(folder / f"{BURSAR}-undisturbed", BURSAR, None) as play:
        ours = play.run()
        opening = scene.opening_of(play.log()[0]["body"])
    for runner in RUNNERS[1:]:
        _say(f"{runner}, undisturbed")
        with Play(folder / f"{runner}-undisturbed", runner, None, opening) as play:
            theirs = play.run()
        if theirs != ours:
            raise BenchFailed(f"undisturbed, {runner} comes to {theirs} and Bursar to {ours}: not the same loop")
    return ours, opening


def _versions() -> dict[str, str]:
    names = [name for packages in _PACKAGES.values() for name in packages]
    code = "import importlib.metadata as m, json, sys; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
    done = subprocess.run([PEERS_PYTHON, "-c", code, *names], capture_output=True, text=True, check=True)
    return {"bursar": importlib.metadata.version("bursar"), **json.loads(done.stdout)}


def _named(peer: str, versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {versions[name]}" for name in _PACKAGES[peer])


def _say(what: str) -> None:
    print(f"  {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
