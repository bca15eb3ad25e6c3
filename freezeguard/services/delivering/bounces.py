"""A notice that did not arrive finds another way: the next contact, a deputy, a person.

A vendor's notice goes to the vendor's next contact by mail, in its place in the order of the case;
when none is left the owner is asked to tell the vendor by other means. What a person of the shop
does not get, their deputy gets, or the default owner.
"""

from collections.abc import Sequence
from datetime import datetime

import structlog

from freezeguard.domain.effects import Notify
from freezeguard.domain.record import Case
from freezeguard.ports.clock import NewId, Now
from freezeguard.ports.rows import Notice, Vendor
from freezeguard.ports.storage import Transaction
from freezeguard.services.delivering.digests import DIGEST
from freezeguard.services.telling.readers import mail_contacts, reader_of, stand_in
from freezeguard.services.telling.telling import Telling
from freezeguard.services.topics import TOPIC_NOTICES

log = structlog.get_logger()

RECORDED_AS = "mail"
"""Whose name stands in the record for what mail servers tell."""


class Bounces:
    """What follows where a notice is given up or comes back."""

    def __init__(self, telling: Telling, now: Now, new_id: NewId) -> None:
        self._telling, self._now, self._new_id = telling, now, new_id

    async def given_up(
        self, tx: Transaction, notice: Notice, why: str, *, elsewhere: bool,
        moment: datetime | None = None,
    ) -> None:
        """Follow up a notice that its sender gives up; `elsewhere`: another address may help.

        Nothing happens where the lease of the sender was lost: somebody else is sending it.
        """
        if notice.kind == DIGEST:
            await self._digest(tx, notice, why, elsewhere=elsewhere, moment=moment)
            return
        case = await locked_case(tx, notice) if is_to_vendor(notice) else None
        if elsewhere and await self._redirected(tx, notice, case, why, left=False, moment=moment):
            return
        if await tx.notices.failed(notice, why, retry_in=None):
            await self._told_otherwise(tx, notice, case, why, elsewhere=elsewhere)

    async def came_back(self, tx: Transaction, notice: Notice, why: str) -> bool:
        """Follow up a notice that had left; False where it is not on its way there any more."""
        case = await locked_case(tx, notice) if is_to_vendor(notice) else None
        if await self._redirected(tx, notice, case, why, left=True, moment=None):
            return True
        if not await tx.notices.came_back(notice, why):
            return False
        await self._told_otherwise(tx, notice, case, why, elsewhere=True)
        return True

    # --------------------------------------------------------------------------- other addresses

    async def _digest(
        self, tx: Transaction, digest: Notice, why: str, *, elsewhere: bool,
        moment: datetime | None,
    ) -> None:
        """A vendor's digest goes to the next contact whole; all others go one by one."""
        members = await tx.digests.members(digest.id)
        case_id = next((one.case_id for one in members if one.case_id is not None), None)
        case = None if case_id is None else await tx.cases.get(case_id)
        to_vendor = digest.recipient.startswith("vendor:")
        address = await _next_address(tx, digest, case) if elsewhere and to_vendor else None
        if address is None:
            await tx.digests.dissolve(digest, why, moment)
        elif await tx.digests.redirect(digest, address, why, moment):
            await self._record(tx, digest, why, address)

    async def _redirected(
        self, tx: Transaction, notice: Notice, case: Case | None, why: str, *, left: bool,
        moment: datetime | None,
    ) -> bool:
        address = await _next_address(tx, notice, case)
        if address is None or not await tx.notices.redirect(
            notice, address, why, left=left, moment=moment
        ):
            return False
        await self._record(tx, notice, why, address)
        await tx.notify(TOPIC_NOTICES)
        return True

    async def _told_otherwise(
        self, tx: Transaction, notice: Notice, case: Case | None, why: str, *, elsewhere: bool
    ) -> None:
        await self._record(tx, notice, why, None)
        if not is_to_vendor(notice):
            if elsewhere and await _is_missed(tx, notice):
                await self._to_deputy(tx, notice)
        elif case is not None and not await _bounced_before(tx, notice, case):
            await self._ask_owner(tx, notice, case, why)
        await tx.notify(TOPIC_NOTICES)

    async def _ask_owner(self, tx: Transaction, notice: Notice, case: Case, why: str) -> None:
        text = (
            f"A notice to vendor {case.vendor} at {notice.address} did not arrive: {why}. "
            "Tell the vendor why the sale was stopped, and register another contact."
        )
        facts = {
            "task": "tell_vendor", "vendor": case.vendor, "address": notice.address,
            "detail": why, "instruction": text,
        }
        await self._telling.tell(tx, case, Notify("manual_task", "owner", facts), self._now())

    async def _to_deputy(self, tx: Transaction, notice: Notice) -> None:
        """Give a copy to who stands in; the name of whom it did not reach is told."""
        person = notice.recipient.removeprefix("person:")
        missed: Sequence[str] = notice.facts.get("missed") or ()
        deputy = await stand_in(tx, person, missed)
        if deputy is None or not deputy.is_staff or notice.facts.get("audience") != "staff":
            log.warning("notice_reached_nobody", notice_id=str(notice.id), kind=notice.kind)
            return
        reader = reader_of(deputy)
        facts = {
            **notice.facts, "recipient": reader.person, "missed": [*missed, person],
            "instead_of": notice.facts.get("recipient") or person,
        }
        copy = Notice(
            id=self._new_id(), case_id=notice.case_id, sku=notice.sku, n=0, recipient=reader.name,
            channel="mail", address=reader.address, kind=notice.kind, facts=facts,
            language=reader.language, time_zone=reader.time_zone,
        )
        await tx.notices.add(copy, self._now())

    async def _record(
        self, tx: Transaction, notice: Notice, why: str, address: str | None
    ) -> None:
        subject = f"notice:{notice.id}" if notice.case_id is None else f"case:{notice.case_id}"
        details = {
            "notice": str(notice.id), "kind": notice.kind, "recipient": notice.recipient,
            "address": notice.address, "next_address": address,
        }
        await tx.record.write(
            self._now(), RECORDED_AS, "notice_bounced", subject, why=why, details=details
        )


