"""A request on behalf of a run that is none of its own: its record, and whom it tells of itself."""

from __future__ import annotations

from typing import Any

from bursar.domain.prompts import NO_PROMPT, Prompt
from bursar.domain.routes import Target
from bursar.domain.runs import NewRun, RunKind, RunRecord
from bursar.runs.assemble import FirstRequest


def beside(
    run: RunRecord,
    *,
    name: str,
    kind: RunKind,
    target: Target,
    first: FirstRequest,
    ceiling_pico: int | None = None,
    prompt: Prompt = NO_PROMPT,
) -> NewRun:
    """The operation of this name that belongs to a run, with the run's task, folder and spec."""
    return NewRun(
        run=name,
        workspace=run.workspace,
        spec=run.spec,
        task_id=run.task_id,
        task_address=run.task_address,
        task_title=run.task_title,
        task_title_sha256=run.task_title_sha256,
        task_line=run.task_line,
        provider=target.provider,
        model=target.model,
        ceiling_pico=ceiling_pico,
        first_request=first.to_json(),
        counted_tokens=0,
        kind=kind,
        prompt=prompt,
        about=run.run,
    )


def unheard(*, run: str, kind: str, at: str, seq: int | None, data: dict[str, Any]) -> None:
    """Tells nobody: whoever watches the run that it belongs to is told what came of it."""
