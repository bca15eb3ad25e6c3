"""What a chart of a case is drawn from: what its rule saw, point by point, and what happened when.

What led to a stop is drawn as it was known then, by the code that recomputes it; what came later as
it is known now.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from freezeguard.detection.chart import Point, Stretch, points, step_for
from freezeguard.detection.evaluation import Evidence, after_the_fix
from freezeguard.detection.families import learns
from freezeguard.detection.windows import Observed, Shipment, moment_before
from freezeguard.domain.people import Actor, is_vendor
from freezeguard.domain.record import Case
from freezeguard.domain.rules import Family, Rule
from freezeguard.domain.transitions import FINAL, Command, State
from freezeguard.ports.clock import Now
from freezeguard.ports.rows import CaseEvent, Notice
from freezeguard.ports.storage import Database, Transaction
from freezeguard.services.cases.casefile import visible_case
from freezeguard.services.cases.shared import Shared
from freezeguard.services.detecting.recomputing import (
    AsItWas,
    as_it_was,
    fix_of,
    is_automatic,
    priors_of,
)

MarkKind = Literal[
    "suspicion", "crossing", "freeze", "confirmed", "notice", "approved", "released", "closed"
]
OF_A_PULL = Rule("", 0, Family.DISTINCT_CUSTOMERS, timedelta(days=30), 1.0)
"""Counts customers of a case that no rule opened: its bound says nothing."""
SHORTEST = timedelta(days=1)
DEADLINE = 20.0
"""Seconds: all complaints of an item are read, and there may be a hundred thousand."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened. `what` is the rule, the kind of notice, or the final state."""

    kind: MarkKind
    at: datetime
    what: str | None = None
    recipient: str | None = None
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class ChartBasis:
    """All that a chart is worked out from; `rule` is None where no rule opened the case."""

    stretches: Sequence[Stretch]
    shipped: Sequence[Shipment]
    rule: Rule | None
    start: datetime
    end: datetime
    step: timedelta
    marks: Sequence[Mark]
    signals: int

    def chart(self) -> "Chart":
        """Work it out."""
        found = points(self.stretches, self.shipped, self.start, self.end, self.step)
        return Chart(self.rule, self.start, self.end, self.step, found, self.marks)


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart as it was worked out, with every mark."""

    rule: Rule | None
    start: datetime
    end: datetime
    step: timedelta
    points: Sequence[Point]
    marks: Sequence[Mark]

    def marks_for(self, reader: Actor) -> list[Mark]:
        """Return the marks that a reader sees.

        A suspicion stays inside the shop, and so does whoever else was told.
        """
        return [
            one for one in self.marks
            if not is_vendor(reader) or (one.kind != "suspicion" and _is_theirs(one))
        ]


class Charting:
    """Works charts of cases out, beside the event loop."""

    def __init__(self, database: Database, now: Now) -> None:
        self._database, self._now = database, now
        self._shared = Shared(now, self._work_out)

    async def chart(self, case_id: UUID, reader: Actor) -> tuple[Case, Chart]:
        """Return a case with its chart. Raises NotFound, also for a case that is another's."""
        case = await self._database.run(lambda tx: visible_case(tx, case_id, reader))
        return case, await self._shared.of(case)

    async def _work_out(self, case: Case) -> tuple[Chart, int]:
        basis = await self._database.run(lambda tx: self._read(tx, case), deadline=DEADLINE)
        return await asyncio.to_thread(basis.chart), basis.signals

    async def _read(self, tx: Transaction, case: Case) -> ChartBasis:
        """Return what a chart of a case is drawn from."""
        events = await tx.cases.events(case.id)
        remembered = await tx.signals.remembered(case.scope.sku, case.id)
        known = [
            await as_it_was(
                tx, case, events[:n], event,
                [one.signal for one in remembered if one.counted_at(event.at)],
            )
            for n, event in enumerate(events) if is_automatic(event)
        ]
        rule = known[-1].rule if known else OF_A_PULL
        marks = _marks(events, known, await tx.notices.of_case(case.id))
        end = max([case.closed_at or self._now(), *(one.at for one in marks)])
        begun = min([case.opened_at, *(crossed_at(one) for one in known)])
        back = max(rule.window, SHORTEST)
        step = step_for(rule.window, end - begun + back)
        shipped = await tx.signals.shipments(case.scope.sku, None)
        signals = [one.signal for one in remembered if one.counted_at(None)]
        return ChartBasis(
            await _stretches(tx, case, events, known, signals, shipped, end),
            shipped, rule if known else None, _whole(moment_before(begun, back), step), end, step,
            marks, len(remembered),
        )


