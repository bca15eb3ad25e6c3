"""Turns what services return into answers; leaves out what is not the reader's."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel

from freezeguard.api.models.answers.cases import (
    CaseOut,
    ClockOut,
    CommandOut,
    DeadlineOut,
    EvidenceFileOut,
    EvidenceOut,
    HarmOut,
    ListedCase,
    NoticeOut,
    ObjectOut,
    OverdueOut,
    QuestionOut,
    TaskOut,
)
from freezeguard.api.models.answers.holds import HoldOut
from freezeguard.api.models.answers.output import ScopeOut
from freezeguard.api.models.commands import argument_schema
from freezeguard.domain.clocks import sort_of
from freezeguard.domain.enforcement import ObjectState
from freezeguard.domain.people import Actor, actor_name, is_vendor
from freezeguard.domain.questions import Outcome, Question, may_answer, may_withdraw
from freezeguard.domain.record import Case
from freezeguard.domain.signals import Severity
from freezeguard.ports.evidence import EvidenceFile
from freezeguard.ports.rows import CatalogueRow, Clock, Harm, Hold, ManualTask, Notice
from freezeguard.services import vendorsview
from freezeguard.services.cases.casefile import Casefile
from freezeguard.services.vendorsview import part_for_vendor, reason_for_vendor

Shown = TypeVar("Shown", bound=BaseModel)


def present_case(file: Casefile, actor: Actor) -> CaseOut:
    """Return a casefile as this reader may see it."""
    whole = _whole(file, actor)
    if not is_vendor(actor):
        return whole
    parts = {
        name: part_for_vendor(name, getattr(whole, name))
        for name in ("narrowing", "commitment", "contest", "appeal")
    }
    objects = [withheld(one, vendorsview.OBJECT) for one in whole.enforcement]
    return withheld(whole, vendorsview.CASE).model_copy(
        update={**parts, "enforcement": objects, "contact_cost": None}
    )


def _whole(file: Casefile, actor: Actor) -> CaseOut:
    case, evidence = file.case, file.evidence
    return CaseOut(
        **_summary(case, actor, [one for one in file.clocks if one.is_overdue(file.read_at)]),
        outcome=case.outcome,
        opened_by=case.opened_by,
        reinstated_at=case.reinstated_at,
        diagnosis=_plain(case.diagnosis),
        remedy=_plain(case.remedy),
        remedy_author=case.remedy_author,
        remedy_rounds=case.remedy_rounds,
        verification=_plain(case.verification),
        approval_requested_at=case.approval_requested_at,
        approval_requested_by=case.approval_requested_by,
        probation=_plain(case.probation),
        contact_cost=str(evidence.contact_cost),
        hold=next((present_hold(one) for one in file.holds), None),
        holds=[present_hold(one) for one in file.holds],
        further_scopes=[ScopeOut(**one.as_dict()) for one in case.further_scopes],
        narrowing=_plain(case.narrowing),
        authority_order=_plain(case.authority_order),
        commitment=_plain(case.commitment),
        contest=_plain(case.contest),
        appeal=_plain(case.appeal),
        hand_off=_plain(case.hand_off),
        merged_into=None if case.merged_into is None else str(case.merged_into),
        reviews=[dict(one) for one in file.reviews],
        evidence=EvidenceOut(
            signals=evidence.total,
            customers=evidence.customers,
            first_at=evidence.first_at,
            last_at=evidence.last_at,
            by_intent=dict(evidence.by_intent),
            by_severity=dict(evidence.by_severity),
            by_lot=dict(evidence.by_lot),
            excerpts=list(evidence.excerpts),
        ),
        evidence_files=[present_file(one, actor) for one in file.files],
        enforcement=[_object(row, state) for row, state in file.objects],
        notices=[notice_out(one) for one in file.notices],
        clocks=[_clock(one) for one in file.clocks],
        tasks=[_task(one) for one in file.tasks],
        questions=[present_question(one, case, actor) for one in file.questions],
        available_commands=[
            CommandOut(
                command=one.command,
                arguments=argument_schema(one.command),
                unmet=list(one.unmet),
                votes=one.votes,
            )
            for one in file.offers
        ],
    )


def present_listed(
    case: Case, actor: Actor, running: Sequence[Clock], since: datetime | None, now: datetime,
    harm: Harm | None = None,
) -> ListedCase:
    """Return a case as it stands in a list, with what is due of its clocks that run.

    `harm` says why it stands where it does, in the queue.
    """
    overdue = [one for one in running if one.is_overdue(now)]
    if is_vendor(actor):  # what is asked of the vendor comes before when it hears from the shop
        asked = [one for one in running if sort_of(one.kind) in vendorsview.ASKED_OF_VENDORS]
        running = asked or running
    ahead = min((one for one in running if one not in overdue), key=_due, default=None)
    listed = ListedCase(
        **_summary(case, actor, overdue),
        state_since=since,
        next_deadline=None if ahead is None or any(one in running for one in overdue)
        else DeadlineOut(kind=ahead.kind, due_at=ahead.due_at),
        harm=None if harm is None else _harm(harm),
    )
    return withheld(listed, vendorsview.LISTED) if is_vendor(actor) else listed


def _harm(harm: Harm) -> HarmOut:
    return HarmOut.model_validate(
        {
            "rank": harm.rank,
            "severity": Severity(harm.severity).word if harm.severity else None,
            "customers": harm.customers,
            "units": harm.units,
            "contact_cost": str(harm.contact_cost),
            "price": None if harm.price is None else str(harm.price),
            "overdue": harm.overdue,
            "days": round(harm.days, 3),
        }
    )


def _due(clock: Clock) -> datetime:
    return clock.due_at


def withheld(shown: Shown, wanted: frozenset[str]) -> Shown:
    """Return an answer with nothing in the fields that are not wanted."""
    hidden = set(type(shown).model_fields) - wanted
    return shown.model_copy(update={name: _nothing_like(getattr(shown, name)) for name in hidden})


def _nothing_like(value: Any) -> Any:
    """Return what says nothing where a field always has a value."""
    return type(value)() if isinstance(value, str | list | int) else None


def _summary(case: Case, actor: Actor, overdue: Sequence[Clock]) -> dict[str, Any]:
    late = [
        OverdueOut(kind=one.kind, due_at=one.due_at, level=one.level)
        for one in sorted(overdue, key=lambda one: one.due_at)
    ]
    return {
        "overdue": late,
        "id": str(case.id),
        "number": case.number,
        "scope": ScopeOut(**case.scope.as_dict()),
        "state": case.state,
        "lane": case.lane,
        "degraded": case.degraded,
        "version": case.version,
        "evidence_revision": case.evidence_revision,
        "recurrence": case.recurrence,
        "owner": case.owner,
        "vendor": case.vendor,
        "vendor_status": case.vendor_status,
        "category": case.category,
        "opened_at": case.opened_at,
        "frozen_at": case.frozen_at,
        "closed_at": case.closed_at,
        "reason": reason_for_vendor(case.reason) if is_vendor(actor) else dict(case.reason),
    }


def _plain(value: Any) -> dict[str, Any] | None:
    return None if value is None else dict(value)


def present_file(file: EvidenceFile, actor: Actor) -> EvidenceFileOut:
    """Return a file as this reader may see it: a vendor learns no names of others."""
    own = file.uploaded_by == actor_name(actor)
    return EvidenceFileOut(
        id=str(file.id), name=file.name, media_type=file.media_type, size=file.size,
        sha256=file.sha256, note=file.note,
        uploaded_by=vendorsview.SOMEBODY if is_vendor(actor) and not own else file.uploaded_by,
        uploaded_at=file.uploaded_at, visible_to_vendor=file.visible_to_vendor,
        erased_at=file.erased_at,
    )


def present_question(one: Question, case: Case, actor: Actor) -> QuestionOut:
    """Return a question as this reader may see it: a vendor learns no names of the shop's."""
    theirs = is_vendor(actor)
    return QuestionOut(
        id=str(one.id), of=one.of, person=None if theirs else one.person,
        with_vendor=one.vendor is not None, text=one.text,
        asked_by=speaker(one.asked_by, actor, by_vendor=one.by_vendor), asked_at=one.asked_at,
        due_at=one.due_at, outcome=None if one.outcome is None else one.outcome.value,
        answer=one.answer,
        closed_by=None if one.closed_by is None else speaker(
            one.closed_by, actor,
            by_vendor=one.by_vendor is (one.outcome is Outcome.WITHDRAWN),
        ),
        closed_at=one.closed_at, may_answer=may_answer(case, one, actor),
        may_withdraw=may_withdraw(case, one, actor),
    )


