"""A recorded answer read back: JSON, JSON lines or server-sent events, in a format that is named or can be told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bursar.domain.errors import BadInput
from bursar.domain.wires import WIRES
from bursar.providers.adapters import wire_named
from bursar.providers.sse import MAX_TOTAL_BYTES, SseEvent, SseParser, StreamTooLarge
from bursar.providers.strict_json import json_object
from bursar.providers.usage_fields import Reported
from bursar.providers.wire import BadStream, StreamError, Wire

# What stands in for an impossible figure; a recording with one is refused, so it is never shown.
_MOST_TOKENS = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A recorded answer. ``ended`` says that its end mark is there; ``broken`` why not, where that can be said.

    ``reported`` is its usage as far as it is told, and ``final`` whether that is the provider's last word; ``said`` is
    all that the model generated, ``tier`` the service tier that the provider names. ``seller`` is whose prices are
    meant where the model's name does not say.
    """

    format: str
    seller: str
    model: str | None
    tier: str | None
    reported: Reported | None
    final: bool
    said: str
    ended: bool
    broken: str


def read_recorded(data: bytes, *, name: str, wire: str | None) -> Recorded:
    """Read a recorded answer; ``name`` is what messages call it, ``wire`` its format where it is known.

    Raises BadInput where this is no answer in that format, or the format cannot be told.
    """
    events, is_whole = _events(data, name)
    format_ = wire_named(wire) if wire is not None else _told_by(events, name)
    reader = format_.reader(most_input_tokens=_MOST_TOKENS, most_output_tokens=_MOST_TOKENS)
    broken, given_up = "", False
    try:
        for event in events:
            if is_whole:
                reader.take_whole(json_object(event.data) or {})
            else:
                reader.take(event)
            if reader.ended:
                break
    except StreamError as error:
        said = ": ".join(each for each in (error.kind or error.code, str(error)) if each)
        given_up = error.owed is not None
        broken = f"the provider {'gave it up' if given_up else 'broke it off'} ({said[:200] or 'an error'})"
        if not given_up and reader.so_far() is None and not reader.chars:
            raise BadInput(
                f"{name} is an error of the provider and no answer ({said[:200] or 'it says nothing more'}): "
                "nothing in it says that anything is billed"
            ) from None
    except BadStream as error:
        broken = f"it breaks the format {format_.name} ({error})"
        if reader.so_far() is None and not reader.chars:
            raise BadInput(f"{name} is no answer in the format {format_.name}: {error}") from None
    reading = reader.reading()
    reported = reading.reported if reader.ended else None
    if reported is None:
        reported = reader.so_far()
    return Recorded(
        format=format_.name,
        seller=format_.seller,
        model=reading.model,
        tier=reading.tier,
        reported=reported,
        final=given_up or (reader.ended and reading.reported is not None),
        said=reading.said,
        ended=reader.ended and not broken,
        broken=broken or ("" if reader.ended else "its end mark is missing"),
    )


def _events(data: bytes, name: str) -> tuple[list[SseEvent], bool]:
    """The parts of a recording, and whether it is one answer in one piece."""
    if len(data) > MAX_TOTAL_BYTES:
        raise BadInput(f"{name} is larger than {MAX_TOTAL_BYTES} bytes, which no answer is")
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start:
        raise BadInput(f"{name} is empty: give a file with one recorded answer")
    if start[:1] not in b"{[":
        return _sse(data, name), False
    try:
        text = start.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{name} is not UTF-8 (byte {error.start}), so its figures cannot be trusted") from None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return list(_lines(text, name)), False
    if isinstance(value, list):
        return [SseEvent(name="message", data=json.dumps(each)) for each in value], False
    return [SseEvent(name="message", data=text)], True


def _lines(text: str, name: str) -> Iterator[SseEvent]:
    """JSON lines; a last one that is torn is where the recording was cut."""
    lines = [each for each in text.split("\n") if each.strip()]
    for number, line in enumerate(lines):
        if json_object(line) is None:
            if number and number == len(lines) - 1:
                return
            raise BadInput(
                f"{name} is no recorded answer: neither JSON nor JSON lines (line {number + 1} is no JSON object) "
                f"nor server-sent events, which is how {', '.join(WIRES)} answer"
            )
        yield SseEvent(name="message", data=line)


def _sse(data: bytes, name: str) -> list[SseEvent]:
    try:
        # An editor may have taken the blank line after the last event away; a torn event shows as one that is no JSON.
        events = list(SseParser().feed(data + b"\n\n"))
    except StreamTooLarge as error:
        raise BadInput(f"{name} cannot be read: {error}") from None
    if not events:
        raise BadInput(
            f"{name} is no recorded answer: neither JSON nor JSON lines nor server-sent events, which is how "
            f"{', '.join(WIRES)} answer"
        )
    return events


def _told_by(events: list[SseEvent], name: str) -> Wire:
    """The format whose marks one of the first parts has. Raises BadInput where none has, or more than one."""
    known = [wire_named(each) for each in WIRES]
    for event in events:
        part = json_object(event.data)
        if part is None:
            continue
        found = [each for each in known if each.knows(part)]
        if len(found) == 1:
            return found[0]
        if isinstance(part.get("error"), dict | str) and len(events) == 1:
            raise BadInput(
                f"{name} is an error of the provider and no answer ({_error_text(part)}): nothing in it says that "
                "anything is billed"
            )
    raise BadInput(
        f"the format of {name} cannot be told: it was compared with {', '.join(WIRES)}; name it with --format"
    )


def _error_text(part: dict[str, Any]) -> str:
    error = part["error"]
    return str(error.get("message") or error.get("type") if isinstance(error, dict) else error)[:200]
