"""A keystroke and the fresh answer after it: the count of the document, and the hint on its section's heading.

Twenty keystrokes to one server, then the same to the next, so that each figure of the two stems from the same seconds.
Every fresh count that plain tiktoken counts too, and every fresh hint, is compared with it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from benchmarks.editor.amounts import Amounts
from benchmarks.editor.asking import change, compare, document, lines, look, until_right
from benchmarks.editor.client import Client
from benchmarks.editor.figures import Aim, p50, p99, row, size_name
from benchmarks.editor.oracle import Oracle
from benchmarks.editor.servers import BURSAR, JEDI, NOTHING, PYLSP, RUFF, Place, Server
from benchmarks.editor.texts import Stroke, Typist, markdown, python
from benchmarks.report import Row

ABOVE_NOTHING_MS = 2
_AT_A_TIME = 20
_REST_S, _LOOKS = 0.8, 4
# Above these a keystroke takes them many seconds, or they have no answer.
_LARGEST_OF = {RUFF: 1_000_000, PYLSP: 100_000, JEDI: 100_000}


@dataclass(slots=True, kw_only=True)
class Took:
    """What was measured at one size, in ms."""

    count: list[float] = field(default_factory=list)
    nothing: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    hint_first: list[float] = field(default_factory=list)
    hint_right: list[float] = field(default_factory=list)
    hint_next: list[float] = field(default_factory=list)
    nothing_hint: list[float] = field(default_factory=list)
    peers: dict[str, list[float]] = field(default_factory=dict)


def keystrokes(
    place: Place, servers: Mapping[str, Server], oracle: Oracle, amounts: Amounts
) -> tuple[list[Row], list[Aim]]:
    """At each size of document; fewer strokes where they take longer than is allowed for."""
    both = [_at_size(place, servers, oracle, size, amounts) for size in amounts.sizes]
    return [each for rows, _ in both for each in rows], [each for _, aims in both for each in aims]


def _at_size(
    place: Place, servers: Mapping[str, Server], oracle: Oracle, size: int, amounts: Amounts
) -> tuple[list[Row], list[Aim]]:
    strokes, seconds = amounts.strokes, amounts.seconds
    took = Took()
    name = size_name(size)
    text = markdown(size)
    uri = place.file(f"{size}/AGENTS.md", text)
    with ExitStack() as stack:
        ours, theirs = (stack.enter_context(servers[each].start(place)) for each in (BURSAR, NOTHING))
        for client in (ours, theirs):
            client.begin()
            client.open(uri, "markdown", text)
        typist = Typist(text)
        _warm(ours, theirs, oracle, uri, typist)
        _counts(ours, theirs, oracle, uri, typist, took, _rounds(strokes // _AT_A_TIME, seconds))
        _hints(ours, theirs, oracle, uri, typist, took, _rounds(strokes // 4, seconds), amounts.patience_s)
        ours.end()
        theirs.end()
    for each in servers.values():
        if size <= _LARGEST_OF.get(each.name, 0):
            took.peers[each.name] = _peer(place, each, size, _rounds(strokes // 4, seconds / 2))
    return _rows(name, took, servers)


def _warm(ours: Client, theirs: Client, oracle: Oracle, uri: str, typist: Typist) -> None:
    """Ranks are loaded and the text is counted."""
    section = typist.a_section()
    tokens = oracle.count(typist.section_text(*section)).tokens
    until_right(ours, uri, section, tokens, ours.started_ns)
    compare(ours.request("bursar/documentTokens", document(uri)).result, 1, oracle.count(typist.whole()).tokens)
    for n in range(4):
        theirs.wait(look(theirs, uri, n))


def _counts(
    ours: Client, theirs: Client, oracle: Oracle, uri: str, typist: Typist, took: Took, rounds: Iterator[int]
) -> None:
    whole_ms = 0.0
    for _round in rounds:
        typed: list[tuple[int, Stroke]] = []
        for _ in range(_AT_A_TIME):
            stroke = typist.stroke()
            typed.append((typist.version, stroke))
            sent_ns = change(ours, uri, typist.version, stroke)
            answer = ours.request("bursar/documentTokens", document(uri))
            took.count.append((answer.arrived_ns - sent_ns) / 1e6)
            # Every count of a small text is compared, and of a large one the last of each round.
            if whole_ms < 20 or len(typed) == _AT_A_TIME:
                counted = oracle.count(typist.whole())
                whole_ms = counted.ms
                took.whole.append(whole_ms)
                compare(answer.result, typist.version, counted.tokens)
        for version, stroke in typed:
            sent_ns = change(theirs, uri, version, stroke)
            answer = theirs.request("bursar/documentTokens", document(uri))
            took.nothing.append((answer.arrived_ns - sent_ns) / 1e6)


def _hints(
    ours: Client,
    theirs: Client,
    oracle: Oracle,
    uri: str,
    typist: Typist,
    took: Took,
    rounds: Iterator[int],
    patience_s: float,
) -> None:
    for _ in rounds:
        section = typist.a_section()
        put = typist.insert(section[0] + 2, " reconciliation")
        # Longer than any rest after which the server takes a key for the first one.
        ours.pause(_REST_S + _LOOKS * p50(took.hint_right or [0.0]) / 1e3)
        for stroke, right in ((put, took.hint_right), (None, took.hint_next)):
            stroke = stroke or typist.take_back(put)
            tokens = oracle.count(typist.section_text(*section)).tokens
            sent_ns = change(ours, uri, typist.version, stroke)
            first_ms, right_ms = until_right(ours, uri, section, tokens, sent_ns, patience_s=patience_s)
            took.hint_first.append(first_ms)
            right.append(right_ms)
            sent_ns = change(theirs, uri, typist.version, stroke)
            answer = theirs.request("textDocument/inlayHint", document(uri, range=lines(*section)))
            took.nothing_hint.append((answer.arrived_ns - sent_ns) / 1e6)


def _peer(place: Place, server: Server, size: int, rounds: Iterator[int]) -> list[float]:
    """A server that reads Python: a key in a docstring, and the answer that it shows first of a document."""
    text = python(size)
    uri = place.file(f"{size}/module.py", text)
    typist = Typist(text, prose='    """', margins=(8, 4))
    found = []
    with server.start(place) as client:
        client.begin()
        client.open(uri, server.language, text)
        client.request(server.again, document(uri))
        for _ in rounds:
            stroke = typist.stroke()
            sent_ns = change(client, uri, typist.version, stroke)
            found.append((client.request(server.again, document(uri)).arrived_ns - sent_ns) / 1e6)
        client.end()
    return found


