"""One request on its way over HTTP: no retry, no redirect, no proxy, and deadlines that only content moves."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from bursar.domain.conversation import Accepted, Delta, ModelReply, OnStream
from bursar.domain.errors import ProviderError, RequestRejected, Unreachable
from bursar.domain.pacing import Window
from bursar.domain.ports import Clock, Failpoint, nowhere
from bursar.providers.answer import Answer, id_in
from bursar.providers.failures import (
    Said,
    Sender,
    clean,
    cut,
    of_error_in_answer,
    of_redirect,
    of_status,
    retry_after_s,
    said_in,
)
from bursar.providers.sse import MAX_TOTAL_BYTES
from bursar.providers.strict_json import json_object
from bursar.providers.windows import windows_in
from bursar.providers.wire import Reader, Reading

if TYPE_CHECKING:
    import ssl

    import httpx

MAX_ERROR_BYTES = 64 * 1024
_ID_HEADERS = ("request-id", "x-request-id")
# A stream, too: one JSON value to a line.
_JSON_LINES = ("ndjson", "jsonl", "json-seq")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long each part of a request may take. Only content (text, thoughts, arguments) is progress, a ping is not.

    ``look_again_s`` is the pause before an answer that is still being made is asked for again.
    """

    connect_s: float = 5.0
    first_byte_s: float = 60.0
    progress_s: float = 120.0
    total_s: float = 900.0
    look_again_s: float = 2.0


class OpenTransport(Protocol):
    """Opens what carries one request: the network, or what a test puts in its place."""

    def __call__(self) -> httpx.AsyncBaseTransport: ...


class OnObject(Protocol):
    """Reads an answer that came in one piece."""

    def __call__(self, text: str, /) -> Reading | ProviderError: ...


