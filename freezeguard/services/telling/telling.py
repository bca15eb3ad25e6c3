"""Who is told what: turns a `Notify` of a decision into notices of the outbox, with their facts.

Facts are fixed here, in the transaction of the change; words come when a notice is sent. Nothing
here can delay or undo a freeze: a reader without an address gets a notice that says so.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from freezeguard.domain.acts.outcome import STOPPED
from freezeguard.domain.causes import Standing, confirmed_of
from freezeguard.domain.effects import Notify
from freezeguard.domain.people import Role
from freezeguard.domain.policy import Policy
from freezeguard.domain.record import Case
from freezeguard.ports.clock import NewId
from freezeguard.ports.rows import AttachedSignals, CatalogueRow, Notice
from freezeguard.ports.storage import Transaction
from freezeguard.services.directory import Directory
from freezeguard.services.telling.news import post_case_news
from freezeguard.services.telling.readers import (
    Reader,
    default_owner,
    further_readers,
    reader_of,
    stand_in,
    vendor_reader,
)
from freezeguard.services.vendorsview import reason_for_vendor

DEFAULTS = Policy()
EVIDENCE_KINDS = frozenset({"statement_of_reasons", "refrozen", "suspected", "approval_requested"})
CATALOGUE_KINDS = frozenset(
    {"statement_of_reasons", "refrozen", "frozen_confirmed", "released", "narrowed"}
)
DUE_BY: Mapping[str, str] = {
    "statement_of_reasons": "ownership", "refrozen": "ownership", "remedy_proposed": "judge",
    "approval_requested": "approve", "revocation_registered": "revocation",
    "hand_off_offered": "hand_off",
}
"""Kinds that ask somebody for something, and the clock that waits for it."""
PERSONS = ("requested_by", "by", "from_person", "to_person", "decided_by")
"""Facts that hold people; a letter calls them by their names."""
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
    """What the caller has before it already: the evidence, and the catalogue objects.

    `due` says of the clocks that this change started when they are due. `told` are the kinds and
    recipients of the notices of one change: who is asked for as the owner and as an approver
    hears of it once.
    """

    evidence: AttachedSignals | None = None
    rows: Sequence[CatalogueRow] | None = None
    due: Mapping[str, datetime] = field(default_factory=dict)
    told: set[tuple[str, str]] = field(default_factory=set)

    def take(self, kind: str, recipient: str) -> bool:
        """Say whether somebody has yet to hear of this; from now on they have."""
        covering = {kind, *(TOLD_ANYWAY if kind == "outcome" else ())}
        if any((one, recipient) in self.told for one in covering):
            return False
        self.told.add((kind, recipient))
        return True


TEAMS_READ = frozenset({"owner", "approvers", "everyone_told"})
TOLD_TO_TEAMS = frozenset(
    {"budget_spent", "feed_silent", "feed_speaks", "canary_late", "canary_well"}
)
"""What is about no case, and for the chats of teams that look after all categories."""
TOLD_ANYWAY = frozenset({"closed", "false_alarm", "delisted", "frozen_confirmed", "released"})
"""Notices that say what became of a case; whoever gets one needs no `outcome`."""


NEXT_STEPS: Mapping[tuple[str, str], tuple[tuple[str, str | None], ...]] = {
    ("statement_of_reasons", "vendor"): (("confirm_stop", None), ("propose_remedy", None)),
    ("appeal_reopened", "vendor"): (("propose_remedy", None),),
    ("appeal_reopened", "staff"): (("accept_ownership", None),),
    ("statement_of_reasons", "staff"): (("confirm_stop", None), ("accept_ownership", "due")),
    ("refrozen", "vendor"): (("confirm_stop", None), ("propose_remedy", None)),
    ("refrozen", "staff"): (("confirm_stop", None), ("accept_ownership", "due")),
    ("frozen_confirmed", "vendor"): (("propose_remedy", None),),
    ("frozen_confirmed", "staff"): (("accept_ownership", None),),
    ("suspected", "staff"): (("second_opinion", "expires_at"),),
    ("vendor_commented", "staff"): (("answer_vendor", "answer_due"),),
    ("question_asked", "staff"): (("answer_question", "due"),),
    ("question_asked", "vendor"): (("answer_question", "due"),),
    ("degraded", "staff"): (("retry", None),),
    ("manual_task", "staff"): (("resolve_task", None),),
    ("release_refused", "staff"): (("resolve_task", None),),
    ("remedy_proposed", "staff"): (("judge_remedy", "due"),),
    ("remedy_returned", "vendor"): (("propose_remedy", None),),
    ("approval_requested", "staff"): (("decide_approval", "due"),),
    ("vendor_reminder", "vendor"): (("acknowledge", "due"), ("propose_remedy", None)),
    ("vendor_escalated", "vendor"): (("acknowledge", "due"), ("propose_remedy", None)),
    ("commitment_broken", "vendor"): (("propose_remedy", None),),
    ("contest_received", "staff"): (("answer_contest", "answer_due"),),
    ("update", "vendor"): (("update", "next_update"),),
    ("update", "staff"): (("update", "next_update"),),
    ("delisted", "vendor"): (("appeal", "appeal_until"),),
    ("narrow_requested", "staff"): (("vote_narrow", "valid_until"),),
    ("delist_requested", "staff"): (("vote_delist", "valid_until"),),
    ("revocation_registered", "staff"): (("lift_order", "due"),),
    ("review_due", "staff"): (("review", "due"),),
    ("commitment_broken", "staff"): (("after_missed_date", None),),
    ("hand_off_offered", "staff"): (("accept_hand_off", "due"),),
    ("released", "vendor"): (("probation_ends", "until"),),
    ("released", "staff"): (("probation_ends", "until"),),
}
"""What happens next, by kind of notice and audience: a step, and the fact that says by when."""
_OWNERS = frozenset({"accept_ownership"})


class Telling:
    """Writes notices into the outbox."""

    def __init__(
        self, directory: Directory, house: House, new_id: NewId, policy: Policy = DEFAULTS
    ) -> None:
        self._directory, self._house, self._new_id = directory, house, new_id
        self._policy = policy

    async def tell(
        self, tx: Transaction, case: Case, notify: Notify, now: datetime, seen: Seen | None = None
    ) -> int:
        """Write one notice per reader of a case; return to how many readers.

        `seen` spares looking up what the caller has, and telling anybody twice.
        """
        seen = seen or Seen()
        found = await self._readers(tx, case, notify, now)
        readers = [one for one in found if seen.take(notify.kind, one.name)]
        if not readers:
            return len(found)
        facts = await self._facts(tx, case, notify, now, seen)
        team = _team_of(case, notify, seen)
        for reader in readers:
            notice = self._notice(case, reader, notify.kind, facts)
            if team is not None and reader.audience == "staff":
                notice, team = replace(notice, team=team), None
            await tx.notices.add(notice, now)
            await post_case_news(tx, case, notice, now)
        if notify.reader == "vendor" and readers[0].address is None:
            await self._vendor_unreachable(tx, case, now, seen)
        return len(found)

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
        await self.tell_staff(tx, kind, facts, (*readers, *also), now)

    async def tell_staff(
        self, tx: Transaction, kind: str, facts: Mapping[str, Any], readers: Iterable[Reader],
        now: datetime, *, page: str = "/docs",
    ) -> None:
        """Write a notice about no case to some readers, to each once; `page` is where to look."""
        body = {**self._common(now, f"{self._house.url}{page}"), **facts}
        team = "" if kind in TOLD_TO_TEAMS else None
        for reader in {one.name: one for one in readers}.values():
            await tx.notices.add(replace(self._notice(None, reader, kind, body), team=team), now)
            team = None

    async def tell_directly(
        self, tx: Transaction, kind: str, facts: Mapping[str, Any], reader: Reader, channel: str,
        now: datetime, *, page: str,
    ) -> UUID:
        """Write a notice about no case for one channel of a reader; return its id."""
        body = {**self._common(now, f"{self._house.url}{page}"), **facts}
        notice = replace(self._notice(None, reader, kind, body), channel=channel)
        await tx.notices.add(notice, now)
        return notice.id

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
            page = "webhooks" if case is None else f"cases/{case.id}"
            addressed["link"] = f"{self._house.url}/portal/{page}"
            if (reason := facts.get("reason")) is not None:
                addressed["reason"] = reason_for_vendor(reason)
            if "waived" in facts:
                addressed["waived"] = [
                    {"name": one["name"], "until": one["until"]} for one in facts["waived"]
                ]
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
                return await self._pullers(tx, case, notify)
            case "everyone_told":
                return await self._told(tx, case)
            case "compliance" if notify.facts.get("second_needed"):
                return await self._second_of_compliance(tx, case, now)
            case _:
                return await further_readers(tx, case, notify)

    async def _vendor(self, tx: Transaction, case: Case) -> list[Reader]:
        vendor = None if case.vendor is None else await tx.master.vendor(case.vendor)
        if vendor is not None:
            return [vendor_reader(vendor)]
        return [Reader(f"vendor:{case.vendor or ''}", case.vendor or "", None, "vendor")]

    async def _owner(self, tx: Transaction, case: Case) -> Reader | None:
        """Return who answers for a case; where that person left or may not own, who stands in."""
        found = None if case.owner is None else await tx.people.person(case.owner)
        if found is not None and found[1] and found[0].may_own:
            return reader_of(found[0])
        deputy = await stand_in(tx, case.owner or "", ()) or await default_owner(tx)
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
        agreed = await self._agreed(tx, case, now)
        agreed |= {one for one in (case.remedy_author, case.approval_requested_by) if one}
        free = [
            one
            for one, active in await tx.people.people()
            if active and one.id not in agreed and one.roles & SECOND_APPROVERS
        ]
        managers = [one for one in free if one.manages(case.category)]
        return [reader_of(one) for one in managers or free]

    @staticmethod
    async def _agreed(tx: Transaction, case: Case, now: datetime) -> set[str]:
        """Return who has given a first vote that still counts."""
        return {vote.person for vote, _ in await tx.cases.votes(case.id, now)}

    async def _second_of_compliance(
        self, tx: Transaction, case: Case, now: datetime
    ) -> list[Reader]:
        """Those of compliance who may complete an approval: whoever gave the first one may not."""
        agreed = await self._agreed(tx, case, now)
        return [
            reader_of(one)
            for one, active in await tx.people.people()
            if active and Role.COMPLIANCE in one.roles and one.id not in agreed
        ]

    async def _pullers(self, tx: Transaction, case: Case, notify: Notify) -> list[Reader]:
        """Who pulled hears, of the end whoever ever did; of a lapsed suspicion the owner as well.

        Whoever has left hears nothing: a pull is nobody else's.
        """
        kind = notify.kind
        stopped = notify.facts.get("outcome") == STOPPED
        pullers = await tx.cases.pullers(
            case.id, of_every_stop=kind == "outcome" and not stopped
        )
        if pullers and stopped:
            heard = await self._heard_of_the_stop(tx, case)
            pullers = tuple(one for one in pullers if f"person:{one}" not in heard)
        found = [await tx.people.person(one) for one in pullers]
        readers = [reader_of(one[0]) for one in found if one is not None and one[1]]
        owner = await self._owner(tx, case) if kind in {"expired", "dismissed"} else None
        if owner is not None and all(one.name != owner.name for one in readers):
            readers.append(owner)
        return readers

    @staticmethod
    async def _heard_of_the_stop(tx: Transaction, case: Case) -> set[str]:
        """Return who has heard that the sale is stopped, since it was stopped last."""
        return {
            one.recipient for one in await tx.notices.of_case(case.id)
            if one.kind == "outcome" and one.facts.get("outcome") == STOPPED
            and (case.frozen_at is None or one.facts["at"] >= case.frozen_at.isoformat())
        }

    async def _told(self, tx: Transaction, case: Case) -> list[Reader]:
        """Return who has heard of a case: people as they are now, and only who has not left."""
        earlier = [one for one in await tx.notices.of_case(case.id) if one.channel == "mail"]
        told: dict[str, Reader] = {}
        for notice in earlier:
            facts = notice.facts
            told[notice.recipient] = Reader(
                notice.recipient, str(facts.get("recipient", "")), notice.address,
                str(facts.get("audience", "staff")), notice.language, notice.time_zone,
            )
        known = [await self._as_of_now(tx, one) for one in told.values()]
        return [one for one in known if one is not None]

    @staticmethod
    async def _as_of_now(tx: Transaction, reader: Reader) -> Reader | None:
        """Return a reader with a person's present address, None where the person has left."""
        kind, _, person_id = reader.name.partition(":")
        if kind != "person":
            return reader
        found = await tx.people.person(person_id)
        return reader_of(found[0]) if found is not None and found[1] else None

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
        facts = self._common(now, f"{self._house.url}/console/cases/{case.id}")
        facts |= {
            "api": f"{self._house.url}/v1/cases/{case.id}",
            "case": str(case.number),
            "lane": case.lane,
            "scope": case.scope.as_dict(),
            "title": (master.title if master else None) or case.scope.sku,
            "since": None if case.frozen_at is None else case.frozen_at.isoformat(),
            "reason": _public_reason(case.reason),
        }
        if notify.kind in EVIDENCE_KINDS:
            facts["evidence"] = evidence_facts(await self._evidence(tx, case, notify.kind, seen))
        if notify.kind in CATALOGUE_KINDS:
            rows = seen.rows
            if rows is None:
                rows = await tx.objects.of_sku(case.scope.sku)
            facts["catalogues"] = self._catalogues(case, rows)
        facts |= await self._of_kind(tx, case, notify, now)
        if clock := DUE_BY.get(notify.kind):
            facts |= await _running_until(tx, case, clock, seen)
        facts |= notify.facts
        if "waived" in facts:
            facts["waived"] = [
                {**one, "by": await _name(tx, one["by"])} for one in facts["waived"]
            ]
        return {**facts, **await _by_name(tx, facts)}

    async def _evidence(
        self, tx: Transaction, case: Case, kind: str, seen: Seen
    ) -> AttachedSignals:
        """Return the complaints of a case; of a sale that is stopped again those since then."""
        if kind == "refrozen":
            return await tx.cases.attached(case.id, excerpts=EXCERPTS, unjudged=True)
        return seen.evidence or await tx.cases.attached(case.id, excerpts=EXCERPTS)

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
        if notify.kind in {"expired", "dismissed"}:
            return {"soft_hold": await tx.holds.was_held(case.id)}
        if notify.kind == "suspected":
            clocks = await tx.cases.clocks(case.id)
            due = next((one.due_at for one in clocks if one.kind == "second_opinion"
                        and one.stopped_at is None), now)
            soft = await tx.holds.of_case(case.id)
            return {"expires_at": due.isoformat(), "soft_hold": bool(soft)}
        if notify.kind in {"statement_of_reasons", "refrozen"}:
            return self._statement(case)
        if notify.kind == "appeal_reopened":
            return self._answer(case)
        if notify.kind == "hand_off_offered":
            return await _known_of(tx, case)
        if notify.kind == "evidence_attached":
            file = await tx.evidence.get(UUID(notify.facts["file"]))
            return {} if file is None else {"name": file.name, "note": file.note}
        return _own_facts(notify.kind, case)

    def _answer(self, case: Case) -> dict[str, Any]:
        """Return by when the vendor is asked to answer: time of its own days, where it can wait."""
        return {
            "acknowledge_within": self._policy.vendor_ack_within.total_seconds(),
            "plan_within": self._policy.vendor_plan_within.total_seconds(),
            "elapses": case.lane == "safety",
        }

    def _statement(self, case: Case) -> dict[str, Any]:
        policy = self._policy
        facts: dict[str, Any] = {
            "terms": self._house.terms or None, "recurrence": case.recurrence,
            "contest_working_days": policy.contest_days, **self._answer(case),
        }
        if case.lane == "authority":
            facts["order"] = {
                "authority": str(case.reason.get("comment") or ""),
                "reference": str(case.reason.get("document") or ""),
            }
        return facts


