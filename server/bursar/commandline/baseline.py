"""``bursar check --baseline``: reads what an earlier ``bursar check --json`` wrote, and tells what became dearer."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

from bursar.commandline.output import FINE, FOUND, message, result
from bursar.domain.baseline import Change, Comparison, Included, Measured, Resident, Section, percent_more
from bursar.domain.errors import BadInput
from bursar.domain.money.price import PICO_PER_USD, usd_text
from bursar.views.figures import count, money, plural

_LARGEST_BYTES = 64 * 1024 * 1024
_USD = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?", re.ASCII)


def read_baseline(path: Path) -> list[Measured]:
    """What was measured then. Raises BadInput for a file that is no baseline, or one without a file in it."""
    how = "write one with 'bursar check FILE... --json >BASELINE'"
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise BadInput(f"the baseline {path} cannot be read ({error.strerror}): {how}") from error
    if not data.strip():
        raise BadInput(f"the baseline {path} is empty, so nothing can be compared: {how}")
    try:
        if len(data) > _LARGEST_BYTES:
            raise ValueError
        measured = [_measured(each) for each in json.loads(data)["files"]]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(f"{path} is no output of 'bursar check --json', so nothing can be compared: {how}") from error
    if not measured:
        raise BadInput(f"the baseline {path} lists no file, so nothing can be compared: {how}")
    return measured


def measured_json(file: Measured) -> dict[str, Any]:
    """What a baseline needs beside the tokens."""
    resident = file.resident
    return {
        "resident": None
        if resident is None
        else {
            "model": resident.model,
            "cost_usd": usd_text(resident.pico),
            "usd_per_mtok": f"{resident.usd_per_mtok:f}",
            "rate_card": resident.rate_card,
        },
        "included": [{"path": each.path, "tokens": each.tokens} for each in file.included or ()],
        "sections": [{"title": each.title, "level": each.level, "tokens": each.tokens} for each in file.sections],
    }


def comparison_json(found: Comparison, path: Path, allowed_percent: Decimal) -> dict[str, Any]:
    """The part of the output about the baseline."""
    return {
        "path": str(path),
        "max_increase_percent": f"{allowed_percent:f}",
        "compared": [_change_json(each) for each in found.changes],
        "added": list(found.added),
        "removed": list(found.removed),
        "other_encoding": list(found.other_encoding),
    }


def tell_comparison(found: Comparison, path: Path, allowed_percent: Decimal, *, quiet: bool) -> int:
    """Say what became dearer, what is new and what is gone; 1 where something did, or nothing could be compared."""
    say = (lambda _: None) if quiet else result
    for each in found.changes:
        if (
            each.after.carried_tokens != each.before.carried_tokens
            or each.after.tokens != each.before.tokens
            or each.why
        ):
            say(f"{each.after.path}: {_figures(each)}{f': {each.why}' if each.why else ''}")
    for name in found.added:
        say(f"{name}: new, not in the baseline")
    for name in found.removed:
        say(f"{name}: in the baseline, and not among the files that were given")
    for name in found.other_encoding:
        say(f"{name}: not compared, the baseline counted it under another encoding")
    if not found.changes:
        message(
            f"bursar: nothing was compared: no file that was given is in {path} under the same path. Give the same "
            "paths from the same folder, or write the baseline anew."
        )
        return FOUND
    allowed = f"{allowed_percent:f}%"
    if not found.dearer:
        message(
            f"bursar: {plural(len(found.changes), 'file')} compared with {path}: none dearer by more than {allowed}."
        )
        return FINE
    for each in found.dearer:
        message(f"bursar: {each.after.path} {dearer_words(each, allowed_percent)}.")
    message("bursar: shorten what grew, or take it as it is by writing the baseline anew.")
    return FOUND


def dearer_words(change: Change, allowed_percent: Decimal) -> str:
    """What became of a file that became dearer than is allowed, without its name and an end mark."""
    return f"became dearer by more than {allowed_percent:f}%: {_figures(change)}; {change.why}"


def _figures(change: Change) -> str:
    before, after = change.before, change.after
    old, new = before.carried_tokens, after.carried_tokens
    words = f"{count(old)} -> {count(new)} tokens{_more(old, new)}"
    if before.included or after.included:
        words += " with the files that it takes in"
    if change.priced is not None:
        one, other = change.priced
        words += f", {money(one.pico)} -> {money(other.pico)} in each request{_more(one.pico, other.pico)}"
    return words


def _more(before: int, after: int) -> str:
    percent = percent_more(before, after)
    return "" if percent is None else f" ({percent:+}%)"


def _change_json(change: Change) -> dict[str, Any]:
    before, after, priced = change.before, change.after, change.priced
    tokens = percent_more(before.tokens, after.tokens)
    cost = None if priced is None else percent_more(priced[0].pico, priced[1].pico)
    return {
        "path": after.path,
        "before_tokens": before.tokens,
        "after_tokens": after.tokens,
        "tokens_percent": None if tokens is None else str(tokens),
        "before_included_tokens": before.carried_tokens - before.tokens,
        "after_included_tokens": after.carried_tokens - after.tokens,
        "before_usd": None if priced is None else usd_text(priced[0].pico),
        "after_usd": None if priced is None else usd_text(priced[1].pico),
        "usd_percent": None if cost is None else str(cost),
        "dearer": change.dearer,
        "why": change.why,
    }


def _measured(data: Any) -> Measured:
    resident, included = data.get("resident"), data.get("included")
    return Measured(
        path=_text(data["path"]),
        tokens=_count(data["tokens"]),
        encoding=_text(data["encoding"]),
        resident=None
        if resident is None
        else Resident(
            model=_text(resident["model"]),
            pico=int(_usd(resident["cost_usd"]) * PICO_PER_USD),
            usd_per_mtok=_usd(resident["usd_per_mtok"]),
            rate_card=_text(resident["rate_card"]),
        ),
        sections=tuple(
            Section(title=_text(each["title"]), level=_count(each["level"]), tokens=_count(each["tokens"]))
            for each in data.get("sections", ())
        ),
        included=None
        if included is None
        else tuple(Included(path=_text(each["path"]), tokens=_count(each["tokens"])) for each in included),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError
    return value


def _usd(value: Any) -> Decimal:
    if _USD.fullmatch(_text(value)) is None:
        raise ValueError
    return Decimal(value)
