"""A lost prompt cache in words: what was not read, why, and what to do about it."""

from __future__ import annotations

from bursar.domain.context.losses import Cause, Loss
from bursar.views.figures import count, money, plural, seconds

CAUSE_NAMES: dict[Cause, str] = {
    "document": "A document of the prompt was changed",
    "system": "The system text changed",
    "tools": "The list of tools changed",
    "model": "Another model was asked",
    "options": "Options of the request changed",
    "message": "An earlier turn was changed or dropped",
    "trimmed": "Results were left out to save more",
    "expired": "The cache had expired",
    "lookback": "The turn outran the provider's lookback",
    "evicted": "The provider gave the cache up",
    "too_short": "The prompt was too short to be kept",
    "erased": "Not known: the texts were erased",
}
"""Each cause as the title of a row."""


def loss_text(loss: Loss, pico: int | None) -> str:
    """``12,400 tokens were not read from the prompt cache ($0.031 more): ..``, without an end mark."""
    about = "about " if loss.estimated else ""
    cost = "" if pico is None else f" ({about}{money(pico)} more)"
    return f"{about}{count(loss.tokens)} tokens were not read from the prompt cache{cost}: {why(loss)}"


def why(loss: Loss) -> str:
    """The cause as a clause."""
    match loss.cause:
        case "document":
            return f"{loss.path} was {loss.what} since the request before"
        case "system" | "tools":
            return f"{loss.part} is not as in the request before"
        case "model":
            return f"the model changed from {loss.part} to {loss.what}, and each has a cache of its own"
        case "options":
            return f"the request's {loss.part} changed"
        case "message":
            return f"{loss.part} is not as it was sent before"
        case "trimmed":
            return "Bursar left results out of the conversation, which should save more in the requests to come"
        case "expired":
            return f"{seconds(loss.waited_s)} had passed since the request before, and it was no longer kept"
        case "lookback":
            blocks = plural(loss.blocks, "block")
            return f"the turn added {blocks} behind the last mark, and the provider does not look back that far"
        case "evicted":
            return f"the provider gave it up after {seconds(loss.waited_s)}, with the same bytes and within its life"
        case "too_short":
            return "the prompt was shorter than the least that the provider keeps"
        case "erased":
            return "the texts of the requests were erased, so the cause cannot be told"
