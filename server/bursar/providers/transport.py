"""A provider over HTTP in one wire format: a request is sent once, an answer that broke off is fetched again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bursar.domain.batches import Batches
from bursar.domain.conversation import Block, ModelReply, ModelRequest, OnStream
from bursar.domain.errors import AnswerAway, KeyRefused, OptionRefused, ProviderError, RequestRejected
from bursar.domain.ports import Clock, Failpoint, Ids
from bursar.providers.addresses import Address
from bursar.providers.answer import Answer
from bursar.providers.anthropic import AnthropicWire
from bursar.providers.anthropic_batches import AnthropicBatches
from bursar.providers.attempt import Attempt, Deadlines, OpenTransport, as_reply
from bursar.providers.failures import Sender
from bursar.providers.openai_batches import OpenAIBatches
from bursar.providers.openai_chat import OpenAIChatWire
from bursar.providers.openai_responses import OpenAIResponsesWire
from bursar.providers.reattach import Reattachment
from bursar.providers.strict_json import json_object
from bursar.providers.wire import Reader, Wire

# What stands in for an impossible figure where the request is no longer at hand: no model takes a longer prompt, and
# none says more.
_MOST_INPUT_TOKENS = 2_000_000
_MOST_OUTPUT_TOKENS = 128_000


class HttpProvider:
    """A model provider over HTTP in one wire format; see the port for what it promises."""

    def __init__(
        self,
        *,
        name: str,
        wire: Wire,
        address: Address,
        key: Callable[[], str | None],
        key_name: str | None,
        clock: Clock,
        ids: Ids,
        deadlines: Deadlines,
        lenient_end: bool,
        failpoint: Failpoint,
        transport: OpenTransport | None = None,
    ) -> None:
        self._failpoint = failpoint
        self.name = name
        self.wire = wire.name
        self.address = address.base_url
        self.is_loopback = address.is_loopback
        self._format = wire
        self._resumable = wire if isinstance(wire, OpenAIResponsesWire) else None
        # Learnt from a refusal, and kept as long as this provider is used.
        self._without_options = False
        self._never_terse: set[str] = set()
        self.can_reattach = self._resumable is not None
        self._address = address
        self._key = key
        self._key_name = key_name
        self._clock = clock
        self._ids = ids
        self._deadlines = deadlines
        self._lenient_end = lenient_end
        self._transport = transport

    def __repr__(self) -> str:
        return f"HttpProvider(name={self.name!r}, wire={self.wire!r}, host={self._address.host!r})"

    def body(self, request: ModelRequest, /) -> bytes:
        """The canonical bytes of the request, without the options that the server has refused."""
        if request.model in self._never_terse:
            request = replace(request, terse=False)
        body = self._format.body(request)
        return self._resumable.without_options(body) if self._resumable and self._without_options else body

    def prompt_text(self, body: bytes, /) -> str:
        """The parts of a body that the model reads; empty for bytes that are no body of ours."""
        data = json_object(body.decode("utf-8", "replace"))
        return "" if data is None else self._format.prompt_text(data)

    def batches(self) -> Batches | None:
        """The provider's batch API, where the wire format has one that is known here."""
        given: dict[str, Any] = {
            "base_url": self._address.base_url,
            "usable_key": self._usable_key,
            "sender": self._sender,
            "clock": self._clock,
            "deadlines": self._deadlines,
            "transport": self._transport,
        }
        if isinstance(self._format, AnthropicWire):
            return AnthropicBatches(wire=self._format, **given)
        if isinstance(self._format, OpenAIChatWire):
            return OpenAIBatches(wire=self._format, **given)
        return None

    def missing_key(self) -> str | None:
        """None when a request could be sent; else the sentence that says which key to set and how."""
        if self._key_name is None:
            if self._address.is_loopback or self._key():
                return None
            return (
                f"the provider {self.name} has no key: name an environment variable in its key_env setting, "
                "or use the simulator: bursar simulate"
            )
        if self._key():
            return None
        return (
            f"the provider {self.name} has no key: set it with {self._how_to_set_key()}, "
            "or use the simulator: bursar simulate"
        )

    async def send(self, body: bytes, /, *, on_stream: OnStream, keep: Callable[[bytes], None]) -> ModelReply:
        """Send once. Raises NotAccepted (nothing owed) or AnswerCut (may be owed); cancelling closes the connection.

        Every piece of the answer goes to ``keep`` after Accepted and before it is looked at. A server that refuses the
        request for an option that only makes its answer fetchable, or shorter, gets OptionRefused raised: from then on
        ``body`` is without, so that whoever counts the attempts sends it again.
        """
        key = self._usable_key()
        outcome = await self._attempt(body, key, on_stream, keep).run()
        if isinstance(outcome, RequestRejected) and (lost := self._give_up_options(body, outcome)) is not None:
            outcome = OptionRefused(
                f"{outcome}; it is asked without such options from now on, and {lost}",
                request_id=outcome.request_id,
                status=outcome.status,
            )
        # Raised here, outside every handler: the HTTP library's exceptions hold the request with its key.
        if isinstance(outcome, ProviderError):
            raise outcome
        return outcome

    def _give_up_options(self, body: bytes, refusal: RequestRejected) -> str | None:
        """Leave the options out that this refusal may be about; what is lost by it, None where there are none."""
        wire = self._resumable
        if wire is not None and wire.refuses_options(body, str(refusal)):
            self._without_options = True
            return "an answer that breaks off cannot be fetched again"
        data = json_object(body.decode("utf-8", "replace")) or {}
        # Not every server names what it does not know; whether it was this shows at the next attempt.
        if refusal.status in (400, 422) and data.keys() & self._format.terse_fields.keys():
            self._never_terse.add(str(data.get("model")))
            return "only the words of the request ask for a short answer"
        return None

    def reply_from(self, data: bytes, /, *, request_id: str, model: str) -> ModelReply:
        """The answer in these kept bytes, without times. Raises AnswerCut or NotAccepted where it is not whole."""
        reader = self._kept_reader()
        answer = Answer(reader=reader, sender=self._sender(None), model=model, lenient_end=self._lenient_end)
        found = answer.feed(data, request_id=request_id, on_content=lambda: None) or answer.end(request_id=request_id)
        if isinstance(found, ProviderError):
            raise found
        return as_reply(found, request_id=request_id, model=model, ttft_ms=None, duration_ms=0)

    def kept_from(self, data: bytes, /) -> tuple[Block, ...]:
        """What can be used of an answer that broke off: its text so far, and the calls that are whole for certain."""
        reader = self._kept_reader()
        answer = Answer(reader=reader, sender=self._sender(None), model="", lenient_end=False)
        # Why it broke off was said when it did.
        answer.feed(data, request_id=None, on_content=lambda: None)
        return reader.kept()

    async def reattach(
        self, kept: bytes, /, *, request_id: str, model: str, on_stream: OnStream, keep: Callable[[bytes], None]
    ) -> ModelReply:
        """The answer that these kept bytes begin, its rest fetched where the provider has it; see the port."""
        if self._resumable is None:
            return self.reply_from(kept, request_id=request_id, model=model)
        again = self._reattachment(self._resumable, request_id=request_id, model=model, on_stream=on_stream, keep=keep)
        outcome = await again.run(kept)
        if isinstance(outcome, ProviderError):
            raise outcome
        return outcome

    async def give_up(self, kept: bytes, /, *, request_id: str, model: str) -> ModelReply:
        """The answer that these kept bytes begin, ended where it is being made; see the port."""
        if self._resumable is None:
            return self.reply_from(kept, request_id=request_id, model=model)
        again = self._reattachment(
            self._resumable,
            request_id=request_id,
            model=model,
            on_stream=lambda event: None,
            keep=lambda data: None,
        )
        outcome = await again.give_up(kept)
        if isinstance(outcome, ProviderError):
            raise outcome
        return outcome

    def _reattachment(
        self,
        wire: OpenAIResponsesWire,
        *,
        request_id: str,
        model: str,
        on_stream: OnStream,
        keep: Callable[[bytes], None],
    ) -> Reattachment:
        """Raises AnswerAway without a key that could be sent."""
        try:
            key = self._usable_key()
        except KeyRefused as error:
            raise AnswerAway(str(error), request_id=request_id) from error
        return Reattachment(
            wire=wire,
            base_url=self._address.base_url,
            sender=self._sender(key),
            clock=self._clock,
            deadlines=self._deadlines,
            reader=wire.reader(most_input_tokens=_MOST_INPUT_TOKENS, most_output_tokens=_MOST_OUTPUT_TOKENS),
            request_id=request_id,
            model=model,
            on_stream=on_stream,
            keep=keep,
            transport=self._transport,
        )

    def _attempt(self, body: bytes, key: str | None, on_stream: OnStream, keep: Callable[[bytes], None]) -> Attempt:
        asked = json_object(body.decode("utf-8", "replace")) or {}
        model = str(asked.get("model", ""))
        limit = _at(asked, self._format.limit_path)
        sender = self._sender(key)

        def new_reader() -> Reader:
            # A token is at least a byte of the body; the format adds a little framing of its own.
            most = limit if isinstance(limit, int) else len(body)
            return self._format.reader(most_input_tokens=len(body) + 1024, most_output_tokens=most)

        return Attempt(
            method="POST",
            url=self._format.url(self._address.base_url, model=model),
            headers=self._format.headers(key),
            body=self._format.sent(body),
            model=model,
            sender=sender,
            clock=self._clock,
            deadlines=self._deadlines,
            answer=Answer(reader=new_reader(), sender=sender, model=model, lenient_end=self._lenient_end),
            new_reader=new_reader,
            on_stream=on_stream,
            keep=keep,
            new_id=lambda: self._ids.new("local"),
            failpoint=self._failpoint,
            transport=self._transport,
        )

    def _kept_reader(self) -> Reader:
        most = {"most_input_tokens": _MOST_INPUT_TOKENS, "most_output_tokens": _MOST_OUTPUT_TOKENS}
        if self._resumable is None:
            return self._format.reader(**most)
        reader = self._resumable.reader(**most)
        reader.mending = True
        return reader

    def _usable_key(self) -> str | None:
        """The key to send, None where none is needed. Raises KeyRefused where there is none that could be sent."""
        missing = self.missing_key()
        if missing is not None:
            raise KeyRefused(missing)
        key = (self._key() or "").strip() or None
        if key is not None and any(not "!" <= each <= "~" for each in key):
            raise KeyRefused(
                f"the key of the provider {self.name} has characters that no key has (spaces, line ends or others): "
                f"set it again with {self._how_to_set_key()}"
            )
        return key

    def _sender(self, key: str | None) -> Sender:
        return Sender(name=self.name, host=self._address.host, key=key, how_to_set_key=self._how_to_set_key())

    def _how_to_set_key(self) -> str:
        variable = f"the environment variable {self._key_name}" if self._key_name else "its key_env setting"
        return f'{variable}, or in VS Code the command "Bursar: Set Provider Key"'


def _at(body: dict[str, Any], path: tuple[str, ...]) -> Any:
    """What stands at this path in a body; None where nothing does."""
    found: Any = body
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found
