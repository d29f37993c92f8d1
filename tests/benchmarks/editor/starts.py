"""Cold start: from the start of the process to the answer of ``initialize`` and to the first thing that is seen."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Mapping

from benchmarks.editor.amounts import Amounts
from benchmarks.editor.asking import WrongAnswer, document, until_right
from benchmarks.editor.figures import Aim, p50, row
from benchmarks.editor.memory import rss_mb
from benchmarks.editor.oracle import Oracle
from benchmarks.editor.servers import BURSAR, NOTHING, PYLSP, Place, Server
from benchmarks.editor.texts import first_section, markdown, python, tasks
from benchmarks.report import Row

SHARE_OF_PYGLS = 0.5
_TASKS, _MODULE_CHARACTERS = 12, 10_000


def starts(
    place: Place, servers: Mapping[str, Server], oracle: Oracle, amounts: Amounts
) -> tuple[list[Row], list[Aim]]:
    """Each server in turn, each time in a new process; the first round is not counted."""
    files = {
        "markdown": (place.file(".kiro/specs/start/tasks.md", tasks(_TASKS)), tasks(_TASKS)),
        "python": (place.file("module.py", python(_MODULE_CHARACTERS)), python(_MODULE_CHARACTERS)),
    }
    took: dict[tuple[str, str], list[float]] = defaultdict(list)
    for n in range(amounts.uncounted_starts + amounts.starts):
        if n == amounts.uncounted_starts:
            took.clear()  # in the round before, modules were compiled and the store was made
        ordered = list(servers.values())
        for server in ordered[n % len(ordered) :] + ordered[: n % len(ordered)]:
            for what, value in _start(place, server, oracle, *files[server.language]).items():
                took[what, server.name].append(value)
        took["initialize", "the bare interpreter"].append(_interpreter())
    return _rows(servers, {key: p50(values) for key, values in took.items()})


def _start(place: Place, server: Server, oracle: Oracle, uri: str, text: str) -> dict[str, float]:
    with server.start(place) as client:
        begun = client.initialize()
        client.notify("initialized", {})
        client.open(uri, server.language, text)
        first = client.wait(client.ask(server.first, document(uri)))
        if server.name == BURSAR and not first.result:
            raise WrongAnswer("the first answer has no lens")
        found = {
            "initialize": (begun.arrived_ns - client.started_ns) / 1e6,
            "first": (first.arrived_ns - client.started_ns) / 1e6,
            "memory": rss_mb(client.pid),
        }
        if server.name == BURSAR:
            text = markdown(_MODULE_CHARACTERS)
            uri = place.file("start/AGENTS.md", text)
            client.open(uri, server.language, text)
            section, of = first_section(text)
            _, found["count"] = until_right(client, uri, section, oracle.count(of).tokens, client.started_ns)
        client.end()
    return found


def _interpreter() -> float:
    began_ns = time.monotonic_ns()
    subprocess.run([sys.executable, "-I", "-c", "pass"], check=True)
    return (time.monotonic_ns() - began_ns) / 1e6


def _rows(servers: Mapping[str, Server], took: Mapping[tuple[str, str], float]) -> tuple[list[Row], list[Aim]]:
    names = {"initialize": "cold start to initialize", "first": "cold start to the first lens", "memory": "memory then"}
    rows = [
        row(
            names[what],
            took[what, BURSAR],
            "MB" if what == "memory" else "ms",
            servers[peer].says(servers[peer].first) if what == "first" else peer,
            value,
        )
        for what in names
        for (which, peer), value in took.items()
        if which == what and peer != BURSAR
    ]
    rows.append(
        row("cold start to the first hint with its count", took["count", BURSAR], "ms", NOTHING, took["first", NOTHING])
    )
    aims = []
    for what, name in (("initialize", "initialize"), ("first", "first lens")):
        share = took[what, BURSAR] / took[what, NOTHING]
        aims.append(Aim(what=f"{name}, share of {NOTHING}", value=share, unit="x", at_most=SHARE_OF_PYGLS))
        if (what, PYLSP) in took:
            share = took[what, BURSAR] / took[what, PYLSP]
            aims.append(Aim(what=f"{name}, share of {PYLSP}", value=share, unit="x", at_most=1))
    return rows, aims
