"""What comes after a request that failed: the same target again, another one, or nobody."""

from __future__ import annotations

from typing import Literal

from bursar.domain.errors import (
    AnswerCut,
    KeyRefused,
    LimitReached,
    OptionRefused,
    Overloaded,
    ProviderError,
    QuotaExhausted,
    Unreachable,
)

Move = Literal["again", "elsewhere", "other_provider", "nobody"]

# Two failures in a row are enough of one target where another stands ready: the first may have been a moment's.
_ENOUGH = 2


def move_after(error: ProviderError, *, in_a_row: int, most_wait_s: float) -> Move:
    """Who should be asked after this failure, the ``in_a_row``-th of its target, if there is somebody else.

    What may be billed is repeated at most once in all, and whether it may still be is the caller's to know: a server
    that failed with it does not get the repeat, one that was only slow does. A refused key or a used up quota says
    nothing of other providers. A request that was rejected would be rejected elsewhere, too.
    """
    match error:
        case OptionRefused():
            return "again"
        case KeyRefused() | QuotaExhausted():
            return "other_provider"
        case LimitReached() | Overloaded():
            long = error.retry_after_s is not None and error.retry_after_s > most_wait_s
            return "elsewhere" if long or in_a_row >= _ENOUGH else "again"
        case Unreachable():
            return "elsewhere" if in_a_row >= _ENOUGH else "again"
        case AnswerCut():
            failed = error.text_seen or (error.status is not None and error.status >= 500)
            return "elsewhere" if failed else "again"
        case _:
            return "nobody"


def speaks_of_target(error: ProviderError) -> bool:
    """Whether this failure says that the target is in trouble, not the request, the key or the account."""
    return isinstance(error, Unreachable | Overloaded | AnswerCut)