class Attempt:
    """One request on its way and what came back of it."""

    def __init__(
        self,
        *,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        model: str,
        sender: Sender,
        clock: Clock,
        deadlines: Deadlines,
        answer: Answer,
        new_reader: Callable[[], Reader],
        on_stream: OnStream,
        keep: Callable[[bytes], None],
        new_id: Callable[[], str],
        request_id: str | None = None,
        on_object: OnObject | None = None,
        failpoint: Failpoint = nowhere,
        transport: OpenTransport | None = None,
    ) -> None:
        """``new_id`` names an answer that does not name itself. ``request_id`` is given where the answer was accepted
        before; ``on_object`` reads an answer that comes in one piece, where that is one."""
        self._method = method
        self._url = url
        self._headers = headers
        self._body = body
        self._model = model
        self._sender = sender
        self._clock = clock
        self._deadlines = deadlines
        self._answer = answer
        self._new_reader = new_reader
        self._on_stream = on_stream
        self._keep = keep
        self._new_id = new_id
        self._on_object = on_object
        self._failpoint = failpoint
        self._transport = transport
        self._known_id = request_id
        self._sent_at_s = clock.monotonic_s()
        self._ttft_ms: int | None = None
        self._request_id = request_id
        self._status: int | None = None
        self._windows: tuple[Window, ...] = ()

    async def run(self) -> ModelReply | ProviderError:
        """The reply or the failure, as a value."""
        import httpx

        loop = asyncio.get_running_loop()
        self._over_at = loop.time() + self._deadlines.total_s
        try:
            # The connection has a deadline of its own; this one is set when the request has left.
            async with asyncio.timeout_at(self._over_at) as self._deadline:
                async with httpx.AsyncClient(
                    verify=tls(),
                    trust_env=False,
                    follow_redirects=False,
                    timeout=httpx.Timeout(None, connect=self._deadlines.connect_s),
                    # A connection is used once: on one that was kept, a cut could not be told from a stale socket.
                    limits=httpx.Limits(max_keepalive_connections=0),
                    transport=None if self._transport is None else self._transport(),
                ) as client:
                    return await self._exchange(client)
        except TimeoutError:
            return self._late()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            return self._unreachable(error)
        except httpx.HTTPError as error:
            what = clean(str(error), sender=self._sender) or type(error).__name__
            return self._cut(f"the connection to the provider {self._sender.name} broke ({what})")

    async def _exchange(self, client: httpx.AsyncClient) -> ModelReply | ProviderError:
        headers = {
            "accept": "text/event-stream",
            "accept-encoding": "identity",
            "user-agent": "bursar",
            **({} if self._body is None else {"content-type": "application/json"}),
            **self._headers,
        }
        async with client.stream(
            self._method, self._url, content=self._body, headers=headers, extensions={"trace": self._trace}
        ) as response:
            self._status = response.status_code
            self._request_id = self._known_id or self._id_in(response.headers)
            self._windows = windows_in(response.headers, self._clock)
            self._progress()
            encoding = response.headers.get("content-encoding", "identity").strip().lower()
            if response.status_code != 200:
                return await self._refused(response, readable=encoding in ("", "identity"))
            if encoding not in ("", "identity"):
                return self._cut(f"the provider {self._sender.name} packed its answer ({encoding[:20]}) unasked")
            kind = response.headers.get("content-type", "").lower()
            in_lines = any(each in kind for each in _JSON_LINES)
            if "json" in kind and not in_lines and self._on_object is not None:
                found = self._on_object(await _head(response, most_bytes=MAX_TOTAL_BYTES))
                return self._reply(found) if isinstance(found, Reading) else found
            if ("json" in kind and not in_lines) or "html" in kind:
                return self._no_stream(await _head(response), is_page="html" in kind)
            if self._request_id is not None and self._known_id is None:
                self._accept(self._request_id)
            return await self._read(response)

    async def _read(self, response: httpx.Response) -> ModelReply | ProviderError:
        """Read up to the end mark; every piece is kept before it is looked at."""
        async for chunk in response.aiter_raw():
            if self._request_id is None:
                self._accept(id_in(chunk, self._new_reader()) or self._new_id())
            self._keep(chunk)
            found = self._answer.feed(chunk, request_id=self._request_id, on_content=self._content)
            if found is not None:
                break
        else:
            found = self._answer.end(request_id=self._request_id)
        return self._reply(found) if isinstance(found, Reading) else found

    def _reply(self, reading: Reading) -> ModelReply:
        return as_reply(
            reading,
            request_id=self._request_id or "",
            model=self._model,
            ttft_ms=self._ttft_ms,
            duration_ms=self._since_ms(),
        )

    async def _refused(self, response: httpx.Response, *, readable: bool) -> ProviderError:
        if 300 <= response.status_code < 400:
            return of_redirect(
                response.status_code,
                response.headers.get("location", ""),
                sender=self._sender,
                request_id=self._request_id,
            )
        said = said_in(await _head(response), sender=self._sender) if readable else Said()
        return of_status(
            response.status_code,
            said,
            sender=self._sender,
            request_id=self._request_id,
            retry_after_s=retry_after_s(
                seconds=response.headers.get_list("retry-after"),
                milliseconds=response.headers.get_list("retry-after-ms"),
                clock=self._clock,
            ),
            model=self._model,
        )

    def _no_stream(self, body: str, *, is_page: bool) -> ProviderError:
        """A 200 that is no stream: a page of something in between, an error, or an answer in one piece."""
        name = self._sender.name
        if is_page:
            return RequestRejected(
                f"a web page answered instead of the provider {name} at {self._sender.host}: "
                "a proxy or a login page may be in between; check the network and base_url in the settings",
                request_id=self._request_id,
                status=self._status,
            )
        data = json_object(body)
        if data is not None and data.get("error"):
            return of_error_in_answer(
                said_in(body, sender=self._sender),
                sender=self._sender,
                request_id=self._request_id,
                chars=0,
                model=self._model,
            )
        return self._cut(f"the provider {name} did not stream its answer, which was asked for")

    def _unreachable(self, error: Exception) -> Unreachable:
        name, host = self._sender.name, self._sender.host
        advice = "is the server running?" if host.startswith(("127.", "localhost", "[::1]")) else "check the network"
        return Unreachable(
            f"the provider {name} at {host} cannot be reached "
            f"({clean(str(error), sender=self._sender) or type(error).__name__}): {advice}"
        )

    def _late(self) -> ProviderError:
        name = self._sender.name
        # By the bound that was set and not by the clock: a timer may go off a moment early.
        if self._deadline.when() == self._over_at:
            return self._cut(f"the provider {name} took longer than {self._deadlines.total_s:g} s in all")
        if self._status is None:
            return self._cut(f"the provider {name} sent nothing for {self._deadlines.first_byte_s:g} s")
        return self._cut(f"the answer of the provider {name} stood still for {self._deadlines.progress_s:g} s")

    def _cut(self, message: str) -> ProviderError:
        return cut(
            message,
            chars=self._answer.chars,
            request_id=self._request_id,
            status=self._status,
            so_far=self._answer.so_far,
        )

    async def _trace(self, name: str, info: Any) -> None:
        if name.endswith(".send_request_headers.started"):
            self._sent_at_s = self._clock.monotonic_s()
            self._move(self._deadlines.first_byte_s)
        elif name.endswith(".send_request_body.complete"):
            self._failpoint("after_socket_write")

    def _content(self) -> None:
        if self._ttft_ms is None:
            self._ttft_ms = self._since_ms()
        self._progress()
        self._on_stream(Delta(chars=self._answer.chars))

    def _progress(self) -> None:
        self._move(self._deadlines.progress_s)

    def _move(self, seconds: float) -> None:
        moved_to = min(self._over_at, asyncio.get_running_loop().time() + seconds)
        set_to = self._deadline.when()
        # Thousands of events a second need not make thousands of timers: a hundredth of the wait is near enough.
        is_last = moved_to == self._over_at != set_to
        if set_to is None or is_last or abs(moved_to - set_to) > seconds / 100:
            self._deadline.reschedule(moved_to)

    def _id_in(self, headers: httpx.Headers) -> str | None:
        return next(
            (found for name in _ID_HEADERS if (found := clean(headers.get(name, ""), sender=self._sender))), None
        )

    def _accept(self, request_id: str) -> None:
        self._request_id = clean(request_id, sender=self._sender)
        self._on_stream(Accepted(request_id=self._request_id, windows=self._windows))

    def _since_ms(self) -> int:
        return max(0, round((self._clock.monotonic_s() - self._sent_at_s) * 1000))


