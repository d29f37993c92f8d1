"""One streamed answer from its bytes to the reply or the failure, whether they come from a socket or from a file."""

from __future__ import annotations

from collections.abc import Callable

from bursar.domain.errors import AnswerCut, ProviderError
from bursar.domain.money.usage import Owed
from bursar.providers.failures import Said, Sender, clean, cut, of_error_in_answer
from bursar.providers.sse import StreamTooLarge
from bursar.providers.wire import BadStream, Reader, Reading, StreamError, owed_for


class Answer:
    """Reads an answer up to its end mark; what comes after that is not looked at."""

    def __init__(self, *, reader: Reader, sender: Sender, model: str, lenient_end: bool) -> None:
        self._parser = reader.parser()
        self._reader = reader
        self._sender = sender
        self._model = model
        self._lenient_end = lenient_end

    @property
    def chars(self) -> int:
        """How much content has come."""
        return self._reader.chars

    @property
    def so_far(self) -> Owed | None:
        """What was reported of it by now; None where nothing was."""
        return owed_for(self._reader)

    def feed(
        self, chunk: bytes, *, request_id: str | None, on_content: Callable[[], None]
    ) -> Reading | ProviderError | None:
        """Read some more: the whole answer once its end mark is there, a failure, or None as long as it goes on."""
        reader = self._reader
        try:
            for event in self._parser.feed(chunk):
                chars = reader.chars
                reader.take(event)
                if reader.chars > chars:
                    on_content()
                if reader.ended:
                    return reader.reading()
        except StreamError as error:
            failure = of_error_in_answer(
                Said(kind=error.kind, code=error.code, text=clean(str(error), sender=self._sender)),
                sender=self._sender,
                request_id=request_id,
                chars=reader.chars,
                model=self._model,
                owed=error.owed,
            )
            if isinstance(failure, AnswerCut) and failure.owed is None:
                failure.so_far = self.so_far
            return failure
        except (BadStream, StreamTooLarge) as error:
            what = clean(str(error), sender=self._sender)
            return cut(
                f"the answer of the provider {self._sender.name} breaks its format ({what})",
                chars=reader.chars,
                request_id=request_id,
                status=200,
                so_far=self.so_far,
            )
        return None

    def end(self, *, request_id: str | None) -> Reading | ProviderError:
        """No more will come and no end mark came: a failure, unless its absence is to be forgiven."""
        if self._lenient_end and self._reader.may_end:
            return self._reader.reading()
        return cut(
            f"the answer of the provider {self._sender.name} ended without its end mark",
            chars=self._reader.chars,
            request_id=request_id,
            status=200,
            so_far=self.so_far,
        )


def id_in(chunk: bytes, reader: Reader) -> str | None:
    """The id that the beginning of an answer names, read with a reader of its own."""
    try:
        for event in reader.parser().feed(chunk):
            reader.take(event)
            if reader.request_id:
                break
    except (StreamError, BadStream, StreamTooLarge):
        # What is wrong with it is said when it is read for good.
        return None
    return reader.request_id
