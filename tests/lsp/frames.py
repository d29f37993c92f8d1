"""Mutated frames against the reader and a real server: ``python -m tests.lsp.frames --frames 1000000 --seed 1``.

Half of the frames are mutated as *streams* (headers, lengths, line ends, cuts) and go to the reader alone, fed in
pieces; what it makes of them is compared with a second parser. The other half are mutated as *bodies* in right frames
and go to a running ``bursar serve``: each request must be answered once under its id, what is no message must be
refused with the right code, and a question in between must get its right answer. It ends with one line of counts, and
with exit code 1 at the first difference, which names its seed.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .framing import Difference, check_streams, frame, mutate_bytes
from .raw_server import Server

DEPTH_LIMIT = 256
BATCH = 100
SCRATCH = "file:///nowhere/scratch.md"
PROBE = "file:///nowhere/probe.md"
PROBE_TEXT = "one two three"
PROBE_TOKENS = 3
_AT = {"line": 0, "character": 2}
_HERE = {"start": _AT, "end": _AT}
_IT = {"uri": SCRATCH}
_NEW = {**_IT, "languageId": "md", "version": 1, "text": "# a"}
_EDIT = {"textDocument": {**_IT, "version": 2}, "contentChanges": [{"range": _HERE, "text": "b"}]}
_SEEDS: list[dict[str, Any]] = [
    {"method": "textDocument/didOpen", "params": {"textDocument": _NEW}},
    {"method": "textDocument/didChange", "params": _EDIT},
    {"method": "textDocument/didChange", "params": {**_EDIT, "contentChanges": [{"text": "c"}]}},
    {"method": "textDocument/didSave", "params": {"textDocument": _IT}},
    {"method": "textDocument/didClose", "params": {"textDocument": _IT}},
    {"id": 0, "method": "textDocument/hover", "params": {"textDocument": _IT, "position": _AT}},
    {"id": 0, "method": "textDocument/codeLens", "params": {"textDocument": _IT}},
    {"id": 0, "method": "textDocument/inlayHint", "params": {"textDocument": _IT, "range": _HERE}},
    {"id": 0, "method": "bursar/documentTokens", "params": {"textDocument": _IT}},
    {"id": 0, "method": "workspace/executeCommand", "params": {"command": "no.such", "arguments": [{"a": 1}]}},
    {"id": 0, "method": "no/such", "params": [1, None, "x"]},
    {"method": "$/cancelRequest", "params": {"id": 0}},
    {"method": "$/setTrace", "params": {"value": "off"}},
    {"method": "workspace/didChangeWatchedFiles", "params": {"changes": [{"uri": SCRATCH, "type": 1}]}},
    {"id": "unknown", "result": None},
    {"id": 7, "error": {"code": 1, "message": "no"}},
]
_ODD: list[Any] = [
    *(None, True, -1, 0, 1.5, 2**31, 2**63, 10**30),
    *("", "x", "\ud800", "🦀", "a\u2028b", "2.0", SCRATCH),
    *([], {}, [[]], {"id": 1}),
]
_DEEP = b"[" * 300 + b"]" * 300
_ODD_TEXT = [b"NaN", b"Infinity", b"1e999", b"-0", rb'"\ud83e"', rb'"\udd80\ud83e"', _DEEP, b"1" * 5000]
# They would end the session, or begin it anew.
_LEFT_OUT = re.compile(rb'"(?:exit|shutdown|initialize)"|\\u00')


def expected(body: bytes) -> tuple[str, Any, int | None]:
    """("answer", id, None), ("error", id or None, code) or ("nothing", None, None)."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return "error", None, -32700
    if _depth(text) > DEPTH_LIMIT:
        return "error", None, -32700
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        return "error", None, -32700
    if not isinstance(value, dict):
        return "error", None, -32600
    id_ = value.get("id")
    good = type(id_) in (int, str)
    shown = id_ if good or type(id_) is float else None
    if value.get("jsonrpc") != "2.0" or ("method" in value and not isinstance(value["method"], str)):
        return "error", shown, -32600
    if "method" not in value:
        return ("nothing", None, None) if "id" in value else ("error", None, -32600)
    if "id" not in value:
        return "nothing", None, None
    return ("answer", id_, None) if good else ("error", shown, -32600)


