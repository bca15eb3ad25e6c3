"""Charts as SVG: a few lines, bars and points, readable in light and dark and on paper.

Shapes have no colours of their own: the page's style gives them by class.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT = 480, 190
LEFT, RIGHT, TOP, BOTTOM = 54, 26, 14, 28
NAME = 20
"""So many characters of a name have room beside a bar."""
_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


@dataclass(frozen=True, slots=True)
class Axis:
    """Maps values to places on the drawing, with the values that are written beside it."""

    low: float
    high: float
    start: float
    stop: float
    marks: tuple[tuple[float, str], ...]

    def at(self, value: float) -> float:
        """Return where a value lies; outside the axis, its nearer end."""
        inside = min(max(value, self.low), self.high)
        share = (inside - self.low) / (self.high - self.low or 1)
        return self.start + share * (self.stop - self.start)


def powers_of_ten(values: Sequence[float], start: float, stop: float) -> Axis:
    """Return an axis of powers of ten; `values` are their logs."""
    low, high = floor(min(values)), max(ceil(max(values)), floor(min(values)) + 1)
    step = max(1, ceil((high - low) / 6))
    marks = tuple((float(n), _power(n)) for n in range(low, high + 1, step))
    return Axis(low, high, start, stop, marks)


def _power(exponent: int) -> str:
    return f"{10**exponent:,}" if 0 <= exponent <= 4 else "10" + str(exponent).translate(_RAISED)


def plain(high: float, start: float, stop: float, *, whole: bool = False) -> Axis:
    """Return an axis from 0 to at least `high`, in round steps; `whole` for what is counted."""
    rough = max(high, 1e-9) / 5
    size = 10 ** floor(log10(rough))
    step = next(size * one for one in (1, 2, 5, 10) if size * one >= rough)
    step = max(1.0, step) if whole else step
    top = step * ceil(max(high, 1e-9) / step)
    marks = tuple((step * n, f"{step * n:g}") for n in range(round(top / step) + 1))
    return Axis(0.0, top, start, stop, marks)


def years(first: datetime, last: datetime, start: float, stop: float) -> Axis:
    """Return an axis of time, with years, or months where it is short."""
    span = max(last - first, timedelta(days=1))
    low, high = first.timestamp(), (first + span).timestamp()
    moments = [
        datetime(year, month, 1, tzinfo=first.tzinfo)
        for year in range(first.year, last.year + 1)
        for month in ((1,) if span.days > 900 else (1, 4, 7, 10))
    ]
    form = "%Y" if span.days > 900 else "%b %Y"
    inside = [one for one in moments if low <= one.timestamp() <= high]
    every = ceil(len(inside) / 7) or 1
    marks = tuple((one.timestamp(), one.strftime(form)) for one in inside[::every])
    return Axis(low, high, start, stop, marks)


def _frame(across: Axis, up: Axis, height: int) -> list[str]:
    parts = []
    for value, text in up.marks:
        y = up.at(value)
        parts.append(_level("grid", y))
        parts.append(
            f'<text class="mark" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
        )
    for value, text in across.marks:
        x = across.at(value)
        parts.append(
            f'<text class="mark" x="{x:.1f}" y="{height - 9}" text-anchor="middle">{text}</text>'
        )
    return parts


def _level(kind: str, y: float) -> str:
    return f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'


def _drawing(parts: Sequence[str], label: str, height: int = HEIGHT) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label)}">'
        + "".join(parts)
        + "</svg>"
    )


def evidence(
    seen: Sequence[tuple[datetime, float]],
    bound: float,
    *,
    frozen: Sequence[datetime] = (),
    alert: datetime | None = None,
    label: str,
) -> str:
    """Draw what a rule saw at each complaint against its bound; both above 0, in powers of ten."""
    logs = [log10(max(value, 0.1)) for _, value in seen]
    moments = [moment for moment, _ in seen] + ([] if alert is None else [alert])
    up = powers_of_ten([*logs, log10(bound), 0.0], HEIGHT - BOTTOM, TOP)
    across = years(min(moments), max(moments), LEFT, WIDTH - RIGHT)
    parts = _frame(across, up, HEIGHT)
    y = up.at(log10(bound))
    parts.append(_level("bound", y))
    for (moment, _), value in zip(seen, logs, strict=True):
        x = across.at(moment.timestamp())
        parts.append(
            f'<line class="stem" x1="{x:.1f}" x2="{x:.1f}" y1="{up.at(0.0):.1f}" '
            f'y2="{up.at(value):.1f}"/><circle class="dot" cx="{x:.1f}" '
            f'cy="{up.at(value):.1f}" r="1.8"/>'
        )
    for moment in frozen:
        x = across.at(moment.timestamp())
        parts.append(f'<circle class="frozen" cx="{x:.1f}" cy="{y:.1f}" r="5"/>')
    if alert is not None:
        x = across.at(alert.timestamp())
        parts.append(
            f'<line class="alert" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
        )
    return _drawing(parts, label)


def bars(rows: Sequence[tuple[str, float | None]], unit: str, *, label: str) -> str:
    """Draw one bar a row; a row without a value says "not before"."""
    height, room = TOP + 24 * len(rows) + BOTTOM, 170
    across = plain(max((value for _, value in rows if value), default=1.0), room, WIDTH - 60)
    parts = [
        f'<text class="mark" x="{across.at(value):.1f}" y="{height - 9}" '
        f'text-anchor="middle">{text}</text>'
        for value, text in across.marks
    ]
    for n, (name, value) in enumerate(rows):
        y = TOP + 24 * n
        parts.append(
            f'<text class="name" x="{room - 8}" y="{y + 14}" text-anchor="end">'
            f"<title>{escape(name)}</title>{escape(_shortened(name))}</text>"
        )
        if value is None:
            parts.append(f'<text class="none" x="{room}" y="{y + 14}">not before</text>')
            continue
        wide = across.at(value) - room
        parts.append(
            f'<rect class="bar" x="{room}" y="{y + 3}" width="{wide:.1f}" height="15" rx="2"/>'
            f'<text class="mark" x="{room + wide + 5:.1f}" y="{y + 15}">{value:g} {unit}</text>'
        )
    return _drawing(parts, label, height)


def _shortened(name: str) -> str:
    return name if len(name) <= NAME else name[: NAME - 1] + "…"


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a chart: its name, its points from left to right, and which of them is marked.

    Each point has a text that is written beside it where there is room; that of the marked one
    comes first.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    texts: tuple[str, ...]
    marked: tuple[float, float] | None = None
    marked_text: str = ""


def curves(lines: Sequence[Curve], *, label: str, across_name: str, up_name: str) -> str:
    """Draw lines over two plain axes."""
    height = 300
    every = [point for line in lines for point in line.points]
    across = plain(max((x for x, _ in every), default=1.0), LEFT, WIDTH - RIGHT)
    highest = max((y for _, y in every), default=1.0)
    up = plain(highest, height - BOTTOM - 16, TOP + 14, whole=True)
    parts = _frame(across, up, height - 16)
    parts.append(f'<text class="mark" x="{LEFT - 50}" y="{TOP}">{escape(up_name)}</text>')
    parts.append(
        f'<text class="mark" x="{WIDTH - RIGHT}" y="{height - 4}" text-anchor="end">'
        f"{escape(across_name)}</text>"
    )
    taken: list[tuple[float, float, float]] = []
    for n, line in enumerate(lines):
        places = [(across.at(x), up.at(y)) for x, y in line.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline class="curve c{n % 4}" points="{path}"/>')
        parts += [
            f'<circle class="point c{n % 4}" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>'
            for x, y in dict.fromkeys(places)
        ]
        if line.marked is not None:
            x, y = (axis.at(one) for axis, one in zip((across, up), line.marked, strict=True))
            parts.append(f'<circle class="point c{n % 4}" cx="{x:.1f}" cy="{y:.1f}" r="5"/>')
            parts += _beside([(x, y)], [line.marked_text], n, taken)
        parts += _beside(places, line.texts, n, taken)
    return _drawing(parts, label, height)


def _beside(
    places: Sequence[tuple[float, float]], texts: Sequence[str], n: int,
    taken: list[tuple[float, float, float]],
) -> list[str]:
    """Write texts below points, to the right; where another one stands already, nothing.

    `taken` are the left and right ends and the base lines of what stands, and grows.
    """
    parts = []
    for (x, y), text in zip(places, texts, strict=True):
        wide = 7.0 * len(text)
        left = min(x + 5, WIDTH - wide)
        base = y + 14
        if any(left < right and start < left + wide and abs(base - other) < 12
               for start, right, other in taken):  # fmt: skip
            continue
        taken.append((left, left + wide, base))
        parts.append(
            f'<text class="beside c{n % 4}" x="{left:.1f}" y="{base:.1f}">{escape(text)}</text>'
        )
    return parts
