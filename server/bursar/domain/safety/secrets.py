"""Keys and passwords in text: found by shape, replaced by a stable token, so that none reaches a model or a store."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections import Counter
from functools import cache

_MASK_START = "⟦secret:"
_MOST_ROUNDS = 6

# Each pattern begins with a plain letter: the engine then skips at C speed to places where one can begin. A pattern
# that can fail after a run of any length is anchored to the run's start, so that the whole stays linear.
_KINDS: tuple[tuple[str, str], ...] = (
    (
        "private-key",
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:(?:[^-]|-(?!----))*+-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        r"|(?:(?:\s|\\[nrt]|[\"',+])*+[A-Za-z0-9+/=]{16,}+)++)",
    ),
    ("anthropic", r"sk-ant-[A-Za-z0-9_-]{16,}"),
    ("openrouter", r"sk-or-[A-Za-z0-9_-]{24,}"),
    ("openai-project", r"sk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{20,}"),
    ("openai", r"sk-(?<![A-Za-z0-9]sk-)(?=[A-Za-z_]{0,80}[0-9])[A-Za-z0-9_]{20,}"),
    ("stripe", r"sk_(?:live|test)_[A-Za-z0-9]{16,}"),
    ("stripe-restricted", r"rk_(?:live|test)_[A-Za-z0-9]{16,}"),
    ("stripe-webhook", r"whsec_[A-Za-z0-9+/]{24,}"),
    ("github", r"gh(?:p|o|u|s|r)_[A-Za-z0-9]{30,}"),
    ("github-pat", r"github_pat_[A-Za-z0-9_]{36,}"),
    ("gitlab", r"gl(?:pat|dt|rt|cbt|ptt|ft|soat|imt|agent)-[A-Za-z0-9_-]{20,}"),
    ("aws-key-id", r"A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}"),
    ("google-api", r"AIza[0-9A-Za-z_-]{35}"),
    ("google-oauth", r"GOCSPX-[A-Za-z0-9_-]{20,}"),
    ("google-access", r"ya29\.[0-9A-Za-z_-]{20,}"),
    ("slack", r"xox(?:a|b|c|d|e|o|p|r|s)(?:\.xox.)?-[A-Za-z0-9%-]{10,}"),
    ("slack-app", r"xapp-[0-9]-[A-Za-z0-9-]{20,}"),
    ("slack-webhook", r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9+/]{30,}"),
    ("discord-webhook", r"discord(?:app)?\.com/api/webhooks/[0-9]{16,20}/[A-Za-z0-9_-]{40,}"),
    ("jwt", r"eyJ(?<![A-Za-z0-9_-]eyJ)[A-Za-z0-9_-]{10,}+\.[A-Za-z0-9_-]{10,}+\.[A-Za-z0-9_-]{10,}"),
    ("npm", r"npm_[A-Za-z0-9]{36}"),
    ("pypi", r"pypi-AgE[A-Za-z0-9_-]{40,}"),
    ("rubygems", r"rubygems_[a-f0-9]{48}"),
    ("huggingface", r"hf_[A-Za-z0-9]{30,}"),
    ("sendgrid", r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{30,}"),
    ("twilio", r"SK(?<![A-Za-z0-9]SK)[0-9a-f]{32}(?![0-9A-Za-z])"),
    ("digitalocean", r"do(?:o|p|r)_v1_[a-f0-9]{64}"),
    ("databricks", r"dapi(?<![A-Za-z0-9]dapi)[a-f0-9]{32}"),
    ("shopify", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    ("mailgun", r"key-(?<![A-Za-z0-9]key-)[0-9a-f]{32}(?![0-9A-Za-z])"),
    ("telegram", r":(?<=[0-9]{6}:)AA[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])"),
    ("linear", r"lin_api_[A-Za-z0-9]{32,}"),
    ("notion", r"ntn_[A-Za-z0-9]{40,}"),
    ("age", r"AGE-SECRET-KEY-1[0-9A-Z]{50,}"),
    ("docker", r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{24,}"),
    ("vault", r"hv(?:s|b|r)\.[A-Za-z0-9_-]{24,}"),
    ("groq", r"gsk_[A-Za-z0-9]{40,}"),
    ("xai", r"xai-[A-Za-z0-9]{60,}"),
    ("replicate", r"r8_[A-Za-z0-9]{37}"),
    ("perplexity", r"pplx-[A-Za-z0-9]{40,}"),
    ("nvidia", r"nvapi-[A-Za-z0-9_-]{50,}"),
    ("atlassian", r"ATATT3[A-Za-z0-9_=-]{100,}"),
    ("grafana", r"glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}"),
    ("sentry", r"sntrys_[A-Za-z0-9+/=_-]{40,}"),
    ("pulumi", r"pul-[a-f0-9]{40}"),
    ("planetscale", r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32,}"),
    ("figma", r"figd_[A-Za-z0-9_-]{40,}"),
    ("postman", r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    ("newrelic", r"NRAK-[A-Z0-9]{27}"),
)


# Compiled when they are first needed: together they take longer than all else that a start imports of the domain.
@cache
def _any() -> re.Pattern[str]:
    return re.compile("|".join(pattern for _, pattern in _KINDS))


@cache
def _each() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((kind, re.compile(pattern)) for kind, pattern in _KINDS)


_WORDS = (
    "pass(?:word|wd|phrase|code)",
    "pwd",
    "secret",
    "token",
    "api[_-]?key",
    "apikey",
    "auth[_-]?key",
    "access[_-]?key",
    "account[_-]?key",
    "shared[_-]?access[_-]?key",
    "private[_-]?key",
    "signing[_-]?key",
    "encryption[_-]?key",
    "master[_-]?key",
    "client[_-]?key",
    "credentials?",
)
_VALUE = r"(?:\"[^\"\n⟦⟧]{10,300}\"|'[^'\n⟦⟧]{10,300}'|`[^`\n⟦⟧]{10,300}`|[^\s\"'`,;()<>{}\[\]|⟦⟧]{16,300})"
_ASSIGNED_TAIL = r"[\w-]{0,24}+[\"'`]?[ \t]{0,3}+(?::[ \t]?[A-Za-z_][\w.]{0,20}[ \t]?=|:=|=>|==?|:)[ \t]{0,3}+" + _VALUE


@cache
def _assigned() -> re.Pattern[str]:
    return re.compile(
        "|".join(
            [
                r"⟦secret:[a-z0-9-]{1,32}:[0-9a-f]{4}⟧",
                *(f"{first}(?i:{word[1:]}{_ASSIGNED_TAIL})" for word in _WORDS for first in (word[0], word[0].upper())),
                *(f"{first}(?i:earer)[ \t]{{1,3}}" + r"[A-Za-z0-9._~+/=-]{20,600}" for first in "bB"),
                *(f"{first}(?i:asic)[ \t]{{1,3}}" + r"[A-Za-z0-9+/]{16,600}={0,2}" for first in "bB"),
                r"://[^\s/:@\"'⟦⟧]{0,64}:[^\s/:@\"'⟦⟧]{8,128}@",
            ]
        )
    )


_HEAD = re.compile(
    r"://[^:]*:|[bB](?i:earer|asic)[ \t]+|[\w-]+[\"'`]?[ \t]*(?::[ \t]?[A-Za-z_][\w.]*[ \t]?=|:=|=>|==?|:)[ \t]*"
)
_STAND_IN = re.compile(
    r"(?i)example|your|placeholder|change.?me|x{4}|\*{3}|\.\.\.|\$[\w({]|process\.env|environ|getenv|dummy|redacted"
)
_EXAMPLE = re.compile(r"(?i)pass|secret|token|test|demo|sample|abc|foo|bar|admin|root|guest|user|my|some|123")
_EXAMPLE_WORD = re.compile(r"(?i)\b(?:password|secret|example|changeme)\b")
_NAME_PATH = re.compile(r"[\w./\\:-]*[./\\:]\w+|[a-z]+(?:[_-][a-z0-9]+)+|[A-Z]+(?:_[A-Z0-9]+)+")
_END_OF_KEY = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_LINE = re.compile(r"[ \t]*[A-Za-z0-9+/=]{16,}[ \t]*")
_LAST_KEY_LINE = re.compile(r"[ \t]*[A-Za-z0-9+/=]+[ \t]*")
_LINE_END = re.compile(r"\r\n|\n|\r")


def mask_secrets(text: str) -> tuple[str, int]:
    """The text with everything that looks like a key replaced by ``⟦secret:kind:4-hex⟧``, and how many there were.

    The same secret gives the same token, masked text is left as it is, and the number of lines stays.
    """
    total = 0
    for _ in range(_MOST_ROUNDS):
        text, found = _mask_once(text)
        total += found
        # Again where something was found: what was one word with it is a word of its own now.
        if not found:
            break
    return text, total


def secret_spans(text: str) -> list[tuple[int, int, str]]:
    """Where in the text something looks like a key: start, end (exclusive) and kind, in order, none over another.

    What says of itself that it is an example is none.
    """
    spans = [
        (match.start(), match.end(), _kind(match)) for match in _any().finditer(text) if not _STAND_IN.search(match[0])
    ]
    # As long as it was, so that places stay: what was found is not looked at again.
    rest = _any().sub(lambda match: _MASK_START[0] * len(match[0]), text)
    for match in _assigned().finditer(rest):
        value = _secret_value(match[0])
        if value is not None and not _is_example(match[0][value[0] : value[1]]):
            start, end = match.start() + value[0], match.start() + value[1]
            spans.append((start, end, "assigned"))
    return sorted(spans)


def _is_example(value: str) -> bool:
    """Whether a value says that it is an example, also where it does so in base64."""
    if _EXAMPLE.match(value):
        return True
    try:
        decoded = base64.b64decode(value, validate=True).decode("ascii")
    except ValueError:
        return False
    return _EXAMPLE_WORD.search(decoded) is not None


def contains_mask(text: str) -> bool:
    """Whether the text holds one of our tokens (or the beginning of one), which must never be written to a file."""
    return _MASK_START in text


def _mask_once(text: str) -> tuple[str, int]:
    found = 0

    def whole(match: re.Match[str]) -> str:
        nonlocal found
        found += 1
        return _token(_kind(match), match[0])

    def assigned(match: re.Match[str]) -> str:
        nonlocal found
        masked = _masked_value(match[0])
        found += masked is not None
        return match[0] if masked is None else masked

    masked = _assigned().sub(assigned, _any().sub(whole, text))
    if "PRIVATE KEY" in masked:
        masked, ends = _mask_ends_of_keys(masked)
        found += ends
    return masked, found


def _masked_value(text: str) -> str | None:
    """A match of ``_assigned`` with its value masked; None where the value is no secret."""
    span = _secret_value(text)
    if span is None:
        return None
    start, end = span
    return f"{text[:start]}{_token('assigned', text[start:end])}{text[end:]}"


def _secret_value(text: str) -> tuple[int, int] | None:
    """Where in a match of ``_assigned`` the secret is, without quotes; None where the value is none."""
    head = _HEAD.match(text)
    if text.startswith(_MASK_START) or head is None:
        return None
    start, end = head.end(), len(text)
    in_address = text.startswith("://")
    if in_address:
        end -= 1
    quote = text[start] if text[start] in "\"'`" else ""
    if quote:
        start, end = start + 1, end - 1
    if not _looks_random(text[start:end], quoted=bool(quote) or in_address):
        return None
    return start, end


def _token(kind: str, secret: str) -> str:
    digest = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()[:4]
    return f"{_MASK_START}{kind}:{digest}⟧" + "".join(_LINE_END.findall(secret))


def _kind(match: re.Match[str]) -> str:
    return next(kind for kind, pattern in _each() if pattern.match(match.string, match.start()))


def _looks_random(value: str, *, quoted: bool) -> bool:
    if " " in value or _STAND_IN.search(value):
        return False
    digits = sum(each.isdigit() for each in value)
    letters = sum(each.isalpha() for each in value)
    if digits == 0 or letters == 0 or (not quoted and (digits < 2 or _NAME_PATH.fullmatch(value))):
        return False
    counts = Counter(value)
    entropy_bits = -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())
    return entropy_bits >= (3.0 if quoted else 3.3)


def _mask_ends_of_keys(text: str) -> tuple[str, int]:
    """Mask the lines before an end mark whose beginning is not in the text (the output was cut there)."""
    lines = re.split(r"(\r\n|\n|\r)", text)
    found = 0
    for at in range(0, len(lines), 2):
        end = _END_OF_KEY.search(lines[at])
        if end is None:
            continue
        first = at
        if at >= 2 and _LAST_KEY_LINE.fullmatch(lines[at - 2]):
            first -= 2
        while first >= 2 and _KEY_LINE.fullmatch(lines[first - 2]):
            first -= 2
        for each in range(first, at, 2):
            lines[each] = ""
        lines[at] = _token("private-key", end[0]) + lines[at][end.end() :]
        found += 1
    return "".join(lines), found
