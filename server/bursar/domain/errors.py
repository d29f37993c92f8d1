"""The one tree of failures; expected outcomes are values and are not here.

BursarError
├── BadInput                 what the user gave cannot be used (exit code 2)
├── Refused                  a rule of ours says no (untrusted workspace, protected path, owned elsewhere)
│   └── OwnedElsewhere       another process drives this run
├── ProviderError            the provider or the way to it failed
│   ├── NotAccepted          nothing is owed: the hold is released
│   │   ├── LimitReached     429: a usage limit, with the seconds to wait where the provider said so
│   │   ├── Overloaded       529 or 503 before an answer
│   │   ├── Unreachable      no connection (refused, DNS, TLS)
│   │   ├── KeyRefused       401 or 403
│   │   ├── QuotaExhausted   402 or a 429 that waiting does not cure
│   │   ├── ModelNotKnown    404
│   │   └── RequestRejected  400, 413, 422 and redirects
│   │       ├── OptionRefused    for an option only: the next attempt goes without it
│   │       └── WindowExceeded   it is longer than the model's window takes
│   ├── AnswerCut            it may be owed: the hold is kept as "at most"
│   └── AnswerAway           the provider may still have an answer, and it cannot be fetched now: try again later
├── StorageError             the store cannot do what it must
│   ├── StoreFull            no space: nothing was sent
│   ├── StoreReadOnly        no permission
│   ├── StoreDamaged         not a database, or a broken chain
│   └── StoreNewer           written by a newer Bursar
└── Fenced                   somebody else owns the run now: stop, write nothing
"""

from __future__ import annotations

from bursar.domain.money.usage import Owed


class BursarError(Exception):
    """A failure that a user can be told in one sentence; ``str()`` is that sentence."""


class BadInput(BursarError):
    """What the user gave cannot be used; the message says what, where and what to do."""


class Refused(BursarError):
    """A rule says no; the message names the rule and what would allow it."""


class OwnedElsewhere(Refused):
    """Another process drives this run."""


class ProviderError(BursarError):
    """The provider, or the way to it, failed. ``request_id`` is the provider's, where it gave one."""

    def __init__(self, message: str, *, request_id: str | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.request_id = request_id
        self.status = status


class NotAccepted(ProviderError):
    """The provider did not take the request: nothing is owed."""


class LimitReached(NotAccepted):
    """A usage limit; ``retry_after_s`` is what the provider asked for, None where it did not say."""

    def __init__(
        self, message: str, *, retry_after_s: float | None, request_id: str | None = None, status: int | None = 429
    ) -> None:
        super().__init__(message, request_id=request_id, status=status)
        self.retry_after_s = retry_after_s


class Overloaded(NotAccepted):
    """The provider is overloaded (529, 503, or an overload event before any content)."""

    def __init__(
        self,
        message: str,
        *,
        retry_after_s: float | None = None,
        request_id: str | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message, request_id=request_id, status=status)
        self.retry_after_s = retry_after_s


class Unreachable(NotAccepted):
    """No connection could be made."""


class KeyRefused(NotAccepted):
    """The provider refused the key (401, 403)."""


class QuotaExhausted(NotAccepted):
    """The account's quota or balance is used up: waiting does not help."""


class ModelNotKnown(NotAccepted):
    """The provider does not know the model."""


class RequestRejected(NotAccepted):
    """The provider rejected the request as it stands (400, 413, 422, or a redirect, which is never followed)."""


class OptionRefused(RequestRejected):
    """The provider rejected the request for an option that it can do without; it is left out from now on."""


class WindowExceeded(RequestRejected):
    """The request is longer than the model takes. Both counts are the provider's, None where it named none."""

    def __init__(
        self,
        message: str,
        *,
        window_tokens: int | None,
        asked_tokens: int | None,
        request_id: str | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message, request_id=request_id, status=status)
        self.window_tokens = window_tokens
        self.asked_tokens = asked_tokens


class AnswerCut(ProviderError):
    """The request was sent and the answer did not end: it may be billed.

    ``text_seen`` says whether any content had arrived; ``output_chars`` how much. ``owed`` is what the provider itself
    reported for it, None where it reported nothing and the bill is not known; ``so_far`` what it had reported by then
    (its input, mostly), which is owed and not all.
    """

    def __init__(
        self,
        message: str,
        *,
        text_seen: bool,
        output_chars: int = 0,
        request_id: str | None = None,
        status: int | None = None,
        owed: Owed | None = None,
        so_far: Owed | None = None,
    ) -> None:
        super().__init__(message, request_id=request_id, status=status)
        self.text_seen = text_seen
        self.output_chars = output_chars
        self.owed = owed
        self.so_far = so_far


class AnswerAway(ProviderError):
    """The provider may still have the answer to a request that it took, and it cannot be fetched now.

    Nothing was learnt: the hold stays as it is. ``retry_after_s`` is what the provider asked for, where it did.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after_s: float | None = None,
        request_id: str | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message, request_id=request_id, status=status)
        self.retry_after_s = retry_after_s


class StorageError(BursarError):
    """The store cannot do what it must; nothing was lost by the attempt."""


class StoreFull(StorageError):
    """No space left for the store."""


class StoreReadOnly(StorageError):
    """The store cannot be written by this user."""


class StoreDamaged(StorageError):
    """The store is not a database, or its ledger chain is broken."""


class StoreNewer(StorageError):
    """The store was written by a newer Bursar."""


class Fenced(BursarError):
    """Another process has taken the run over; this one must write nothing more."""
