"""One line for people for each event of a run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bursar.domain.moments import Here, in_local_time
from bursar.domain.money.price import PICO_PER_USD
from bursar.domain.money.usage import Usage, cached_percent
from bursar.views.figures import count, money, plural, seconds
from bursar.views.reasons import reason_words

_HELD = {
    "context_pinned": "kept as it is, as you wished",
    "context_unpinned": "may be trimmed again",
    "context_dropped": "left out from here on, as you wished",
    "context_recalled": "in full again, as you wished",
}


def event_line(kind: str, data: Mapping[str, Any], here: Here | None) -> str | None:
    """The line, or None for an event that is not worth one.

    Its moments are in the user's time where that is given, else as they were recorded.
    """
    match kind:
        case "run_started" | "run_resumed":
            verb = "Run" if kind == "run_started" else "Resume"
            return f"{verb} {data['task']} {data['title']} ({data['model']})"
        case "request_finished":
            return f"  request {data['n']}: {request_figures(data)}"
        case "request_refused":
            return f"  request {data['n']} refused: {in_local_time(data['message'], here)}"
        case "request_unknown":
            return f"  request {data['n']} did not end: it may be billed, at most {_usd(data['at_most_usd'])}"
        case "request_given_up":
            return f"  request {data['n']} was given up by the provider, and is billed: {request_figures(data)}"
        case "switched":
            price, why = f", at most {_usd(data['at_most_usd'])}", in_local_time(data["why"], here)
            return f"  request {data['n']} goes to {data['provider']}/{data['model']}{price}: {why}"
        case "passed_over":
            why = in_local_time(data["why"], here)
            return f"  request {data['n']} does not go to {data['provider']}/{data['model']}: {why}"
        case "batch_submitted":
            return f"  batch {data['batch']}: {data['model']}, at most {_usd(data['at_most_usd'])} held"
        case "batch_ended":
            return f"  batch {data['batch'] or ''}: {data['outcome']}"
        case "answer_reused":
            paid = in_local_time(data["paid_at"], here)
            return f"  from Bursar's response cache, paid on {paid} as {data['request_id'] or 'a request'}: $0.00"
        case "waiting":
            until = in_local_time(data["until"], here)
            return f"  waiting until {until} ({seconds(data['seconds'])}): {in_local_time(data['message'], here)}"
        case "pacing":
            return f"  waiting {seconds(data['seconds'])} so as not to reach a limit: {data['message']}"
        case "commands_allowed":
            return f"  run without asking here: {', '.join(shlex.join(each) for each in data['commands'])}"
        case "going_on":
            return "  going on"
        case "tool_finished":
            if data["tool"] == "finish":
                return None
            said = "ok" if data["ok"] else data["said"].splitlines()[0]
            return f"  {data['tool']} {data['about']}: {said}"
        case "approval_asked":
            return f"  asked: {data['summary']}"
        case "approval_answered":
            return f"  answer: {data['answer']}"
        case "escalated" | "economy_on" | "economy_declined" | "budget_raised" | "budget_warning":
            return f"  {in_local_time(data['message'], here)}"
        case "context_trimmed":
            return f"  before request {data['n']}: {trim_words(data)}"
        case "kept_warm" | "keep_warm_failed":
            return f"  {warm_words(kind, data)}"
        case "context_pinned" | "context_unpinned" | "context_dropped" | "context_recalled":
            return f"  {', '.join(data['items'])}: {_HELD[kind]}"
        case "rewound":
            return f"Rewound to before step {data['number']} ({data['step']})"
        case "not_covered" | "window_learnt" | "window_doubted" | "context_compacted":
            return f"  {data['message']}"
        case "ticked":
            return f"  ticked {data['task']} in {data['spec']}"
        case "tick_pending":
            return f"  not ticked yet: {data['message']}"
        case "run_paused":
            return f"{_paused(data['reason'], in_local_time(data['detail'], here))} {_end(data)}"
        case "run_finished":
            return f"{'Stopped' if data['reason'] == 'stopped' else 'Done'}: {data['detail']} {_end(data)}"
        case _:
            return None


def trim_words(data: Mapping[str, Any]) -> str:
    """What was left out of the conversation, and what that will probably save."""
    expected = data["expected_usd"]
    size = f"{count(data['tokens'])} tokens of {plural(len(data['items']), 'result')} left out"
    if expected is None:
        return f"{size} ({data['expected_from']})"
    verb = "costs about" if expected.startswith("-") else "saves about"
    return f"{size}, {verb} {_usd(expected.removeprefix('-'))} ({data['expected_from']})"


def warm_words(kind: str, data: Mapping[str, Any]) -> str:
    """What the request cost that kept a prompt in the provider's cache, or why none did."""
    if kind == "keep_warm_failed":
        return f"the prompt of request {data['n']} was not kept warm: {data['message']}"
    cost = "no price" if data["cost_usd"] is None else _usd(data["cost_usd"])
    if not data["hit"]:
        usage = Usage(**data["usage"])
        read = f"{count(usage.cache_read)} of {count(usage.input)} tokens"
        return f"the provider had not kept the prompt ({read} read, {cost}): no more of this for this run"
    return f"prompt kept warm: {cost}, saves {_usd(data['saves_usd'])} ({data['saves_from']})"


def _paused(reason: str, detail: str) -> str:
    """``Paused (usage limit): ...``; a detail that says itself that it is paused is left alone."""
    why = reason_words(reason)
    if why:
        return f"Paused ({why}): {detail}"
    return detail if detail.startswith("Paused") else f"Paused: {detail}"


def countdown(seconds_left: int) -> str:
    """What is shown while a run waits: ``waits 12 s more``, ``waits 4:05 min more``."""
    if seconds_left < 60:
        return f"waits {seconds_left} s more"
    return f"waits {seconds_left // 60}:{seconds_left % 60:02} min more"


def request_figures(data: Mapping[str, Any]) -> str:
    """``$0.0071: 12,410 in (96 % cached), 310 out, 1.9 s`` from a request_finished or request_given_up event."""
    usage = Usage(**data["usage"])
    cost = "no price" if data["cost_usd"] is None else _usd(data["cost_usd"])
    took = "" if data.get("duration_ms") is None else f", {seconds(data['duration_ms'] / 1000)}"
    doubts = "".join(f" ({each})" for each in data.get("price_doubts", ()))
    return (
        f"{cost}: {count(usage.input)} in ({cached_percent(usage)} % cached), {count(usage.output)} out{took}{doubts}"
    )


def _usd(text: str) -> str:
    return money(int(Decimal(text) * PICO_PER_USD))


def _end(data: Mapping[str, Any]) -> str:
    held = "" if data["held_usd"] == "0" else f", at most {_usd(data['held_usd'])} more not known"
    return f"[{_usd(data['cost_usd'])}{held}, {plural(data['requests'], 'request')}]"
