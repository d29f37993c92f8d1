"""How many tokens a vendor makes of one of ours, learnt from what it reported for the requests that were sent to it.

What is compared is our count of all that a request says with *all* input that was reported for it: uncached, read from
the cache and written to it. Three descriptions are tried, and a richer one is taken only where it foretells requests
that it was not made from better than the plainer one:

1. one factor for the model, the median of the ratios;
2. the same with an overhead that every request has, where their sizes differ enough to tell it;
3. one factor for each kind of text, pulled to the model's own where few requests tell kinds apart.

The range is that of the ratios of reported to foretold tokens, of requests foretold without those of their own run: the
middle nine tenths of them. With fewer than 19 requests it is mixed with what is published for the family; where kinds
cannot be told apart it holds the published distance between them, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bursar.domain.counting.families import OWN_ENCODING, Family, Rate, bare_name, exact_encoding, family_of
from bursar.domain.counting.kinds import KINDS, TextKind
from bursar.domain.counting.robust import fit, median, outer_quantiles, slope

NEWEST = 50
COVERED = 0.90
FEWEST = 5
_OF_ONE_RUN = 10
_ENOUGH = 19
_FOLDS = 5
_BETTER = 0.9
_PULL = 0.02
_LEAST_STEP = 0.2
_LEAST_SHARE = 0.03
_UNKNOWN_SPREAD = 0.25
_OVERHEAD_UNIT = 500.0
_AS_THE_MODEL = [1.0] * len(KINDS)
_LEAST_TIMES = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedRequest:
    """A request as we counted its text under ``o200k_base``, and all the input that its provider reported for it.

    ``model`` is PROVIDER/MODEL: what another provider reports of a model of this name says nothing of this one's bill.
    ``kinds`` are our tokens by kind of text; empty where only their sum was kept. ``run`` tells requests that share
    their beginning. ``is_loopback`` says that it was answered on this machine, perhaps by a simulator of the vendor.
    """

    model: str
    run: str
    counted_tokens: int
    reported_tokens: int
    kinds: Mapping[TextKind, int] = field(default_factory=dict)
    is_loopback: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How one model counts, as far as is known: a rate for each kind of text, from our tokens under ``encoding``.

    ``requests`` is how many it was learnt from, 0 for a published range. ``overhead_tokens`` is what each request has
    beside its text. ``exact`` says that our count is the vendor's own.
    """

    model: str
    encoding: str
    rates: Mapping[TextKind, Rate]
    requests: int
    provenance: str
    overhead_tokens: int = 0
    by_kind: bool = False
    exact: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """One description: the tokens that it foretells are ``overhead + sum of rates[kind] * kinds[kind]``."""

    overhead: float
    rates: Mapping[TextKind, float]

    def foretold(self, request: CountedRequest) -> float:
        known = _kinds(request)
        return max(self.overhead + sum(self.rates[kind] * tokens for kind, tokens in known.items()), 1.0)


_Describe = Callable[[Sequence[CountedRequest]], _Fit]


def calibration_of(
    model: str, requests: Iterable[CountedRequest] = (), *, is_loopback: bool = False
) -> Calibration | None:
    """What is known of how a model counts; None where it is of no known family and too few requests tell.

    ``requests`` are the newest first, of any model; those of others are passed over. Others are also those of another
    provider, where ``model`` names one, and those from another place than it has now (``is_loopback``: this machine).
    """
    encoding = exact_encoding(model)
    if encoding is not None:
        one = Rate(value=1.0, low=1.0, high=1.0)
        return Calibration(
            model=model,
            encoding=encoding,
            rates=dict.fromkeys(KINDS, one),
            requests=0,
            provenance=f"exact for text under {encoding}, the encoding that OpenAI names for this model",
            exact=True,
        )
    family, sample = family_of(model), _sample(model, requests, is_loopback=is_loopback)
    if len(sample) >= FEWEST:
        return _learnt(model, sample, family)
    if family is None:
        return None
    return Calibration(
        model=model,
        encoding=OWN_ENCODING,
        rates=family.rates,
        requests=0,
        provenance=f"range published for {family.name}, not measured here ({family.source}, {family.as_of})",
    )


def _sample(model: str, requests: Iterable[CountedRequest], *, is_loopback: bool) -> list[CountedRequest]:
    """The newest requests of a model, a bounded number of each run: those of one run say nearly the same."""
    of_run, sample = dict[str, int](), list[CountedRequest]()
    for each in requests:
        if not _is_of(each, model) or each.is_loopback is not is_loopback:
            continue
        if each.counted_tokens <= 0 or each.reported_tokens <= 0:
            continue
        of_run[each.run] = of_run.get(each.run, 0) + 1
        if of_run[each.run] <= _OF_ONE_RUN:
            sample.append(each)
        if len(sample) == NEWEST:
            break
    return sample


def _is_of(request: CountedRequest, model: str) -> bool:
    """Whether a request went to this model, of whichever provider where none is named."""
    if "/" in model and request.model.partition("/")[0] != model.partition("/")[0]:
        return False
    return bare_name(request.model) == bare_name(model)


