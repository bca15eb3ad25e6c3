"""Streams of signals for these tests, and a slow recount that shares no code with detection."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from freezeguard.detection.windows import Observed, Shipment
from freezeguard.domain.rules import Family, Rule
from freezeguard.domain.scope import Scope
from freezeguard.domain.signals import Kind, Severity

START = datetime(2026, 11, 1, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
SKU = Scope("K-1")


def signal(at: float, name: str = "", **changes: Any) -> Observed:
    """Return a complaint made `at` seconds after the start, by a customer of its own."""
    plain = Observed(
        SKU, START + timedelta(seconds=at), "shop", name or f"{at:09.3f}", 1, Kind.COMPLAINT,
        "defect", Severity.MAJOR, customer=(name or str(at)).encode(),
    )
    return replace(plain, **changes)


def shipment(at: float, units: int, **narrowed: str) -> Shipment:
    """Return units shipped `at` seconds after the start."""
    return Shipment(Scope.of("K-1", narrowed), START + timedelta(seconds=at), units)


def rule(family: Family = Family.COUNT, **changes: Any) -> Rule:
    """Return an armed rule: three in ten seconds, unless told otherwise."""
    fields: dict[str, Any] = {
        "id": "r", "version": 1, "family": family, "window": 10 * SECOND, "bound": 3.0,
        "mode": "armed",
    }
    if family is Family.RATE:
        fields |= {"bound": 0.5, "min_units": 2}
    if family is Family.SAFETY:
        fields |= {"bound": 1.0, "lane": "safety", "kinds": frozenset(Kind)}
    return Rule(**(fields | changes))


# ------------------------------------------------------------------------------ random streams

MOMENTS = st.integers(0, 40) | st.integers(0, 400).map(lambda tenths: tenths / 10)
"""Few and close together, so that edges of windows are hit and moments are shared."""

OBSERVED = st.builds(
    lambda at, source, number, kind, intent, severity, result, customer, lot, trusted: signal(
        at, source=source, id=f"{number:02d}", kind=kind, intent=intent, severity=severity,
        result=result, customer=customer, scope=Scope("K-1", lot=lot), may_assert_safety=trusted,
    ),
    MOMENTS,
    st.sampled_from(["shop", "phone"]),
    st.integers(0, 99),
    st.sampled_from([Kind.COMPLAINT, Kind.COMPLAINT, *Kind]),
    st.sampled_from(["defect", "defect", "smell", "delivery"]),
    st.sampled_from(Severity),
    st.sampled_from([None, None, "pass", "fail"]),
    st.sampled_from([None, b"", b"ann", b"ben", b"col", b"dee"]),
    st.sampled_from([None, "L1", "L2"]),
    st.booleans(),
)
STREAMS = st.lists(OBSERVED, max_size=14, unique_by=lambda one: (one.source, one.id))
SHIPMENTS = st.lists(
    st.builds(
        lambda at, units, lot: shipment(at, units, **({} if lot is None else {"lot": lot})),
        MOMENTS, st.integers(0, 5), st.sampled_from([None, "L1", "L2"]),
    ),
    max_size=6,
)


COUNTING = (Family.COUNT, Family.DISTINCT_CUSTOMERS, Family.RATE, Family.SAFETY)
"""The families that look at a window and nothing else."""


@st.composite
def rules(draw: st.DrawFn, families: Sequence[Family] = COUNTING) -> Rule:
    """Draw a rule of a family that counts, whose bounds are within reach of a short stream."""
    family = draw(st.sampled_from(families))
    bound: float = draw(st.integers(2, 5))
    changes: dict[str, Any] = {}
    if family is Family.RATE:
        bound = draw(st.sampled_from([0.2, 0.5, 1.0]))
        changes = {
            "min_units": draw(st.integers(1, 6)), "min_customers": draw(st.integers(0, 3))
        }
    elif family is Family.SAFETY:
        bound = 1.0
    look = None if bound == 1.0 else draw(st.sampled_from([None, bound / 2]))
    kinds = draw(st.sampled_from([(Kind.COMPLAINT, Kind.RETURN), tuple(Kind)]))
    intents = draw(st.sampled_from([(), ("smell",), ("delivery", "defect")]))
    return rule(
        family, bound=bound, look=look, kinds=frozenset(kinds), intents=frozenset(intents),
        window=timedelta(seconds=draw(st.sampled_from([1, 5, 10, 2.5]))),
        hold_scope=draw(st.sampled_from([("sku",), ("sku", "lot")])), **changes,
    )


# -------------------------------------------------------------------------------- slow recount


def order(one: Observed) -> tuple[datetime, str, str]:
    """Say in which order signals are counted."""
    return (one.occurred_at, one.source, one.id)


def counts(by: Rule, one: Observed) -> bool:
    """Say by the design's words whether a rule counts a signal."""
    if one.kind not in by.kinds:
        return False
    if by.family is Family.SAFETY:
        grave = one.severity is Severity.SAFETY or one.kind is Kind.RECALL
        return one.may_assert_safety and grave and one.result != "pass"
    if one.kind in {Kind.INSPECTION, Kind.TELEMETRY} and one.result != "fail":
        return False
    if by.intents:
        return one.intent in by.intents
    if one.kind in {Kind.INSPECTION, Kind.TELEMETRY}:
        return True
    return one.intent not in {"delivery", "change_of_mind"}


Sighting = tuple[Observed, float, list[Observed]]
"""The signal at whose moment something was seen, the value, and what lay in the window."""


def sightings(
    by: Rule, signals: Iterable[Observed], shipments: Sequence[Shipment], lot: str | None
) -> list[Sighting]:
    """Look at the window of each counted signal of a group, one by one, and measure it."""
    lotwise = "lot" in by.hold_scope
    group = [
        one for one in signals if counts(by, one) and (not lotwise or one.scope.lot == lot)
    ]
    seen: list[Sighting] = []
    for newest in sorted(group, key=order):
        end = newest.occurred_at
        inside = [
            one
            for one in group
            if end - by.window < one.occurred_at and order(one) <= order(newest)
        ]
        customers = len({one.customer or b"" for one in inside})
        value: float = customers if by.family is Family.DISTINCT_CUSTOMERS else len(inside)
        if by.family is Family.RATE:
            units = sum(
                one.units
                for one in shipments
                if end - by.window < one.shipped_at <= end
                and (not lotwise or lot is None or one.scope.lot in (None, lot))
            )
            if units < by.min_units or customers < by.min_customers:
                continue
            value = len(inside) / units
        seen.append((newest, value, sorted(inside, key=order)))
    return seen


def groups(by: Rule, signals: Iterable[Observed]) -> set[str | None]:
    """Return the lots that a rule tells apart, None for all of them together."""
    if "lot" not in by.hold_scope:
        return {None}
    return {one.scope.lot for one in signals}


def bounds(by: Rule, factor: float = 1.0) -> list[tuple[str, float]]:
    """Return the bounds of a rule: whole numbers stay whole when they are tightened."""
    named = [("freeze", by.bound)] + ([] if by.look is None else [("look", by.look)])
    if by.family is Family.RATE:
        return [(kind, bound * factor) for kind, bound in named]
    return [(kind, max(1, -int(-(bound * factor) // 1))) for kind, bound in named]
