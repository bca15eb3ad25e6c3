"""Who is told what: turns a `Notify` of a decision into notices of the outbox, with their facts.

Facts are fixed here, in the transaction of the change; words come when a notice is sent. Nothing
here can delay or undo a freeze: a reader without an address gets a notice that says so.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from freezeguard.domain.effects import Notify
from freezeguard.domain.people import Role
from freezeguard.domain.record import Case
from freezeguard.ports.clock import NewId
from freezeguard.ports.storage import AttachedSignals, CatalogueRow, Notice, Transaction
from freezeguard.services.directory import Directory
from freezeguard.services.readers import (
    Reader,
    further_readers,
    reader_of,
    stand_in,
    vendor_reader,
)
from freezeguard.services.vendorsview import reason_for_vendor
from freezeguard.services.webhooks import post_case_news

EVIDENCE_KINDS = frozenset({"statement_of_reasons", "refrozen", "suspected", "approval_requested"})
CATALOGUE_KINDS = frozenset({"statement_of_reasons", "refrozen", "frozen_confirmed", "released"})
EXCERPTS = 3
SECOND_VOTES = frozenset({"delist_requested", "narrow_requested"})
"""Notices to those who may give the last vote; whoever gave the first one needs none."""
SECOND_APPROVERS = frozenset({Role.MANAGER, Role.ANALYST, Role.COMPLIANCE})


@dataclass(frozen=True, slots=True)
class House:
    """How the shop signs its notices. `url` is where people reach freezeguard."""

    shop: str = "the shop"
    url: str = "http://127.0.0.1:8080"
    contact_name: str = "Quality team"
    contact_address: str = "quality@localhost"
    terms: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the caller has before it already: the evidence, and the catalogue objects."""

    evidence: AttachedSignals | None = None
    rows: Sequence[CatalogueRow] | None = None


NOTHING_SEEN = Seen()


NEXT_STEPS: Mapping[tuple[str, str], tuple[tuple[str, str | None], ...]] = {
    ("statement_of_reasons", "vendor"): (("confirm_stop", None), ("propose_remedy", None)),
    ("statement_of_reasons", "staff"): (("confirm_stop", None), ("accept_ownership", None)),
    ("refrozen", "vendor"): (("confirm_stop", None), ("propose_remedy", None)),
    ("refrozen", "staff"): (("confirm_stop", None), ("accept_ownership", None)),
    ("frozen_confirmed", "vendor"): (("propose_remedy", None),),
    ("frozen_confirmed", "staff"): (("accept_ownership", None),),
    ("suspected", "staff"): (("second_opinion", "expires_at"),),
    ("degraded", "staff"): (("retry", None),),
    ("manual_task", "staff"): (("resolve_task", None),),
    ("release_refused", "staff"): (("resolve_task", None),),
    ("remedy_proposed", "staff"): (("judge_remedy", None),),
    ("remedy_returned", "vendor"): (("propose_remedy", None),),
    ("approval_requested", "staff"): (("decide_approval", None),),
    ("vendor_reminder", "vendor"): (("acknowledge", "due"), ("propose_remedy", None)),
    ("vendor_escalated", "vendor"): (("acknowledge", "due"), ("propose_remedy", None)),
    ("commitment_broken", "vendor"): (("propose_remedy", None),),
    ("contest_received", "staff"): (("answer_contest", "answer_due"),),
    ("update", "vendor"): (("update", "next_update"),),
    ("update", "staff"): (("update", "next_update"),),
    ("delisted", "vendor"): (("appeal", "appeal_until"),),
    ("narrow_requested", "staff"): (("decide_approval", "valid_until"),),
    ("delist_requested", "staff"): (("decide_approval", "valid_until"),),
    ("revocation_registered", "staff"): (("decide_approval", None),),
    ("review_due", "staff"): (("review", "due"),),
    ("released", "vendor"): (("probation_ends", "until"),),
    ("released", "staff"): (("probation_ends", "until"),),
}
"""What happens next, by kind of notice and audience: a step, and the fact that says by when."""


