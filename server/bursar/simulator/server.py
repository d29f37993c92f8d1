"""The simulated provider itself: it listens, answers, bills and logs."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import h11

from bursar.simulator import background, batches, file_batches
from bursar.simulator.anthropic_wire import AnthropicWire
from bursar.simulator.bill import Books
from bursar.simulator.cache import PromptCache
from bursar.simulator.clock import Clock
from bursar.simulator.connection import BodyTooLarge, ClientGone, Connection, HttpRequest
from bursar.simulator.exchange import Job, play
from bursar.simulator.openai_wire import OpenAIChatWire
from bursar.simulator.replies import Faults, answer
from bursar.simulator.request import Refusal, decode, invalid
from bursar.simulator.responses_wire import OpenAIResponsesWire
from bursar.simulator.scenario import Fault, Scenario
from bursar.simulator.windows import check_window
from bursar.simulator.wire import Exchange, Wire

HOST = "127.0.0.1"

_MESSAGES = AnthropicWire()
_CHAT = OpenAIChatWire()
_RESPONSES = OpenAIResponsesWire()
_RESPONSES_PATH = "/v1/responses"
_WIRES: dict[str, Wire] = {
    "/v1/messages": _MESSAGES,
    "/v1/chat/completions": _CHAT,
    _RESPONSES_PATH: _RESPONSES,
}
_READ_FAULTS = ("429", "529", "cut", "stall", "no_end")


async def serve(
    *,
    scenario: Scenario,
    host: str = HOST,
    port: int = 0,
    bill_path: Path | None,
    log_path: Path | None,
    ready: Callable[[str], None],
    clock: Clock | None = None,
    new_id: Callable[[], str] | None = None,
) -> None:
    """Serve until cancelled; what is under way then is settled as cut before this returns.

    Raises ValueError for any host but 127.0.0.1, and OSError where the port is taken or a file cannot be written.
    """
    if host != HOST:
        raise ValueError(f"the simulator listens on {HOST} only, not on {host}")

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        provider.connected(reader, writer)

    # The port comes first: a second simulator that finds it taken must not wipe the bill of the one that has it.
    server = await asyncio.start_server(connected, host, port, start_serving=False)
    try:
        books = Books(bill_path, log_path)
    except OSError:
        server.close()
        raise
    provider = Provider(scenario, books, clock or Clock(), new_id or (lambda: f"req_{uuid.uuid4().hex}"))
    try:
        await server.start_serving()
        ready(f"http://{host}:{server.sockets[0].getsockname()[1]}")
        await asyncio.Event().wait()
    finally:
        server.close()
        await provider.stop()
        books.close()


class Provider:
    """All that lives as long as the server: caches, faults, books and the connections under way."""

    def __init__(self, scenario: Scenario, books: Books, clock: Clock, new_id: Callable[[], str]) -> None:
        self._scenario = scenario
        self._books = books
        self._clock = clock
        self._new_id = new_id
        self._cache = PromptCache(clock.monotonic)
        self._faults = Faults(scenario.faults)
        self._jobs: set[asyncio.Task[None]] = set()
        self._requests = 0
        self._answers: dict[str, background.Answer] = {}
        self._batches = batches.Batches(
            wire=_MESSAGES,
            plans=scenario.batches,
            new_job=self._new_job,
            take_in=lambda params, job: self._take_in(params, _MESSAGES, job),
            books=books,
            wall=clock.wall,
        )
        self._file_batches = file_batches.FileBatches(
            wire=_CHAT,
            plans=scenario.batches,
            new_job=self._new_job,
            take_in=lambda params, job: self._take_in(params, _CHAT, job),
            books=books,
            wall=clock.wall,
        )

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a new connection as a job of its own."""
        job = asyncio.ensure_future(self._converse(Connection(reader, writer)))
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    async def stop(self) -> None:
        """End every connection; each request under way is settled by its own job."""
        jobs = list(self._jobs)
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)

    async def _converse(self, connection: Connection) -> None:
        try:
            with contextlib.suppress(ClientGone):
                while await self._one_request(connection) and connection.next_cycle():
                    pass
        finally:
            await connection.close()

    async def _one_request(self, connection: Connection) -> bool:
        """Answer one request; False when the connection is to be closed."""
        try:
            request = await connection.request()
        except h11.RemoteProtocolError as error:
            await connection.json(error.error_status_hint, _plain_error("This is not HTTP/1.1 as it should be."), {})
            await connection.linger()
            return False
        except BodyTooLarge:
            await connection.json(413, _plain_error("The request body is over 32 MiB."), {"connection": "close"})
            await connection.linger()
            return False
        if request is None:
            return False
        if request.path.startswith((file_batches.FILES, file_batches.PATH)):
            return await self._batch_request(connection, request, self._file_batches, _CHAT)
        if request.path == batches.PATH or request.path.startswith(f"{batches.PATH}/"):
            return await self._batch_request(connection, request, self._batches, _MESSAGES)
        wire = _WIRES.get(request.path)
        if wire is not None and request.method == "POST":
            return await self._model_request(connection, request, wire)
        if request.path.startswith(f"{_RESPONSES_PATH}/"):
            return await self._kept_answer(connection, request, request.path.removeprefix(f"{_RESPONSES_PATH}/"))
        return await self._other_request(connection, request)

    async def _other_request(self, connection: Connection, request: HttpRequest) -> bool:
        known: dict[str, dict[str, object]] = {"/": {"name": "bursar simulate"}, "/v1/models": self._models(request)}
        if request.method in ("GET", "HEAD") and request.path in known:
            status, body = 200, known[request.path]
        elif request.path in known or request.path in _WIRES:
            status, body = 405, _plain_error(f"{request.method} is not allowed here.")
        else:
            status, body = 404, _plain_error(f"There is nothing at {request.path}.")
        await connection.json(status, body, {})
        return True

    def _models(self, request: HttpRequest) -> dict[str, object]:
        """The list of models, in the shape that the asking client's headers call for."""
        created = self._clock.wall()
        if "anthropic-version" in request.headers:
            names = [name for name, model in self._scenario.models.items() if model.wire == "anthropic"]
            rows: list[dict[str, object]] = [
                {"type": "model", "id": n, "display_name": n, "created_at": created.isoformat()} for n in names
            ]
            return {
                "data": rows,
                "has_more": False,
                "first_id": names[0] if names else None,
                "last_id": names[-1] if names else None,
            }
        stamp = int(created.timestamp())
        rows = [{"id": n, "object": "model", "created": stamp, "owned_by": "bursar"} for n in self._scenario.models]
        return {"object": "list", "data": rows}

    async def _model_request(self, connection: Connection, request: HttpRequest, wire: Wire) -> bool:
        job = self._new_job(request.body)
        headers = {wire.id_header: job.request_id}
        try:
            try:
                exchange = self._accept(request, wire, job)
            except Refusal as refusal:
                headers |= job.fault.headers if job.fault else {}
                # Entered before it is sent, so that whoever has the answer finds the row.
                job.settle(self._books, "refused")
                await connection.json(refusal.status, wire.error(refusal, job.request_id), headers)
                return True
            if exchange.ask.background:
                return await self._in_background(connection, exchange, job, headers)
            return await play(connection, wire, exchange, job, self._books, headers)
        finally:
            if not job.in_background:
                job.settle(self._books, "cut")

    def _new_job(self, raw: bytes) -> Job:
        self._requests += 1
        return Job(
            n=self._requests,
            now=self._clock.wall,
            at=self._clock.wall(),
            request_id=self._new_id(),
            sha256=hashlib.sha256(raw).hexdigest(),
            raw=raw,
        )

    async def _batch_request(
        self, connection: Connection, request: HttpRequest, kept: batches.Batches, wire: Wire
    ) -> bool:
        """Make a batch, show one or all, give its results; what is in it is billed when it has ended."""
        headers = {wire.id_header: self._new_id()}
        try:
            self._check_key(request)
            found = kept.answer(request.method, request.path, request.query, request.body)
        except Refusal as refusal:
            await connection.json(refusal.status, wire.error(refusal, headers[wire.id_header]), headers)
            return True
        if found is None:
            return False
        if isinstance(found, str):
            raw = found.encode("utf-8", "replace")
            length = {"content-type": "application/x-jsonl", "content-length": str(len(raw))}
            await connection.start(200, {**length, **headers})
            await connection.data(raw)
            await connection.finish()
            return True
        await connection.json(200, found, headers)
        return True

    async def _in_background(
        self, connection: Connection, exchange: Exchange, job: Job, headers: dict[str, str]
    ) -> bool:
        """Begin an answer that nobody's leaving ends, and let this client be its first reader."""
        job.in_background = True
        answer = background.Answer(_RESPONSES, exchange, job, self._books, self._clock.monotonic())
        self._answers[exchange.response_id] = answer
        making = asyncio.ensure_future(answer.make())
        self._jobs.add(making)
        # Also where it is ended before it has begun.
        making.add_done_callback(lambda _: job.settle(self._books, "cut"))
        making.add_done_callback(self._jobs.discard)
        headers = {**headers, **(job.fault.headers if job.fault else {})}
        if exchange.ask.stream:
            return await answer.stream(connection, headers, after=-1, fault=job.fault)
        await connection.json(200, answer.as_it_stands(), headers)
        return True

    async def _kept_answer(self, connection: Connection, request: HttpRequest, response_id: str) -> bool:
        """Serve an answer that was kept, end it, or forget it. None of it is billed or logged by itself."""
        headers = {_RESPONSES.id_header: self._new_id()}
        try:
            self._check_key(request)
            response_id, ends_it, _ = response_id.partition("/cancel")
            if request.method not in (("POST",) if ends_it else ("GET", "DELETE")):
                raise Refusal(405, "invalid_request_error", f"{request.method} is not allowed here.")
            found = self._answers.get(response_id)
            if found is None:
                raise Refusal(404, "invalid_request_error", f"Response with id '{response_id}' not found.")
            if request.method == "DELETE":
                del self._answers[response_id]
                await connection.json(200, {"id": response_id, "object": "response", "deleted": True}, headers)
                return True
            if ends_it:
                found.cancel()
            query = parse_qs(request.query)
            if query.get("stream") == ["true"]:
                return await self._read_on(connection, found, query.get("starting_after", ["-1"])[-1], headers)
            await connection.json(200, found.as_it_stands(), headers)
        except Refusal as refusal:
            await connection.json(refusal.status, _RESPONSES.error(refusal, headers[_RESPONSES.id_header]), headers)
        return True

    async def _read_on(
        self,
        connection: Connection,
        found: background.Answer,
        after: str,
        headers: dict[str, str],
    ) -> bool:
        """Stream an answer behind an event's number; faults that are not used up strike here too. Raises Refusal."""
        if self._clock.monotonic() - found.began_s > background.STREAMS_FOR_S:
            minutes = background.STREAMS_FOR_S // 60
            raise invalid(f"This response can no longer be streamed because it is more than {minutes} minutes old.")
        if not re.fullmatch("-?[0-9]{1,9}", after):
            raise invalid("starting_after: Input should be a whole number")
        fault = self._faults.strike(found.exchange.ask, _READ_FAULTS)
        headers |= fault.headers if fault else {}
        _refuse(fault, _RESPONSES)
        return await found.stream(connection, headers, after=max(-1, int(after)), fault=fault)

    def _accept(self, request: HttpRequest, wire: Wire, job: Job) -> Exchange:
        """Take a request in: from here on its input is billed. Raises Refusal."""
        self._check_key(request)
        return self._take_in(decode(request.body), wire, job)

    def _take_in(self, body: dict[str, Any], wire: Wire, job: Job) -> Exchange:
        """Take a decoded body in. Raises Refusal."""
        job.body = body
        job.asked_model = body["model"] if isinstance(body.get("model"), str) else ""
        try:
            ask = wire.read(body)
        except RecursionError as error:
            raise Refusal(400, "invalid_request_error", "The request body is nested too deeply.") from error
        model = self._scenario.models.get(ask.model)
        if model is None or model.wire != wire.name:
            raise Refusal(404, "not_found_error", f"model: {ask.model}", code="model_not_found")
        unknown = next((each for each in model.refuses if each in body), None)
        if unknown is not None:
            raise invalid(f"Unknown parameter: '{unknown}'.")
        check_window(wire.name, model, ask)
        job.fault = self._faults.strike(ask)
        _refuse(job.fault, wire)
        if job.fault and job.fault.kind == "evict":
            self._cache.evict()
            job.fault = None
        reply = answer(self._scenario, ask, job.sha256, wire.call_prefix)
        job.model, job.taken = model, wire.take(self._cache, model, ask)
        return Exchange(
            request_id=job.request_id,
            created_s=int(job.at.timestamp()),
            ask=ask,
            answer=reply,
            taken=job.taken,
            with_usage=not (job.fault and job.fault.kind == "no_usage"),
        )

    def _check_key(self, request: HttpRequest) -> None:
        wanted = self._scenario.require_key
        if wanted is None:
            return
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given = [request.headers.get("x-api-key", ""), token.strip() if scheme.lower() == "bearer" else ""]
        if not any(hmac.compare_digest(key.encode(), wanted.encode()) for key in given):
            raise Refusal(401, "authentication_error", "invalid x-api-key", code="invalid_api_key")


def _refuse(fault: Fault | None, wire: Wire) -> None:
    """Raise the Refusal that a fault calls for, if it does."""
    if fault and fault.kind == "429":
        message = "This request would exceed your account's rate limit. Please try again later."
        raise Refusal(429, "rate_limit_error", message, code="rate_limit_exceeded")
    if fault and fault.kind == "529":
        raise Refusal(wire.overloaded_status, "overloaded_error", "Overloaded")


def _plain_error(message: str) -> dict[str, object]:
    return {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
