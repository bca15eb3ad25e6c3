"""The chart of a trial: what a rule would have stopped above the line, what it missed below.

Pure. Shapes have no colours of their own, the stylesheet gives them by class; every item
stands in a table beside the picture, too.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from markupsafe import Markup, escape

from freezeguard.api.models.answers.rules import TrialOut, TriedSku
from freezeguard.notices.wording import Wording
from freezeguard.reports.charts import plain

WIDTH, LEFT, RIGHT, TOP = 760, 40, 14, 14
UP, DOWN, FOOT = 150, 60, 24
BARS = 30
"""So many bars at most: each is of one day, or of several."""
UPWARDS = ("confirmed", "undecided", "only_here", "false_alarm")
"""What is drawn above the line, from below."""
SAID: dict[str, str] = {
    "confirmed": "a defect, stopped", "false_alarm": "a false alarm",
    "undecided": "stopped now, not decided yet", "only_here": "nobody else stopped it",
    "missed": "a defect, missed", "spared": "a false alarm that it would have spared",
    "silent": "stopped now, and it says nothing",
}


def outcome(one: TriedSku) -> str:
    """Return what came of an item, as one of `SAID`."""
    if one.would_freeze_at is not None:
        return "only_here" if one.stopped_at is None else one.ended or "undecided"
    return {"confirmed": "missed", "false_alarm": "spared"}.get(one.ended or "", "silent")


def moment_of(one: TriedSku) -> datetime:
    """Return when an item is drawn: when the rule would have stopped it, else when it was."""
    moment = one.would_freeze_at or one.stopped_at
    if moment is None:
        raise ValueError(f"{one.sku}: neither stopped nor to be stopped")
    return moment


def in_words(trial: TrialOut) -> str:
    """Return what the picture shows, for whoever does not see it."""
    return (
        f"It would have stopped {trial.would_freeze}: {_many(trial.confirmed, 'defect')}, "
        f"{_many(trial.false_alarms, 'false alarm')}, {trial.undecided} not decided yet, and "
        f"{trial.only_here} that nobody else stopped. It would have missed "
        f"{_many(trial.missed, 'defect')}, and spared {_many(trial.spared, 'false alarm')}."
    )


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def draw(trial: TrialOut, words: Wording) -> Markup:
    """Return the picture as SVG."""
    step = timedelta(days=max(1, -(-(trial.until - trial.since) // timedelta(days=BARS))))
    bars = _bars(trial, step)
    above = [sum(bar[kind] for kind in UPWARDS) for bar in bars]
    below = [bar["missed"] for bar in bars]
    up = plain(max([*above, 1]), TOP + UP, TOP, whole=True)
    one = up.at(0) - up.at(1)
    down = min(one, DOWN / max([*below, 1]))
    parts = _grid(up.marks, [up.at(value) for value, _ in up.marks])
    width = (WIDTH - LEFT - RIGHT) / len(bars)
    for n, bar in enumerate(bars):
        parts += _bar(bar, LEFT + n * width, width, up.at(0), one, down)
    parts += _days(trial, words)
    height = TOP + UP + DOWN + FOOT
    return Markup(  # noqa: S704 - figures, our own words, and what is escaped
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(in_words(trial))}">{"".join(parts)}</svg>'
    )


def _bars(trial: TrialOut, step: timedelta) -> list[Counter[str]]:
    number = max(1, -(-(trial.until - trial.since) // step))
    bars: list[Counter[str]] = [Counter() for _ in range(number)]
    for one in trial.items:
        place = int((moment_of(one) - trial.since) / step)
        bars[min(max(place, 0), number - 1)][outcome(one)] += 1
    return bars


def _grid(marks: Sequence[tuple[float, str]], heights: Sequence[float]) -> list[str]:
    parts = []
    for (_, text), y in zip(marks, heights, strict=True):
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" '
                     f'y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
    parts.append(f'<text x="{LEFT + 4}" y="{TOP + UP + DOWN - 4}">below the line: missed</text>')
    return parts


def _bar(
    bar: Counter[str], x: float, width: float, zero: float, up: float, down: float
) -> list[str]:
    parts, top = [], zero
    for kind in UPWARDS:
        if bar[kind]:
            top -= bar[kind] * up
            parts.append(_rect(kind, x, width, top, bar[kind] * up))
    if bar["missed"]:
        parts.append(_rect("missed", x, width, zero, bar["missed"] * down))
    return parts


def _rect(kind: str, x: float, width: float, y: float, height: float) -> str:
    return (f'<rect class="tried-{kind}" x="{x + 1:.1f}" y="{y:.1f}" '
            f'width="{max(1.5, width - 2):.1f}" height="{height:.1f}"/>')


def _days(trial: TrialOut, words: Wording) -> list[str]:
    """Write some days below, evenly."""
    span, y = trial.until - trial.since, TOP + UP + DOWN + 18
    anchors = ("start", "middle", "middle", "middle", "end")
    return [
        f'<text x="{LEFT + (WIDTH - LEFT - RIGHT) * n / 4:.1f}" y="{y}" text-anchor="{anchor}">'
        f"{escape(_day(words, trial.since + span * n / 4))}</text>"
        for n, anchor in enumerate(anchors)
    ]


def _day(words: Wording, at: datetime) -> str:
    told = words.brief(at.isoformat())
    return told.rpartition(",")[0] or told
