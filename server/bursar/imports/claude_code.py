"""Claude Code: a JSONL file for each session and each sub-agent below ``projects``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from bursar.domain.money.imported import ImportedRequest
from bursar.domain.money.usage import Usage
from bursar.imports.reading import BadRecord, digest, ident, moment, nothing_used, parsed, part, reported, tokens, word

AGENT = "claude-code"
_USUAL_TIERS = ("", "standard")


class ClaudeCode:
    """An answer's record is repeated for each of its blocks, and copied into sessions that go on from it."""

    agent = AGENT
    by_line = True

    def places(self, environ: Mapping[str, str], home: Path) -> Sequence[Path]:
        """``projects`` below CLAUDE_CONFIG_DIR, else below ``~/.claude``."""
        chosen = environ.get("CLAUDE_CONFIG_DIR")
        return (Path(chosen).expanduser() / "projects" if chosen else home / ".claude" / "projects",)

    def is_log(self, path: PurePath) -> bool:
        """Any JSONL file that is not Codex's."""
        return path.suffix == ".jsonl" and not path.name.startswith("rollout-")

    def open(self, file: str, state: Mapping[str, Any]) -> ClaudeCodeReader:
        """Nothing need be known to read on."""
        return ClaudeCodeReader(file)


class ClaudeCodeReader:
    """Every record stands for itself.

    ``unlogged`` counts the compactions: they are requests, and no record has their usage.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self.unlogged = 0

    def record(self, number: int, data: bytes) -> Sequence[ImportedRequest]:
        """The request that an assistant's record belongs to; other records cost nothing."""
        line = data.strip(b" \t\r\xef\xbb\xbf")
        if not line:
            return ()
        if not (line.startswith(b"{") and line.endswith(b"}")):
            raise BadRecord("it is not a whole JSON object")
        if b'"compact_boundary"' in line[:2_048] and parsed(line).get("subtype") == "compact_boundary":
            self.unlogged += 1
            return ()
        # Most of a log is what was said and read; it is not parsed.
        if b'"usage"' not in line:
            return ()
        entry = parsed(line)
        message = part(entry, "message")
        usage = part(message, "usage")
        if entry.get("type") != "assistant" or not usage:
            return ()
        if word(message, "model") == "<synthetic>" or entry.get("isApiErrorMessage") is True:
            return ()
        buckets = _buckets(usage)
        if nothing_used(buckets):
            return ()
        return (_request(entry, message, buckets, _tier(usage), self._file, number),)

    def state(self) -> dict[str, Any]:
        """Nothing."""
        return {}


def _request(
    entry: Mapping[str, Any], message: Mapping[str, Any], usage: Usage, tier: str, file: str, number: int
) -> ImportedRequest:
    session = word(entry, "sessionId") or PurePath(file).stem
    # A record that was copied into another session says where the request was made.
    made_in = word(entry, "requestSessionId") or session
    at = word(entry, "timestamp")
    sub_agent = word(entry, "agentId") if entry.get("isSidechain") is True else ""
    own = word(message, "id") or word(entry, "uuid")
    return ImportedRequest(
        agent=AGENT,
        session=ident(sub_agent or made_in),
        parent_session=ident(made_in) if sub_agent else None,
        message_id=ident(own) if own else digest(at, word(message, "model"), usage.as_dict()),
        request_id=ident(word(entry, "requestId")),
        at=moment(at),
        project=word(entry, "cwd"),
        provider="anthropic",
        model=word(message, "model"),
        usage=usage,
        file=file,
        line=number,
        tier=tier,
        reported_pico=reported(entry.get("costUSD")),
    )


def _buckets(usage: Mapping[str, Any]) -> Usage:
    written = tokens(usage, "cache_creation_input_tokens")
    split = part(usage, "cache_creation")
    short, long = tokens(split, "ephemeral_5m_input_tokens"), tokens(split, "ephemeral_1h_input_tokens")
    if short + long != written:
        # What the split does not explain was written for the usual five minutes; without a sum the split is the sum.
        short = max(written - long, short)
    return Usage(
        uncached_input=tokens(usage, "input_tokens"),
        cache_read=tokens(usage, "cache_read_input_tokens"),
        cache_write_5m=short,
        cache_write_1h=long,
        output=tokens(usage, "output_tokens"),
        reasoning=tokens(part(usage, "output_tokens_details"), "thinking_tokens"),
    )


def _tier(usage: Mapping[str, Any]) -> str:
    """The tier that the answer names, where another price may hold for it."""
    speed, tier = word(usage, "speed"), word(usage, "service_tier")
    if speed not in _USUAL_TIERS:
        return speed
    return "" if tier in _USUAL_TIERS else tier
