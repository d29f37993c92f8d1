"""The lenses of a task whose run is not over: where it stands, what is kept of it, what going on with it costs."""

from __future__ import annotations

from bursar.domain.moments import Here, moment_words
from bursar.domain.money.scopes import whose_budget
from bursar.domain.resuming import NextRequest, Resumable, TooSmall
from bursar.domain.runs import RunRecord, RunSummary
from bursar.domain.tasks import goes_on_by_itself
from bursar.views.annotations import Lens
from bursar.views.figures import count, money, money_at_least, money_range, plural
from bursar.views.reasons import reason_words


def open_run_lenses(
    line: int, newest: RunSummary, resumable: Resumable | None, *, by_hand: bool, ours: bool, here: Here
) -> list[Lens]:
    """From the left to the right. ``ours``: this process drives it; ``by_hand``: the user ticked its task meanwhile."""
    record = newest.record
    if ours or record.owner_alive:
        return _driven(line, newest, by_hand=by_hand, ours=ours, here=here)
    pause, stop = _lens(line, "Pause", "bursar.pauseRun", record), _lens(line, "Stop", "bursar.stopRun", record)
    kept = f"{plural(newest.steps_done, 'step')} kept, {_paid(newest)}"
    if by_hand:
        resume = _lens(line, "Resume", "bursar.resumeRun", record)
        return [Lens(line=line, title=f"Ticked by hand · {kept}"), resume, stop]
    next_ = None if resumable is None else resumable.next
    tooltip = _provenance(newest, next_)
    if goes_on_by_itself(record):
        what = "Deferred until" if record.reason == "deferred" else "Goes on by itself at"
        title = _joined(f"{what} {moment_words(record.resume_at, here)}", kept, _cost(next_))
        resume = _lens(line, "Resume now", "bursar.resumeRun", record, tooltip)
        return [Lens(line=line, title=title, tooltip=tooltip), resume, pause, stop]
    if resumable is not None and resumable.too_small is not None:
        too_small = resumable.too_small
        told = Lens(line=line, title=_joined(_too_small(too_small, resumable.next), kept), tooltip=tooltip)
        arguments = ({"scope": too_small.scope, "run": record.run},)
        raised = Lens(line=line, title="Set budget", command="bursar.setBudget", arguments=arguments)
        return [told, raised, stop]
    title = _joined("Resume", reason_words(record.reason), kept, _cost(next_))
    lenses = [_lens(line, title, "bursar.resumeRun", record, tooltip)]
    if record.reason == "check":
        lenses.append(_lens(line, "Accept as done", "bursar.acceptRun", record))
    return lenses


def _driven(line: int, newest: RunSummary, *, by_hand: bool, ours: bool, here: Here) -> list[Lens]:
    record = newest.record
    waits = record.state == "paused" and record.resume_at is not None
    parts = [
        "" if ours else "Runs in another window",
        "Ticked by hand" if ours and by_hand else "",
        f"Waits until {moment_words(record.resume_at, here)}" if waits else ("Running" if ours else ""),
        f"{plural(newest.steps_done, 'step')} done, {_paid(newest)}",
    ]
    told = Lens(line=line, title=_joined(*parts))
    if not ours:
        return [told]
    return [told, _lens(line, "Pause", "bursar.pauseRun", record), _lens(line, "Stop", "bursar.stopRun", record)]


def _lens(line: int, title: str, command: str, record: RunRecord, tooltip: str = "") -> Lens:
    return Lens(line=line, title=title, command=command, arguments=({"run": record.run},), tooltip=tooltip)


def _joined(*parts: str) -> str:
    return " · ".join(each for each in parts if each)


def _paid(summary: RunSummary) -> str:
    """``$0.04 paid``, and what an answer that did not end may be billed beyond it."""
    paid = f"{money(summary.cost_pico)} paid"
    return paid if not summary.held_pico else f"{paid} (+ at most {money(summary.held_pico)} for a cut answer)"


def _cost(next_: NextRequest | None) -> str:
    """``next request 6,214 in ~$0.0023-0.023``: the lower figure with a warm prompt cache, the higher without."""
    if next_ is None:
        return ""
    if not next_.counted_tokens:
        return "nothing more to pay"
    least = "at least " if next_.is_least else ""
    asked = f"next request {least}{count(next_.counted_tokens)} in"
    if next_.warm_pico is None or next_.cold_pico is None:
        return f"{asked} · no price known"
    return f"{asked} ~{money_range(next_.warm_pico, next_.cold_pico)}"


def _too_small(found: TooSmall, next_: NextRequest) -> str:
    return (
        f"{whose_budget(found.scope)} of {money(found.limit_pico)} has no room for the next request, which needs at "
        f"least {money_at_least(next_.hold_pico)} free"
    )


def _provenance(summary: RunSummary, next_: NextRequest | None) -> str:
    """Where the figures in the title come from."""
    kept = (
        f"Kept: {plural(summary.steps_done, 'finished step')} in the journal; {money(summary.cost_pico)} is the sum of "
        f"the ledger's {plural(len(summary.requests), 'request')}. Neither is done or paid again."
    )
    if next_ is None or not next_.counted_tokens:
        return kept
    counted = f"{count(next_.counted_tokens)} tokens are counted in the next request under o200k_base"
    if next_.is_least:
        counted += ", without the result of the tool call that comes before it"
    if next_.warm_pico is None or next_.cold_pico is None:
        return f"{kept} {counted}. No price is known for {next_.model}."
    priced = (
        f"At {next_.model}'s prices ({next_.rate_card}) they cost about {money(next_.warm_pico)} while the provider "
        f"still has the prompt cache of the request before, else about {money(next_.cold_pico)}; the answer is extra."
    )
    return f"{kept} {counted}. {priced}"
