"""What is played: a workspace with a tool that leaves a trace, and a model that answers twenty times."""

from __future__ import annotations

import copy
import json
import shlex
from pathlib import Path
from typing import Any

from benchmarks.resume.figures import MID_ANSWER, TAKEN_UP, Kill
from bursar.demo import MODEL, SPEC, copy_workspace, scenario_path
from bursar.simulator.tokens import pieces

STEPS = 20
TASK = "2.1"
EFFECTS = "effects.txt"
"""The tool adds its step's number here each time it is run: a second line of a number is a repeated effect."""
HOLD = "hold"
"""While this file is there the tool does not come back, so that a kill finds it in the middle."""

CUTS = (MID_ANSWER, TAKEN_UP)
"""The points in the middle of an answer."""
GO_ON = "Your answer broke off here."
"""How Bursar tells the model that what stands above is the half of an answer that came."""

_CHUNK_TOKENS = 8
_CHUNKS_BEFORE_CUT = 10
_SCRIPT = f"""\
echo "$1" >> {EFFECTS}
while [ -e {HOLD}-"$1" ]; do sleep 0.02; done
echo "step $1 done"
"""
_THOUGHT = (
    "Step {n} of the plan. What the last command printed is what the design expects at this point, so the state of the "
    "work is known and nothing has to be taken back. The next part is small and follows from the requirements: the "
    "bands have inclusive upper ends, a parcel above the last band pays a step price for each kilogram that is begun, "
    "and a parcel over the limit is refused before anything is looked up. I keep the style of the module, touch one "
    "place at a time and check after each change. The command below does this part and says when it is done; if it "
    "says anything else I stop and look at the table again before I go on with the step after it."
)


def make_workspace(to: Path) -> Path:
    """The example workspace with the tool in it."""
    workspace = copy_workspace(to)
    (workspace / "step.sh").write_text(_SCRIPT, "utf-8")
    return workspace


def commands() -> list[str]:
    """Each command that the model asks for, as the user allows it."""
    return [shlex.join(_argv(n)) for n in range(1, STEPS)]


def scenario(kill: Kill | None = None) -> dict[str, Any]:
    """What the simulator plays; for a kill in the middle of an answer that answer stalls once where it is cut."""
    faults, first = [], []
    if kill is not None and kill.point in CUTS:
        when = {"tool_results": kill.step - 1}
        faults.append({"when": when, "times": 1, "kind": "stall", "after_chunks": _CHUNKS_BEFORE_CUT})
        if kill.point == TAKEN_UP:
            rest = _THOUGHT.format(n=kill.step)[chars_before_cut(kill.step) :]
            first.append({**_reply(kill.step), "when": {**when, "contains": GO_ON}, "text": rest})
    return {
        "models": json.loads(scenario_path().read_bytes())["models"],
        "replies": [*first, *(_reply(n) for n in range(1, STEPS + 1))],
        "faults": faults,
        "otherwise": "error",
    }


def chars_before_cut(step: int) -> int:
    """How many characters of an answer have come when it stalls."""
    text = "".join(pieces(_THOUGHT.format(n=step))[: _CHUNK_TOKENS * _CHUNKS_BEFORE_CUT])
    return len(text)


def opening_of(body: dict[str, Any]) -> dict[str, Any]:
    """The first request of a run without its cache marks: what every runner begins with."""
    opening = copy.deepcopy(body)
    for message in opening["messages"]:
        for block in message["content"]:
            block.pop("cache_control", None)
    for block in opening.get("system", []):
        block.pop("cache_control", None)
    return opening


def settings() -> dict[str, Any]:
    """Bursar's settings: the prices of the scenario, and limits that a kill's held money does not reach."""
    return {"budget": {"run": "50usd", "day": "500usd"}, "model": f"sim/{MODEL}"}


def spec() -> str:
    """The spec's folder in the workspace."""
    return SPEC


def _argv(n: int) -> list[str]:
    return ["sh", "step.sh", str(n)]


def _reply(n: int) -> dict[str, Any]:
    last = {"name": "finish", "input": {"summary": "All steps of the plan are done."}}
    call = {"name": "run_command", "input": {"argv": _argv(n)}} if n < STEPS else last
    return {
        "when": {"tool_results": n - 1},
        "text": _THOUGHT.format(n=n),
        "tool_calls": [call],
        "chunk_tokens": _CHUNK_TOKENS,
    }
