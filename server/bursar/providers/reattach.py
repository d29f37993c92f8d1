"""An answer that broke off is fetched from the provider that went on with it: read, not bought again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bursar.domain.conversation import ModelReply, OnStream
from bursar.domain.errors import AnswerAway, AnswerCut, NotAccepted, ProviderError, RequestRejected
from bursar.domain.ports import Clock
from bursar.providers.answer import Answer
from bursar.providers.attempt import Attempt, Deadlines, OpenTransport, as_reply
from bursar.providers.failures import Said, Sender, clean, cut, of_error_in_answer, said_in
from bursar.providers.openai_responses import OpenAIResponsesWire
from bursar.providers.openai_responses_reader import ResponsesReader
from bursar.providers.strict_json import json_object
from bursar.providers.wire import Reading, StreamError

MAX_BREAKS = 3

# The provider's word that it has no such answer, or no such way to it; every other failure may pass.
_GONE = (400, 404, 405, 410, 422, 501)
# Ends an event that was cut in its middle, so that what follows it is not taken for its rest.
_SEPARATOR = b"\n\n"


class Reattachment:
    """One answer, fetched again. It is streamed from the last event that arrived; where that is refused or keeps
    breaking off, it is looked at as it stands until it is whole."""

    def __init__(
        self,
        *,
        wire: OpenAIResponsesWire,
        base_url: str,
        sender: Sender,
        clock: Clock,
        deadlines: Deadlines,
        reader: ResponsesReader,
        request_id: str,
        model: str,
        on_stream: OnStream,
        keep: Callable[[bytes], None],
        transport: OpenTransport | None = None,
    ) -> None:
        self._wire = wire
        self._base_url = base_url
        self._sender = sender
        self._clock = clock
        self._deadlines = deadlines
        self._reader = reader
        self._request_id = request_id
        self._model = model
        self._on_stream = on_stream
        self._keep = keep
        self._transport = transport

    async def give_up(self, kept: bytes) -> ModelReply | ProviderError:
        """What the provider says once it was asked to end this answer: what it is owed, or the whole of it all the same
        where that was ready; AnswerAway where nothing was learnt."""
        found = self._replay(kept)
        if isinstance(found, Reading):
            return as_reply(found, request_id=self._request_id, model=self._model, ttft_ms=None, duration_ms=0)
        response_id = self._reader.fetchable
        if isinstance(found, ProviderError) or response_id is None:
            return found or self._cut(f"the provider {self._sender.name} does not keep the answer that broke off")
        outcome = await self._fetch(response_id, streams=False, ends_it=True)
        if isinstance(outcome, ModelReply) or self._reader.failed:
            return outcome
        return self._final(outcome) or self._away(outcome)

    async def run(self, kept: bytes) -> ModelReply | ProviderError:
        """The whole answer, or why it cannot be had; AnswerAway where that may be different later."""
        found = self._replay(kept)
        if isinstance(found, Reading):
            return as_reply(found, request_id=self._request_id, model=self._model, ttft_ms=None, duration_ms=0)
        if isinstance(found, ProviderError):
            return found
        response_id = self._reader.fetchable
        if response_id is None:
            return self._cut(f"the provider {self._sender.name} does not keep the answer that broke off")
        loop = asyncio.get_running_loop()
        over_at = loop.time() + self._deadlines.total_s
        streams, breaks = True, 0
        while True:
            came = self._reader.sequence
            outcome = await self._fetch(response_id, streams=streams)
            if isinstance(outcome, ModelReply) or self._reader.failed:
                return outcome
            refused = isinstance(outcome, RequestRejected) and streams and outcome.status != 404
            if not refused and (final := self._final(outcome)) is not None:
                return final
            breaks = 1 if self._reader.sequence != came else breaks + 1
            if not isinstance(outcome, AnswerAway) and (refused or breaks >= MAX_BREAKS):
                if not streams:
                    return self._away(outcome)
                streams, breaks = False, 0
            if loop.time() >= over_at:
                return self._away(outcome)
            await asyncio.sleep(self._deadlines.look_again_s)

    def _replay(self, kept: bytes) -> Reading | ProviderError | None:
        """What was read before: the whole answer, a failure that is final, or None where more is to come."""
        self._reader.mending = True
        found = self._new_answer().feed(kept, request_id=self._request_id, on_content=lambda: None)
        self._reader.mending = False
        return found

    async def _fetch(self, response_id: str, *, streams: bool, ends_it: bool = False) -> ModelReply | ProviderError:
        after = self._reader.sequence if streams else None
        url = self._wire.answer_url(self._base_url, response_id=response_id, after=after)
        attempt = Attempt(
            method="POST" if ends_it else "GET",
            url=self._wire.cancel_url(self._base_url, response_id=response_id) if ends_it else url,
            headers=self._wire.headers(self._sender.key),
            body=None,
            model=self._model,
            sender=self._sender,
            clock=self._clock,
            deadlines=self._deadlines,
            answer=self._new_answer(),
            new_reader=lambda: self._reader,
            on_stream=self._on_stream,
            keep=self._keep_more(),
            new_id=lambda: self._request_id,
            request_id=self._request_id,
            on_object=self._object,
            transport=self._transport,
        )
        return await attempt.run()

    def _new_answer(self) -> Answer:
        """The same reader on a new stream: what the last one tore is not its beginning."""
        return Answer(reader=self._reader, sender=self._sender, model=self._model, lenient_end=False)

    def _keep_more(self) -> Callable[[bytes], None]:
        first = [_SEPARATOR]

        def keep(data: bytes) -> None:
            self._keep(first.pop() + data if first else data)

        return keep

    def _object(self, text: str) -> Reading | ProviderError:
        data = json_object(text)
        if data is None or data.get("object") != "response":
            said = said_in(text, sender=self._sender)
            return self._away(AnswerCut(f"it sent no answer ({said.text or 'nothing'})", text_seen=False))
        try:
            if self._reader.take_whole(data):
                return self._reader.reading()
        except StreamError as error:
            return of_error_in_answer(
                Said(kind=error.kind, code=error.code, text=clean(str(error), sender=self._sender)),
                sender=self._sender,
                request_id=self._request_id,
                chars=self._reader.chars,
                model=self._model,
                owed=error.owed,
            )
        return AnswerAway(
            f"the provider {self._sender.name} is still at work on the answer", request_id=self._request_id, status=200
        )

    def _final(self, outcome: ProviderError) -> ProviderError | None:
        """The failure that ends it: the answer is gone, or nobody can be asked now. None where it broke off again."""
        if outcome.status in _GONE:
            return self._cut(
                f"the provider {self._sender.name} no longer has the answer that broke off ({outcome.status})"
            )
        if isinstance(outcome, NotAccepted) and outcome.status != 200:
            return self._away(outcome)
        return None

    def _away(self, error: ProviderError) -> AnswerAway:
        return AnswerAway(
            f"the answer that broke off cannot be fetched now: {error}",
            retry_after_s=getattr(error, "retry_after_s", None),
            request_id=self._request_id,
            status=error.status,
        )

    def _cut(self, message: str) -> AnswerCut:
        return cut(message, chars=self._reader.chars, request_id=self._request_id)
