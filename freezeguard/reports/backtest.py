"""The report of a backtest: one page that a category manager reads, in one file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from freezeguard.detection.backtest.curves import Point
from freezeguard.detection.backtest.results import RuleResult, WouldHaveFrozen
from freezeguard.domain.rules import format_window
from freezeguard.reports import charts

DAY = timedelta(days=1)
LISTED = 200
"""So many freezes are listed one by one; all of them are in `--json`."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One item over time: what a rule saw, when it would have frozen, and the alert."""

    sku: str
    rule_id: str
    bound: float
    seen: Sequence[tuple[datetime, float]]
    frozen: Sequence[datetime]
    alert: datetime | None


@dataclass(frozen=True, slots=True)
class BacktestReport:
    """All that the page shows."""

    name: str
    made_at: datetime
    start: datetime
    end: datetime
    skus: int
    signals: int
    rejected: int
    units: int
    without_units: int
    results: Sequence[RuleResult]
    alerts: Mapping[str, datetime]
    unknown: Sequence[str]
    watched: Sequence[Watched]
    trade_offs: Mapping[str, Sequence[Point]]
    stopped: timedelta
    horizon: timedelta
    since: datetime | None = None


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("freezeguard.reports"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )
    made.filters["figure"] = lambda value: f"{value:,.2f}"
    made.filters["whole"] = lambda value: f"{value:,}"
    made.filters["bound"] = _bound
    made.filters["window"] = format_window
    return made


def render(report: BacktestReport) -> str:
    """Return the page. It loads nothing, so that it can be mailed and kept."""
    return _environment().get_template("backtest.html.j2").render(
        report=report,
        evidence=[(one, _evidence_of(one)) for one in report.watched],
        leads=[
            (one.rule.id, _leads_of(one, report.alerts)) for one in report.results if one.leads
        ],
        budget=_budget(report),
        freezes=_listed(report.results),
        left_out=max(0, sum(len(one.freezes) for one in report.results) - LISTED),
        days=lambda lead: "–" if lead is None else f"{lead / DAY:.0f}",
        about=_about_the_alert,
    )


def _evidence_of(one: Watched) -> str:
    return charts.evidence(
        one.seen, one.bound, frozen=one.frozen, alert=one.alert,
        label=f"What {one.rule_id} saw of {one.sku}, over time",
    )


def _leads_of(result: RuleResult, alerts: Mapping[str, datetime]) -> str:
    by_sku = result.lead_by_sku
    rows = [
        (sku, float(round(by_sku[sku] / DAY)) if sku in by_sku else None)
        for sku in sorted(alerts, key=lambda one: -by_sku.get(one, timedelta(0)))
    ]
    return charts.bars(rows, "days", label=f"Lead of {result.rule.id} before each alert")


def _budget(report: BacktestReport) -> str:
    bounds = {one.rule.id: one for one in report.results}
    lines = []
    for rule_id, points in report.trade_offs.items():
        in_order = sorted(points, key=lambda one: (one.wrong_per_1000, one.before, -one.bound))
        places = tuple((one.wrong_per_1000, float(one.before)) for one in in_order)
        texts = tuple(_bound(one.bound) for one in in_order)
        own = bounds[rule_id]
        lines.append(charts.Curve(
            rule_id, places, texts, (own.wrong_per_1000, float(len(own.leads))),
            _bound(own.rule.bound),
        ))  # fmt: skip
    return charts.curves(
        lines, label="Alerts seen before, against wrong freezes",
        across_name="wrong freezes per 1,000 SKU-years", up_name="alerts seen before",
    )


def _bound(value: float) -> str:
    """Write a bound: odds and counts without decimals, rates as they are."""
    if value < 1:
        return f"{value:g}"
    return f"{value:,.0f}" if value < 1e10 else f"{value:.1e}"


def _about_the_alert(one: WouldHaveFrozen) -> str:
    """Say in words where a freeze lies beside its item's alert."""
    if one.lead is None:
        return "none known"
    number = round(abs(one.lead) / DAY)
    days = f"{number:,} day" if number == 1 else f"{number:,} days"
    return f"{days} before" if one.lead > timedelta(0) else f"{days} after"


def _listed(results: Sequence[RuleResult]) -> list[WouldHaveFrozen]:
    """Return the freezes that are listed: those in time for an alert first, then by time."""
    every = [one for result in results for one in result.freezes]
    return sorted(every, key=lambda one: (not one.is_in_time, one.is_wrong, one.at))[:LISTED]
