"""What was spent, as lines for people and as cells for a spreadsheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bursar.domain.money.price import usd_text
from bursar.domain.money.speed import Percentiles, Speed
from bursar.domain.money.spending import SpendKey, SpendLine
from bursar.views.figures import money, plural, seconds

_NONE: Mapping[str, str] = {
    "task": "(no task)",
    "file": "(no file)",
    "session": "(not recorded)",
    "prompt": "(not recorded)",
    "model": "(not known)",
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
CSV_HEAD = (
    *("key", "requests", "attempts", "failed", "uncached_input", "cache_read", "cache_write_5m", "cache_write_1h"),
    *("output", "reasoning", "cost_usd", "estimated_usd", "not_known_usd", "unpriced_requests"),
    *("ttft_ms_p50", "ttft_ms_p95", "duration_ms_p50", "duration_ms_p95"),
    *("output_tokens_per_s_p50", "output_tokens_per_s_p95"),
)


def line_text(by: SpendKey, line: SpendLine, *, here: str) -> str:
    """``     $0.42    6 requests  key``, with what is not certain about it behind; ``here`` is left out of keys."""
    sums = line.sums
    key = line.key.removeprefix(here) or _NONE.get(by, "(none)")
    return f"{cost_text(line):>10}  {plural(sums.requests, 'request'):>12}  {key}{_doubts(line)}"


def speed_text(speed: Speed) -> str:
    """Its percentiles, the median before the 95th."""
    parts = []
    if speed.ttft_ms is not None:
        parts.append(f"first token {_ms(speed.ttft_ms)}")
    if speed.duration_ms is not None:
        parts.append(f"whole answer {_ms(speed.duration_ms)}")
    if speed.output_tokens_per_s is not None:
        rate = speed.output_tokens_per_s
        parts.append(f"{rate.p50:g} / {rate.p95:g} tokens/s")
    return f"{', '.join(parts)} ({plural(speed.requests, 'measured request')})"


def cost_text(line: SpendLine) -> str:
    """The money, or that there is no price: what is not known is never shown as nothing."""
    sums = line.sums
    if sums.unpriced_requests and not sums.cost_pico:
        return "unpriced"
    return money(sums.cost_pico)


def csv_cells(line: SpendLine) -> list[str]:
    """The cells under CSV_HEAD; a cell that a spreadsheet would take for a formula begins with an apostrophe."""
    sums, speed = line.sums, line.speed
    usage = sums.usage.as_dict()
    cells = [
        line.key,
        *(str(each) for each in (sums.requests, sums.attempts, sums.failed)),
        *(str(usage[name]) for name in CSV_HEAD[4:10]),
        "" if sums.unpriced_requests and not sums.cost_pico else usd_text(sums.cost_pico),
        usd_text(sums.estimated_pico),
        usd_text(sums.at_most_pico),
        str(sums.unpriced_requests),
        *_cells(None if speed is None else speed.ttft_ms),
        *_cells(None if speed is None else speed.duration_ms),
        *_cells(None if speed is None else speed.output_tokens_per_s),
    ]
    return [f"'{each}" if each.startswith(_FORMULA) else each for each in cells]


def _doubts(line: SpendLine) -> str:
    sums = line.sums
    said = []
    if sums.estimated_requests:
        said.append(f"{money(sums.estimated_pico)} of it estimated")
    if sums.at_most_pico:
        said.append(f"at most {money(sums.at_most_pico)} more not known")
    if sums.unpriced_requests:
        said.append(f"{plural(sums.unpriced_requests, 'request')} without a price")
    if sums.failed:
        said.append(f"{sums.failed:,} of {plural(sums.attempts, 'attempt')} failed")
    return "".join(f", {each}" for each in said)


def _ms(times: Percentiles) -> str:
    return f"{seconds(times.p50 / 1_000)} / {seconds(times.p95 / 1_000)}"


def _cells(percentiles: Percentiles | None) -> Sequence[str]:
    return ("", "") if percentiles is None else (f"{percentiles.p50:g}", f"{percentiles.p95:g}")
