"""``python -m benchmarks.budget [--processes 8] [--count 500] [--limit 25]``: plays the load, prints the table."""

from __future__ import annotations

import argparse
import importlib.metadata
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from benchmarks import report
from benchmarks.budget.litellm_proxy import PROXY, PeerFailed, play_litellm
from benchmarks.budget.play import Played, play
from bursar.domain.money.price import PICO_PER_USD

_CONTROL = "check, then add"
_LITELLM = "litellm proxy"
# The control and the peer play a fortieth of the budget with a twentieth of the requests; Bursar plays both.
_SMALLER = 40


def main() -> int:
    """Play, print and write; 1 where the budget was passed, or less than 95 % of it could be used."""
    parser = argparse.ArgumentParser(prog="bench-budget", description=__doc__)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--limit", type=Decimal, default=Decimal(25), help="in USD")
    args = parser.parse_args()
    limit_pico = int(args.limit * PICO_PER_USD)
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bursar-bench-") as temporary:
        folder = Path(temporary)
        _say(f"{args.processes} processes, {args.count} reservations each, one budget of ${args.limit} for the day")
        ours = play(folder / "ours", processes=args.processes, count=args.count, limit_pico=limit_pico)
        _say("the control: the same load, looking first and adding then")
        smaller_count, smaller_pico = max(4, args.count * 2 // _SMALLER), limit_pico // _SMALLER
        smaller = {"processes": args.processes, "count": smaller_count, "limit_pico": smaller_pico}
        control = play(folder / "control", **smaller, how="check-then-add")
        _say("the smaller load of the control, with Bursar")
        small = play(folder / "small", **smaller)
        peer = None
        if PROXY.exists():
            _say("the same through a litellm proxy to the simulator, with a budget for the provider")
            try:
                peer = play_litellm(
                    folder / "litellm", clients=args.processes, count=smaller_count, limit_pico=smaller_pico
                )
            except PeerFailed as error:
                _say(f"bench-budget failed: {error}")
                return 1
        else:
            _say(f"{PROXY} is missing, so its column is left out: `make bench-budget` sets it up")
    rows = _rows(ours, control, _CONTROL)
    versions = {"bursar": importlib.metadata.version("bursar")}
    played = {"Bursar": ours, "Bursar, the smaller load": small, f"control: {_CONTROL}": control}
    if peer is not None:
        rows += _rows(small, peer, _LITELLM)
        versions["litellm"] = _litellm_version()
        played[f"litellm {versions['litellm']}, a provider's budget"] = peer
    sys.stdout.write(table(played) + "\n")
    path = report.write("budget", rows, versions)
    _say(f"{path}, after {time.monotonic() - began_s:.0f} s")
    return 0 if ours.overshoot_pico == 0 and ours.usable >= Fraction(95, 100) else 1


def table(played: Mapping[str, Played]) -> str:
    """What each came to, as a table in Markdown."""
    lines = ["| | used | passed by | sent | refused |", "|---|---:|---:|---:|---:|"]
    for name, each in played.items():
        over = Fraction(each.overshoot_pico, each.limit_pico)
        lines.append(
            f"| {name} | {_percent(each.usable)} % | {_percent(over)} % | {each.granted:,} | {each.refused:,} |"
        )
    return "\n".join(lines)


def _rows(ours: Played, theirs: Played, peer: str) -> list[report.Row]:
    over = [_percent(Fraction(each.overshoot_pico, each.limit_pico)) for each in (ours, theirs)]
    figures: list[tuple[str, int | Decimal, int | Decimal, str]] = [
        ("share of the budget that was used", _percent(ours.usable), _percent(theirs.usable), "%"),
        ("passed by", over[0], over[1], "% of the budget"),
        ("requests sent", ours.granted, theirs.granted, "requests"),
    ]
    return [
        report.Row(what=what, value=value, unit=unit, peer=peer, peer_value=peer_value)
        for what, value, peer_value, unit in figures
    ]


def _litellm_version() -> str:
    done = subprocess.run(
        [PROXY.parent / "python", "-c", "import importlib.metadata as m; print(m.version('litellm'))"],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def _percent(share: Fraction) -> Decimal:
    return (Decimal(share.numerator) * 100 / Decimal(share.denominator)).quantize(Decimal("0.01"))


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