class Telling:
    """Writes notices into the outbox."""

    def __init__(self, directory: Directory, house: House, new_id: NewId) -> None:
        self._directory, self._house, self._new_id = directory, house, new_id

    async def tell(
        self, tx: Transaction, case: Case, notify: Notify, now: datetime, seen: Seen = NOTHING_SEEN
    ) -> int:
        """Write one notice per reader of a case; return to how many readers.

        `seen` spares looking up what the caller has.
        """
        readers = await self._readers(tx, case, notify, now)
        if not readers:
            return 0
        facts = await self._facts(tx, case, notify, now, seen)
        for reader in readers:
            notice = self._notice(case, reader, notify.kind, facts)
            await tx.notices.add(notice, now)
            await post_case_news(tx, case, notice, now)
        if notify.reader == "vendor" and readers[0].address is None:
            await self._vendor_unreachable(tx, case, now, seen)
        return len(readers)

    async def tell_shop(
        self, tx: Transaction, kind: str, facts: Mapping[str, Any], now: datetime,
        also: Iterable[Reader] = (),
    ) -> None:
        """Write a notice about no case to the default owner, every admin, and others `also`."""
        people = [one for one, active in await tx.people.people() if active]
        default = (await tx.people.instance()).get("default_owner")
        readers = [
            reader_of(one) for one in people if Role.ADMIN in one.roles or one.id == default
        ]
        body = {**self._common(now, f"{self._house.url}/docs"), **facts}
        for reader in {one.name: one for one in (*readers, *also)}.values():
            await tx.notices.add(self._notice(None, reader, kind, body), now)

    async def _vendor_unreachable(
        self, tx: Transaction, case: Case, now: datetime, seen: Seen
    ) -> None:
        """A person must tell a vendor whom no channel reaches."""
        owner = await self._owner(tx, case)
        if owner is None:
            return
        text = (
            f"No mail address is known for vendor {case.vendor or '(none registered)'}. "
            "Tell the vendor why the sale was stopped, and register a contact."
        )
        notify = Notify("manual_task", "owner", {
            "task": "tell_vendor", "vendor": case.vendor, "instruction": text, "detail": text,
        })
        facts = await self._facts(tx, case, notify, now, seen)
        await tx.notices.add(self._notice(case, owner, "manual_task", facts), now)

    def _notice(
        self, case: Case | None, reader: Reader, kind: str, facts: Mapping[str, Any]
    ) -> Notice:
        addressed = {
            **facts,
            "audience": reader.audience,
            "recipient": reader.person,
            "steps": _steps(kind, reader.audience, facts),
        }
        if reader.audience == "vendor":
            addressed.pop("by", None)
            if (reason := facts.get("reason")) is not None:
                addressed["reason"] = reason_for_vendor(reason)
        return Notice(
            id=self._new_id(), case_id=None if case is None else case.id,
            sku=None if case is None else case.scope.sku, n=0,
            recipient=reader.name, channel="mail", address=reader.address, kind=kind,
            facts=addressed, language=reader.language, time_zone=reader.time_zone,
            state="queued" if reader.address else "silent",
        )

    # ------------------------------------------------------------------------------- readers

    async def _readers(
        self, tx: Transaction, case: Case, notify: Notify, now: datetime
    ) -> list[Reader]:
        match notify.reader:
            case "vendor":
                return await self._vendor(tx, case)
            case "owner":
                return [one for one in [await self._owner(tx, case)] if one]
            case "approvers":
                if notify.facts.get("second_needed") or notify.kind in SECOND_VOTES:
                    return await self._second_approvers(tx, case, now)
                return await self._approvers(tx, case)
            case "pullers":
                return await self._pullers(tx, case, notify.kind)
            case "everyone_told":
                return await self._told(tx, case)
            case _:
                return await further_readers(tx, case, notify)

    async def _vendor(self, tx: Transaction, case: Case) -> list[Reader]:
        vendor = None if case.vendor is None else await tx.master.vendor(case.vendor)
        if vendor is not None:
            return [vendor_reader(vendor)]
        return [Reader(f"vendor:{case.vendor or ''}", case.vendor or "", None, "vendor")]

    async def _owner(self, tx: Transaction, case: Case) -> Reader | None:
        """Return who answers for a case; where that person has left, who stands in."""
        found = None if case.owner is None else await tx.people.person(case.owner)
        if found is not None and found[1]:
            return reader_of(found[0])
        deputy = await stand_in(tx, case.owner or "", ())
        return None if deputy is None else reader_of(deputy)

    async def _approvers(self, tx: Transaction, case: Case) -> list[Reader]:
        authors = {case.remedy_author, case.approval_requested_by}
        return [
            reader_of(one)
            for one, active in await tx.people.people()
            if active and one.manages(case.category) and one.id not in authors
        ]

    async def _second_approvers(
        self, tx: Transaction, case: Case, now: datetime
    ) -> list[Reader]:
        """Those who may complete an approval: managers of the category first, else all others."""
        agreed = {vote.person for vote, _ in await tx.cases.votes(case.id, now)}
        agreed |= {one for one in (case.remedy_author, case.approval_requested_by) if one}
        free = [
            one
            for one, active in await tx.people.people()
            if active and one.id not in agreed and one.roles & SECOND_APPROVERS
        ]
        managers = [one for one in free if one.manages(case.category)]
        return [reader_of(one) for one in managers or free]

    async def _pullers(self, tx: Transaction, case: Case, kind: str) -> list[Reader]:
        """Who pulled hears; of a suspicion that ends the owner hears as well."""
        pullers = await tx.cases.pullers(case.id)
        owner = (case.owner,) if kind in {"expired", "dismissed"} else ()
        wanted = dict.fromkeys((*pullers, *owner))
        found = [await tx.people.person(one) for one in wanted if one is not None]
        return [reader_of(one[0]) for one in found if one is not None]

    async def _told(self, tx: Transaction, case: Case) -> list[Reader]:
        earlier = await tx.notices.of_case(case.id)
        told: dict[str, Reader] = {}
        for notice in earlier:
            facts = notice.facts
            told[notice.recipient] = Reader(
                notice.recipient, str(facts.get("recipient", "")), notice.address,
                str(facts.get("audience", "staff")), notice.language, notice.time_zone,
            )
        return list(told.values())

    # --------------------------------------------------------------------------------- facts

    def _common(self, now: datetime, link: str) -> dict[str, Any]:
        house = self._house
        return {
            "audience": "staff",
            "recipient": "",
            "shop": house.shop,
            "link": link,
            "at": now.isoformat(),
            "contact": {"name": house.contact_name, "address": house.contact_address},
            "steps": [],
        }

    async def _facts(
        self, tx: Transaction, case: Case, notify: Notify, now: datetime, seen: Seen
    ) -> dict[str, Any]:
        master = await tx.master.sku(case.scope.sku)
        facts = self._common(now, f"{self._house.url}/v1/cases/{case.id}")
        facts |= {
            "case": str(case.number),
            "lane": case.lane,
            "scope": case.scope.as_dict(),
            "title": (master.title if master else None) or case.scope.sku,
            "since": None if case.frozen_at is None else case.frozen_at.isoformat(),
            "reason": _public_reason(case.reason),
        }
        if notify.kind in EVIDENCE_KINDS:
            evidence = seen.evidence or await tx.cases.attached(case.id, excerpts=EXCERPTS)
            facts["evidence"] = evidence_facts(evidence)
        if notify.kind in CATALOGUE_KINDS:
            rows = seen.rows
            if rows is None:
                rows = await tx.objects.of_sku(case.scope.sku)
            facts["catalogues"] = self._catalogues(case, rows)
        facts |= await self._of_kind(tx, case, notify, now)
        return {**facts, **notify.facts}

    def _catalogues(self, case: Case, rows: Sequence[CatalogueRow]) -> list[dict[str, Any]]:
        return [
            {
                "name": outlet.name,
                "level": row.wanted if row.wanted != "sellable" else None,
                "scope": wider.as_dict() if (wider := outlet.widened(case.scope)) else None,
                "siblings": list(row.takes_along),
                "status": row.status.value,
                "seen_at": None if row.seen_at is None else row.seen_at.isoformat(),
            }
            for outlet in self._directory.concerned(case.scope)
            for row in rows
            if row.catalogue == outlet.name
        ]

    async def _of_kind(
        self, tx: Transaction, case: Case, notify: Notify, now: datetime
    ) -> dict[str, Any]:
        if notify.kind == "suspected":
            clocks = await tx.cases.clocks(case.id)
            due = next((one.due_at for one in clocks if one.kind == "second_opinion"
                        and one.stopped_at is None), now)
            soft = await tx.holds.of_case(case.id)
            return {"expires_at": due.isoformat(), "soft_hold": bool(soft)}
        if notify.kind in {"statement_of_reasons", "refrozen"}:
            return self._statement(case)
        if notify.kind == "evidence_attached":
            file = await tx.evidence.get(UUID(notify.facts["file"]))
            return {} if file is None else {"name": file.name, "note": file.note}
        return _own_facts(notify.kind, case)

    def _statement(self, case: Case) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "terms": self._house.terms or None, "recurrence": case.recurrence,
        }
        if case.lane == "authority":
            facts["order"] = {
                "authority": str(case.reason.get("comment") or ""),
                "reference": str(case.reason.get("document") or ""),
            }
        return facts


