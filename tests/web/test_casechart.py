"""The picture of a case: every value inside it, and in words for whoever does not see it."""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from freezeguard.api.models.answers.charts import ChartMark, ChartOut, ChartPoint, ChartRule
from freezeguard.notices.wording import Wording
from freezeguard.web.casechart import ODDS, draw, in_words, rows

START = datetime(2026, 11, 1, tzinfo=UTC)
WORDS = Wording("en", "UTC")
DAY = timedelta(days=1)
FAMILIES = st.sampled_from(["distinct_customers", "rate", "cusum", *sorted(ODDS)])


def chart_of(values, bound, units, family, step=DAY) -> ChartOut:
    points = [
        ChartPoint(at=START + step * n, complaints=int(value is not None), customers=n % 7,
                   value=value, bound=bound, units=units)
        for n, value in enumerate(values)
    ]
    marks = [
        ChartMark(kind=kind, at=START + step * n, what="<b>", recipient="vendor:<i>",
                  channel="mail")
        for n, kind in enumerate(("crossing", "notice", "freeze", "released"))
    ]
    rule = None if family is None else ChartRule(
        id="r", version=1, family=family, window=2592000.0)
    return ChartOut(case="c", number=1, rule=rule, step=step.total_seconds(), start=START,
                    end=START + step * len(values), points=points, marks=marks)


@given(
    st.lists(st.none() | st.floats(0, 1e30), max_size=60), st.none() | st.floats(0.001, 1e6),
    st.none() | st.integers(0, 10**9), st.none() | FAMILIES,
)
def test_all_of_it_lies_inside(values, bound, units, family):
    """Whatever the figures, it is well-formed, and nothing reaches out of the picture."""
    drawn = ET.fromstring(str(draw(chart_of(values, bound, units, family), WORDS)))  # noqa: S314
    _, _, width, height = map(float, drawn.attrib["viewBox"].split())

    for one in drawn.iter():
        for name in ("x", "x1", "x2"):
            assert -1 <= float(one.attrib.get(name, 0)) <= width + 1
        for name in ("y", "y1", "y2"):
            assert -1 <= float(one.attrib.get(name, 0)) <= height + 1
    assert "nan" not in str(drawn.attrib)


def test_it_is_told_in_words():
    """How many at most, the threshold, and when what happened; no markup of anybody's."""
    chart = chart_of([1.0, 5.0, None], 5.0, 3, "distinct_customers")
    said = in_words(chart, WORDS)

    assert "At most 2 different customers" in said
    assert "The threshold is 5." in said
    assert "Threshold crossed: 1 November, 00:00. Stopped: 3 November, 00:00." in said
    assert 3 == len(rows(chart))
    assert "<b>" not in str(draw(chart, WORDS))
