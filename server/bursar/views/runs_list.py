"""One line for a run in a list."""

from __future__ import annotations

from bursar.domain.runs import RunSummary
from bursar.views.figures import money, plural
from bursar.views.reasons import reason_words

_WORDS = {"running": "running", "paused": "paused", "in_doubt": "in doubt", "finished": "done", "failed": "stopped"}


def run_label(summary: RunSummary) -> str:
    """``2.1 Title · paused (usage limit) · 7 steps · $0.04``."""
    record = summary.record
    state = _WORDS[record.state]
    why = reason_words(record.reason) if record.state == "paused" else ""
    if why:
        state += f" ({why})"
    steps = plural(summary.steps_done, "step")
    return f"{record.task_address} {record.task_title} · {state} · {steps} · {money(summary.cost_pico)}"
