"""From what a provider answered to the tree of failures: whether something may be owed, and what the user is told."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from bursar.domain.errors import (
    AnswerCut,
    KeyRefused,
    LimitReached,
    ModelNotKnown,
    Overloaded,
    ProviderError,
    QuotaExhausted,
    RequestRejected,
    WindowExceeded,
)
from bursar.domain.money.usage import Owed
from bursar.domain.ports import Clock
from bursar.providers.exceeding import exceeded_in
from bursar.providers.strict_json import json_object

MAX_SAID_CHARS = 300
_LONGEST_WAIT_S = 366 * 86_400.0

_QUOTA_CODES = frozenset(
    (
        "insufficient_quota",
        "billing_error",
        "billing_not_active",
        "billing_hard_limit_reached",
        "enforced_spend_limit_reached",
        "insufficient_balance",
        "insufficient_credits",
    )
)
_QUOTA_WORDS = re.compile(
    r"insufficient[ _](?:balance|funds|credits?|quota)|credit balance|spend(?:ing)? limit|enforced_spend_limit|"
    r"reached your (?:specified )?(?:workspace )?api usage limits",
    re.IGNORECASE,
)
_LIKE_A_KEY = re.compile(r"\b(?:sk|pk|rk|key)-[A-Za-z0-9_*.-]{8,}|\bBearer\s+\S+", re.IGNORECASE)
_PLAIN_NUMBER = re.compile(r"^\s*[0-9]{1,18}(?:\.[0-9]{0,18})?\s*$", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]+")

# An error inside an answer has a name instead of a status; these are the names that say that nothing is owed.
_STATUS_OF_KIND = {
    "overloaded_error": 529,
    "rate_limit_error": 429,
    "authentication_error": 401,
    "permission_error": 403,
    "billing_error": 402,
    "not_found_error": 404,
    "request_too_large": 413,
    "invalid_request_error": 400,
    "insufficient_quota": 429,
    "rate_limit_exceeded": 429,
    "invalid_api_key": 401,
    "model_not_found": 404,
    "context_length_exceeded": 400,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a provider said went wrong, masked and short: its kind, its code, its sentence."""

    kind: str = ""
    code: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who is talked to: for messages only. ``key`` is what must never be shown."""

    name: str
    host: str
    key: str | None
    how_to_set_key: str

    def __repr__(self) -> str:
        return f"Sender(name={self.name!r}, host={self.host!r})"


def clean(text: str, *, sender: Sender) -> str:
    """A provider's text for a message: one line, at most 300 characters, without the key or what looks like one."""
    if sender.key:
        text = text.replace(sender.key, "***")
    text = _LIKE_A_KEY.sub("***", _CONTROL.sub(" ", text)).strip()
    return text if len(text) <= MAX_SAID_CHARS else text[: MAX_SAID_CHARS - 1] + "…"


def said_in(body: str, *, sender: Sender) -> Said:
    """The error in a body of either format; the bare text where it is not JSON, nothing where it is a page."""
    data = json_object(body)
    if data is None:
        return Said(text="" if body.lstrip().startswith("<") else clean(body, sender=sender))
    error = data.get("error", data)
    if isinstance(error, str):
        return Said(text=clean(error, sender=sender))
    if not isinstance(error, dict):
        return Said()
    details = error.get("details")
    code = error.get("code") or (details.get("error_code") if isinstance(details, dict) else None) or ""
    message = error.get("message", "")
    return Said(
        kind=str(error.get("type") or ""), code=str(code), text=clean(str(message), sender=sender) if message else ""
    )


