"""What the trims of runs have saved since they were made: their events beside the requests that were billed after them.

Nothing of it is kept: it is a fold of the journal, so it is right again after a rewind or a late bill.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bursar.domain.context.losses import rates_of
from bursar.domain.context.savings import Asked, RunSaving, realised
from bursar.domain.runs import RequestRow, RunEvent
from bursar.runs.shapes import PINNED, RECALLED, TRIMMED, place_of


def saving_of(events: Sequence[RunEvent], rows: Iterable[RequestRow]) -> RunSaving | None:
    """What came of a run's trims; None where it has none, or its texts were erased. ``rows`` are its requests."""
    events = [each for each in events if each.data]
    if not any(each.kind == TRIMMED for each in events):
        return None
    sent = _at_each_request(events)
    asked: list[Asked] = []
    kept = 0
    for row in sorted(rows, key=lambda each: each.at):
        if row.certainty != "billed":
            continue
        standing = sent.get((row.step, row.attempt))
        rates = rates_of(row.unit_prices)
        if standing is not None and rates is not None:
            left, new, changed = standing
            asked.append(
                Asked(
                    usage=row.usage,
                    rates=rates,
                    left_tokens=left,
                    new_tokens=new,
                    kept_tokens=kept,
                    changed_tokens=changed,
                )
            )
        kept = row.usage.cache_read + row.usage.cache_write_5m + row.usage.cache_write_1h or row.usage.input
    trims = [each.data for each in events if each.kind == TRIMMED]
    return RunSaving(
        run=events[0].run,
        trims=len(trims),
        tokens=sum(int(each.get("tokens", 0)) for each in trims),
        recalls=sum(
            1
            for each in events
            if each.kind == "tool_finished" and each.data.get("tool") == "recall" and each.data["ok"]
        ),
        realised=realised(asked),
    )


def _at_each_request(events: Sequence[RunEvent]) -> dict[tuple[str, int], tuple[int, int, int]]:
    """By step and attempt: what was left out before, what with this request for the first time, what a warm trim took.

    In the vendor's tokens, as it counted when the trim was made.
    """
    sent: dict[tuple[str, int], tuple[int, int, int]] = {}
    left: dict[str, float] = {}
    newest: dict[str, Any] = {}
    for event in events:
        data = event.data
        if event.kind == TRIMMED:
            newest = data
            for item, shape in data["items"].items():
                less = (shape["tokens_before"] - shape["tokens_after"]) * data["vendor_ratio"]
                left[item] = left.get(item, 0.0) + less
        elif event.kind in (PINNED, RECALLED):
            for item in data["items"]:
                left.pop(item, None)
        elif event.kind == "rewound" and "step" in data:
            to = place_of(data["step"]) or (0, 0)
            left = {item: less for item, less in left.items() if (place_of(item) or to) < to}
        elif event.kind == "request_started":
            n, new, changed = int(data["n"]), 0.0, 0.0
            if newest.get("n") == n:
                first = (item for item, shape in newest["items"].items() if shape["is_new"])
                new = sum(left.get(item, 0.0) for item in first)
                sent_before = [shape for shape in newest["items"].values() if not shape["is_new"]]
                taken = sum(shape["tokens_before"] - shape["tokens_after"] for shape in sent_before)
                changed = 0.0 if newest["is_cold"] else taken * newest["vendor_ratio"]
            sent[f"m{n}", int(data["attempt"])] = (int(sum(left.values()) - new), int(new), int(changed))
    return sent
