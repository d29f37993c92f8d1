"""Lenses and findings for a tasks file: what can be done, what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from types import MappingProxyType
from typing import Any

from bursar.domain.context.losses import LostCache
from bursar.domain.moments import Here, in_local_time, moment_words
from bursar.domain.money.budget import DEFAULT_WARN_PERCENT, WarnPercent
from bursar.domain.money.usage import Usage, cached_percent
from bursar.domain.resuming import Resumable
from bursar.domain.runs import ANSWER_TOKENS, RequestRow, RunSummary, TaskEstimate
from bursar.domain.specs import Spec, SpecTask, open_tasks
from bursar.domain.tasks import OPEN_RUN, newest_run, runs_for
from bursar.domain.text import split_lines
from bursar.views.annotations import Annotations, Finding, Lens, Related
from bursar.views.cache_losses import loss_text
from bursar.views.figures import count, money, seconds
from bursar.views.forecasts import NO_OUTLOOK, Outlook, provenance, total_title, unlikely
from bursar.views.task_lenses import task_lenses

NOTHING_KNOWN: Mapping[str, Resumable] = MappingProxyType({})
NOTHING_LOST: Mapping[str, Sequence[LostCache]] = MappingProxyType({})
# Nothing was kept that could be lost; of what was erased nothing more can be said; what a trim gave up was meant to go.
_UNTOLD = ("too_short", "erased", "trimmed")
_NOWHERE = Here(zone=UTC, day="")
"""For what says nothing of any moment."""
NOTHING_RAISED: Mapping[str, int] = MappingProxyType({})


def annotate_spec(
    *,
    uri: str,
    text: str,
    spec: Spec,
    estimates: Mapping[int, TaskEstimate],
    runs: Sequence[RunSummary],
    mine: frozenset[str],
    left_pico: int | None,
    window_tokens: int | None,
    silenced: frozenset[str],
    skipped: frozenset[int] = frozenset(),
    gone: frozenset[int] = frozenset(),
    resumables: Mapping[str, Resumable] = NOTHING_KNOWN,
    here: Here,
    raised_pico: Mapping[str, int] = NOTHING_RAISED,
    warn_percent: WarnPercent = DEFAULT_WARN_PERCENT,
    outlook: Outlook = NO_OUTLOOK,
    losses: Mapping[str, Sequence[LostCache]] = NOTHING_LOST,
) -> Annotations:
    """Everything for one tasks file; ``runs`` are its own, ``mine`` are driven here.

    ``skipped`` are the indices of the tasks that the user leaves out, ``gone`` of those of which it is not known where
    they are, ``resumables`` what is known of going on with
    paused runs, by their ids. ``raised_pico`` is by how much the user has raised the ceilings of runs, by their ids.
    """
    lines = split_lines(text)
    runnable = {each.line for each in open_tasks(spec)}
    lenses: list[Lens] = []
    findings: list[Finding] = []
    for task in (each for each in spec.tasks if each.index not in gone):
        newest = newest_run(spec, task, runs)
        estimate = estimates.get(task.line)
        below = () if task.line in runnable else runs_for(spec, task, skipped)
        large: list[Finding] = []
        if task.line in runnable and estimate is not None:
            large = _too_large(task, lines, estimate, left_pico, window_tokens, silenced)
        lenses += task_lenses(
            uri,
            task,
            newest,
            estimate,
            mine,
            outlook.tasks.get(task.line),
            runnable=task.line in runnable,
            skipped=task.index in skipped,
            below=[estimates.get(each.line) for each in below],
            runs_below=[each for child in below if (each := newest_run(spec, child, runs)) is not None],
            together=outlook.groups.get(task.line),
            too_large=bool(large),
            resumable=None if newest is None else resumables.get(newest.record.run),
            here=here,
        )
        if newest is not None and newest.requests and "request-cost" not in silenced:
            raised = raised_pico.get(newest.record.run, 0)
            findings.append(_request_cost(task, lines, newest, here, raised_pico=raised, warn_percent=warn_percent))
        if newest is not None and "cache-lost" not in silenced:
            findings += _cache_lost(task, lines, newest, losses.get(newest.record.run, ()), here)
        findings += large
        is_next = task.line in runnable and task.index not in skipped
        if is_next and not large and not (newest is not None and newest.record.state in OPEN_RUN):
            findings += _unlikely(task, lines, outlook, silenced, here)
    total = None if outlook.total is None else total_title(outlook.total, outlook.rooms)
    if total is not None and outlook.total is not None:
        at = min((each.line for each in spec.headings), default=0)
        lenses.insert(0, Lens(line=at, title=total, tooltip=provenance(outlook.total)))
    return Annotations(lenses=tuple(lenses), findings=tuple(findings))


def first_lenses(uri: str, text: str, spec: Spec) -> tuple[Lens, ...]:
    """The lenses of a tasks file as long as nothing is known of it but its text."""
    shown = annotate_spec(
        uri=uri,
        text=text,
        spec=spec,
        estimates={},
        runs=(),
        mine=frozenset(),
        left_pico=None,
        window_tokens=None,
        silenced=frozenset(),
        here=_NOWHERE,
    )
    return shown.lenses


def request_figures(row: RequestRow) -> str:
    """``$0.0071: 12,410 in (96 % cached), 310 out, 1.9 s``; an unended one says what it may cost at most."""
    if row.certainty == "unknown":
        return f"did not end, it may be billed: at most {money(row.at_most_pico)}"
    cost = "no price known" if row.cost_pico is None else money(row.cost_pico)
    if row.certainty == "estimated":
        cost += " (estimated)"
    took = "" if row.duration_ms is None else f", {seconds(row.duration_ms / 1000)}"
    cached = cached_percent(row.usage)
    return f"{cost}: {count(row.usage.input)} in ({cached} % cached), {count(row.usage.output)} out{took}"


def _request_cost(
    task: SpecTask,
    lines: Sequence[str],
    newest: RunSummary,
    here: Here,
    *,
    raised_pico: int,
    warn_percent: WarnPercent,
) -> Finding:
    last = newest.requests[-1]
    ceiling = newest.record.ceiling_pico
    limit_pico = None if ceiling is None else ceiling + raised_pico
    passed = _passed_percent(newest, limit_pico, warn_percent)
    message = f"last request {request_figures(last)}"
    if passed is not None and limit_pico is not None:
        message += f"; it passed {passed} % of the run's {money(limit_pico)}"
    related = tuple(
        Related(
            path=row.file or newest.record.spec,
            line=(row.line or 0) if row.file else task.line,
            message=f"request {len(newest.requests) - index} {request_figures(row)} · {_buckets(row.usage)} · "
            f"{moment_words(row.at, here)}",
        )
        for index, row in enumerate(reversed(newest.requests))
    )
    severity = "information" if passed is None else "warning"
    return _finding(task, lines, severity, "request-cost", message, related)


def _cache_lost(
    task: SpecTask, lines: Sequence[str], newest: RunSummary, losses: Sequence[LostCache], here: Here
) -> list[Finding]:
    """What is told of the prompt caches that the newest run lost."""
    told = [each for each in losses if each.loss.cause not in _UNTOLD]
    if not told:
        return []
    dearest = max(told, key=lambda each: (each.pico or 0, each.loss.tokens))
    message = loss_text(dearest.loss, dearest.pico)
    if len(told) > 1:
        sum_pico = sum(each.pico or 0 for each in told)
        message = f"the prompt cache was lost {len(told)} times, {money(sum_pico)} more in all; the dearest: {message}"
    related = tuple(
        Related(
            path=newest.record.spec,
            line=task.line,
            message=f"request {each.row.step.removeprefix('m')}: {loss_text(each.loss, each.pico)} · "
            f"{moment_words(each.row.at, here)}",
        )
        for each in told
    )
    return [_finding(task, lines, "information", "cache-lost", message, related)]


def _passed_percent(summary: RunSummary, limit_pico: int | None, warn_percent: WarnPercent) -> int | None:
    """The warning mark of the run's limit that its last request went past, None when it passed none."""
    if not limit_pico:
        return None
    charges = [(row.cost_pico or 0) + row.open_pico for row in summary.requests]
    after, before = sum(charges), sum(charges[:-1])
    return max((mark for mark in warn_percent if before * 100 < limit_pico * mark <= after * 100), default=None)


