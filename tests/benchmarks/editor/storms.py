"""A storm of changes on a document of 50 KB with other requests in between: at once, and at 200 changes a second."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.editor.amounts import Amounts
from benchmarks.editor.asking import change, check_count, document, look
from benchmarks.editor.client import Asked, Client
from benchmarks.editor.figures import Aim, p50, p99, row, size_name
from benchmarks.editor.oracle import Oracle
from benchmarks.editor.servers import BURSAR, NOTHING, RUFF, Place, Server
from benchmarks.editor.texts import Typist, markdown, python
from benchmarks.report import Row

REQUESTS_P99_MS, DRAINED_S, CHANGES_PER_S = 150, 8, 200
_CHANGES_PER_REQUEST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """How long until all was answered, and how long each request in between took."""

    drained_s: float
    requests_ms: tuple[float, ...]


def storms(
    place: Place, servers: Mapping[str, Server], oracle: Oracle, amounts: Amounts
) -> tuple[list[Row], list[Aim]]:
    """So many changes, a request after every twentieth; the last count is compared with plain tiktoken's."""
    changes, few = amounts.storm, amounts.storm // 10
    kinds = {
        f"{changes:,} changes at once": (amounts.usual, changes, None),
        f"{changes:,} changes at {CHANGES_PER_S} a second": (amounts.usual, changes, CHANGES_PER_S),
        f"{few:,} changes at once on {size_name(amounts.large)}": (amounts.large, few, None),
    }
    rows: list[Row] = []
    aims: list[Aim] = []
    weathering = [servers[each] for each in (BURSAR, NOTHING, RUFF) if each in servers]
    found = {each.name: _weathered(place, each, oracle, kinds) for each in weathering}
    for what, (_, _, per_s) in kinds.items():
        ours = found[BURSAR][what]
        for name in [each for each in found if each != BURSAR]:
            theirs = found[name][what]
            rows += [
                row(f"{what}, all answered", ours.drained_s, "s", name, theirs.drained_s),
                row(f"{what}, requests, p50", p50(ours.requests_ms), "ms", name, p50(theirs.requests_ms)),
                row(f"{what}, requests, p99", p99(ours.requests_ms), "ms", name, p99(theirs.requests_ms)),
            ]
        if per_s is not None:
            worst = p99(ours.requests_ms)
            aims.append(Aim(what=f"{what}, requests, p99", value=worst, unit="ms", at_most=REQUESTS_P99_MS))
        elif what in list(kinds)[:1]:
            aims.append(Aim(what=f"{what}, all answered", value=ours.drained_s, unit="s", at_most=DRAINED_S))
    return rows, aims


def _weathered(
    place: Place, server: Server, oracle: Oracle, kinds: Mapping[str, tuple[int, int, int | None]]
) -> dict[str, Storm]:
    with server.start(place) as client:
        client.begin()
        found = {
            what: _storm(client, place, server, oracle, size=size, changes=changes, per_s=per_s)
            for what, (size, changes, per_s) in kinds.items()
        }
        client.end()
    return found


def _storm(
    client: Client, place: Place, server: Server, oracle: Oracle, *, size: int, changes: int, per_s: int | None
) -> Storm:
    ours = server.language == "markdown"
    text = markdown(size) if ours else python(size)
    uri = place.file(f"storm/{size}-{per_s}/" + ("AGENTS.md" if ours else "module.py"), text)
    typist = Typist(text) if ours else Typist(text, prose='    """', margins=(8, 4))
    client.open(uri, server.language, text)
    for n in range(4):
        client.wait(_ask(client, server, uri, n))
    asked: list[tuple[int, Asked]] = []
    began_ns = due_ns = time.monotonic_ns()
    for n in range(1, changes + 1):
        if per_s is not None:
            due_ns = began_ns + n * 1_000_000_000 // per_s
            client.pause((due_ns - time.monotonic_ns()) / 1e9)
        stroke = typist.stroke()
        change(client, uri, typist.version, stroke)
        if n % _CHANGES_PER_REQUEST == 0:
            request = _ask(client, server, uri, n // _CHANGES_PER_REQUEST)
            # From when it was due: a server that holds up the pipe must not hide what it held up.
            asked.append((request.sent_ns if per_s is None else due_ns, request))
    last = client.wait(_ask(client, server, uri, 0))
    for _, each in asked:
        client.wait(each)
    if server.name == BURSAR:
        check_count(client, uri, typist, oracle)
    client.close(uri)
    return Storm(
        drained_s=(last.arrived_ns - began_ns) / 1e9,
        requests_ms=tuple((each.arrived_ns - since_ns) / 1e6 for since_ns, each in asked),
    )


def _ask(client: Client, server: Server, uri: str, n: int) -> Asked:
    if server.language == "markdown":
        return look(client, uri, n)
    if n % 2:
        return client.ask("textDocument/diagnostic", document(uri))
    return client.ask("textDocument/hover", document(uri, position={"line": 8, "character": 6}))