def as_reply(reading: Reading, *, request_id: str, model: str, ttft_ms: int | None, duration_ms: int) -> ModelReply:
    """The reply as the port promises it; a reply that names no model is the asked one's."""
    return ModelReply(
        request_id=request_id,
        model=reading.model or model,
        blocks=reading.blocks,
        stop_reason=reading.stop_reason,
        usage=None if reading.reported is None else reading.reported.usage,
        usage_raw=reading.usage_raw,
        usage_clamped=reading.reported is not None and reading.reported.clamped,
        service=reading.tier,
        ttft_ms=ttft_ms,
        duration_ms=duration_ms,
        said=reading.said,
    )


async def _head(response: httpx.Response, *, most_bytes: int = MAX_ERROR_BYTES) -> str:
    """The beginning of a body as text; a body that breaks off is as long as it got."""
    import httpx

    found = bytearray()
    try:
        async for chunk in response.aiter_raw():
            found += chunk
            if len(found) >= most_bytes:
                break
    except httpx.HTTPError:
        # The status has said what happened; the text would only have explained it.
        pass
    return bytes(found[:most_bytes]).decode("utf-8", "replace")


@functools.cache
def tls() -> ssl.SSLContext:
    """The usual roots, loaded once: loading them takes longer than a request to this machine."""
    import httpx

    return httpx.create_ssl_context(trust_env=False)
