"""Models as ports: who is asked, what a request counts, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from bursar.domain.batches import Batches
    from bursar.domain.conversation import Block, ModelReply, ModelRequest, OnStream
    from bursar.domain.money.price import Price, Unpriced


class TokenCounter(Protocol):
    """Exact counts under a named encoding."""

    def count(self, text: str, /, *, encoding: str = "o200k_base") -> int:
        """Tokens of the text; special-token lookalikes are plain text. Raises ValueError for an unknown encoding."""

    def ready(self, encoding: str) -> bool:
        """Whether the ranks are in memory (counting is then microseconds to milliseconds)."""

    def load(self, encoding: str) -> None:
        """Load the ranks; blocks for about a quarter of a second."""


class CountMemory(Protocol):
    """Token counts of texts that were counted before, by digest; what it forgets is counted again."""

    def read(self) -> Mapping[bytes, int]:
        """All of them, the newest last."""

    def keep(self, counts: Mapping[bytes, int], /) -> None:
        """Keep the newest of these, over what was kept. Raises StorageError."""

    def was_erased(self) -> bool:
        """Whether the user had them erased since this was made, or last asked."""


class PriceBook(Protocol):
    """Prices by model."""

    def price(self, *, provider: str, model: str, at: str) -> Price | Unpriced:
        """The price of a model at a moment (RFC 3339); Unpriced says why when there is none."""

    def batch_price(self, *, provider: str, model: str, at: str) -> Price | Unpriced:
        """The price of a model through its provider's batch API; never guessed from the usual one."""

    def service_price(self, *, provider: str, model: str, at: str, service: str | None) -> Price | Unpriced:
        """The price of an answer that names its service so ('flex', 'priority', 'batch', ...); Unpriced where no price
        is listed for exactly that, or the word is not known. Never the usual price instead."""

    def window_tokens(self, *, provider: str, model: str) -> int | None:
        """How many tokens a request to this model may have; None where that is not known."""


class ModelProvider(Protocol):
    """One configured provider in one wire format; ``address`` is the base URL that is asked."""

    name: str
    wire: str
    address: str
    is_loopback: bool
    can_reattach: bool

    def body(self, request: ModelRequest, /) -> bytes:
        """The canonical bytes of the request: the same value gives the same bytes, for ever."""

    def prompt_text(self, body: bytes, /) -> str:
        """The parts of a body that the model reads as tokens, for counting."""

    async def send(self, body: bytes, /, *, on_stream: OnStream, keep: Callable[[bytes], None]) -> ModelReply:
        """Send once, no retry. Raises NotAccepted (nothing owed) or AnswerCut (may be owed), see errors.py.

        Every piece of the answer's body goes to ``keep`` as it arrives, after ``Accepted`` and before it is looked at.
        """

    def reply_from(self, data: bytes, /, *, request_id: str, model: str) -> ModelReply:
        """The answer in these kept bytes, without times. Raises AnswerCut or NotAccepted where it is not whole."""

    async def reattach(
        self, kept: bytes, /, *, request_id: str, model: str, on_stream: OnStream, keep: Callable[[bytes], None]
    ) -> ModelReply:
        """The answer that these kept bytes begin; its rest is fetched where ``can_reattach`` and nothing is paid again.

        Raises AnswerCut (gone, or given up; it may be owed) or NotAccepted (given up, nothing owed), and AnswerAway
        where it cannot be fetched now and nothing was learnt. What is fetched goes to ``keep`` as it arrives: with the
        bytes from before it is what a later call is given. ``on_stream`` hears no Accepted.
        """

    async def give_up(self, kept: bytes, /, *, request_id: str, model: str) -> ModelReply:
        """The answer that these kept bytes begin, because nobody wants it any more: ended where ``can_reattach``.

        Its reply where it was whole by then; else raises AnswerCut (with what is owed for it, where that was said) or
        NotAccepted (nothing owed), and AnswerAway where nothing was learnt.
        """

    def kept_from(self, data: bytes, /) -> tuple[Block, ...]:
        """What can be used of an answer that broke off: its text so far, and the calls that are whole for certain."""

    def batches(self) -> Batches | None:
        """The provider's batch API; None where it has none that is known here."""

    def missing_key(self) -> str | None:
        """None when a request could be sent; else the sentence that says which key to set and how."""
