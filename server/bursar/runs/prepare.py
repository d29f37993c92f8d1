"""From a task in a spec to a run that could begin: its first request, counted and priced, before anything is spent."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bursar.domain.money.bound import input_bound_tokens
from bursar.domain.money.price import Price, Unpriced, cost_of, first_sent, most_it_can_cost_pico
from bursar.domain.ports import ModelProvider, TokenCounter
from bursar.domain.routes import NOTHING_LOCAL, LocalOnly
from bursar.domain.runs import NewRun, TaskEstimate
from bursar.domain.specs import Spec, SpecTask, address_of, title_sha256
from bursar.domain.specs.traits import traits_of
from bursar.domain.text import split_lines
from bursar.runs.assemble import LEAST_OUTPUT_TOKENS, Document, FirstRequest, first_request, model_request
from bursar.runs.staying import told_of

if TYPE_CHECKING:
    from bursar.domain.context.repository import FileQuestion
    from bursar.runs.mapping import RepositoryMaps


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A task's estimate and the first request that was counted for it."""

    facts: TaskEstimate
    first: FirstRequest


def estimate_task(
    *,
    spec: Spec,
    text: str,
    task: SpecTask,
    documents: Sequence[Document],
    provider: ModelProvider,
    model: str,
    price: Price | Unpriced,
    counter: TokenCounter,
    ceiling_pico: int | None,
    terse: bool = False,
    spec_path: str = "",
    local_only: LocalOnly = NOTHING_LOCAL,
    maps: RepositoryMaps | None = None,
) -> Estimate:
    """Build and count the first request of a task; ``terse`` where the route asks for short answers.

    ``maps`` where the request carries a map of the workspace. What is ``local_only`` is left out of a request to
    another machine, unless the task itself is.
    """
    told, withheld, stays = told_of(
        local_only, spec=spec, spec_path=spec_path, task=task, documents=documents, is_here=provider.is_loopback
    )
    lines = split_lines(text)
    first = first_request(
        spec=spec,
        task=task,
        spec_lines=lines,
        documents=told,
        terse=terse,
        withheld=withheld,
        repository_map="" if maps is None else maps.text(_asked(spec, task, spec_path, lines, told), local_only),
    )
    first = replace(first, local=stays)
    body = provider.body(model_request(first, (), model=model, terse=terse))
    counted = counter.count(provider.prompt_text(body))
    written = provider.wire == "anthropic"
    if stays and not provider.is_loopback:
        # It is never sent there: what it would cost there says nothing.
        price = Unpriced(model="a model on this machine", why="the task stays on this machine (local_only)")
    cost = cost_of(first_sent(counted, written=written, price=price), price)
    bound = input_bound_tokens(counted_tokens=counted, body_bytes=len(body), model=model)
    facts = TaskEstimate(
        address=address_of(spec, task),
        title=task.title,
        line=task.line,
        counted_tokens=counted,
        bound_tokens=bound,
        first_request_pico=None if isinstance(cost, Unpriced) else cost.pico,
        ceiling_pico=ceiling_pico,
        least_hold_pico=None
        if isinstance(price, Unpriced)
        else most_it_can_cost_pico(input_tokens=bound, output_tokens=LEAST_OUTPUT_TOKENS, price=price),
        traits=traits_of("\n".join(split_lines(text)[task.line : task.end_line])),
        model=model,
    )
    return Estimate(facts=facts, first=first)


def _asked(
    spec: Spec, task: SpecTask, spec_path: str, lines: Sequence[str], documents: Sequence[Document]
) -> FileQuestion:
    from bursar.domain.context.task_question import task_question

    carried = [(each.path, each.text) for each in documents]
    return task_question(spec, task, spec_path=spec_path, spec_lines=lines, documents=carried)


def new_run(
    *,
    run: str,
    workspace: str,
    spec_path: str,
    task: SpecTask,
    estimate: Estimate,
    provider: str,
    model: str,
    route: str | None = None,
) -> NewRun:
    """The record that a run begins with; ``route`` is the one that was chosen, None for a model of its own."""
    return NewRun(
        run=run,
        workspace=workspace,
        spec=spec_path,
        task_id=task.id,
        task_address=estimate.facts.address,
        task_title=task.title,
        task_title_sha256=title_sha256(task),
        task_line=task.line,
        provider=provider,
        model=model,
        ceiling_pico=estimate.facts.ceiling_pico,
        first_request=replace(estimate.first, route=route).to_json(),
        counted_tokens=estimate.facts.counted_tokens,
        prompt=estimate.first.prompt,
        traits=estimate.facts.traits,
        first_pico=estimate.facts.first_request_pico,
    )


def sha256_bytes(data: bytes) -> str:
    """SHA-256 of the bytes, as hex."""
    return hashlib.sha256(data).hexdigest()
