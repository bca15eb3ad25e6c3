"""Cases built by rows, in any state, also in those that no command reaches yet."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from freezeguard.domain.record import Case
from freezeguard.domain.scope import Scope
from freezeguard.domain.transitions import FINAL, FROZEN_PHASE, State
from freezeguard.ports.rows import Hold
from freezeguard.ports.storage import Transaction
from tests.rig import CATEGORY, OWNER, REMEDY, VENDOR, VERIFICATION, Rig

STOPPED = {"published": False, "sale_stop": True}
IMAGE = {"published": True, "sale_stop": False, "stock": 100, "track_stock": True,
         "allow_backorder": False}
NEVER_FROZEN = frozenset({State.SUSPECTED, State.EXPIRED})
HELD = FROZEN_PHASE | {State.SUSPECTED, State.REINSTATING, State.DELISTED, State.APPEALED}


def remote_id(sku: str) -> str:
    """Return the id under which the sample shop keeps a numbered SKU."""
    return f"p{sku.removeprefix('SKU-')}"


def case_in(sku: str, state: State, **changes: Any) -> Case:
    """Return a case about a SKU of the vendor acme, as the ordinary course of things leaves it."""
    now = datetime.now(UTC)
    case = Case(
        id=uuid4(), scope=Scope(sku), state=state, lane="quality", opened_by="detector",
        opened_at=now - timedelta(days=3), reason={"sentence": "5 customers complained.",
                                                   "bound": 5},
        version=4, evidence_revision=3, vendor=VENDOR, category=CATEGORY, owner=OWNER,
        frozen_at=None if state in NEVER_FROZEN else now - timedelta(days=2),
        closed_at=now - timedelta(hours=1) if state in FINAL else None,
    )
    if state in {State.REMEDY_PROPOSED, State.AWAITING_APPROVAL}:
        case = replace(case, remedy=REMEDY, remedy_author="vera")
    if state is State.AWAITING_APPROVAL:
        case = replace(
            case, verification=VERIFICATION, approval_requested_at=now - timedelta(hours=1),
            approval_requested_by=OWNER, approval_evidence=3,
        )
    if state in {State.REINSTATING, State.PROBATION}:
        case = replace(case, reinstated_at=now - timedelta(days=1))
    if state is State.PROBATION:
        case = replace(case, probation=_terms(now))
    if state in {State.DELISTED, State.APPEALED, State.CLOSED_FALSE_ALARM}:
        case = _decided(case, now)
    return replace(case, **changes)


def _decided(case: Case, now: datetime) -> Case:
    """Return a case that was closed for good, and where it was appealed, with the appeal."""
    until = (now + timedelta(days=29)).isoformat()
    appeal: dict[str, Any] = {"until": until, "decided_at": (now - timedelta(hours=1)).isoformat()}
    if case.state is State.CLOSED_FALSE_ALARM:
        return replace(case, outcome="false_alarm", decided_by=(OWNER,))
    if case.state is State.APPEALED:
        appeal |= {
            "at": now.isoformat(), "by": "vera", "new_facts": "Another lot was tested.",
            "answer_by": (now + timedelta(days=5)).isoformat(),
        }
    return replace(case, outcome="delisted", decided_by=("mara", OWNER), appeal=appeal)


def order(**more: Any) -> dict[str, Any]:
    """Return an order of an authority as a case keeps it."""
    return {
        "authority": "The market surveillance", "document": "orders/7", "jurisdiction": None,
        "registered_at": datetime.now(UTC).isoformat(), "registered_by": "cora",
        "lane_before": "quality", **more,
    }


REVOCATION = {
    "document": "orders/8", "authority": "The market surveillance",
    "registered_at": "2026-11-20T12:00:00+00:00", "registered_by": "cora",
}


def _terms(now: datetime) -> dict[str, Any]:
    return {
        "started_at": (now - timedelta(days=1)).isoformat(), "units": 200,
        "until": (now + timedelta(days=13)).isoformat(),
        "cap": (now + timedelta(days=89)).isoformat(),
    }


async def put(rig: Rig, *cases: Case) -> None:
    """Store cases with their holds, catalogue objects, one line of history and one manual task.

    No worker has anything to do about them: no clock runs and no object is due. An object that
    was read ahead is taken for the case's; one that another case has stopped is left alone.
    """
    assert rig.service is not None
    for start in range(0, len(cases), 50):
        some = cases[start : start + 50]

        async def work(tx: Transaction, some: tuple[Case, ...] = some) -> None:
            for case in some:
                await _put(tx, case)

        await rig.service.database.run(work)


async def _put(tx: Any, case: Case) -> None:
    now = datetime.now(UTC)
    await tx.cases.insert(replace(case, number=(await tx.cases.announce()).number))
    actor, command = ("person:alba", "suspect") if case.frozen_at is None else (
        "detector", "freeze")
    await tx.cases.add_event(case, now, actor, command, None, {})
    await tx.cases.open_task(
        uuid4(), case, "stop", "shop", remote_id(case.scope.sku), "Stop it by hand.", now
    )
    revision = 0
    if case.state in HELD:
        revision = await tx.holds.next_revision()
        await tx.holds.insert(_hold(case, revision))
    await tx.connection.execute(
        "INSERT INTO catalogue_objects (sku, catalogue, remote_id, wanted, wanted_revision,"
        " status, before_image, before_at, written, seen_sellable, sent_at)"
        " VALUES ($1, 'shop', $2, $3, $4, $5, $6, $7, $8, $9, $7)"
        " ON CONFLICT (sku, catalogue, remote_id) DO UPDATE SET wanted = excluded.wanted,"
        " wanted_revision = excluded.wanted_revision, status = excluded.status,"
        " written = excluded.written, seen_sellable = excluded.seen_sellable,"
        " sent_at = excluded.sent_at, next_at = NULL"
        " WHERE catalogue_objects.status = 'idle'",
        case.scope.sku, remote_id(case.scope.sku), *_object(case, revision, now),
    )


def _hold(case: Case, revision: int) -> Hold:
    soft = case.state is State.SUSPECTED
    return Hold(
        id=uuid4(), case_id=case.id, scope=case.scope, lane=case.lane,
        level="hide" if soft else "hard", soft=soft,
        state="releasing" if case.state is State.REINSTATING else "active",
        reason="5 customers complained.", since=case.frozen_at or case.opened_at,
        revision=revision,
    )


def _object(case: Case, revision: int, now: datetime) -> tuple[Any, ...]:
    """Return wanted, revision, status, image, its time, what was written and what was seen."""
    if case.state is State.FREEZING:
        return "hard", revision, "pending", IMAGE, now, None, None
    if case.state is State.REINSTATING:
        return "sellable", revision, "pending", IMAGE, now, STOPPED, False
    if case.state in HELD:
        wanted = "hide" if case.state is State.SUSPECTED else "hard"
        return wanted, revision, "confirmed", IMAGE, now, STOPPED, False
    return "sellable", revision, "idle", IMAGE, now, None, True


async def snapshot(connection: Any, case_id: UUID) -> dict[str, Any]:
    """Return everything that a command on a case could change, as text and numbers."""
    row = await connection.fetchrow(
        """
        SELECT to_jsonb(cases) AS case,
               (SELECT jsonb_agg(to_jsonb(holds)) FROM holds WHERE case_id = $1) AS holds,
               (SELECT jsonb_agg(to_jsonb(catalogue_objects)) FROM catalogue_objects
                 WHERE sku = cases.sku) AS objects,
               (SELECT count(*) FROM case_events WHERE case_id = $1) AS events,
               (SELECT count(*) FROM approvals WHERE case_id = $1) AS votes,
               (SELECT count(*) FROM notices WHERE case_id = $1) AS notices,
               (SELECT count(*) FROM clocks WHERE case_id = $1) AS clocks,
               (SELECT count(*) FROM manual_tasks
                 WHERE case_id = $1 AND resolved_at IS NULL) AS tasks,
               (SELECT count(*) FROM audit WHERE subject = 'case:' || $1) AS audit
          FROM cases WHERE id = $1
        """,
        case_id,
    )
    return dict(row)
