"""A provider's batch API as values: answers for half the price, some time within a day, without a reader waiting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from bursar.domain.conversation import ModelReply

Why = Literal["errored", "canceled", "expired", "missing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSeen:
    """A batch as the provider shows it; times are RFC 3339 UTC."""

    batch: str
    ended: bool
    created_at: str
    expires_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """A batch has ended without an answer to this request: nothing is owed for it."""

    why: Why
    message: str


class Batches(Protocol):
    """The batch API of one provider. Each call is one request without retry.

    Raises NotAccepted where the provider has not taken it, and AnswerAway where nothing can be learnt now.
    """

    delay: str
    """How long an answer may take, in the provider's own words."""

    async def submit(self, *, custom_id: str, body: bytes) -> BatchSeen:
        """Send this request's body as a batch of one. Raises AnswerCut where it may have been taken, or not.

        Raises BadInput for a body with tools: nobody could run them.
        """

    async def look(self, batch: str) -> BatchSeen:
        """The batch as it is now."""

    async def cancel(self, batch: str) -> BatchSeen:
        """Ask that no more of the batch is done, which may take a while; one that has ended stays as it is."""

    async def result(self, batch: str, *, custom_id: str, model: str) -> ModelReply | NoAnswer:
        """What came of this request in a batch that has ended."""

    async def since(self, moment: str) -> tuple[BatchSeen, ...]:
        """The batches that were made at or after a moment, newest first."""