def _learnt(model: str, sample: Sequence[CountedRequest], family: Family | None) -> Calibration:
    folds = _folds(sample)
    best, ratios, by_kind = _one_factor(sample), _ratios(_one_factor, sample, folds), False
    for describe, tells_kinds in ((_with_overhead, False), (_factor_by_kind, True)):
        tried = _ratios(describe, sample, folds)
        if _error(tried) < _BETTER * _error(ratios):
            best, ratios, by_kind = describe(sample), tried, tells_kinds
    low, high = outer_quantiles(ratios, COVERED)
    shares = _shares(sample)
    middle = _weighted_rate(family, shares)
    known = min(1.0, len(sample) / _ENOUGH)
    rates = {}
    for kind in KINDS:
        value = best.rates[kind]
        rate = Rate(value=value, low=value * min(low, 1.0), high=value * max(high, 1.0))
        shape = _published_shape(family, kind, middle)
        if known < 1:
            rate = replace(
                rate,
                low=rate.low**known * (value * shape.low) ** (1 - known),
                high=rate.high**known * (value * shape.high) ** (1 - known),
            )
        if not by_kind or shares[kind] < _LEAST_SHARE:
            rate = replace(
                rate, low=min(rate.low, rate.low * shape.value), high=max(rate.high, rate.high * shape.value)
            )
        rates[kind] = rate
    return Calibration(
        model=model,
        encoding=OWN_ENCODING,
        rates=rates,
        requests=len(sample),
        provenance=_provenance(len(sample), by_kind=by_kind, family=family),
        overhead_tokens=round(best.overhead),
        by_kind=by_kind,
    )


def _provenance(requests: int, *, by_kind: bool, family: Family | None) -> str:
    told = f"calibrated on {requests} requests, {'by kind of text' if by_kind else 'one factor for all kinds of text'}"
    if requests >= _ENOUGH:
        return told
    return f"{told}, few: the range is widened with {'what is published' if family else 'a guess of a quarter'}"


def _one_factor(sample: Sequence[CountedRequest]) -> _Fit:
    ratio = median([each.reported_tokens / each.counted_tokens for each in sample])
    return _Fit(overhead=0.0, rates=dict.fromkeys(KINDS, ratio))


def _with_overhead(sample: Sequence[CountedRequest]) -> _Fit:
    """The slope over the sizes of the requests, and what is left where the size is none."""
    counted = [float(each.counted_tokens) for each in sample]
    reported = [float(each.reported_tokens) for each in sample]
    found = slope(counted, reported, least_step=_LEAST_STEP)
    if found is None or found <= 0:
        return _one_factor(sample)
    overhead = median([y - found * x for x, y in zip(counted, reported, strict=True)])
    if overhead <= 0:
        return _one_factor(sample)
    return _Fit(overhead=overhead, rates=dict.fromkeys(KINDS, found))


def _factor_by_kind(sample: Sequence[CountedRequest]) -> _Fit:
    """All kinds and the overhead at once, in shares of each request, so that each weighs the same whatever its size."""
    factor = _one_factor(sample).rates["prose"]
    rows, targets = [], []
    for each in sample:
        whole = factor * each.counted_tokens
        kinds = _kinds(each)
        rows.append([*(factor * kinds.get(kind, 0) / whole for kind in KINDS), _OVERHEAD_UNIT / whole])
        targets.append(each.reported_tokens / whole)
    found = fit(rows, targets, toward=[*_AS_THE_MODEL, 0.0], pull=_PULL)
    if found[-1] < 0:
        found = [*fit([each[:-1] for each in rows], targets, toward=_AS_THE_MODEL, pull=_PULL), 0.0]
    return _Fit(
        overhead=_OVERHEAD_UNIT * found[-1],
        rates={kind: factor * max(times, _LEAST_TIMES) for kind, times in zip(KINDS, found, strict=False)},
    )


def _folds(sample: Sequence[CountedRequest]) -> list[int]:
    """The part that each request is left out with: whole runs together where there are enough of them."""
    runs = list(dict.fromkeys(each.run for each in sample))
    if len(runs) >= 2:
        return [runs.index(each.run) % _FOLDS for each in sample]
    return [index * _FOLDS // len(sample) for index in range(len(sample))]


def _ratios(describe: _Describe, sample: Sequence[CountedRequest], folds: Sequence[int]) -> list[float]:
    """Reported by foretold tokens of each request, foretold from those of the other parts."""
    ratios = []
    for fold in sorted(set(folds)):
        others = [each for each, own in zip(sample, folds, strict=True) if own != fold]
        made = describe(others)
        ratios += [
            each.reported_tokens / made.foretold(each) for each, own in zip(sample, folds, strict=True) if own == fold
        ]
    return ratios


def _error(ratios: Sequence[float]) -> float:
    return median([abs(each - 1.0) for each in ratios])


def _kinds(request: CountedRequest) -> Mapping[TextKind, int]:
    return request.kinds or {"prose": request.counted_tokens}


def _shares(sample: Sequence[CountedRequest]) -> dict[TextKind, float]:
    whole = sum(sum(_kinds(each).values()) for each in sample)
    return {kind: sum(_kinds(each).get(kind, 0) for each in sample) / whole for kind in KINDS}


def _weighted_rate(family: Family | None, shares: Mapping[TextKind, float]) -> float:
    return 1.0 if family is None else sum(family.rates[kind].value * share for kind, share in shares.items())


def _published_shape(family: Family | None, kind: TextKind, middle: float) -> Rate:
    """How far a kind of text lies from what the requests were made of, as published; a guess where nothing is."""
    if family is None:
        return Rate(value=1.0, low=1 - _UNKNOWN_SPREAD, high=1 + _UNKNOWN_SPREAD)
    rate = family.rates[kind]
    return Rate(value=rate.value / middle, low=rate.low / middle, high=rate.high / middle)
