"""The server's own time for an edit and its fresh count: the functions of the document store, without the protocol."""

from __future__ import annotations

import time
from collections.abc import Mapping

from benchmarks.editor.amounts import Amounts
from benchmarks.editor.asking import WrongAnswer
from benchmarks.editor.figures import Aim, p50, p99, row, size_name
from benchmarks.editor.oracle import Oracle
from benchmarks.editor.reencode import ENCODING
from benchmarks.editor.servers import Place, Server
from benchmarks.editor.texts import Stroke, Typist, markdown, units
from benchmarks.report import Row
from bursar.domain.text.blocks import Change, TextBlocks
from bursar.domain.text.counts import tokens_in
from bursar.tokens import TiktokenCounter

AT_MOST_MS = {1_000_000: 2, 10_000_000: 5}
_WHOLE_AGAIN = 10


def inside(
    place: Place, servers: Mapping[str, Server], oracle: Oracle, amounts: Amounts
) -> tuple[list[Row], list[Aim]]:
    """At each size of document; ten times in between plain tiktoken over the whole text, which says if it is right."""
    both = [_at_size(oracle, size, amounts.strokes_inside) for size in amounts.sizes]
    return [each for rows, _ in both for each in rows], [each for _, aims in both for each in aims]


def _at_size(oracle: Oracle, size: int, strokes: int) -> tuple[list[Row], list[Aim]]:
    text = markdown(size)
    counter = TiktokenCounter()
    blocks = TextBlocks.of(text)
    tokens_in(blocks, ENCODING, lambda each: counter.count(each, encoding=ENCODING))
    typist = Typist(text)
    wall_ms, cpu_ms, whole_ms = [], [], []
    for n in range(1, strokes + 1):
        stroke = typist.stroke()
        change = _change(stroke)
        began, began_cpu = time.perf_counter_ns(), time.thread_time_ns()
        blocks = blocks.changed(change, "utf-16")
        tokens = tokens_in(blocks, ENCODING, lambda each: counter.count(each, encoding=ENCODING))
        cpu_ms.append((time.thread_time_ns() - began_cpu) / 1e6)
        wall_ms.append((time.perf_counter_ns() - began) / 1e6)
        if n % max(strokes // _WHOLE_AGAIN, 1) == 0:
            counted = oracle.count(typist.whole())
            whole_ms.append(counted.ms)
            if tokens != counted.tokens:
                raise WrongAnswer(f"after {n} edits of {size_name(size)}: {tokens} tokens and not {counted.tokens}")
    what = f"server time of an edit and its count at {size_name(size)}"
    peer = "tiktoken over the whole text, p50"
    rows = [
        row(f"{what}, p50", p50(wall_ms), "ms", peer, p50(whole_ms)),
        row(f"{what}, p99", p99(wall_ms), "ms", peer, p50(whole_ms)),
        row(f"{what}, p99 of processor time", p99(cpu_ms), "ms", peer, p50(whole_ms)),
    ]
    aims = [
        Aim(what=f"{what}, p99{of}", value=p99(values), unit="ms", at_most=AT_MOST_MS[size])
        for of, values in (("", wall_ms), (" of processor time", cpu_ms))
        if size in AT_MOST_MS
    ]
    return rows, aims


def _change(stroke: Stroke) -> Change:
    first = units(stroke.before)
    return Change(span=((stroke.line, first), (stroke.line, first + stroke.removed)), text=stroke.new)
