"""Rules on real complaints: bounds by the background, then alerts seen before they were given.

`python -m benchmarks.detection.complaints`. Complaints and alerts are beside the project, in
`../shared/data/caers`. Every setting below was chosen on products without an alert
(`--background`), and committed before an alert was looked at.
"""

import argparse
import csv
import gzip
import sys
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import mean

from freezeguard.detection.backtest.items import Item, learn_priors
from freezeguard.detection.backtest.replay import backtest
from freezeguard.detection.backtest.results import RuleResult
from freezeguard.detection.backtest.tuning import tune
from freezeguard.detection.windows import Observed
from freezeguard.domain.rules import Family, Rule, read_rule
from freezeguard.domain.scope import Scope
from freezeguard.domain.signals import Kind, Severity

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "caers"
END = datetime(2017, 6, 30, tzinfo=UTC)
RULES = {
    "risen": {"family": "likelihood"},
    "predictive": {"family": "predictive"},
    "predictive-30": {"family": "predictive", "window": "30d", "per_day": 100},
    "posterior": {"family": "posterior"},
    "posterior-calm": {"family": "posterior", "per_day": 1},
    "posterior-30": {"family": "posterior", "window": "30d", "factor": 3},
    "count-7": {"family": "count", "window": "7d"},
    "count-30": {"family": "count", "window": "30d"},
    "count-90": {"family": "count", "window": "90d"},
}
BOUNDS: dict[int, dict[str, float]] = {
    10: {
        "risen": 2_490, "predictive": 439_000, "predictive-30": 189_000, "posterior": 177,
        "posterior-30": 13.6,
        "posterior-calm": 75.4,
        "count-7": 5, "count-30": 8, "count-90": 11,
    },
    1: {
        "risen": 9.2e8, "predictive": 4.46e10, "predictive-30": 2.7e15, "posterior": 1.1e8,
        "posterior-30": 10_300,
        "posterior-calm": 553_000,
        "count-7": 14, "count-30": 24, "count-90": 34,
    },
}
"""By budget: wrong freezes per 1,000 product-years."""


def rule(name: str, bound: float = 10.0) -> Rule:
    """Return a rule of this comparison with a bound."""
    return read_rule({"id": name, "mode": "armed", "bound": bound, **RULES[name]}, 1)


def moment(text: str) -> datetime:
    """Return a day as the moment on which it begins."""
    return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)


def read_items() -> list[Item]:
    """Read all products by the clock of receipt; leave where the file is not there."""
    path = DATA / "events.csv.gz"
    if not path.exists():
        sys.exit(f"The real complaints are not here: they lie in ../{DATA.parent.parent.name}.")
    streams: dict[str, list[Observed]] = {}
    about: dict[str, tuple[str, str]] = {}
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            sku = row["sku"]
            about.setdefault(sku, (row["brand"], row["category"]))
            streams.setdefault(sku, []).append(
                Observed(
                    Scope(sku), moment(row["received_at"]), "caers", row["event_id"], 1,
                    Kind.COMPLAINT, "defect", Severity.MAJOR, customer=row["case_id"].encode(),
                )
            )
    return [
        Item(sku, stream, vendor=about[sku][0], category=about[sku][1])
        for sku, stream in streams.items()
    ]


def read_alerts() -> dict[str, datetime]:
    """Read when the public was warned, by product."""
    with (DATA / "ground_truth.csv").open(encoding="utf-8") as file:
        return {row["sku"]: moment(row["alert_date"]) for row in csv.DictReader(file)}


def background(items: Sequence[Item], names: Sequence[str]) -> None:
    """Print the bound that each budget asks for, from products without an alert only."""
    known = set(read_alerts())
    sound = [one for one in items if one.sku not in known]
    priors = learn_priors(sound, END)
    for name in names:
        for budget in BOUNDS:
            begun = time.perf_counter()
            tuned = tune(rule(name), sound, budget=budget, end=END, priors=priors)
            print(
                f"{name} at {budget}: bound {tuned.rule.bound:.6g}, {tuned.rate:.2f} per 1,000; "
                f"cross-validated {tuned.expected:.2f} ({tuned.low:.2f} to {tuned.high:.2f}); "
                f"{time.perf_counter() - begun:.0f} s", flush=True,
            )


def score(items: Sequence[Item]) -> None:
    """Print what the bounds above do to all products."""
    alerts = read_alerts()
    priors = learn_priors([one for one in items if one.sku not in alerts], END)
    for budget, bounds in BOUNDS.items():
        rules = [rule(name, bound) for name, bound in bounds.items()]
        results = backtest(items, rules, end=END, priors=priors, alerts=alerts)
        counts = [one for one in results if one.rule.family is Family.COUNT]
        best = max(counts, key=lambda one: (len(one.leads), sum(one.leads, timedelta(0))))
        for result in results:
            print(f"budget {budget}: {_summary(result)}; {_paired(result, best)}", flush=True)


def _summary(result: RuleResult) -> str:
    low, high = result.wrong_interval
    leads = ", ".join(str(one.days) for one in result.leads)
    return (
        f"{result.rule.id} at {result.rule.bound:g}: wrong {result.wrong_per_1000:.2f} per 1,000 "
        f"({low:.2f} to {high:.2f}), before {len(result.leads)} of {result.alerts}, days: {leads}"
    )


def _paired(result: RuleResult, best: RuleResult) -> str:
    """Compare leads alert by alert with those of the best count; an alert not seen is 0 days.

    The interval holds 90 % of the means of alerts drawn again (percentile bootstrap: Efron, Annals
    of Statistics 7, 1979).
    """
    theirs, ours = best.lead_by_sku, result.lead_by_sku
    seen = sorted(theirs.keys() | ours.keys())
    zero = timedelta(0)
    pairs = [(ours.get(sku, zero) - theirs.get(sku, zero)) / timedelta(days=1) for sku in seen]
    pairs += [0.0] * (result.alerts - len(pairs))
    draws, times = Random(1), 2_000
    means = sorted(mean(draws.choices(pairs, k=len(pairs))) for _ in range(times))
    low, high = means[times // 20], means[-times // 20]
    return f"against {best.rule.id} {mean(pairs):+.1f} days an alert ({low:+.1f} to {high:+.1f})"


def main() -> int:
    parser = argparse.ArgumentParser(prog="complaints", description=__doc__)
    parser.add_argument("--background", action="store_true", help="ask for bounds, score nothing")
    parser.add_argument("--rules", nargs="+", choices=list(RULES), default=list(RULES))
    asked = parser.parse_args()
    items = read_items()
    if asked.background:
        background(items, asked.rules)
    else:
        score(items)
    return 0


if __name__ == "__main__":
    sys.exit(main())
