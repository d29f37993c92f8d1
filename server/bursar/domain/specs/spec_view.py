"""A spec as the JSON of `bursar spec show`."""

from __future__ import annotations

from typing import Any

from bursar.domain.specs.model import Spec


def spec_to_json(spec: Spec) -> dict[str, Any]:
    """The published shape, ready for `json.dumps`; lines are zero-based."""
    return {
        "format": spec.format,
        "tasks": [
            {
                "id": task.id,
                "title": task.title,
                "state": task.state,
                "optional": task.optional,
                "depth": task.depth,
                "line": task.line,
                "parent": task.parent,
                "refs": list(task.refs),
                "parallel": task.parallel,
            }
            for task in spec.tasks
        ],
        "problems": [
            {"line": problem.line, "code": problem.code, "message": problem.message} for problem in spec.problems
        ],
    }
