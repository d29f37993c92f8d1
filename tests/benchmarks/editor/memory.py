"""What memory a server holds, and how it grows over an hour's worth of edits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks.editor.amounts import Amounts
from benchmarks.editor.asking import change, check_count, look
from benchmarks.editor.figures import Aim, row, slope
from benchmarks.editor.oracle import Oracle
from benchmarks.editor.servers import BURSAR, NOTHING, Place, Server
from benchmarks.editor.texts import Typist, markdown
from benchmarks.report import Row

GROWTH_MB_PER_H = 5
EDITS_PER_H, EDITS_PER_REQUEST = 36_000, 10
_SAMPLES, _WARM_SHARE = 120, 1 / 6


def rss_mb(pid: int) -> float:
    """What the process holds in memory now, in megabytes of a million bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1_024 / 1e6
    raise AssertionError(f"process {pid} has no VmRSS")


def hour(place: Place, servers: Mapping[str, Server], oracle: Oracle, amounts: Amounts) -> tuple[list[Row], list[Aim]]:
    """Growth by edits at full speed, a request after every tenth, beside the server that does nothing."""
    edits = amounts.edits
    grown = {name: _hour(place, servers[name], oracle, amounts) for name in (BURSAR, NOTHING)}
    of = "an hour of typing" if edits == EDITS_PER_H else f"{edits:,} edits"
    rows = [
        row(f"growth of memory over {of}, by the hour", grown[BURSAR][0], "MB/h", NOTHING, grown[NOTHING][0]),
        row(f"memory after {of}", grown[BURSAR][1], "MB", NOTHING, grown[NOTHING][1]),
    ]
    aim = Aim(what=f"growth over {of}", value=grown[BURSAR][0], unit="MB/h", at_most=GROWTH_MB_PER_H)
    return rows, [aim]


def _hour(place: Place, server: Server, oracle: Oracle, amounts: Amounts) -> tuple[float, float]:
    edits = amounts.edits
    text = markdown(amounts.usual)
    uri = place.file("usual/AGENTS.md", text)
    typist = Typist(text)
    hours: list[float] = []
    held: list[float] = []
    apart = max(edits // _SAMPLES, 1)
    with server.start(place) as client:
        client.begin()
        client.open(uri, server.language, text)
        for n in range(1, edits + 1):
            stroke = typist.stroke()
            change(client, uri, typist.version, stroke)
            if n % EDITS_PER_REQUEST == 0:
                client.wait(look(client, uri, n // EDITS_PER_REQUEST))
            if n % apart == 0 and n > edits * _WARM_SHARE:
                hours.append(n / EDITS_PER_H)
                held.append(rss_mb(client.pid))
        if server.name == BURSAR:
            check_count(client, uri, typist, oracle)
        client.end()
    return slope(hours, held), held[-1]