def crossed_at(was: AsItWas) -> datetime:
    """Return when the complaint was made that crossed the bound."""
    return datetime.fromisoformat(was.stored["counted"][-1]["occurred_at"])


def _whole(moment: datetime, step: timedelta) -> datetime:
    """Return the hour or the day, in UTC, in which a moment lies."""
    moment = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return moment if step < timedelta(days=1) else moment.replace(hour=0)


async def _stretches(
    tx: Transaction, case: Case, events: Sequence[CaseEvent], known: Sequence[AsItWas],
    signals: Sequence[Observed], shipped: Sequence[Shipment], end: datetime,
) -> list[Stretch]:
    """Return one stretch up to each crossing as it was seen then, and what came after."""
    found = [Stretch(crossed_at(one), one.rule, one.evidence, one.scope) for one in known]
    if not known:
        return [Stretch(end, OF_A_PULL, Evidence(signals), case.scope, has_bound=False)]
    last = known[-1]
    event = next(one for one in reversed(events) if is_automatic(one))
    rule = await tx.detection.rule_version(
        event.arguments["rule_id"], event.arguments["rule_version"]
    )
    assert rule is not None  # noqa: S101 - it was read for the stretch before
    priors = priors_of(last.stored)
    history = await tx.signals.judged_usual(case.scope.sku, end) if learns(rule) else ()
    now = Evidence(signals, shipped, history=history, priors=priors)
    since = case.reinstated_at
    if since is None or since < last.at:
        return [*found, Stretch(end, rule, now, last.scope)]
    tight, after = after_the_fix(rule, case.scope, signals, shipped, fix_of(events), priors)
    return [
        *found, Stretch(since, rule, now, last.scope), Stretch(end, tight, after, case.scope)
    ]


def _marks(
    events: Sequence[CaseEvent], known: Sequence[AsItWas], notices: Sequence[Notice]
) -> list[Mark]:
    automatic = [one for one in events if is_automatic(one)]
    marks = [
        Mark(_crossed(event), crossed_at(was), was.rule.id)
        for event, was in zip(automatic, known, strict=True)
    ]
    marks += [mark for event in events for mark in _happened(event)]
    marks += [
        Mark("notice", one.sent_at, one.kind, one.recipient, one.channel)
        for one in notices if one.sent_at is not None
    ]
    return sorted(marks, key=lambda one: one.at)


def _is_theirs(mark: Mark) -> bool:
    return mark.recipient is None or mark.recipient.startswith("vendor:")


def _crossed(event: CaseEvent) -> MarkKind:
    return "suspicion" if event.command == Command.SUSPECT else "crossing"


def _happened(event: CaseEvent) -> list[Mark]:
    """Return what of a line of history a chart shows."""
    if event.command == Command.CONFIRM_FREEZE:
        return [Mark("confirmed", event.at)]
    released = [Mark("released", event.at)] if event.command == Command.CONFIRM_RELEASE else []
    if event.from_state == event.to_state:
        return released
    if event.to_state == State.FREEZING:
        return [Mark("freeze", event.at)]
    if event.to_state == State.REINSTATING:
        return [Mark("approved", event.at)]
    closed = [Mark("closed", event.at, event.to_state)] if event.to_state in FINAL else []
    return [*released, *closed]