def _too_large(
    task: SpecTask,
    lines: Sequence[str],
    estimate: TaskEstimate,
    left_pico: int | None,
    window_tokens: int | None,
    silenced: frozenset[str],
) -> list[Finding]:
    found = []
    first, least = estimate.first_request_pico, estimate.least_hold_pico
    if left_pico is not None and first is not None and "over-budget" not in silenced:
        left = f"{money(max(left_pico, 0))} of the budget is left"
        message = None
        if first > left_pico:
            message = f"The first request costs about {money(first)} and {left}: raise the budget or wait for its reset"
        elif least is not None and least > left_pico:
            message = (
                f"The first request may cost {money(least)} with a short answer, which is held before it is sent, and "
                f"{left}: raise the budget, wait for its reset, or split the task"
            )
        if message is not None:
            found.append(_finding(task, lines, "warning", "over-budget", message))
    if window_tokens is not None and "over-window" not in silenced:
        tokens, takes = estimate.counted_tokens, f"the model takes {count(window_tokens)}"
        message = None
        if tokens > window_tokens:
            message = (
                f"The first request has {count(tokens)} tokens, {takes}: shorten the spec's documents, split the task "
                "or choose another model"
            )
        elif tokens + ANSWER_TOKENS > window_tokens:
            message = (
                f"The first request has {count(tokens)} tokens and its answer may have {count(ANSWER_TOKENS)}, "
                f"{takes}: shorten the spec's documents, split the task or choose another model"
            )
        if message is not None:
            found.append(_finding(task, lines, "warning", "over-window", message))
    return found


def _unlikely(
    task: SpecTask, lines: Sequence[str], outlook: Outlook, silenced: frozenset[str], here: Here
) -> list[Finding]:
    message = unlikely(outlook.tasks.get(task.line), outlook.rooms)
    if message is None or "probably-unfinished" in silenced:
        return []
    return [_finding(task, lines, "warning", "probably-unfinished", in_local_time(message, here))]


def _finding(
    task: SpecTask,
    lines: Sequence[str],
    severity: Any,
    code: str,
    message: str,
    related: tuple[Related, ...] = (),
) -> Finding:
    line = lines[task.line] if task.line < len(lines) else ""
    start = len(line) - len(line.lstrip("\ufeff \t"))
    return Finding(
        line=task.line,
        character=start,
        end_character=len(line.rstrip()),
        severity=severity,
        code=code,
        message=message,
        related=related,
    )


def _buckets(usage: Usage) -> str:
    written = usage.cache_write_5m + usage.cache_write_1h
    return (
        f"{count(usage.uncached_input)} uncached, {count(usage.cache_read)} cache read, "
        f"{count(written)} cache write, {count(usage.output)} output"
    )
