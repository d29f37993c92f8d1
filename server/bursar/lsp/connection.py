"""One message after the other, in order; what is no message, or comes out of its time, is answered here."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

from pygls.exceptions import JsonRpcException, JsonRpcInternalError

from bursar.lsp.desk import Desk
from bursar.lsp.messages import INVALID_REQUEST, Id, Incoming, Unreadable, read_message
from bursar.lsp.protocol import INTERNAL
from bursar.lsp.stdio import Ended, Intake, say_last
from bursar.session.model import Unread

NOT_INITIALIZED = -32002
REQUEST_CANCELLED = -32800
_log = logging.getLogger("bursar")


@dataclass(slots=True)
class _Waiting:
    """A message that nobody has looked after yet."""

    message: Incoming | Unreadable | Ended
    size_bytes: int
    changes: str | None = None
    cancelled: bool = False


class Connection:
    """Handles one message in each turn of the loop, so that the jobs beside go on in a storm of messages.

    All that has arrived is read before the first of it is handled: a request whose cancellation has arrived, too, is
    answered without being done.
    """

    def __init__(self, desk: Desk, answered: Collection[Id] = ()) -> None:
        """``answered`` are the ids of requests that will come here, and have their answers already."""
        self._desk = desk
        self._answered = set(answered)
        self._loop = asyncio.get_running_loop()
        self.intake = Intake(self._wake)
        self._waiting: deque[_Waiting] = deque()
        self._requests: dict[Id, _Waiting] = {}
        self._initialized = False
        self._shut_down = False

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._arrived)
        except RuntimeError:
            return  # the loop has ended first

    def _arrived(self) -> None:
        idle = not self._waiting
        for item in self.intake.take():
            if isinstance(item, Ended):
                self._waiting.append(_Waiting(message=item, size_bytes=0))
                continue
            message = read_message(item)
            if isinstance(message, Incoming) and message.method == "$/cancelRequest" and self._cancel(message):
                self.intake.done(len(item))
                continue
            if isinstance(message, Incoming) and message.kind == "request" and message.id in self._answered:
                self._answered.remove(message.id)
                self.intake.done(len(item))
                continue
            waiting = _Waiting(message=message, size_bytes=len(item), changes=_changed_document(message))
            self._waiting.append(waiting)
            if waiting.changes is not None:
                self._desk.changes_waiting[waiting.changes] += 1
            if isinstance(message, Incoming) and message.kind == "request" and message.id is not None:
                self._requests[message.id] = waiting
        if idle and self._waiting:
            self._loop.call_soon(self._next)

    def _cancel(self, message: Incoming) -> bool:
        """Whether it cancels a request that waits here; one that is being done is cancelled in its turn."""
        params = message.raw.get("params")
        id_ = params.get("id") if isinstance(params, dict) else None
        if not isinstance(id_, int | str) or isinstance(id_, bool) or id_ not in self._requests:
            return False
        self._requests[id_].cancelled = True
        return True

    def _next(self) -> None:
        waiting = self._waiting.popleft()
        if self._waiting:
            self._loop.call_soon(self._next)
        message = waiting.message
        if isinstance(message, Ended):
            self._end(message)
            return
        if waiting.changes is not None:
            self._take_change_of(waiting.changes)
        try:
            if isinstance(message, Unreadable):
                self._refuse(message.id, message.code, message.problem)
            elif message.kind == "request" and message.id is not None:
                if self._requests.get(message.id) is waiting:
                    del self._requests[message.id]
                self._request(message, message.id, cancelled=waiting.cancelled)
            else:
                self._tell(message)
        finally:
            self.intake.done(waiting.size_bytes)

    def _take_change_of(self, uri: str) -> None:
        left = self._desk.changes_waiting
        left[uri] -= 1
        if not left[uri]:
            del left[uri]

    def _request(self, message: Incoming, id_: Id, *, cancelled: bool) -> None:
        protocol = self._desk.server.protocol
        if message.method == "exit":
            self._exit()
        elif self._shut_down:
            self._refuse(id_, INVALID_REQUEST, "The server is shutting down: start it again to go on.")
        elif cancelled and message.method not in ("initialize", "shutdown"):
            self._refuse(id_, REQUEST_CANCELLED, "The request was cancelled before it was begun.")
        elif message.method == "initialize" and self._initialized:
            self._refuse(id_, INVALID_REQUEST, "'initialize' was sent before: a server has one client.")
        elif message.method != "initialize" and not self._initialized:
            self._refuse(id_, NOT_INITIALIZED, "Send 'initialize' first.")
        elif protocol.is_answering(id_):
            self._refuse(
                id_, INVALID_REQUEST, f"A request with the id {json.dumps(id_)} is being answered: take another."
            )
        else:
            self._answer(message, id_)

    def _answer(self, message: Incoming, id_: Id) -> None:
        try:
            self._desk.server.protocol.answer(id_, message)
        except JsonRpcException as error:
            self._refuse(id_, error.code, str(error))
        except Exception:  # noqa: BLE001 - the one catch at the edge: a bug ends one message, not the session
            _log.exception("a request could not be handled: %s", ascii(message.method))
            self._refuse(id_, JsonRpcInternalError.CODE, INTERNAL)
        else:
            self._initialized = True
            self._shut_down = message.method == "shutdown"

    def _tell(self, message: Incoming) -> None:
        if message.method == "exit":
            self._exit()
            return
        # A notification that only a request may be is nobody's.
        if not self._initialized or message.method in ("initialize", "shutdown"):
            return
        if self._shut_down and message.kind == "notification":
            return
        try:
            if message.kind == "response":
                self._desk.server.protocol.take_answer(message)
            else:
                self._desk.server.protocol.take_notice(message)
        except JsonRpcException as error:
            _log.warning("a message was left aside: %s", error)
            self._lose_step(message)
        except Exception:  # noqa: BLE001 - as above
            _log.exception("a message could not be handled: %s", ascii(message.method))

    def _lose_step(self, message: Incoming) -> None:
        """A change that cannot be read is a change all the same: the text is not the editor's any more."""
        uri = _changed_document(message)
        if uri is not None:
            self._desk.session.apply(Unread(uri=uri))

    def _exit(self) -> None:
        if not self._desk.ended.done():
            self._desk.ended.set_result(0 if self._shut_down else 1)

    def _end(self, ended: Ended) -> None:
        if self._desk.ended.done():
            return
        if ended.problem is not None:
            say_last(ended.problem)
            self._desk.ended.set_result(ended.code)
        else:
            self._exit()

    def _refuse(self, id_: Id | float | None, code: int, problem: str) -> None:
        body = {"jsonrpc": "2.0", "id": id_, "error": {"code": code, "message": problem}}
        data = json.dumps(body).encode()
        writer = self._desk.server.protocol.writer
        if writer is not None:
            writer.write(b"Content-Length: %d\r\n\r\n" % len(data) + data)


def _changed_document(message: Incoming | Unreadable) -> str | None:
    """The document that a message says was changed; None for any other message."""
    if isinstance(message, Unreadable) or message.method != "textDocument/didChange" or message.kind != "notification":
        return None
    params = message.raw.get("params")
    item = params.get("textDocument") if isinstance(params, dict) else None
    uri = item.get("uri") if isinstance(item, dict) else None
    return uri if isinstance(uri, str) else None
