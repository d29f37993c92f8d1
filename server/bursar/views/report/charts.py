"""Pictures of figures, drawn here: plain SVG without a script, with the figures as titles."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from bursar.domain.money.projection import Projection
from bursar.domain.money.report import DaySpent
from bursar.views.figures import money
from bursar.views.report.markup import Html, text

_WIDTH, _HEIGHT = 1_000, 100


def day_bars(days: Sequence[DaySpent]) -> str:
    """What each day cost: Bursar's own at the bottom, what others spent on top of it."""
    most = max((each.own.cost_pico + each.others.cost_pico for each in days), default=0)
    step = _WIDTH / max(len(days), 1)
    # Few days are no reason for broad bars.
    width = min(step * 0.82, 60.0)
    bars = []
    for n, each in enumerate(days):
        own, other = (_part(pico, most) for pico in (each.own.cost_pico, each.others.cost_pico))
        x = n * step + (step - width) / 2
        said = f"{each.day}: {money(each.own.cost_pico)}"
        if each.others.cost_pico:
            said += f", other agents {money(each.others.cost_pico)}"
        bars.append(
            f"<g><title>{text(said)}</title>"
            f'<rect class="hit" x="{n * step:.1f}" y="0" width="{step:.1f}" height="{_HEIGHT}" fill="transparent"/>'
            + _bar("own", x, own, width, below=0)
            + _bar("other", x, other, width, below=own)
            + "</g>"
        )
    shape = _svg("bars", f"Spend of each day, at most {money(most)} a day", "".join(bars))
    return _axis("", f"{money(most)} a day") + shape + _axis(days[0].day, days[-1].day)


def month_curve(month: Sequence[int], projection: Projection) -> str:
    """The month's sum day by day, and the fan of what is expected to its end."""
    name, today = projection.last_day[:7], len(month)
    sums = list(accumulate(month))
    last = int(projection.last_day[8:])
    most = max(sums[-1], projection.high_pico)

    def at(day: int, pico: int) -> str:
        return f"{(day - 1) * _WIDTH / max(last - 1, 1):.1f},{_HEIGHT - _part(pico, most):.2f}"

    curve = " ".join(at(n, pico) for n, pico in enumerate(sums, start=1))
    drawn = f'<polyline class="curve" points="{curve}"/>'
    said = f"{money(sums[-1])} up to {name}-{today:02}"
    if projection.pico is not None:
        now = at(today, sums[-1])
        fan = f"{now} {at(last, projection.high_pico)} {at(last, projection.low_pico)}"
        drawn += f'<polygon class="fan" points="{fan}"/>'
        drawn += f'<polyline class="ahead" points="{now} {at(last, projection.pico)}"/>'
        said += f", {money(projection.pico)} expected by {projection.last_day}"
    return _axis("", money(most)) + _svg("sum", said, drawn) + _axis(f"{name}-01", projection.last_day)


def share(part: int, whole: int) -> Html:
    """A bar of so much of a whole."""
    width = _part(part, whole) * _WIDTH / _HEIGHT
    drawn = f'<rect class="track" width="{_WIDTH}" height="{_HEIGHT}"/>'
    drawn += f'<rect class="own" width="{width:.1f}" height="{_HEIGHT}"/>'
    return Html(_svg("share", "", drawn))


def _bar(kind: str, x: float, height: float, width: float, *, below: float) -> str:
    y = _HEIGHT - below - height
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.2f}" width="{width:.1f}" height="{height:.2f}"/>'


def _part(pico: int, most: int) -> float:
    return _HEIGHT * pico / most if most > 0 else 0.0


def _svg(kind: str, label: str, drawn: str) -> str:
    said = f'role="img" aria-label="{text(label)}"' if label else 'aria-hidden="true"'
    rule = f'<line class="rule" x1="0" x2="{_WIDTH}" y1="{_HEIGHT}" y2="{_HEIGHT}"/>' if label else ""
    return f'<svg class="{kind}" viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" {said}>{drawn}{rule}</svg>'


def _axis(left: str, right: str) -> str:
    return f'<div class="axis"><span>{text(left)}</span><span>{text(right)}</span></div>'