def of_status(
    status: int, said: Said, *, sender: Sender, request_id: str | None, retry_after_s: float | None, model: str
) -> ProviderError:
    """The failure for an answer that is not 200."""
    tail = f": {said.text}" if said.text else ""
    name = sender.name
    if status in (400, 402, 403, 429) and (status == 402 or is_quota(said)):
        return QuotaExhausted(
            f"the provider {name} says that the account's quota or balance is used up ({status}){tail}; "
            "waiting does not help: add credit or raise the limit there, or choose another model",
            request_id=request_id,
            status=status,
        )
    if status == 429:
        wait = f", and asks to wait {retry_after_s:g} s" if retry_after_s is not None else ""
        return LimitReached(
            f"the provider {name} has reached a usage limit (429){wait}{tail}",
            retry_after_s=retry_after_s,
            request_id=request_id,
            status=status,
        )
    if status in (503, 529):
        return Overloaded(
            f"the provider {name} is overloaded ({status}){tail}",
            retry_after_s=retry_after_s,
            request_id=request_id,
            status=status,
        )
    if status in (401, 403):
        return KeyRefused(
            f"the provider {name} refused the key ({status}){tail}; set another with {sender.how_to_set_key}",
            request_id=request_id,
            status=status,
        )
    if status == 404:
        return ModelNotKnown(
            f"the provider {name} does not know the model '{model}' or the address at {sender.host} (404){tail}; "
            "check the model's name and the provider's base_url in the settings",
            request_id=request_id,
            status=status,
        )
    exceeded = exceeded_in(said.code, said.kind, said.text) if status in (400, 413, 422) else None
    if exceeded is not None:
        return WindowExceeded(
            f"the provider {name} says that the request is longer than the model '{model}' takes ({status}){tail}",
            window_tokens=exceeded.window_tokens,
            asked_tokens=exceeded.asked_tokens,
            request_id=request_id,
            status=status,
        )
    if 400 <= status < 500 and status not in (408, 409):
        return RequestRejected(
            f"the provider {name} rejected the request ({status}){tail}", request_id=request_id, status=status
        )
    return AnswerCut(
        f"the provider {name} failed after it had the request ({status}){tail}; it may be billed",
        text_seen=False,
        request_id=request_id,
        status=status,
    )


def of_redirect(status: int, target: str, *, sender: Sender, request_id: str | None) -> RequestRejected:
    """The failure for a redirect, which is never followed: the key belongs to one host."""
    where = clean(target, sender=sender) or "somewhere else"
    return RequestRejected(
        f"the provider {sender.name} at {sender.host} redirects to {where} ({status}); redirects are not followed, "
        "so that the key stays with its host: correct base_url in the settings if that is the right place",
        request_id=request_id,
        status=status,
    )


def of_error_in_answer(
    said: Said, *, sender: Sender, request_id: str | None, chars: int, model: str, owed: Owed | None = None
) -> ProviderError:
    """The failure for an error that came inside a 200: by its name before any content, a cut answer after it.

    What the provider billed was accepted, whatever the error is called.
    """
    status = _STATUS_OF_KIND.get(said.code) or _STATUS_OF_KIND.get(said.kind)
    if status is None and said.code.isdigit() and 400 <= int(said.code) < 600:
        status = int(said.code)
    if status is None and is_quota(said):
        status = 402
    if chars or status is None or owed is not None:
        tail = f": {said.text}" if said.text else ""
        kind = said.kind or said.code or "an error"
        return cut(
            f"the provider {sender.name} broke off its answer with {clean(kind, sender=sender)}{tail}",
            chars=chars,
            request_id=request_id,
            owed=owed,
        )
    return of_status(status, said, sender=sender, request_id=request_id, retry_after_s=None, model=model)


def cut(
    message: str,
    *,
    chars: int,
    request_id: str | None,
    status: int | None = None,
    owed: Owed | None = None,
    so_far: Owed | None = None,
) -> AnswerCut:
    """An answer that did not end: said once, in one way."""
    ending = f"after {chars:,} characters; what came is billed" if chars else "before any content; it may be billed"
    if owed is not None:
        came = f"after {chars:,} characters" if chars else "before any content"
        ending = f"{came}; it reports {owed.usage.input:,} tokens in and {owed.usage.output:,} out, which are billed"
    return AnswerCut(
        f"{message}, {ending}",
        text_seen=chars > 0,
        output_chars=chars,
        request_id=request_id,
        status=status,
        owed=owed,
        so_far=so_far,
    )


def is_quota(said: Said) -> bool:
    """Whether this is a limit of money, which waiting does not cure."""
    return said.code in _QUOTA_CODES or said.kind in _QUOTA_CODES or bool(_QUOTA_WORDS.search(said.text))


def retry_after_s(*, seconds: Sequence[str], milliseconds: Sequence[str], clock: Clock) -> float | None:
    """The wait that the headers ask for, None where they say nothing that makes sense or contradict each other."""
    if len(milliseconds) == 1:
        found = _number(milliseconds[0])
        if found is not None:
            return found / 1000
    if len(seconds) != 1:
        return None
    found = _number(seconds[0])
    return found if found is not None else _until(seconds[0], clock)


def _number(text: str) -> float | None:
    # A sign, an exponent, NaN or infinity is no wait that anybody meant.
    if not _PLAIN_NUMBER.match(text):
        return None
    value = float(text)
    return value if value <= _LONGEST_WAIT_S else None


def _until(text: str, clock: Clock) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        return None
    wait = clock.seconds_until(moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"))
    return wait if 0 <= wait <= _LONGEST_WAIT_S else None