def _team_of(case: Case, notify: Notify, seen: Seen) -> str | None:
    """Return the category whose teams read a notice in their chats; None where none does.

    They read what owners and approvers read, each kind once.
    """
    if notify.reader not in TEAMS_READ or not seen.take(notify.kind, "team"):
        return None
    return case.category or ""


def _steps(kind: str, audience: str, facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what happens next, with its due time where there is one."""
    if facts.get("remaining"):
        return []  # of several orders one was revoked: there is nothing to decide yet
    dates = {**(facts.get("probation") or {}), **facts}
    not_theirs = _OWNERS if facts.get("as") == "compliance" else frozenset[str]()
    if facts.get("lane") == "authority":
        not_theirs |= {"propose_remedy"}  # no remedy lifts an order
    return [
        {"step": step, "by": None if due is None else dates.get(due)}
        for step, due in NEXT_STEPS.get((kind, audience), ())
        if step not in not_theirs
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


async def _known_of(tx: Transaction, case: Case) -> dict[str, Any]:
    """Return what is known of a case, for who is asked to take it over: nobody asks anew."""
    causes = await tx.causes.of_case(case.id)
    confirmed = confirmed_of(causes)
    running = await tx.cases.running_clocks([case.id])
    ahead = [one for one in running if one.kind != "hand_off"]
    return {
        "confirmed_cause": None if confirmed is None else confirmed.text,
        "open_causes": [
            one.text for one in causes if one.standing in {Standing.OPEN, Standing.SUPPORTED}
        ],
        "open_questions": [one.text for one in await tx.questions.of_case(case.id) if one.is_open],
        "next_clock": ahead[0].kind if ahead else None,
        "next_due": ahead[0].due_at.isoformat() if ahead else None,
    }


async def _running_until(
    tx: Transaction, case: Case, kind: str, seen: Seen
) -> dict[str, Any]:
    """Return when what a notice asks for is due, nothing where no clock waits for it."""
    due = seen.due.get(kind)
    if due is None:
        clocks = [one for one in await tx.cases.clocks(case.id) if one.stopped_at is None]
        due = next((one.due_at for one in clocks if one.kind == kind), None)
    return {} if due is None else {"due": due.isoformat()}


async def _by_name(tx: Transaction, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts that hold people, by the names that people call each other."""
    names: dict[str, Any] = {}
    for fact in PERSONS:
        value = facts.get(fact)
        if isinstance(value, str) and value:
            names[fact] = await _name(tx, value)
        elif isinstance(value, list | tuple):
            names[fact] = [await _name(tx, str(one)) for one in value]
    return names


async def _name(tx: Transaction, person: str) -> str:
    found = await tx.people.person(person.removeprefix("person:"))
    return person if found is None else found[0].name


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
