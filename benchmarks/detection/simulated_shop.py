"""How many defects of a simulated shop the default policy freezes in time, and how many wrongly.

`python -m benchmarks.detection.simulated_shop`. The shop and its score are beside the project, in
`../shared/simulation`: units and complaints of 21,500 SKUs over two years, the second watched. The
bounds below were set on seeds 1 to 5, as the lowest at which at most 1 (or 10) in 1,000 sound SKUs
are ever frozen in the watched year, and are then scored on other seeds. For another family
(`--family cusum`) each seed is asked for its bounds, and scored at them: a little too well, then.
"""

import argparse
import importlib.util
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from math import exp, inf, log
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from freezeguard.detection.daybook import UNLEARNED, Background, Prior, Priors
from freezeguard.detection.exposure import UnitsByDay
from freezeguard.detection.families import track
from freezeguard.detection.statistics.priors import fit_gamma_prior, without_loud_days
from freezeguard.detection.windows import Exposure, Observed
from freezeguard.domain.rules import Rule, read_rule
from freezeguard.domain.scope import Scope
from freezeguard.domain.signals import Kind, Severity

SIMULATION = Path(__file__).resolve().parents[3] / "shared" / "simulation" / "simulated_shop.py"
FIRST_DAY = datetime(2024, 1, 1, 12, tzinfo=UTC)
BOUNDS = {1: 9_300.0, 10: 1_020.0}
"""Odds, by budget: wrong freezes per 1,000 sound SKUs and year."""
UNINTERESTING = {"likelihood": 150.0, "predictive": 100.0, "posterior": 1.05, "cusum": 1.0}
"""Bounds below which nothing is worked out, by family: none will be as low."""

Shop = dict[str, Any]
Evidence = NDArray[np.float64]


def simulation() -> ModuleType:
    """Load the simulation; leave with a clear message where it is not there."""
    if not SIMULATION.exists():
        sys.exit(f"The simulated shop is not here: it lies in ../{SIMULATION.parent.name}.")
    spec = importlib.util.spec_from_file_location("simulated_shop", SIMULATION)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def learned(shop: Shop, history: int) -> Priors:
    """Return the prior that the shop's own history shows."""
    complaints = shop["complaints"][:, :history]
    counts = [without_loud_days(row[row > 0].tolist(), history) for row in complaints]
    units = shop["units"][:, :history].sum(axis=1).tolist()
    shape, exposure = fit_gamma_prior(counts, units)
    return Priors(units=Prior(shape, exposure), days=UNLEARNED.days)


def complaints_of(row: NDArray[np.int32]) -> Iterator[tuple[int, Observed]]:
    """Yield a SKU's complaints in order with their day, each from a customer of its own."""
    scope = Scope("SKU")
    for day in np.flatnonzero(row).tolist():
        moment = FIRST_DAY + timedelta(days=day)
        for n in range(int(row[day])):
            name = f"{day}-{n}"
            yield day, Observed(
                scope, moment, "shop", name, 1, Kind.COMPLAINT, "defect", Severity.MAJOR,
                customer=name.encode(),
            )


def evidence(shop: Shop, history: int, rule: Rule) -> tuple[Evidence, float]:
    """Return the log of what a rule sees per SKU and watched day, and the seconds it took."""
    complaints, units = shop["complaints"], shop["units"]
    priors = learned(shop, history)
    first = FIRST_DAY.toordinal()
    found: Evidence = np.full((len(complaints), complaints.shape[1] - history), -inf)
    spent = 0.0
    for sku in range(len(complaints)):
        shipped = {first + day: int(n) for day, n in enumerate(units[sku]) if n}
        stream = list(complaints_of(complaints[sku]))
        begun = time.perf_counter()
        background = Background(priors, UnitsByDay(shipped) if shipped else None)
        tracker = track(rule, Exposure(()), background, 1.0)
        for day, signal in stream:
            sample = tracker.take(signal)
            if sample.sufficient and sample.value > 0 and day >= history:
                found[sku, day - history] = log(sample.value)
        spent += time.perf_counter() - begun
    return found, spent


def _rule(family: str = "likelihood") -> Rule:
    return read_rule({"id": family, "family": family, "bound": UNINTERESTING[family]}, 1)


def set_bounds(module: ModuleType, seeds: Sequence[int], family: str, *, bursts: bool) -> None:
    """Print, by budget, the bound that each seed asks for, its score, and their geometric mean."""
    limits: dict[int, list[float]] = {budget: [] for budget in BOUNDS}
    for seed in seeds:
        shop = module.shop(seed, bursts)
        found, _ = evidence(shop, module.HISTORY, _rule(family))
        for budget, asked in limits.items():
            asked.append(float(module.threshold(shop, found, budget)))
            scored = _summary([module.score(shop, found, asked[-1])], module.FACTORS)
            print(f"seed {seed}, budget {budget}: bound {exp(asked[-1]):,.4g}; {scored}")
    for budget, asked in limits.items():
        print(f"budget {budget}: bound {exp(sum(asked) / len(asked)):,.4g}", flush=True)


def score(module: ModuleType, seeds: Sequence[int], *, bursts: bool) -> None:
    """Print, by budget, what is found in time at the bounds above, and what is frozen wrongly."""
    results: dict[int, list[dict[str, Any]]] = {budget: [] for budget in BOUNDS}
    for seed in seeds:
        shop = module.shop(seed, bursts)
        found, seconds = evidence(shop, module.HISTORY, _rule())
        for budget, bound in BOUNDS.items():
            results[budget].append(module.score(shop, found, log(bound)))
        number = int(shop["complaints"].sum())
        print(f"seed {seed}: {number:,} complaints, {number / seconds:,.0f}/s", flush=True)
    for budget, of_seeds in results.items():
        print(f"budget {budget}:", _summary(of_seeds, module.FACTORS), flush=True)


def _summary(of_seeds: Sequence[dict[str, Any]], factors: Sequence[int]) -> str:
    wrong = [one["false_per_1000"] for one in of_seeds]
    parts = [f"wrong {np.mean(wrong):.2f} per 1,000 ({min(wrong):.2f} to {max(wrong):.2f})"]
    for factor in factors:
        shares = [one[f"x{factor}"][0] for one in of_seeds]
        delays = [one[f"x{factor}"][1] for one in of_seeds]
        parts.append(
            f"x{factor} {np.mean(shares):.3f} ({min(shares):.3f} to {max(shares):.3f}), "
            f"{np.mean(delays):.0f} days"
        )
    return "; ".join(parts)


def main() -> int:
    parser = argparse.ArgumentParser(prog="simulated_shop", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[6, 7, 8, 9, 10])
    parser.add_argument("--no-bursts", action="store_true", help="a shop without foreign bursts")
    parser.add_argument("--set-bounds", action="store_true", help="ask for bounds, don't score")
    parser.add_argument("--family", choices=sorted(UNINTERESTING), default="likelihood")
    asked = parser.parse_args()
    bursts = not asked.no_bursts
    if asked.set_bounds or asked.family != "likelihood":
        set_bounds(simulation(), asked.seeds, asked.family, bursts=bursts)
    else:
        score(simulation(), asked.seeds, bursts=bursts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
