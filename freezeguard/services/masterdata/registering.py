"""Master data is registered: who may own a SKU, and what the record keeps of each change.

The record is for ever, so it names roles, areas, owners and counts, and nobody's name or address.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from freezeguard.domain.errors import InvalidInput
from freezeguard.domain.people import Person
from freezeguard.ports.rows import Sku, Vendor
from freezeguard.ports.storage import Transaction
from freezeguard.services.telling.readers import mail_contacts
from freezeguard.services.topics import TOPIC_OBJECTS

MAY_OWN = "manager, analyst, compliance or admin"


async def unfit_owners(tx: Transaction, owners: Iterable[str | None]) -> dict[str, str]:
    """Return those of some owners who can't answer for a case, each with why."""
    unfit: dict[str, str] = {}
    for owner in sorted({one for one in owners if one is not None}):
        found = await tx.people.person(owner)
        if found is None:
            unfit[owner] = f"There is no person {owner!r}."
        elif not found[1]:
            unfit[owner] = f"{owner!r} may not sign in any more, and can't own a SKU."
        elif not found[0].may_own:
            unfit[owner] = f"{owner!r} can't own a SKU; an owner is {MAY_OWN}."
    return unfit


async def register_skus(tx: Transaction, skus: Sequence[Sku], by: str, now: datetime) -> None:
    """Register SKUs. Raises InvalidInput for an owner who can't answer for a case."""
    unfit = await unfit_owners(tx, (one.owner for one in skus))
    if unfit:
        raise InvalidInput(next(iter(unfit.values())), pointer="/owner")
    before = {one.sku: one for one in await tx.master.skus([one.sku for one in skus])}
    await tx.master.put_skus(skus, now)
    new = sum(one.sku not in before for one in skus)
    await tx.record.write(
        now, by, "put_skus", f"sku:{skus[0].sku}",
        details={"number": len(skus), "new": new, "changed": _changes_of_skus(before, skus)},
    )
    await tx.notify(TOPIC_OBJECTS)


async def register_fit_skus(
    tx: Transaction, skus: Sequence[Sku], by: str, now: datetime
) -> dict[str, str]:
    """Register the SKUs whose owner can answer for a case; return the others' owners, with why."""
    unfit = await unfit_owners(tx, (one.owner for one in skus))
    last = {one.sku: one for one in skus if one.owner not in unfit}
    if last:
        await register_skus(tx, list(last.values()), by, now)
    return unfit


async def register_vendor(tx: Transaction, vendor: Vendor, by: str, now: datetime) -> None:
    """Register a vendor, or replace what is known of it."""
    before = await tx.master.vendor(vendor.vendor)
    await tx.master.put_vendor(vendor, now)
    await tx.record.write(
        now, by, "put_vendor", f"vendor:{vendor.vendor}",
        details={"changed": _changes_of_vendor(before, vendor)},
    )


def changes_of_person(
    before: tuple[Person, bool] | None, person: Person, *, active: bool
) -> dict[str, Any]:
    """Return what becomes of a person, each field as it was and as it is."""
    was, is_now = (None if before is None else _of_person(*before)), _of_person(person, active)
    changes = _changed(was, is_now)
    if before is not None:
        for field in ("name", "email"):
            if getattr(before[0], field) != getattr(person, field):
                changes[f"{field}_changed"] = True
    return changes


def _of_person(person: Person, active: bool) -> dict[str, Any]:
    return {
        "roles": sorted(person.roles), "areas": sorted(person.areas), "vendor": person.vendor,
        "deputy": person.deputy, "calendar": person.calendar, "time_zone": person.time_zone,
        "language": person.language, "has_email": bool(person.email), "active": active,
    }


def _changes_of_skus(before: Mapping[str, Sku], skus: Iterable[Sku]) -> dict[str, Any]:
    """Return what becomes of SKUs that were known; those that are new are counted only.

    The record is for ever, and a shop registers millions.
    """
    known = [(before[one.sku], one) for one in skus if one.sku in before]
    changes = {one.sku: _changed(_of_sku(was), _of_sku(one)) for was, one in known}
    return {sku: found for sku, found in changes.items() if found}


def _of_sku(sku: Sku) -> dict[str, Any]:
    return {"owner": sku.owner, "vendor": sku.vendor, "category": sku.category}


def _changes_of_vendor(before: Vendor | None, vendor: Vendor) -> dict[str, Any]:
    changes = _changed(None if before is None else _of_vendor(before), _of_vendor(vendor))
    old, new = (set() if one is None else _addresses(one) for one in (before, vendor))
    if old - new:
        changes["contacts_removed"] = len(old - new)
    if new - old:
        changes["contacts_added"] = len(new - old)
    if before is not None and before.name != vendor.name:
        changes["name_changed"] = True
    return changes


def _of_vendor(vendor: Vendor) -> dict[str, Any]:
    return {
        "contacts": len(mail_contacts(vendor)),
        "superiors": len(mail_contacts(vendor, superior=True)),
        "language": vendor.language, "time_zone": vendor.time_zone, "calendar": vendor.calendar,
    }


def _addresses(vendor: Vendor) -> set[tuple[str, str]]:
    return {(str(one.get("role") or ""), str(one.get("address"))) for one in vendor.contacts}


def _changed(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that differ, as `[was, is]`; of what is new, those that say something."""
    known = before or {}
    return {
        name: [known.get(name), value]
        for name, value in after.items()
        if value != known.get(name) and (before is not None or value not in (None, [], 0))
    }
