"""Does it help that complaints name the same fault? Measured, and not kept.

`python -m benchmarks.detection.concentration`. The evidence of the rule `risen` at each complaint
about a real product is multiplied by how much likelier its complaints of the last 60 days are if
the product has faults of its own than if they are those of its category: the ratio of a
Dirichlet-multinomial likelihood round the category's frequencies to the multinomial one (Good,
Annals of Statistics 4, 1976). What a complaint names is the first of its coded symptoms. Bounds
come from products without an alert, as in `benchmarks.detection.complaints`.
"""

import csv
import gzip
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from math import lgamma, log

from benchmarks.detection.complaints import DATA, END, moment, read_alerts, read_items, rule
from freezeguard.detection.backtest.items import learn_priors
from freezeguard.detection.backtest.replay import STOPPED, evidence_over_time, priors_of
from freezeguard.detection.backtest.results import EARLY

WINDOW = timedelta(days=60)
STRENGTHS = (1.0, 3.0, 10.0)
"""How many complaints the category's frequencies are worth, before a product's own are known."""
SMOOTHED_BY = 200
LEAST = 60.0
"""Evidence below that freezes at no bound in question."""

Scores = list[tuple[datetime, float]]


class Symptoms:
    """What each product's complaints name first, and how often its category's do."""

    def __init__(self) -> None:
        self._named: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
        self._usual: dict[str, Counter[str]] = defaultdict(Counter)
        self._of_all: Counter[str] = Counter()
        with gzip.open(DATA / "events.csv.gz", "rt", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                first = row["text"].partition(",")[0].strip()
                if first:
                    self._named[row["sku"]].append((moment(row["received_at"]), first))
                    self._usual[row["category"]][first] += 1
                    self._of_all[first] += 1
        for named in self._named.values():
            named.sort()

    def _frequency(self, category: str, name: str) -> float:
        usual = self._usual[category]
        of_all = self._of_all[name] / self._of_all.total()
        return (usual[name] + SMOOTHED_BY * of_all) / (usual.total() + SMOOTHED_BY)

    def concentration(self, sku: str, category: str, at: datetime, strength: float) -> float:
        """Return the logarithm of the ratio for a product's complaints until a moment."""
        named = self._named[sku]
        until = bisect_right(named, at, key=lambda one: one[0])
        since = bisect_right(named, at - WINDOW, key=lambda one: one[0])
        counted = Counter(name for _, name in named[since:until])
        number = counted.total()
        ratio = lgamma(strength) - lgamma(strength + number)
        for name, times in counted.items():
            usual = self._frequency(category, name)
            ratio += lgamma(strength * usual + times) - lgamma(strength * usual)
            ratio -= times * log(usual)
        return ratio if number > 1 else 0.0


def alarms(scores: Scores, bound: float) -> list[datetime]:
    """Return when a bound is reached, with the pause that a freeze brings."""
    found: list[datetime] = []
    for at, score in scores:
        if score >= bound and (not found or at > found[-1] + STOPPED):
            found.append(at)
    return found


def bound_for(budget: float, sound: Sequence[Scores], years: float) -> float:
    """Return the lowest bound, as a logarithm, that keeps a budget of wrong freezes."""
    low, high = log(LEAST), 200.0
    for _ in range(40):
        middle = (low + high) / 2
        wrong = sum(len(alarms(one, middle)) for one in sound)
        low, high = (middle, high) if 1000 * wrong / years > budget else (low, middle)
    return high


def seen_before(
    scores: Mapping[str, Scores], alerts: Mapping[str, datetime], bound: float
) -> int:
    """Return how many alerts were preceded by an alarm, and not by too long."""
    return sum(
        any(timedelta(0) < alert - at <= EARLY for at in alarms(scores.get(sku, []), bound))
        for sku, alert in alerts.items()
    )


def report(
    name: str, scored: Callable[[str], Scores], skus: Iterable[str],
    alerts: Mapping[str, datetime], years: float,
) -> None:
    """Print what one way of scoring sees, by budget."""
    scores = {sku: scored(sku) for sku in skus}
    sound = [one for sku, one in scores.items() if sku not in alerts]
    for budget in (10, 3, 1):
        bound = bound_for(budget, sound, years)
        before = seen_before(scores, alerts, bound)
        print(f"{name}, at {budget}: before {before} of {len(alerts)}", flush=True)


def main() -> None:
    items, alerts, symptoms = read_items(), read_alerts(), Symptoms()
    sound = [one for one in items if one.sku not in alerts]
    priors, years = learn_priors(sound, END), sum(one.years(END) for one in sound)
    risen, seen, category = rule("risen"), dict[str, Scores](), dict[str, str]()
    for item in items:
        category[item.sku] = item.category or ""
        last = dict(evidence_over_time(risen, item, priors_of(item, priors)))  # of each moment
        worth_it = [(at, log(value)) for at, value in sorted(last.items()) if value >= LEAST]
        if worth_it:
            seen[item.sku] = worth_it
    report("numbers alone", seen.__getitem__, seen, alerts, years)
    for strength in STRENGTHS:

        def scored(sku: str, strength: float = strength) -> Scores:
            return [
                (at, value + symptoms.concentration(sku, category[sku], at, strength))
                for at, value in seen[sku]
            ]

        report(f"with what is named, {strength:g}", scored, seen, alerts, years)


if __name__ == "__main__":
    main()
