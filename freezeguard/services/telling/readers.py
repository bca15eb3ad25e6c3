"""Whom a notice is for: the vendor's contacts, people of the case, people by their role.

A reader's `name` stands in the outbox and orders what they get of a case. The vendor's first
contact is `vendor:acme`, its second `vendor:acme/second`, its superior `vendor:acme/superior`: what
one of them does not answer never holds up what another one gets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from freezeguard.domain.effects import Notify
from freezeguard.domain.people import Person, Role
from freezeguard.domain.record import Case
from freezeguard.ports.rows import Json, Vendor
from freezeguard.ports.storage import Transaction

SUPERIOR = "superior"


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who is told: `name` stands in the outbox, `person` is as people call them."""

    name: str
    person: str
    address: str | None
    audience: str
    language: str = "en"
    time_zone: str = "UTC"


def reader_of(person: Person) -> Reader:
    """Return a person as a reader; a vendor's person reads what vendors read."""
    audience = "staff" if person.is_staff else "vendor"
    return Reader(
        f"person:{person.id}", person.name, person.email, audience,
        person.language, person.time_zone,
    )


def vendor_reader(vendor: Vendor) -> Reader:
    """Return a vendor as a reader, by its first contact by mail."""
    contacts = mail_contacts(vendor)
    return _at(vendor, contacts[0] if contacts else {}, "")


def mail_contacts(vendor: Vendor, *, superior: bool = False) -> list[Json]:
    """Return a vendor's contacts by mail, best first: the usual ones, or the superiors."""
    return [
        one
        for one in vendor.contacts
        if one.get("channel") == "mail" and (one.get("role") == SUPERIOR) is superior
    ]


def _at(vendor: Vendor, contact: Mapping[str, Any], place: str) -> Reader:
    return Reader(
        f"vendor:{vendor.vendor}{place}", str(contact.get("name") or vendor.name),
        contact.get("address"), "vendor", vendor.language, vendor.time_zone,
    )


async def further_readers(tx: Transaction, case: Case, notify: Notify) -> list[Reader]:
    """Return the readers of a notice that is not for vendor, owner, approvers or who pulled.

    Nobody where there is no such contact or person: a vendor without a second contact. Roles that
    nobody has fall to the default owner: somebody must hear.
    """
    match notify.reader:
        case "vendor_second":
            return await _contacts(tx, case, "/second")
        case "vendor_superior":
            return await _contacts(tx, case, "/superior")
        case "deputy":
            return await _deputy(tx, case)
        case "person":
            return await _person(tx, str(notify.facts.get("person") or ""))
        case "managers":
            return await _by_role(tx, lambda one: one.manages(case.category))
        case "reviewers":
            decided = {str(one) for one in notify.facts.get("decided_by") or ()}
            return await _by_role(
                tx, lambda one: one.manages(case.category) and one.id not in decided
            )
        case "compliance":
            found = await _by_role(tx, lambda one: Role.COMPLIANCE in one.roles)
            return [one for one in found if not _knows_as_owner(one, case, notify)]
        case "admins":
            return await those_with_role(tx, Role.ADMIN)
        case _:
            return []


def _knows_as_owner(reader: Reader, case: Case, notify: Notify) -> bool:
    """Say whether an owner would get the same words twice: as the owner, and for compliance."""
    return notify.facts.get("as") == "compliance" and "clock" not in notify.facts and (
        reader.name == f"person:{case.owner}"
    )


async def _contacts(tx: Transaction, case: Case, place: str) -> list[Reader]:
    vendor = None if case.vendor is None else await tx.master.vendor(case.vendor)
    if vendor is None:
        return []
    superior = place == "/superior"
    found = mail_contacts(vendor, superior=superior)
    wanted = found[:1] if superior else found[1:2]
    return [_at(vendor, one, place) for one in wanted]


async def _deputy(tx: Transaction, case: Case) -> list[Reader]:
    """Return who stands in for the owner."""
    found = await stand_in(tx, case.owner or "", ())
    return [] if found is None else [reader_of(found)]


async def _person(tx: Transaction, person_id: str) -> list[Reader]:
    found = await tx.people.person(person_id)
    return [reader_of(found[0])] if found is not None and found[1] else []


async def those_with_role(tx: Transaction, role: Role) -> list[Reader]:
    """Return who has a role and may sign in; where nobody has it, the default owner."""
    return await _by_role(tx, lambda one: role in one.roles)


async def _by_role(tx: Transaction, wanted: Any) -> list[Reader]:
    people = [one for one, active in await tx.people.people() if active and wanted(one)]
    if not people:
        default = await default_owner(tx)
        people = [] if default is None else [default]
    return [reader_of(one) for one in people]


async def default_owner(tx: Transaction) -> Person | None:
    """Return who owns what nobody else does, if they may still sign in."""
    wanted = (await tx.people.instance()).get("default_owner")
    found = None if wanted is None else await tx.people.person(str(wanted))
    return found[0] if found is not None and found[1] else None


async def stand_in(
    tx: Transaction, person_id: str, missed: Sequence[str]
) -> Person | None:
    """Return who hears what a person does not: their deputy, else the default owner.

    `missed` are people whom the same notice did not reach either; nobody is asked twice.
    """
    deputy = await tx.people.deputy(person_id)
    candidates = [deputy[0] if deputy is not None and deputy[1] else None, await default_owner(tx)]
    tried = {person_id, *missed}
    return next(
        (one for one in candidates if one is not None and _can_stand_in(one, tried)), None
    )


def _can_stand_in(person: Person, tried: set[str]) -> bool:
    """Say whether a person can hear what was meant for one of the shop's staff."""
    return person.id not in tried and person.is_staff and bool(person.email)
