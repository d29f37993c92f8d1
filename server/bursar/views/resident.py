"""The line above a file that an agent reads: which requests carry it, and what that costs."""

from __future__ import annotations

from decimal import Decimal

from bursar.domain.counting import Estimate
from bursar.domain.instructions import InstructionFile
from bursar.domain.instructions.carried import AS_COUNTED, Carried, Scale, carried
from bursar.domain.instructions.weight import Weights
from bursar.domain.money.price import Price, Unpriced
from bursar.domain.money.use_rate import USE_DAYS, UseRate
from bursar.views.annotations import Lens
from bursar.views.figures import count, money, plural

LENS_KINDS = frozenset({"steering", "agents", "instructions", "rules", "hook", "prompt", "agent", "skill"})
_WHEN = {"always": "resident", "matched": "when its files match", "manual": "on request"}
_CARRY = {
    "always": "Every request of the agent carries",
    "matched": "The requests that work on what it is for carry",
    "manual": "The requests that ask for it carry",
}


def resident_lens(
    file: InstructionFile,
    *,
    tokens: int,
    included: Weights,
    price: Price | Unpriced,
    use: UseRate | None,
    encoding: str,
    estimate: Estimate | None = None,
) -> Lens | None:
    """The lens on the first line; None for a kind of file whose cost is told elsewhere, or nowhere.

    ``tokens`` are those that are sent of the file itself, ``estimate`` what the vendor makes of them. Only what every
    request carries has a cost per day: how many requests match or ask is not known.
    """
    if file.kind not in LENS_KINDS or file.residency == "none":
        return None
    when = "when its event happens" if file.kind == "hook" else _WHEN[file.residency]
    cost = carried(scale_of(estimate, tokens).of(tokens + included.tokens), price)
    if isinstance(cost, Unpriced):
        title = f"{when} · no price known for {cost.model}"
        return Lens(line=0, title=title, tooltip=f"{_what(file, tokens, included, encoding)} {cost.why}")
    per_request = f"baseline {money(cost.baseline.pico)}, maximum {money(cost.uncached.pico)} per request"
    parts = [when, per_request]
    tooltip = [_what(file, tokens, included, encoding), *estimate_words(estimate, tokens), rates_words(cost)]
    if file.residency == "always":
        parts.append(_per_day(cost, use))
        tooltip.append(use_words(use))
    return Lens(line=0, title=" · ".join(parts), tooltip=" ".join(tooltip))


def scale_of(estimate: Estimate | None, tokens: int) -> Scale:
    """How many tokens the vendor makes of ours, from its probable figure for these."""
    return AS_COUNTED if estimate is None else Scale(counted=tokens, likely=estimate.tokens)


def estimate_words(estimate: Estimate | None, tokens: int) -> list[str]:
    """What the vendor probably makes of these tokens, from which money is reckoned; nothing where our count is its."""
    if estimate is None or estimate.low == estimate.high == tokens:
        return []
    if estimate.low == estimate.high:
        return [
            f"{estimate.model} makes {count(estimate.tokens)} of these {count(tokens)} tokens ({estimate.provenance})."
        ]
    return [
        f"{estimate.model} probably makes {count(estimate.tokens)} of these {count(tokens)} tokens "
        f"({count(estimate.low)} to {count(estimate.high)}: {estimate.provenance}); money is reckoned from that."
    ]


def rates_words(cost: Carried) -> str:
    """Which rates a baseline and a maximum come from, and on which card they stand."""
    rates = cost.uncached.rates
    dear = (
        f"written to it at {_per_mtok(rates.cache_write_5m)}"
        if cost.written
        else f"not in it at {_per_mtok(rates.input)}"
    )
    cheap = (
        f"Baseline: all of it read from the prompt cache at {_per_mtok(rates.cache_read)} per million tokens; "
        if cost.cached is not None
        else "The card has no price for reading from the prompt cache, so the baseline is the maximum; "
    )
    notes = [*cost.uncached.assumed, *(cost.cached.assumed if cost.cached is not None else ())]
    said = f"{cheap}maximum: {dear}. Rates from {cost.uncached.rate_card}."
    return " ".join([said, *(f"{each[:1].upper()}{each[1:].rstrip('.')}." for each in dict.fromkeys(notes))])


def use_words(use: UseRate | None) -> str:
    """Where a figure per day comes from."""
    if use is None:
        return f"No request was booked in this workspace in the last {USE_DAYS} days, so nothing is said of a day."
    span = "today" if use.days == 1 else f"the last {use.days} days"
    return (
        f"Per day: {plural(use.requests, 'request')} in this workspace in {span}, "
        f"{per_day(use)} a day, those imported from other agents among them."
    )


def per_day(use: UseRate) -> str:
    """``21`` from ten a day up, ``2.5`` below."""
    rate = Decimal(use.requests) / use.days
    if rate >= 10 or rate == rate.to_integral_value():
        return count(round(rate))
    return f"{max(rate, Decimal('0.1')):.1f}"


def _per_day(cost: Carried, use: UseRate | None) -> str:
    if use is None:
        return "no requests yet"
    low, high = (money(cost.a_day(each, use)) for each in (cost.baseline, cost.uncached))
    return f"{low} a day" if low == high else f"{low} to {high} a day"


def _what(file: InstructionFile, tokens: int, included: Weights, encoding: str) -> str:
    subject = "The request that its event begins carries" if file.kind == "hook" else _CARRY[file.residency]
    own = "this prompt" if file.kind == "hook" else "this file"
    if not included.files:
        return f"{subject} {own}: {plural(tokens, 'token')}, counted under {encoding}."
    files = plural(len(included.files), "file")
    return (
        f"{subject} {own} ({plural(tokens, 'token')}) and the {files} that it includes "
        f"({count(included.tokens)}): {count(tokens + included.tokens)} together, counted under {encoding}."
    )


def _per_mtok(rate: Decimal) -> str:
    return f"${rate.normalize():f}"
