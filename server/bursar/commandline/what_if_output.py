"""How ``bursar what-if`` tells of a session and of all of them: as text and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bursar.domain.context.retention import USE_KINDS
from bursar.domain.context.what_if import Missed, Money, Replayed
from bursar.domain.money.price import usd_text
from bursar.imports.sessions.conversation import LoggedSession
from bursar.views.figures import count, money, plural

FIXED_ACTS = (
    "The agent's acts are those of the log: a replay cannot show what it would have done with another context, so this"
    " says what the same acts would have cost, and what they used that would have been gone. Input only: answers cost"
    " the same. Sizes are fitted to what was billed; money is an estimate at the price card's rates."
)
_TOLD_MISSES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A session with its rows; ``paid_pico`` is what its own log says was used, at the card's prices."""

    logged: LoggedSession
    assumed: tuple[str, ...]
    paid_pico: int | None
    rows: tuple[tuple[Replayed, Money | None], ...]


@dataclass(slots=True)
class Total:
    """All sessions so far, by policy and price set; sessions under their own models' prices are one sum."""

    sessions: int = 0
    requests: int = 0
    rows: dict[tuple[str, str], list[tuple[Replayed, Money | None]]] = field(default_factory=dict)
    assumed: Counter[str] = field(default_factory=Counter)

    def add(self, told: Told) -> None:
        """One more."""
        self.sessions += 1
        self.requests += len(told.logged.session.requests)
        self.assumed.update(told.assumed)
        for replayed, paid in told.rows:
            # What was missed is told with its session, and there may be many sessions.
            slim = Replayed(
                policy=replayed.policy,
                prices=replayed.prices,
                score=replayed.score,
                keep_all=replayed.keep_all,
                missed=(),
                missed_in_all=replayed.missed_in_all,
            )
            self.rows.setdefault((replayed.policy, replayed.prices.name), []).append((slim, paid))

    def groups(self) -> list[tuple[str, str, list[tuple[Replayed, Money | None]]]]:
        """Policy, prices, and their rows; more than one model's rows of a policy also together, under 'all models'."""
        found = [(policy, prices, rows) for (policy, prices), rows in self.rows.items()]
        policies = dict.fromkeys(policy for policy, _, _ in found)
        in_money = all(paid is not None for _, _, rows in found for _, paid in rows)
        if in_money and len(found) > len(policies):
            for each in policies:
                rows = [row for policy, _, rows in found if policy == each for row in rows]
                found.append((each, "all models", rows))
        return found


def session_json(told: Told) -> dict[str, Any]:
    """One session."""
    logged = told.logged
    return {
        "agent": logged.agent,
        "file": logged.file,
        "session": logged.name,
        "parent": logged.parent,
        "began": logged.began or None,
        "model": logged.models[0] if logged.models else None,
        "requests": len(logged.session.requests),
        "billed_requests": len(logged.billed),
        "paid_usd": None if told.paid_pico is None else usd_text(told.paid_pico),
        "assumed": list(told.assumed),
        "rows": [_row_json(replayed, paid) for replayed, paid in told.rows],
    }


def total_json(total: Total) -> list[dict[str, Any]]:
    """A row for each policy and price set."""
    return [{"policy": policy, "prices": prices, **_sums(rows)} for policy, prices, rows in total.groups()]


def session_text(told: Told) -> str:
    """A paragraph."""
    logged = told.logged
    model = logged.models[0] if logged.models else "a model that the log does not name"
    paid = "" if told.paid_pico is None else f", {money(told.paid_pico)} by its log (with answers)"
    below = "" if logged.parent is None else f", begun by {logged.parent}"
    lines = [f"{logged.agent} {logged.name}: {plural(len(logged.session.requests), 'request')} to {model}{paid}{below}"]
    for replayed, priced in told.rows:
        if replayed.share == 1 and not replayed.missed_in_all:
            continue
        saved, kept = _saved_words(replayed, priced), _kept_words(replayed)
        lines.append(f"  {replayed.policy} ({replayed.prices.name}): {saved}; {kept}")
        lines += [f"    {_missed_words(each)}" for each in replayed.missed[:_TOLD_MISSES]]
        if replayed.missed_in_all > _TOLD_MISSES:
            lines.append(f"    and {plural(replayed.missed_in_all - _TOLD_MISSES, 'more use')} of what was gone")
    if len(lines) == 1:
        lines.append("  nothing would have changed")
    return "\n".join(lines)


