"""A thousand random orders of the life cycle's messages, against a model of it in a dozen lines."""

from __future__ import annotations

import asyncio
import json
import random
from types import SimpleNamespace
from typing import Any, cast

from pygls.exceptions import JsonRpcInvalidParams

from bursar.lsp.connection import Connection
from bursar.lsp.desk import Desk
from bursar.lsp.messages import Id, Incoming

from .framing import frame

ORDERS = 1_000
RESULT = 0
Outcome = tuple[list[tuple[Id, int]], int, int | None]
"""The answers in order, the number of notices that are taken, and the exit code."""


class Peer:
    """In the place of pygls: answers each request at once, and keeps what was answered."""

    def __init__(self) -> None:
        self.answers: list[tuple[Id, int]] = []
        self.notices: list[str] = []
        self.writer = self

    def is_answering(self, id_: Id) -> bool:
        return False

    def answer(self, id_: Id, message: Incoming) -> None:
        if message.raw.get("params") == "bad":
            raise JsonRpcInvalidParams(message="bad")
        self.answers.append((id_, RESULT))

    def take_notice(self, message: Incoming) -> None:
        self.notices.append(message.method)

    def write(self, data: bytes) -> None:
        told = json.loads(data.partition(b"\r\n\r\n")[2])
        self.answers.append((told["id"], told["error"]["code"]))


def some_messages(rng: random.Random) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for id_ in range(rng.randint(1, 12)):
        kind = rng.choice(["initialize", "initialize", "bad", "shutdown", "exit", "ask", "ask", "ask", "tell", "tell"])
        match kind:
            case "bad":
                made.append({"id": id_, "method": "initialize", "params": "bad"})
            case "exit":
                made.append({"method": "exit"} if rng.random() < 0.3 else {"method": "shutdown"})
            case "ask":
                made.append({"id": id_, "method": "ask"})
                if rng.random() < 0.3:
                    made.append({"method": "$/cancelRequest", "params": {"id": rng.choice([id_, id_ + 1])}})
            case "tell":
                made.append({"method": "tell"})
            case _:
                made.append({"id": id_, "method": kind})
    return made


def model(messages: list[dict[str, Any]]) -> Outcome:
    """What the protocol says to them."""
    state, answers, told = "new", [], 0
    for at, each in enumerate(messages):
        method, id_ = each["method"], each.get("id")
        if method == "exit":
            return answers, told, 0 if state == "down" else 1
        if id_ is None:
            told += state == "on" and method == "tell"
            continue
        later = [more.get("params", {}).get("id") for more in messages[at:] if more["method"] == "$/cancelRequest"]
        if state == "down":
            code = -32600
        elif method == "ask" and id_ in later:
            code = -32800
        elif method == "initialize":
            code = -32600 if state == "on" else -32602 if each.get("params") == "bad" else RESULT
            state = "on" if code == RESULT else state
        elif state == "new":
            code = -32002
        else:
            code = RESULT
            state = "down" if method == "shutdown" else "on"
        answers.append((id_, code))
    return answers, told, None


class Deaf(Connection):
    """A connection with a fault: it hears no cancellation."""

    def _cancel(self, message: Incoming) -> bool:
        return False


async def played(
    messages: list[dict[str, Any]], kind: type[Connection] = Connection
) -> tuple[list[tuple[Id, int]], int, int | None]:
    """What the connection makes of them when they have all arrived."""
    peer = Peer()
    ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    desk = SimpleNamespace(server=SimpleNamespace(protocol=peer), ended=ended)
    connection = kind(cast(Desk, desk))
    frames = [frame(json.dumps({"jsonrpc": "2.0", **each}).encode()) for each in messages]
    connection.intake.put([each.partition(b"\r\n\r\n")[2] for each in frames])
    for _ in range(2 * len(messages) + 3):
        if ended.done():
            break
        await asyncio.sleep(0)
    told = [each for each in peer.notices if each == "tell"]
    return peer.answers, len(told), ended.result() if ended.done() else None


async def test_a_thousand_random_orders_are_answered_as_the_model_says() -> None:
    rng = random.Random(20261121)
    seen: set[int | None] = set()
    for _ in range(ORDERS):
        messages = some_messages(rng)
        wanted, found = model(messages), await played(messages)
        assert found == wanted, messages
        seen |= {code for _, code in wanted[0]} | {wanted[2]}
    assert seen >= {RESULT, -32002, -32600, -32602, -32800, 1, None}


async def test_a_connection_with_a_fault_is_found() -> None:
    rng = random.Random(20261121)
    orders = [some_messages(rng) for _ in range(100)]
    assert any([model(each) != await played(each, Deaf) for each in orders])
