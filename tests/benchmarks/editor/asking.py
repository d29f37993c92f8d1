"""What an editor asks after a change, and whether the answer is the right one for the text that was just sent."""

from __future__ import annotations

import re
import time
from typing import Any

from benchmarks.editor.client import Asked, Client, ServerFailed
from benchmarks.editor.oracle import Oracle
from benchmarks.editor.texts import Stroke, Typist

_TOKENS = re.compile(r"([\d,]+) tokens?\b")
_REFRESH = "workspace/inlayHint/refresh"
PATIENCE_S = 300.0


class WrongAnswer(Exception):
    """A count or a hint that is not that of the text."""


def document(uri: str, **more: Any) -> dict[str, Any]:
    """The parameters of a request about a document."""
    return {"textDocument": {"uri": uri}, **more}


def lines(first: int, end: int) -> dict[str, Any]:
    """A range of whole lines."""
    return {"start": {"line": first, "character": 0}, "end": {"line": end, "character": 0}}


def change(client: Client, uri: str, version: int, stroke: Stroke) -> int:
    """Send one edit; when it was handed over."""
    return client.notify(
        "textDocument/didChange",
        {"textDocument": {"uri": uri, "version": version}, "contentChanges": [stroke.change()]},
    )


def look(client: Client, uri: str, n: int = 0) -> Asked:
    """One of the four things that an editor asks of a file that an agent reads, in turn; does not wait."""
    match n % 4:
        case 0:
            return client.ask("bursar/documentTokens", document(uri))
        case 1:
            return client.ask("textDocument/inlayHint", document(uri, range=lines(0, 60)))
        case 2:
            return client.ask("textDocument/codeLens", document(uri))
        case _:
            return client.ask("textDocument/hover", document(uri, position={"line": 0, "character": 3}))


def compare(answer: Any, version: int, tokens: int) -> None:
    """The count of this version is this. Raises WrongAnswer."""
    if (answer["version"], answer["tokens"]) != (version, tokens):
        raise WrongAnswer(
            f"version {version} has {tokens} tokens; the server says {answer['tokens']} of {answer['version']}"
        )


def check_count(client: Client, uri: str, typist: Typist, oracle: Oracle) -> None:
    """The count of the newest text is plain tiktoken's. Raises WrongAnswer."""
    answer = client.request("bursar/documentTokens", document(uri)).result
    compare(answer, typist.version, oracle.count(typist.whole()).tokens)


def until_right(
    client: Client,
    uri: str,
    section: tuple[int, int],
    tokens: int,
    since_ns: int,
    *,
    patience_s: float = PATIENCE_S,
) -> tuple[float, float]:
    """Ask for the hints of a section until its heading has the right count, again whenever the server says so.

    How long after ``since_ns`` the first answer and the right one came, in ms. Raises WrongAnswer where none comes.
    """
    first_ms = None
    end_ns = time.monotonic_ns() + int(patience_s * 1e9)
    while True:
        told = client.told[_REFRESH]
        answer = client.request("textDocument/inlayHint", document(uri, range=lines(*section)))
        took_ms = (answer.arrived_ns - since_ns) / 1e6
        first_ms = took_ms if first_ms is None else first_ms
        if tokens_at(answer.result, section[0]) == tokens:
            return first_ms, took_ms
        left_s = (end_ns - time.monotonic_ns()) / 1e9
        try:
            client.until(lambda told=told: client.told[_REFRESH] > told, "a refresh of hints", patience_s=left_s)
        except ServerFailed as error:
            said = tokens_at(answer.result, section[0])
            raise WrongAnswer(f"line {section[0]} has {tokens} tokens; the hint says {said} and stays so") from error


def tokens_at(hints: Any, line: int) -> int | None:
    """The number in the hint on a line; None without one."""
    for each in hints or ():
        label = each["label"] if isinstance(each["label"], str) else "".join(part["value"] for part in each["label"])
        found = _TOKENS.search(label)
        if each["position"]["line"] == line and found:
            return int(found[1].replace(",", ""))
    return None
