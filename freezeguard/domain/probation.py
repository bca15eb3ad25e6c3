"""Probation: how it is set, and when it may end."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from freezeguard.domain.policy import Policy
from freezeguard.domain.record import Case, ProbationRecord


def terms(case: Case, policy: Policy, now: datetime) -> dict[str, Any]:
    """Return the terms of a probation that starts now: doubled for each recurrence, capped."""
    factor = 2**case.recurrence
    time = min(policy.probation_time * factor, policy.probation_cap)
    return {
        "started_at": now.isoformat(),
        "until": (now + time).isoformat(),
        "units": policy.probation_units * factor,
        "cap": (now + policy.probation_cap).isoformat(),
    }


def upper_rate(defects: int, units: int, *, confidence: float = 0.95) -> float:
    """Return the upper confidence bound of a Poisson rate, in defects per unit.

    The mean m at which seeing `defects` or fewer has probability 1 - confidence, over the units
    (the exact one-sided bound of Garwood, Biometrika 28, 1936), found by bisection. With no units
    nothing is known and the bound is infinite.
    """
    if units <= 0:
        return math.inf
    low, high = 0.0, defects + 20 * math.sqrt(defects + 1) + 20
    for _ in range(80):
        middle = (low + high) / 2
        if _poisson_at_most(defects, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high / units


def _poisson_at_most(n: int, mean: float) -> float:
    logs = (k * math.log(mean) - mean - math.lgamma(k + 1) if mean else 0.0 for k in range(n + 1))
    return min(1.0, math.fsum(math.exp(value) for value in logs))


def baseline_rate(record: ProbationRecord, policy: Policy) -> float:
    """Return the defect rate that counts as normal for the SKU, in defects per unit."""
    if not record.baseline_units:
        return policy.baseline_floor
    return max(policy.baseline_floor, record.baseline_complaints / record.baseline_units)


def unmet(case: Case, record: ProbationRecord, policy: Policy, now: datetime) -> tuple[str, ...]:
    """Return one sentence per condition that probation still has to meet."""
    set_terms: Mapping[str, Any] = case.probation or {}
    missing = []
    if at_cap(case, now):
        missing.append("probation is at its cap; extend the deadline or freeze again")
    until = datetime.fromisoformat(set_terms["until"])
    if now < until:
        missing.append(f"probation lasts until {until.isoformat()}")
    wanted_units = int(set_terms["units"])
    if record.units < wanted_units:
        missing.append(f"{record.units} of {wanted_units} units shipped since the reinstatement")
    limit = 2 * baseline_rate(record, policy)
    bound = upper_rate(record.complaints, record.units)
    if wanted_units and bound >= limit:
        missing.append(
            f"the defect rate may be as high as {bound:.2%} of units; it must be under {limit:.2%}"
        )
    if record.silent:
        missing.append(
            f"nothing is heard from {', '.join(record.silent)}, where the complaints came from: "
            "that there are none proves nothing"
        )
    return tuple(missing)


def at_cap(case: Case, now: datetime) -> bool:
    """Say whether probation has lasted as long as it may: the owner must choose."""
    return now >= datetime.fromisoformat((case.probation or {})["cap"])


def next_check(case: Case, policy: Policy, now: datetime) -> datetime:
    """Return when to look again at a probation that could not end."""
    until = datetime.fromisoformat((case.probation or {})["until"])
    return until if now < until else now + max(policy.probation_check, timedelta(seconds=1))