def _depth(text: str) -> int:
    """How deep the brackets outside of strings go, before anything is wrong."""
    deepest = depth = 0
    for each in re.finditer(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', text, re.DOTALL):
        if each[0] in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif each[0] in "]}":
            depth -= 1
    return deepest


def _refuse(name: str) -> float:
    raise ValueError(name)


def _finite(text: str) -> float:
    if float(text) in (float("inf"), float("-inf")):
        raise ValueError(text)
    return float(text)


def mutated_body(rng: random.Random, number: int) -> bytes:
    """One message with something wrong in most of them."""
    message: Any = copy.deepcopy({"jsonrpc": "2.0", **rng.choice(_SEEDS)})
    if message.get("id") == 0:
        message["id"] = number if rng.random() < 0.7 else f"n{number}"
    if message.get("method") == "$/cancelRequest":
        message["params"]["id"] = number - rng.randint(0, 5)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        places = list(_places(message))
        inner = [each for each in places if each[0] is not message]
        holder, key = rng.choice(inner if inner and rng.random() < 0.7 else places)
        match rng.randrange(6):
            case 0 if isinstance(holder, dict):
                del holder[key]
            case 1:
                holder[key] = {"deep": holder[key]} if rng.random() < 0.5 else [holder[key]]
            case 2 if isinstance(holder, dict):
                holder[f"{key}x"] = holder.pop(key)
            case _:
                holder[key] = copy.deepcopy(rng.choice(_ODD))
        if not message:
            break
    body = json.dumps(message).encode()
    if rng.random() < 0.1:
        values = list(re.finditer(rb": (?:\"[^\"]*\"|-?[0-9.]+|null|true)", body))
        if values:
            at = rng.choice(values)
            body = body[: at.start() + 2] + rng.choice(_ODD_TEXT) + body[at.end() :]
    if rng.random() < 0.25:
        body = mutate_bytes(rng, body)
    if rng.random() < 0.01:
        body = rng.choice((b"[" * 100_000, b'{"a":' * 50_000, b'"' + b"\\" * 999, b"[]", b"[1]", b"null", b"7", b'""'))
    return body if not _LEFT_OUT.search(body) else b"{}"


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key in list(value if isinstance(value, dict) else range(len(value))):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


def check_server(frames: int, seed: int, server: Server) -> Counter[str]:
    """Send this many frames and compare what is answered. Raises Difference."""
    rng = random.Random(seed)
    seen: Counter[str] = Counter()
    probe = {"uri": PROBE, "languageId": "md", "version": 5, "text": PROBE_TEXT}
    server.initialize()
    server.send({"method": "textDocument/didOpen", "params": {"textDocument": probe}})
    number = 1_000
    while seen["frames"] < frames:
        server.answers.clear()
        wanted: Counter[str] = Counter()
        bodies = []
        for _ in range(min(BATCH, frames - seen["frames"])):
            number += 1
            body = mutated_body(rng, number)
            bodies.append(body)
            kind, id_, code = expected(body)
            seen["frames"] += 1
            seen[kind if code is None else str(code)] += 1
            if kind != "nothing":
                wanted[_sort(id_, code)] += 1
        question = f"probe {number}"
        wanted[_sort(question, None)] += 1
        asked = {"id": question, "method": "bursar/documentTokens", "params": {"textDocument": {"uri": PROBE}}}
        server.write(b"".join(map(frame, bodies)))
        server.send(asked)
        place = f"seed {seed}, frames up to {seen['frames']}"
        try:
            server.until(lambda: len(server.answers) >= wanted.total())  # noqa: B023 - asked at once
            # A message answered twice is seen once a later one is answered, too.
            server.ask(f"last {number}", "textDocument/hover", {"textDocument": {"uri": PROBE}, "position": _AT})
        except Difference as problem:
            raise Difference(f"{place}: {problem}: missing {wanted - _sorted(server.answers, wanted)}") from None
        answers = [each for each in server.answers if each.get("id") != f"last {number}"]
        if _sorted(answers, wanted) != wanted:
            raise Difference(f"{place}: {_sorted(answers, wanted)} were answered, not {wanted}")
        told = next(each for each in answers if each.get("id") == question)
        if told.get("result", {}).get("tokens") != PROBE_TOKENS or told["result"]["version"] != 5:
            raise Difference(f"{place}: the question in between was answered {told}")
        seen["questions"] += 1
    return seen


def _sort(id_: Any, code: int | None) -> str:
    return json.dumps([id_, code])


def _sorted(answers: list[dict[str, Any]], wanted: Counter[str]) -> Counter[str]:
    """The answers by id, and by code where a code is wanted of them."""
    found: Counter[str] = Counter()
    for each in answers:
        exact = _sort(each.get("id"), each.get("error", {}).get("code"))
        found[exact if exact in wanted else _sort(each.get("id"), None)] += 1
    return found


def main() -> int:
    """Run both halves; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    from bursar.lsp.frames import Frames

    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        try:
            streams = check_streams(args.frames // 2, args.seed, Frames)
            bodies = check_server(args.frames - args.frames // 2, args.seed, server)
            peak = _peak_kb(server.process.pid)
        except Difference as found:
            print(f"DIFFERENCE: {found}")
            return 1
        finally:
            server.close()
    print(
        f"{streams['frames'] + bodies['frames']:,} frames, seed {args.seed}: 0 crashes, 0 hangs, 0 differences; "
        f"streams: {streams['whole']:,} whole, {streams['partial']:,} partial, {streams['broken']:,} broken; "
        f"bodies: {bodies['answer']:,} requests, {bodies['nothing']:,} without an answer, "
        f"{bodies['-32700']:,} no JSON, "
        f"{bodies['-32600']:,} no message; "
        f"{bodies['questions']:,} questions answered right; the server's peak is {peak // 1024} MB"
    )
    return 0


def _peak_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
