"""The chart of a case: what its rule saw against its bound, units shipped, and when it happened.

Pure. Shapes have no colours of their own, the stylesheet gives them by class; every figure stands
in a table beside the picture, too.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import log10

from markupsafe import Markup, escape

from freezeguard.api.models.answers.charts import ChartMark, ChartOut, ChartPoint
from freezeguard.notices.wording import Wording
from freezeguard.reports.charts import Axis, plain, powers_of_ten

WIDTH, LEFT, RIGHT, TOP = 760, 56, 14, 26
PANE, GAP, STRIP, FOOT = 180, 14, 44, 24
ODDS = frozenset({"likelihood", "predictive", "posterior", "launch"})
"""Families whose figures grow by powers of ten."""
SHOWN: dict[str, str] = {
    "suspicion": "suspected", "crossing": "threshold crossed", "freeze": "stopped",
    "confirmed": "confirmed", "approved": "approved", "released": "on sale again",
    "closed": "closed",
}
LEAST = 1e-3


def draw(chart: ChartOut, words: Wording) -> Markup:
    """Return the picture as SVG, with what it shows in one sentence as its name."""
    across = _time(chart)
    has_units = any(point.units for point in chart.points)
    foot = TOP + PANE + (GAP + STRIP if has_units else 0)
    parts = [*_values(chart, across), *_marks(chart.marks, across, foot)]
    if has_units:
        parts += _units(chart.points, across, chart.step)
    parts += _days(chart, across, foot, words)
    return Markup(  # noqa: S704 - figures, our own words, and what is escaped
        f'<svg class="chart" viewBox="0 0 {WIDTH} {foot + FOOT}" role="img" '
        f'aria-label="{escape(in_words(chart, words))}">{"".join(parts)}</svg>'
    )


def in_words(chart: ChartOut, words: Wording) -> str:
    """Return what the picture shows, for whoever does not see it."""
    most = max((point.customers for point in chart.points), default=0)
    parts = [f"At most {most} different customers within the window of the rule."]
    bound = next((point.bound for point in reversed(chart.points) if point.bound), None)
    if bound is not None and chart.rule is not None:
        parts.append(f"The threshold is {words.number(bound)}.")
    parts += [
        f"{SHOWN[mark.kind].capitalize()}: {words.brief(mark.at.isoformat())}."
        for mark in chart.marks if mark.kind in SHOWN
    ]
    return " ".join(parts)


def rows(chart: ChartOut) -> list[ChartPoint]:
    """Return the points at which something was: the table beside the picture."""
    return [one for one in chart.points if one.complaints or one.units]


def _time(chart: ChartOut) -> Axis:
    low = chart.start.timestamp()
    # the last step is as wide as the others, though it is not over yet
    last = max((one.at.timestamp() for one in chart.points), default=low)
    high = max(chart.end.timestamp(), last + chart.step)
    return Axis(low, high, LEFT, WIDTH - RIGHT, ())


def _values(chart: ChartOut, across: Axis) -> list[str]:
    """Draw the rule's figure over its bound; customers where no rule opened the case."""
    is_odds = chart.rule is not None and chart.rule.family in ODDS
    measured = [(one.at, _figure(one, chart)) for one in chart.points]
    bounds = [(one.at, one.bound) for one in chart.points if one.bound is not None]
    every = [value for _, value in (*measured, *bounds) if value is not None]
    up = _up(every, is_odds=is_odds)
    parts = _grid(up)
    line = _steps([(at, value) for at, value in measured if value is not None], across, up,
                  is_odds=is_odds, step=chart.step, rises=True)
    parts.append(f'<path class="seen" d="{line}"/>')
    if bounds:
        path = _steps(bounds, across, up, is_odds=is_odds, step=chart.step)
        parts.append(f'<path class="bound" d="{path}"/>')
    return parts


def _figure(point: ChartPoint, chart: ChartOut) -> float | None:
    return float(point.customers) if chart.rule is None else point.value


