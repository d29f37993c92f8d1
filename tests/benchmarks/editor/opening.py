"""A large document that is opened: how long until something is seen of it, and what memory it takes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Mapping

from benchmarks.editor.amounts import Amounts
from benchmarks.editor.asking import change, check_count, document, lines, until_right
from benchmarks.editor.client import Client
from benchmarks.editor.figures import Aim, p50, row, size_name
from benchmarks.editor.memory import rss_mb
from benchmarks.editor.oracle import Oracle
from benchmarks.editor.servers import BURSAR, JEDI, PYLSP, Place, Server
from benchmarks.editor.texts import Typist, first_section, markdown, python
from benchmarks.report import Row

ONE_ENCODING_MB, BOTH_ENCODINGS_MB = 150, 220
_STROKES = 20
# Of these one round is enough: a large module takes them many seconds.
_SLOW = frozenset({PYLSP, JEDI})
_SMALL_CHARACTERS = 3_000
_BOTH = """
from bursar.tokens import TiktokenCounter
counter = TiktokenCounter()
for encoding in ("o200k_base", "cl100k_base"):
    counter.load(encoding)
    print(open("/proc/self/status").read().partition("VmRSS:")[2].split()[0], flush=True)
"""


def openings(
    place: Place, servers: Mapping[str, Server], oracle: Oracle, amounts: Amounts
) -> tuple[list[Row], list[Aim]]:
    """A new document of 1 MB in a server that has been in use, to the right first hint; then a little typing."""
    took: dict[str, list[float]] = defaultdict(list)
    held: dict[str, list[float]] = defaultdict(list)
    for n in range(amounts.openings):
        for server in servers.values():
            if not (n and server.name in _SLOW):
                ms, mb = _open(place, server, oracle, amounts.large, seed=2 + n)
                took[server.name].append(ms)
                held[server.name].append(mb)
    size = size_name(amounts.large)
    opened, memory = f"open of {size} to the first right hint", f"memory with a document of {size}"
    peers = [each for each in servers.values() if each.name != BURSAR]
    rows = [row(opened, p50(took[BURSAR]), "ms", each.says(each.again), p50(took[each.name])) for each in peers]
    rows += [row(memory, p50(held[BURSAR]), "MB", each.name, p50(held[each.name])) for each in peers]
    one = p50(held[BURSAR])
    aims = [
        Aim(what=f"{memory}, one encoding", value=one, unit="MB", at_most=ONE_ENCODING_MB),
        Aim(what=f"{memory}, both encodings", value=one + _second_mb(), unit="MB", at_most=BOTH_ENCODINGS_MB),
    ]
    return rows, aims


def _open(place: Place, server: Server, oracle: Oracle, size: int, seed: int) -> tuple[float, float]:
    make, name = (markdown, "AGENTS.md") if server.language == "markdown" else (python, "module.py")
    small, text = make(_SMALL_CHARACTERS), make(size, seed)
    before, uri = place.file(f"small/{name}", small), place.file(f"open/{name}", text)
    sections = [first_section(each) for each in (small, text)] if server.name == BURSAR else []
    counted = [(lines_, oracle.count(of).tokens) for lines_, of in sections]
    with server.start(place) as client:
        client.begin()
        client.open(before, server.language, small)
        if server.name == BURSAR:
            until_right(client, before, *counted[0], client.started_ns)
        else:
            client.request(server.again, document(before, range=lines(0, 60)))
        began_ns = time.monotonic_ns()
        client.open(uri, server.language, text)
        if server.name == BURSAR:
            _, took_ms = until_right(client, uri, *counted[1], began_ns)
        else:
            took_ms = (client.request(server.again, document(uri, range=lines(0, 60))).arrived_ns - began_ns) / 1e6
        if server.language == "markdown":
            _type(client, server, uri, Typist(text), oracle)
        held_mb = rss_mb(client.pid)
        client.end()
    return took_ms, held_mb


def _type(client: Client, server: Server, uri: str, typist: Typist, oracle: Oracle) -> None:
    for _ in range(_STROKES):
        stroke = typist.stroke()
        since_ns = change(client, uri, typist.version, stroke)
        client.request("bursar/documentTokens", document(uri))
    if server.name == BURSAR:
        section = typist.section(stroke.line)
        tokens = oracle.count(typist.section_text(*section)).tokens
        until_right(client, uri, section, tokens, since_ns)
        check_count(client, uri, typist, oracle)


def _second_mb() -> float:
    """What the second encoding takes, in a process that holds the first already."""
    out = subprocess.run([sys.executable, "-c", _BOTH], capture_output=True, text=True, check=True).stdout
    first, both = (int(each) * 1_024 / 1e6 for each in out.split())
    return both - first
