"""Simulated people: who they are, when they read, and what they do with a case that they read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cache
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import holidays

from freezeguard.domain.people import Person, Role
from tests.rig import REMEDY, VERIFICATION

CATEGORIES = ("kitchen", "garden", "toys")
PLACES = {
    "kitchen": ("Europe/Berlin", "DE"), "garden": ("America/New_York", "US"),
    "toys": ("Asia/Tokyo", "JP"),
}
Case = Mapping[str, Any]
Wish = tuple[float, str, dict[str, Any]]
"""How much it is wanted, a command, its arguments."""
DAY = timedelta(days=1)


@cache
def _holidays(country: str) -> Any:
    return holidays.country_holidays(country)


@dataclass
class Folk:
    """A person: `reads` is the share of their mails that they read at all, `hours` how late.

    `away` are vacations; `left` is when they left the company.
    """

    person: Person
    reads: float = 0.9
    hours: float = 3.0
    manner: str = ""
    country: str = "DE"
    away: list[tuple[datetime, datetime]] = field(default_factory=list)
    left: datetime | None = None

    @property
    def id(self) -> str:
        return self.person.id

    def at_work(self, moment: datetime) -> datetime:
        """Return the first moment from this one on at which the person is at work."""
        zone = ZoneInfo(self.person.time_zone)
        while True:
            here = moment.astimezone(zone)
            if here.hour >= 17 or not self._works_on(here.date(), moment):
                opens = datetime.combine(here.date() + DAY, time(9), zone)
            elif here.hour < 9:
                opens = datetime.combine(here.date(), time(9), zone)
            else:
                return moment
            moment = opens.astimezone(moment.tzinfo)

    def _works_on(self, day: date, moment: datetime) -> bool:
        vacation = any(start <= moment < end for start, end in self.away)
        return day.weekday() < 5 and day not in _holidays(self.country) and not vacation

    def is_active(self, moment: datetime) -> bool:
        """Say whether the person may still sign in."""
        return self.left is None or moment < self.left


def _staff(name: str, role: Role, place: str, **more: Any) -> Folk:
    zone, country = PLACES[place]
    person = Person(
        name, name.title(), frozenset({role}), f"{name}@shop.example", time_zone=zone,
        calendar=country, deputy=more.pop("deputy", None),
        areas=frozenset({place}) if role is Role.MANAGER else frozenset(),
    )
    return Folk(person, country=country, **more)


def the_shop(chance: Random, start: datetime) -> list[Folk]:
    """Return the people of the shop: three categories in three zones, with deputies."""
    found = [
        _staff("root", Role.ADMIN, "kitchen", reads=0.3),
        _staff("audi", Role.AUDITOR, "kitchen", reads=0),
        _staff("cora", Role.COMPLIANCE, "kitchen"), _staff("cleo", Role.COMPLIANCE, "garden"),
        *(_staff(f"alba{n}", Role.ASSOCIATE, place) for n, place in enumerate(CATEGORIES)),
    ]
    for place in CATEGORIES:
        first, second = f"{place}-mia", f"{place}-max"
        found += [
            _staff(first, Role.MANAGER, place, deputy=second, hours=2),
            _staff(second, Role.MANAGER, place, deputy=first, hours=6, reads=0.9),
            _staff(f"{place}-ann", Role.ANALYST, place, deputy=first, hours=4),
            _staff(f"{place}-abe", Role.ANALYST, place, deputy=f"{place}-ann", reads=0.6),
        ]
    for one in found:
        for _ in range(chance.randrange(3)):
            begins = start + DAY * chance.uniform(0, 90)
            one.away.append((begins, begins + DAY * chance.choice((1, 3, 7, 14))))
    return found


MANNERS = ("prompt", "slow", "silent", "contesting", "breaking", "sloppy", "appealing", "lone")


def the_vendors() -> list[Folk]:
    """Return one person of each vendor, whose name is its manner."""
    pace = {"prompt": (1.0, 2.0), "slow": (0.5, 40.0), "silent": (0.0, 1.0), "lone": (0.2, 30.0)}
    found = []
    for number, manner in enumerate(MANNERS):
        zone, country = PLACES[CATEGORIES[number % 3]]
        person = Person(
            f"v-{manner}", manner.title(), frozenset({Role.VENDOR}), f"quality@{manner}.example",
            vendor=manner, time_zone=zone, calendar=country,
        )
        reads, hours = pace.get(manner, (0.9, 8.0))
        found.append(Folk(person, reads, hours, manner, country))
    return found


# ------------------------------------------------------------------------------------ wishes


def wishes(one: Folk, case: Case, chance: Random, now: datetime, colleagues: Sequence[str],
           others: Sequence[Case]) -> Iterator[Wish]:
    """Yield what a person might do with a case that they have read."""
    if one.manner:
        yield from _of_a_vendor(one, case, now)
        return
    yield from _of_staff(one, case, colleagues)
    if case["owner"] == one.id:
        yield from _of_the_owner(case, now, colleagues, others)
    if Role.MANAGER in one.person.roles:
        yield from _of_a_manager(one, case, now)
    if Role.COMPLIANCE in one.person.roles:
        yield from _of_compliance(case)


def _of_staff(one: Folk, case: Case, colleagues: Sequence[str]) -> Iterator[Wish]:
    del colleagues
    seen = {"evidence_revision": case["evidence_revision"]}
    unconfirmed = [
        "/".join(filter(None, (it["catalogue"], it["remote_id"]))) for it in case["enforcement"]
        if it["status"] not in {"confirmed", "not_listed", "waived"}
    ]
    yield 0.3, "freeze", {"reason_code": "defective"}
    yield 0.2, "dismiss", {"reason": "A display fault."}
    if (case["hand_off"] or {}).get("to") == one.id:
        yield 3, "accept_hand_off", {}
    order = case["authority_order"] or {}
    if case["state"] == "awaiting_approval" or order.get("revocation"):
        yield 3, "approve", {**seen, "unconfirmed": unconfirmed}
    if case["narrowing"] is None and case["state"] == "diagnosing" and not case["scope"]["lot"]:
        lot = {"lot": "L-7"}
        yield 0.05, "narrow", {**seen, "scope": lot, "reason": "Only this lot was ever named."}
    if case["state"] == "diagnosing":
        yield 0.03, "delist", {"reason": "The third time this year."}
    if case["state"] == "appealed":
        yield 2, "uphold", {"reason": "Nothing new in it."}
        yield 1, "reopen", {"reason": "That we did not know."}
    yield 0.02, "comment", {"comment": f"{one.person.name} has read this."}


def _of_the_owner(
    case: Case, now: datetime, colleagues: Sequence[str], others: Sequence[Case]
) -> Iterator[Wish]:
    yield 5, "accept_ownership", {}
    for task in case["tasks"]:
        if task["resolved_at"] is None:
            where = {"catalogue": task["catalogue"], "remote_id": task["remote_id"]}
            yield 6, "resolve_task", {**where, "note": "Done by hand."}
    contest = case["contest"]
    if contest and not contest.get("answered_at"):
        yield 4, "answer_contest", {"reason": "The test report says otherwise."}
        yield 2, "declare_false_alarm", {"reason_code": "wrong_item"}
    yield 0.1, "declare_false_alarm", {"reason_code": "delivery_fault"}
    if case["state"] == "diagnosing":
        yield 1, "propose_remedy", {"remedy": REMEDY}
    if case["state"] == "remedy_proposed":
        yield 3, "request_approval", {"verification": VERIFICATION}
        yield 0.5, "return_remedy", {"missing": ["the tear test of lot L-8"]}
    for other in others:
        yield 3, "merge", {"into": other["id"], "reason": "The same resin in both."}
    if case["scope"]["lot"]:
        yield 0.2, "widen", {"scope": {}, "reason": "A second lot is hit."}
    if colleagues and not case["hand_off"]:
        yield 0.1, "hand_off", {"to": colleagues[0], "reason": "I am away for a while."}
    yield from _longer_probation(case, now)


def _longer_probation(case: Case, now: datetime) -> Iterator[Wish]:
    terms = case["probation"]
    if case["state"] == "probation" and terms and terms["cap"] <= (now + DAY).isoformat():
        until = (now + timedelta(days=20)).isoformat()
        yield 5, "extend_deadline", {"clock": "probation", "until": until, "reason": "Few sold."}


def _of_a_manager(one: Folk, case: Case, now: datetime) -> Iterator[Wish]:
    if case["state"] == "awaiting_approval" and case["approval_requested_by"] != one.id:
        yield 0.6, "reject_approval", {"reason": "The proof is of another lot."}
    if case["state"] == "remedy_proposed" and case["remedy_rounds"] > 1:
        yield 0.5, "return_remedy", {"missing": ["what becomes of the stock"]}
    running = {it["kind"]: it for it in case["clocks"] if it["stopped_at"] is None}
    if "later_review" in running:
        yield 4, "review", {"verdict": "right", "comment": "For what was known."}
    if "hold_review" in running and running["hold_review"]["due_at"] < (now + DAY).isoformat():
        yield 2, "review", {"verdict": "undecided"}
    for kind in ("diagnosis", "vendor_plan", "judge"):
        clock = running.get(kind)
        if clock is not None and datetime.fromisoformat(clock["due_at"]) < now:
            until = (now + timedelta(days=4)).isoformat()
            yield 0.7, "extend_deadline", {"clock": kind, "until": until, "reason": "They asked."}
    for it in case["enforcement"]:
        where = {"catalogue": it["catalogue"], "remote_id": it["remote_id"]}
        if case["degraded"] and it["status"] in {"refused", "unreachable", "drifted"}:
            until = (now + timedelta(days=2)).isoformat()
            yield 1, "waive", {**where, "until": until, "reason": "The till is off anyway."}


def _of_compliance(case: Case) -> Iterator[Wish]:
    for clock in case["clocks"]:
        if clock["law"] and clock["stopped_at"] is None:
            told = {"clock": clock["kind"], "action": "The authority was told."}
            yield 4, "record_action", told
    order = case["authority_order"]
    if case["lane"] == "authority" and order and not order.get("revocation"):
        yield 0.5, "register_revocation", {"document": "DOC-2", "authority": "The agency"}


def _of_a_vendor(one: Folk, case: Case, now: datetime) -> Iterator[Wish]:
    if case["vendor_status"] in {"unreached", "notified", "silent"}:
        yield 2, "acknowledge", {}
    if one.manner == "contesting" and case["contest"] is None:
        yield 3, "contest", {"reason": "These are not our goods."}
    days = {"breaking": 2, "slow": 12}.get(one.manner, 6)
    date_ = (now + timedelta(days=days)).isoformat()
    if case["commitment"] is None and case["state"] in {"freezing", "frozen", "diagnosing"}:
        yield 2, "commit_date", {"date": date_, "comment": "By then."}
    if one.manner != "breaking" or (case["commitment"] or {}).get("missed_at"):
        yield 4, "propose_remedy", {"remedy": REMEDY}
    yield 5, "appeal", {"new_facts": "A laboratory has tested it."}
    yield 0.1, "comment", {"comment": "Samples are on the way."}