def _up(values: Sequence[float], *, is_odds: bool) -> Axis:
    if is_odds:
        logs = [log10(max(value, LEAST)) for value in values] or [0.0]
        return powers_of_ten(logs, TOP + PANE, TOP)
    return plain((max(values, default=0.0) or 1.0) * 1.1, TOP + PANE, TOP)


def _grid(up: Axis) -> list[str]:
    parts = []
    for value, text in up.marks:
        y = up.at(value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" '
                     f'y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
    return parts


def _steps(
    points: Sequence[tuple[datetime, float]], across: Axis, up: Axis, *, is_odds: bool, step: float,
    rises: bool = False,
) -> str:
    """Return a line that holds each value for its step, and breaks where there was none.

    One that `rises` comes up from the foot of the picture wherever it begins.
    """
    path, last = [], None
    for at, value in points:
        x, end = across.at(at.timestamp()), across.at(at.timestamp() + step)
        y = up.at(log10(max(value, LEAST)) if is_odds else value)
        joins = last is not None and (at - last).total_seconds() <= step * 1.01
        if joins:
            path.append(f"L{x:.1f} {y:.1f}H{end:.1f}")
        else:
            foot = f"{TOP + PANE:.1f}V{y:.1f}" if rises else f"{y:.1f}"
            path.append(f"M{x:.1f} {foot}H{end:.1f}")
        last = at
    return "".join(path)


def _units(points: Sequence[ChartPoint], across: Axis, step: float) -> list[str]:
    """Draw the units shipped as bars below, on a scale of their own."""
    top, bottom = TOP + PANE + GAP, TOP + PANE + GAP + STRIP
    most = max(one.units or 0 for one in points)
    parts = [f'<text x="{LEFT - 8}" y="{top + 10}" text-anchor="end">{most}</text>',
             f'<text x="{LEFT - 8}" y="{bottom}" text-anchor="end">units</text>']
    for one in points:
        if one.units:
            height = max(1.0, STRIP * one.units / most)
            x = across.at(one.at.timestamp())
            width = max(1.0, across.at(one.at.timestamp() + step) - x - 0.5)
            parts.append(f'<rect class="units" x="{x:.1f}" y="{bottom - height:.1f}" '
                         f'width="{width:.1f}" height="{height:.1f}"/>')
    return parts


def _marks(marks: Sequence[ChartMark], across: Axis, foot: float) -> list[str]:
    """Draw when something happened: a line with its name, and a tick for each notice."""
    parts, taken = [], -1e9
    for mark in marks:
        x = across.at(mark.at.timestamp())
        if mark.kind == "notice":
            parts.append(f'<path class="notice" d="M{x:.1f} {TOP + PANE - 7:.1f}v7"/>')
        elif mark.kind in SHOWN:
            parts.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 8}" '
                         f'y2="{foot}"/>')
            if x - taken > 90:
                side = "end" if x > WIDTH / 2 else "start"
                parts.append(f'<text class="name" x="{x:.1f}" y="{TOP - 12}" '
                             f'text-anchor="{side}">{SHOWN[mark.kind]}</text>')
                taken = x
    return parts


def _days(chart: ChartOut, across: Axis, foot: float, words: Wording) -> list[str]:
    """Write some moments below, evenly."""
    span = chart.end - chart.start
    moments = [chart.start + span * share / 4 for share in range(5)]
    anchors = ("start", "middle", "middle", "middle", "end")
    return [
        f'<text x="{across.at(at.timestamp()):.1f}" y="{foot + 18}" text-anchor="{anchor}">'
        f"{escape(_day(words, at, span))}</text>"
        for at, anchor in zip(moments, anchors, strict=True)
    ]


def _day(words: Wording, at: datetime, span: timedelta) -> str:
    told = words.brief(at.isoformat())
    return told if span < timedelta(days=3) else told.rpartition(",")[0] or told