def total_text(total: Total) -> str:
    """The sums, and what they cannot show."""
    if not total.sessions:
        return "No conversation with a request in it was found in these logs."
    lines = [f"{plural(total.sessions, 'session')}, {plural(total.requests, 'request')}"]
    for policy, prices, rows in total.groups():
        sums = _sums(rows)
        kept = [f"{100 * sums[name]:.1f} %" for name in ("retention", "edit_lines", "quotes")]
        saved = f"{100 * (1 - sums['eff']):+.1f} % saved on the mean of {plural(len(rows), 'session')}"
        known = [paid for _, paid in rows if paid is not None]
        if known and len(known) == len(rows):
            all_of_it = sum(each.keep_all_pico for each in known)
            won = sum(each.saved_pico for each in known)
            share = f" ({100 * won / all_of_it:.1f} %)" if all_of_it else ""
            saved = f"{_signed(won)} of {money(all_of_it)} for input{share}"
        lines.append(
            f"  {policy} ({prices}): {saved}; of what was used again {kept[0]} of the names, {kept[1]} of the edited"
            f" and {kept[2]} of the quoted lines were still there"
        )
    for each, times in total.assumed.items():
        lines.append(f"  {each}" if times == total.sessions else f"  {each} ({plural(times, 'session')})")
    return "\n".join([*lines, FIXED_ACTS])


def _saved_words(replayed: Replayed, priced: Money | None) -> str:
    share = f"{100 * (1 - replayed.share):.1f} %"
    if priced is None:
        return f"input at {100 * replayed.share:.1f} % of keeping everything"
    again = f", {money(priced.refetch_pico)} of it to fetch again what was gone" if priced.refetch_pico else ""
    cost = priced.cost_pico + priced.refetch_pico
    saved = _signed(priced.saved_pico)
    return f"input {money(cost)} instead of {money(priced.keep_all_pico)}{again}: {saved} ({share})"


def _signed(pico: int) -> str:
    return f"{money(pico)} saved" if pico >= 0 else f"{money(-pico)} more"


def _kept_words(replayed: Replayed) -> str:
    kept, used = replayed.score.kept, replayed.score.used
    words = zip(USE_KINDS, ("names", "edited lines", "quoted lines"), strict=True)
    told = [f"{count(kept[kind])} of {count(used[kind])} {name}" for kind, name in words if used[kind]]
    still = f"{', '.join(told)} still there" if told else "nothing was used again"
    return f"{still}{'; its window was passed' if replayed.score.violated else ''}"


def _missed_words(missed: Missed) -> str:
    what = " ".join(each for each in (missed.tool, missed.what) if each) or "a result"
    texts = ", ".join(f"`{each}`" for each in missed.texts[:2])
    more = f" and {count(missed.used - 2)} more" if missed.used > 2 else ""
    # People count from one.
    came = missed.result_request + 1
    return f"request {missed.request + 1} used {texts}{more} of {what}, which came with request {came}"


def _row_json(replayed: Replayed, priced: Money | None) -> dict[str, Any]:
    prices = asdict(replayed.prices)
    return {
        "policy": replayed.policy,
        "prices": prices.pop("name"),
        "ratios": prices,
        **_sums([(replayed, priced)]),
        "misses": [
            {
                "request": each.request,
                "result_request": each.result_request,
                "tool": each.tool,
                "what": each.what,
                "kinds": list(each.kinds),
                "used": each.used,
                "texts": list(each.texts),
            }
            for each in replayed.missed
        ],
    }


def _sums(rows: Sequence[tuple[Replayed, Money | None]]) -> dict[str, Any]:
    scores = [each.score for each, _ in rows]
    known = [paid for _, paid in rows if paid is not None]
    is_priced = len(known) == len(rows)
    shares = [each.share for each, _ in rows]
    kept: dict[str, float] = {}
    for kind, name in zip(USE_KINDS, ("retention", "edit_lines", "quotes"), strict=True):
        used = sum(each.used[kind] for each in scores)
        kept[name] = round(sum(each.kept[kind] for each in scores) / used, 6) if used else 1.0
    return {
        "sessions": len(rows),
        "keep_all_usd": usd_text(sum(each.keep_all_pico for each in known)) if is_priced else None,
        "cost_usd": usd_text(sum(each.cost_pico for each in known)) if is_priced else None,
        "refetch_usd": usd_text(sum(each.refetch_pico for each in known)) if is_priced else None,
        "saved_usd": usd_text(sum(each.saved_pico for each in known)) if is_priced else None,
        "cost": round(sum(each.score.cost / each.keep_all for each, _ in rows) / len(rows), 6),
        "eff": round(sum(shares) / len(rows), 6),
        "worst": round(max(shares), 6),
        **kept,
        "missed": sum(each.missed_in_all for each, _ in rows),
        "refetches": sum(each.refetches for each in scores),
        "trims": sum(each.trims for each in scores),
        "violations": sum(each.violated for each in scores),
    }
