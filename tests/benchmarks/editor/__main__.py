"""``make bench-editor``: what the editor waits for, beside servers that do less and what every server pays at least.

Every server is a process of its own with the same client. Ratios are taken inside one run only. Nothing here asserts a
time: the aims are told as reached or missed. A wrong count or hint ends the run with exit code 1.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.editor import inside, keystrokes, memory, opening, starts, storms
from benchmarks.editor.amounts import Amounts
from benchmarks.editor.asking import WrongAnswer
from benchmarks.editor.figures import Aim, shown
from benchmarks.editor.oracle import Oracle
from benchmarks.editor.servers import Place, Server, servers
from benchmarks.report import FOLDER, Row, add, write

Part = Callable[[Place, Mapping[str, Server], Oracle, Amounts], tuple[list[Row], list[Aim]]]
PARTS: Mapping[str, Part] = {
    "starts": starts.starts,
    "openings": opening.openings,
    "keystrokes": keystrokes.keystrokes,
    "inside": inside.inside,
    "storms": storms.storms,
    "hour": memory.hour,
}


def main(argv: Sequence[str]) -> int:
    """Measure, print the table and leave build/bench/editor.json."""
    parser = argparse.ArgumentParser(prog="bench-editor", description=__doc__)
    parser.add_argument(
        "--peers",
        type=lambda given: Path(given).absolute(),
        help="their bin folder; left out, so are they",
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    parser.add_argument("--only", choices=PARTS, action="append", help="this part; its rows are added to the file")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    args = parser.parse_args(argv)
    found = servers(args.peers)
    amounts = Amounts().quick() if args.quick else Amounts()
    load = _load()
    with tempfile.TemporaryDirectory(prefix="bursar-bench-") as folder, Oracle() as oracle:
        rows, aims, wrong = measured(Path(folder), found, oracle, amounts, args.only or list(PARTS))
    _print(rows, aims, load)
    keep = add if args.only else write
    path = keep("editor", [*rows, *(each.row() for each in aims)], _versions(args.peers), args.folder)
    _say(f"{path}")
    for each in wrong:
        _say(f"WRONG: {each}")
    return 1 if wrong else 0


def measured(
    folder: Path, found: Mapping[str, Server], oracle: Oracle, amounts: Amounts, parts: Sequence[str]
) -> tuple[list[Row], list[Aim], list[str]]:
    """All rows and aims, and what was wrong."""
    place = Place(folder=folder)
    place.lay_out()
    rows: list[Row] = []
    aims: list[Aim] = []
    wrong: list[str] = []
    for name in parts:
        began = time.monotonic()
        try:
            more = PARTS[name](place, found, oracle, amounts)
        except WrongAnswer as error:
            wrong.append(f"{name}: {error}")
            continue
        rows += more[0]
        aims += more[1]
        sys.stderr.write(f"{name}: {time.monotonic() - began:.0f} s\n")
    return rows, aims, wrong


def _versions(peers: Path | None) -> dict[str, str]:
    found = {each: importlib.metadata.version(each) for each in ("bursar", "tiktoken")}
    python = sys.executable if peers is None else str(peers / "python")
    names = ["pygls", "lsprotocol"] + ([] if peers is None else ["ruff", "python-lsp-server", "jedi-language-server"])
    code = f"import importlib.metadata as m; print(*(m.version(each) for each in {names!r}))"
    said = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    return {**found, **dict(zip(names, said, strict=True))}


def _print(rows: Sequence[Row], aims: Sequence[Aim], load: str) -> None:
    _say(f"Load average: {load} at the beginning, {_load()} at the end.\n")
    for each in rows:
        _say(f"{each.what:<62}{shown(each.value):>9} {each.unit:<5} {each.peer}: {shown(each.peer_value)}")
    _say("")
    for aim in aims:
        _say(f"{aim.what:<74}{shown(aim.value):>8} {aim.unit:<5} at most {shown(aim.at_most)}: {aim.verdict()}")


def _load() -> str:
    return " ".join(f"{each:.1f}" for each in os.getloadavg())


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
