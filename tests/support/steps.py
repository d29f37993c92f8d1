"""Steps of a run as the journal has them."""

from __future__ import annotations

from typing import Any

from bursar.domain.runs import StepRecord


def done_step(key: str, result: dict[str, Any]) -> StepRecord:
    """A step that ended with this result: ``m1`` a request, ``t1.0`` the first call of its answer."""
    request = int(key[1:].split(".")[0])
    return StepRecord(
        run="r",
        key=key,
        n=request * 1_000 + (1 if key[0] == "t" else 0),
        kind="model" if key[0] == "m" else "look",
        status="done",
        attempt=1,
        epoch=1,
        request_id=None,
        body_sha256=None,
        hold_pico=0,
        intent={},
        result=result,
        started_at="",
        ended_at="",
    )