def _steps(kind: str, audience: str, facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what happens next, with its due time where there is one."""
    dates = {**(facts.get("probation") or {}), **facts}
    return [
        {"step": step, "by": None if due is None else dates.get(due)}
        for step, due in NEXT_STEPS.get((kind, audience), ())
    ]


def _own_facts(kind: str, case: Case) -> dict[str, Any]:
    """Return what notices of a kind say beside the facts of every notice of a case."""
    of_kind: dict[str, dict[str, Any]] = {
        "approval_requested": {
            "remedy": case.remedy,
            "verification": case.verification,
            "evidence_revision": case.evidence_revision,
            "requested_by": case.approval_requested_by,
        },
        "approval_voided": {"evidence_revision": case.evidence_revision},
        "remedy_proposed": {"remedy": case.remedy, "other_manager": case.remedy_rounds >= 2},
        "remedy_returned": {"round": case.remedy_rounds},
        "released": {"probation": case.probation},
        "closed": {
            "outcome": case.state.value,
            "remedy": case.remedy,
            "effectiveness": (case.probation or {}).get("effectiveness"),
        },
    }
    if kind in {"degraded", "release_refused", "manual_task"}:
        return {"catalogue": "", "remote_id": "", "detail": ""}
    return of_kind.get(kind, {})


def _public_reason(reason: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out who pulled and which signals counted: neither is the vendor's to know."""
    return {key: value for key, value in reason.items() if key not in {"by", "counted"}}


def evidence_facts(seen: AttachedSignals) -> dict[str, Any]:
    """Return the complaints of a case as sums and masked excerpts."""
    return {
        "complaints": seen.total,
        "customers": seen.customers,
        "first_at": None if seen.first_at is None else seen.first_at.isoformat(),
        "last_at": None if seen.last_at is None else seen.last_at.isoformat(),
        "intents": _tally(seen.by_intent.items()),
        "severities": _tally(seen.by_severity.items()),
        "lots": _tally(seen.by_lot.items()),
        "excerpts": list(seen.excerpts),
    }


def _tally(pairs: Iterable[tuple[str, int]]) -> list[dict[str, Any]]:
    ranked = sorted(pairs, key=lambda pair: (-pair[1], pair[0]))
    return [{"name": name, "number": number} for name, number in ranked]
