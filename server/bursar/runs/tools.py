"""The tools the agent may use, as the model sees them."""

from __future__ import annotations

from typing import Any

from bursar.domain.conversation import ToolCall, ToolSpec
from bursar.domain.ports import CommandOutcome, EditPlan

_PATH = {"type": "string", "description": "Path relative to the workspace root, with forward slashes"}


def _tool(
    name: str, description: str, required: dict[str, object], optional: dict[str, object] | None = None
) -> ToolSpec:
    return ToolSpec(
        name=name,
        description=description,
        input_schema={
            "type": "object",
            "properties": {**required, **(optional or {})},
            "required": sorted(required),
            "additionalProperties": False,
        },
    )


TOOLS: tuple[ToolSpec, ...] = (
    _tool("list_files", "List one folder of the workspace.", {"path": _PATH}),
    _tool(
        "read_file",
        "Read a text file, whole or a range of lines (1-based, inclusive).",
        {"path": _PATH},
        {"first_line": {"type": "integer"}, "last_line": {"type": "integer"}},
    ),
    _tool(
        "search",
        "Search file contents with a regular expression; gives path:line: text.",
        {"pattern": {"type": "string"}},
        {"path": _PATH},
    ),
    _tool(
        "edit_file",
        "Replace one exact piece of text in a file. The old text must occur exactly once.",
        {"path": _PATH, "old": {"type": "string"}, "new": {"type": "string"}},
    ),
    _tool(
        "write_file",
        "Create a file or replace its whole content.",
        {"path": _PATH, "content": {"type": "string"}},
    ),
    _tool(
        "run_command",
        "Run one program without a shell: argv as a list. The user is asked first.",
        {"argv": {"type": "array", "items": {"type": "string"}, "minItems": 1}},
    ),
    _tool(
        "recall",
        "Get back what was left out of an earlier result: its marker names the item and the lines or characters.",
        {"item": {"type": "string"}},
        {"lines": {"type": "string"}, "characters": {"type": "string"}},
    ),
    _tool(
        "finish",
        "Say that the task is done, with a one-paragraph summary of what was changed.",
        {"summary": {"type": "string"}},
    ),
)

LOOKS = frozenset({"list_files", "read_file", "search"})
EDITS = frozenset({"edit_file", "write_file"})


def input_problem(name: str, given: dict[str, object]) -> str | None:
    """What is wrong with a call's input, as a sentence for the model; None when it fits the tool's schema."""
    spec = next((each for each in TOOLS if each.name == name), None)
    if spec is None:
        known = ", ".join(each.name for each in TOOLS)
        return f"there is no tool named {name!r}; use one of: {known}"
    properties: dict[str, dict[str, object]] = spec.input_schema["properties"]
    for wanted in spec.input_schema["required"]:
        if wanted not in given:
            return f"{name} needs {wanted!r}"
    for key, value in given.items():
        if key not in properties:
            return f"{name} has no parameter {key!r}"
        if not _fits(value, properties[key]):
            return f"{name}: {key!r} must be of type {properties[key]['type']}"
    return None


def outcome_text(outcome: CommandOutcome) -> str:
    """What the model is told of a command."""
    if outcome.timed_out:
        head = f"The command was ended after {outcome.duration_ms / 1000:.0f} s: it took too long."
    else:
        head = f"Exit code {outcome.exit_code}."
    return f"{head}\n{outcome.output}" if outcome.output else f"{head} It printed nothing."


def _fits(value: object, schema: dict[str, object]) -> bool:
    match schema["type"]:
        case "string":
            return isinstance(value, str)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "array":
            return isinstance(value, list) and len(value) > 0 and all(isinstance(each, str) for each in value)
        case _:
            return True


def plan_json(plan: EditPlan) -> dict[str, Any]:
    """What is recorded of an edit before it is made."""
    return {
        "path": plan.path,
        "sha256_before": plan.sha256_before,
        "sha256_after": plan.sha256_after,
        "in_editor": plan.in_editor,
    }


def line_of(call: ToolCall, plan: EditPlan) -> int:
    """The 0-based line where the edit begins, as the file is after it."""
    start = plan.text_after.find(str(call.input.get("new") or "\0"))
    return plan.text_after.count("\n", 0, max(start, 0))