async def _is_missed(tx: Transaction, notice: Notice) -> bool:
    """Say whether somebody misses what did not arrive: what failed in a chat has come by mail too.

    A team misses nothing: each notice to it is one to somebody else as well.
    """
    if notice.channel == "mail":
        return True
    kind, _, person = notice.recipient.partition(":")
    found = await tx.people.person(person) if kind == "person" else None
    return found is not None and not found[0].email


def is_to_vendor(notice: Notice) -> bool:
    """Say whether a notice tells a vendor about its case."""
    return notice.case_id is not None and notice.recipient.startswith("vendor:")


async def locked_case(tx: Transaction, notice: Notice) -> Case | None:
    """Lock the SKU and the case of a notice; return the case."""
    if notice.case_id is None:
        return None
    await tx.signals.lock_sku(notice.sku or "")
    return await tx.cases.get(notice.case_id, lock=True)


async def _next_address(tx: Transaction, notice: Notice, case: Case | None) -> str | None:
    """Return the vendor's next address that has not sent this notice back yet."""
    vendor = None if case is None or case.vendor is None else await tx.master.vendor(case.vendor)
    return None if vendor is None else next_address(vendor, notice)


def next_address(vendor: Vendor, notice: Notice) -> str | None:
    """Return where a vendor's notice goes next: superiors only get what is meant for superiors."""
    tried = {*notice.tried, notice.address}
    contacts = mail_contacts(vendor, superior=notice.recipient.endswith("/superior"))
    addresses = (one.get("address") for one in contacts)
    return next((str(one) for one in addresses if one and one not in tried), None)


async def _bounced_before(tx: Transaction, notice: Notice, case: Case) -> bool:
    """Say whether an earlier notice of a case came back from the same address of this reader."""
    reader = (notice.recipient, notice.address)
    return any(
        one.state == "bounced" and one.id != notice.id and (one.recipient, one.address) == reader
        for one in await tx.notices.of_case(case.id)
    )