def speaker(name: str, actor: Actor, *, by_vendor: bool) -> str:
    """Return who said something, as a reader may know it: to a vendor, which side it was."""
    if not is_vendor(actor) or name == actor_name(actor):
        return name
    return vendorsview.THE_VENDOR if by_vendor else vendorsview.THE_SHOP


def present_hold(hold: Hold) -> HoldOut:
    """Return a hold as readers see it."""
    return HoldOut.model_validate(hold.as_dict())


def _object(row: CatalogueRow, state: ObjectState) -> ObjectOut:
    waiver = state.waiver
    return ObjectOut(
        catalogue=row.catalogue,
        remote_id=row.remote_id,
        wanted=row.wanted,
        status=state.status.value,
        detail=row.detail,
        seen_sellable=row.seen_sellable,
        seen_side=row.seen_side,
        seen_at=row.seen_at,
        sent_at=row.sent_at,
        attempts=row.attempts,
        fallbacks=list(row.fallbacks),
        enforced_scope=_wider(state),
        takes_along=list(row.takes_along),
        held_by_other=state.held_by_other,
        waived_by=waiver and waiver.by,
        waived_until=waiver and waiver.until,
        waived_why=waiver and waiver.why,
    )


def _wider(state: ObjectState) -> ScopeOut | None:
    widened = state.enforced_scope
    return None if widened is None else ScopeOut(**widened.as_dict())


def notice_out(one: Notice) -> NoticeOut:
    """Return a notice as people and programs see it."""
    return NoticeOut(
        id=str(one.id), n=one.n, kind=one.kind, recipient=one.recipient, channel=one.channel,
        state=one.state, attempts=one.attempts, created_at=one.created_at, sent_at=one.sent_at,
        last_error=one.last_error,
    )


def _clock(one: Clock) -> ClockOut:
    return ClockOut(
        kind=one.kind, started_at=one.started_at, due_at=one.due_at, stopped_at=one.stopped_at,
        fired_at=one.breached_at, warned_at=one.warned_at, paused_at=one.paused_at,
        level=one.level, law=one.details.get("law"),
    )


def _task(one: ManualTask) -> TaskOut:
    return TaskOut.model_validate(
        {
            "id": str(one.id),
            "catalogue": one.catalogue,
            "remote_id": one.remote_id,
            "task": one.task,
            "instruction": one.instruction,
            "opened_at": one.opened_at,
            "resolved_at": one.resolved_at,
            "resolved_by": one.resolved_by,
            "note": one.note,
        }
    )
