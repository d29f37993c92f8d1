"""Runs the crash loops, in full or at a twentieth, and says in one last line what they found: ``soak.py [short]``."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from bursar.system.failpoints import POINTS as NAMED

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
REPORT, SEED = "BURSAR_SOAK_REPORT", "BURSAR_CRASH_SEED"
POINTS = (*NAMED, "in_checkpoint", "random", "race", "stopped", "power cut", "full disk", "simulated")
"""What must have struck at least once."""
CONTROLS = ("forgotten results", "forgotten bytes", "no syncs", "two owners", "a lying disk", "simulated faults")
"""What must have found the fault that was put there for it."""

FOLDERS = ("crash", "simulation", "storage")
"""Where loops are looked for."""

Row = dict[str, Any]


def main(arguments: list[str]) -> int:
    """Play the loops; zero when each struck, nothing was repeated or lost, and every control found its fault."""
    short = arguments == ["short"]
    if arguments and not short:
        print("say 'short' or nothing")
        return 2
    seed = os.environ.get(SEED) or str(random.SystemRandom().randrange(10**6))
    print(f"soak{' at a twentieth' if short else ''}: {SEED}={seed} plays it again", flush=True)
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bursar-soak-") as folder:
        path = Path(folder) / "report.jsonl"
        environ = {**os.environ, SEED: seed, REPORT: str(path)}
        # In full, the small sizes and the controls run too, and the long loops of the other folders.
        codes = [
            pytest_in(
                environ,
                "-m",
                "soak_short" if short else "soak or soak_short",
                *(HERE.parent / each for each in FOLDERS),
            )
        ]
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
    print(f"in {time.monotonic() - began_s:.0f} s", flush=True)
    line, wrong = verdict(rows)
    wrong += [f"the tests ended with {code}" for code in codes if code]
    print(f"soak failed: {'; '.join(wrong)}" if wrong else line, flush=True)
    return 1 if wrong else 0


def pytest_in(environ: dict[str, str], *arguments: str | Path) -> int:
    """Run tests with all that they print; pytest's exit code."""
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode


def verdict(rows: list[Row]) -> tuple[str, list[str]]:
    """The last line, and what keeps it from being said."""
    struck, found = Counter[str](), Counter[str]()
    for row in rows:
        struck.update(row["kills"])
        if row["control"] is not None:
            found[row["loop"]] += row["control"]
    repeated, lost = sum(row["repeated"] for row in rows), sum(row["lost"] for row in rows)
    wrong = [f"{point} was never hit" for point in POINTS if not struck[point]]
    wrong += [f"the control with {control} found nothing" for control in CONTROLS if not found[control]]
    if repeated or lost:
        wrong.append(f"{repeated} repeated, {lost} lost")
    names = [*POINTS, *sorted(set(struck) - set(POINTS))]
    points = ", ".join(f"{point} {struck[point]}" for point in names)
    line = (
        f"{struck.total()} kills (per point: {points}), {repeated} repeated, {lost} lost, control found {found.total()}"
    )
    return f"soak ok: {line}", wrong


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