def _rounds(most: int, seconds: float) -> Iterator[int]:
    end_s = time.monotonic() + seconds
    for n in range(most):
        yield n
        if time.monotonic() > end_s:
            return


def _rows(name: str, took: Took, servers: Mapping[str, Server]) -> tuple[list[Row], list[Aim]]:
    count, hint = f"keystroke to fresh count at {name}", f"first key after a pause to fresh hint at {name}"
    typing = f"key right after another to fresh hint at {name}"
    rows = [
        row(f"{count}, p50", p50(took.count), "ms", NOTHING, p50(took.nothing)),
        row(f"{count}, p99", p99(took.count), "ms", NOTHING, p99(took.nothing)),
        row(f"{count}, p50", p50(took.count), "ms", "tiktoken over the whole text", p50(took.whole)),
        row(f"{hint}, p50", p50(took.hint_right), "ms", NOTHING, p50(took.nothing_hint)),
        row(f"{hint}, p99", p99(took.hint_right), "ms", NOTHING, p99(took.nothing_hint)),
        row(f"{typing}, p50", p50(took.hint_next), "ms", NOTHING, p50(took.nothing_hint)),
        row(f"{typing}, p99", p99(took.hint_next), "ms", NOTHING, p99(took.nothing_hint)),
        row(
            f"keystroke to the first answer with hints at {name}, p50",
            p50(took.hint_first),
            "ms",
            NOTHING,
            p50(took.nothing_hint),
        ),
    ]
    rows += [
        row(f"{count}, p50", p50(took.count), "ms", servers[peer].says(servers[peer].again), p50(values))
        for peer, values in took.peers.items()
    ]
    above = p50(took.count) - p50(took.nothing)
    return rows, [Aim(what=f"{count}, p50 above {NOTHING}", value=above, unit="ms", at_most=ABOVE_NOTHING_MS)]
