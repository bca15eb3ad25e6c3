"""Vendors sign in by a code from a mail: short, used once, and bound to the browser that asked.

Whoever opens the link of a mail has shown nothing yet: mail scanners open links, and mails are
passed on. A code goes to a registered contact of the vendor, to be typed into the browser that
asked. What is answered is the same whether or not there is such a case or contact, and each try
costs a try, so that nobody learns anything by asking.
"""

import asyncio
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, ClassVar
from uuid import UUID

import structlog

from freezeguard.domain.errors import FreezeguardError
from freezeguard.domain.people import Correspondent, Person, Role
from freezeguard.domain.record import Case
from freezeguard.ports.clock import NewId, Now
from freezeguard.ports.notices import Message, NoticeError, Renderer, Transport, message_id_for
from freezeguard.ports.rows import Json, Vendor
from freezeguard.ports.sessions import Code
from freezeguard.ports.storage import Database, Transaction
from freezeguard.services.masterdata.access import Access, secret_hash
from freezeguard.services.masterdata.signingin import SigningIn
from freezeguard.services.masterdata.vendorlinks import Hint, VendorLinks, mailboxes

log = structlog.get_logger()

KIND = "sign_in_code"
CODE_LIFETIME = timedelta(minutes=10)
TRIES = 5
DIGITS = 8
"""100 million codes: five tries find one of them once in 20 million times."""

OF_CASE, CASE_WINDOW = 5, timedelta(minutes=10)
OF_MAILBOX, MAILBOX_WINDOW = 10, timedelta(hours=1)
OF_ALL, ALL_WINDOW = 600, timedelta(minutes=1)
"""How many codes are given within a time: of a case, to a mailbox, by the whole service."""

KEPT = timedelta(days=1)
SEND_WITHIN = 15.0
PAUSES = (0.0, 2.0, 10.0)
"""Seconds before each attempt to send a code: whoever waits for it waits at the screen."""
WAITING = 500


class TooManyCodes(FreezeguardError):
    """Codes were asked for too often. Wait ten minutes, then ask once more."""

    code: ClassVar[str] = "too_many_requests"


@dataclass(frozen=True, slots=True)
class CodeSender:
    """How a code's mail is signed: from which address, by which shop, with whom to ask."""

    address: str
    domain: str
    shop: str
    contact_name: str
    contact_address: str
    url: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A code that is on its way to a mailbox."""

    vendor: Vendor
    address: str
    name: str
    case: Case
    code: str = field(repr=False)
    asked_at: datetime = field(compare=False)


class Codes:
    """Sends codes, and opens a session for whoever types one in."""

    def __init__(
        self,
        database: Database,
        access: Access,
        signing_in: SigningIn,
        links: VendorLinks,
        transport: Transport | None,
        render: Renderer,
        sender: CodeSender,
        now: Now,
        new_id: NewId,
        new_secret: Callable[[], str],
        new_code: Callable[[int], str],
    ) -> None:
        self._database, self._access, self._signing_in = database, access, signing_in
        self._transport, self._render, self._sender = transport, render, sender
        self._now, self._new_id = now, new_id
        self._new_secret, self._new_code = new_secret, new_code
        self.links = links
        self._waiting: asyncio.Queue[Letter] = asyncio.Queue(WAITING)

    # ------------------------------------------------------------------------------- asking

    async def ask(self, case_id: UUID, hint: Hint | None) -> str:
        """Have a code sent, where there is somebody to send it to; return the browser's secret.

        Raises TooManyCodes, by what was asked and not by what there is.
        """
        browser, code = self._new_secret(), self._new_code(DIGITS)
        letter = await self._database.run(lambda tx: self._ask(tx, case_id, hint, browser, code))
        if letter is not None:
            self._hand_over(letter)
        return browser

    async def _ask(
        self, tx: Transaction, case_id: UUID, hint: Hint | None, browser: str, code: str
    ) -> Letter | None:
        """Store a code. Every statement is made whatever was found: time tells nothing either."""
        await tx.sessions.lock_codes()
        now = self._now()
        case = await tx.cases.get(case_id)
        is_known = case is not None and case.frozen_vendor_knows
        vendor = await tx.master.vendor((case.vendor if case and is_known else None) or "")
        contact = None if vendor is None else self._contact(case_id, vendor, hint)
        address = "" if contact is None else str(contact["address"])
        asked = await tx.sessions.codes_asked(
            case_id, now - CASE_WINDOW, address.lower(), now - MAILBOX_WINDOW, now - ALL_WINDOW
        )
        if asked.of_case >= OF_CASE or asked.of_all >= OF_ALL:
            raise TooManyCodes
        of_vendor = await tx.people.of_vendor("" if vendor is None else vendor.vendor)
        goes_out = (
            case is not None and vendor is not None and contact is not None
            and asked.of_address < OF_MAILBOX and self._may_enter(of_vendor, vendor, address)
        )
        await tx.sessions.add_code(
            secret_hash(browser),
            Code(case_id, vendor.vendor if vendor and goes_out else None,
                 address.lower() if goes_out else None, _code_hash(browser, code)),
            now, now + CODE_LIFETIME,
        )
        if not goes_out or case is None or vendor is None or contact is None:
            return None
        return Letter(vendor, address, str(contact.get("name") or ""), case, code, now)

    def _contact(self, case_id: UUID, vendor: Vendor, hint: Hint | None) -> Json | None:
        """Return the contact that a mail went to; for a link without a hint, the first one."""
        contacts = [one for one in mailboxes(vendor) if one.get("address")]
        if hint is None:
            return contacts[0] if contacts else None
        return next(
            (one for one in contacts
             if self.links.mailbox(case_id, str(one["address"])) == hint.mailbox), None
        )

    def _may_enter(
        self, of_vendor: Sequence[tuple[Person, bool]], vendor: Vendor, address: str
    ) -> bool:
        """Say whether somebody may sign in by a mailbox: not where their person is locked out."""
        found = self._person_of(of_vendor, vendor, address)
        return found is None or found[1]

    # ------------------------------------------------------------------------------ entering

    async def enter(self, browser: str, typed: str) -> tuple[str, UUID] | None:
        """Open a session by a code; return its token and the case, None for what lets nobody in."""
        hashed = secret_hash(browser)
        code = "".join(one for one in typed if one.isdecimal() and one.isascii())

        async def work(tx: Transaction) -> tuple[str, UUID] | None:
            now = self._now()
            known = await tx.sessions.try_code(hashed, now, TRIES)
            if known is None or not hmac.compare_digest(known.code_hash, _code_hash(browser, code)):
                return None  # the try is used up all the same
            person = await self._person(tx, known)
            if person is None or not await tx.sessions.use_code(hashed, now):
                return None
            return await self._signing_in.enter(tx, person, "code"), known.case_id

        entered = await self._database.run(work)
        if entered is None:
            log.warning("sign_in_refused", how="code")
        return entered

    async def _person(self, tx: Transaction, code: Code) -> Person | None:
        """Return whom a code lets in; a person is registered the first time.

        Nobody where the contact is not one any more, or its person may not sign in.
        """
        vendor = await tx.master.vendor(code.vendor or "")
        contact = None if vendor is None else _still(vendor, code.address)
        if vendor is None or contact is None:
            return None
        address = str(contact["address"])
        wanted = _made_of(self.links.person(vendor.vendor, address), vendor, contact)
        of_vendor = await tx.people.of_vendor(vendor.vendor)
        found = self._person_of(of_vendor, vendor, address)
        if found is None or (found[1] and found[0].id == wanted.id and found[0] != wanted):
            await self._access.add_person(tx, wanted, Correspondent(vendor.vendor))
            return wanted
        person, may_enter = found
        return person if may_enter else None

    def _person_of(
        self, of_vendor: Sequence[tuple[Person, bool]], vendor: Vendor, address: str
    ) -> tuple[Person, bool] | None:
        """Return the person of a mailbox: one whom the shop registered, else one made of it."""
        own = self.links.person(vendor.vendor, address)
        theirs = [
            one for one in of_vendor
            if one[0].id == own or (one[0].email or "").lower() == address.lower()
        ]
        theirs = [one for one in theirs if Role.VENDOR in one[0].roles]
        return min(theirs, key=lambda one: (one[0].id == own, one[0].id), default=None)

    # ------------------------------------------------------------------------------- mailing

    def _hand_over(self, letter: Letter) -> None:
        try:
            self._waiting.put_nowait(letter)
        except asyncio.QueueFull:
            log.warning("code_not_sent", why="too many wait", case_id=str(letter.case.id))

    async def run(self) -> None:
        """Send codes as they are asked for; returns never."""
        while True:
            letter = await self._waiting.get()
            await self._send(letter)

    async def _send(self, letter: Letter) -> None:
        """Send one code. It stands nowhere: what does not leave now is asked for once more."""
        if self._transport is None:
            log.warning("code_not_sent", why="no mail server is set", case_id=str(letter.case.id))
            return
        try:
            message = self._message(letter)
        except NoticeError as error:
            log.warning("code_not_sent", why=error.detail, case_id=str(letter.case.id))
            return
        for pause in PAUSES:
            await asyncio.sleep(pause)
            try:
                await self._transport.send(message, deadline=SEND_WITHIN)
            except NoticeError as error:
                log.warning("code_not_sent", why=error.detail, case_id=str(letter.case.id))
                if not error.recoverable:
                    return
            else:
                log.info("code_sent", case_id=str(letter.case.id))
                return

    def _message(self, letter: Letter) -> Message:
        sender, vendor = self._sender, letter.vendor
        facts: dict[str, Any] = {
            "audience": "vendor", "recipient": letter.name or vendor.name, "shop": sender.shop,
            "link": f"{sender.url}/portal/cases/{letter.case.id}",
            "at": letter.asked_at.isoformat(),
            "contact": {"name": sender.contact_name, "address": sender.contact_address},
            "steps": [], "number": str(letter.case.number),
            "code": f"{letter.code[:4]} {letter.code[4:]}",
            "lifetime": CODE_LIFETIME.total_seconds(),
        }
        words = self._render(
            KIND, facts, language=vendor.language, time_zone=vendor.time_zone
        )
        return Message(
            message_id=message_id_for(str(self._new_id()), sender.domain, "code"),
            recipient=letter.address, sender=sender.address, subject=words.subject,
            text=words.text, html=words.html, date=letter.asked_at,
        )

    async def forget(self) -> int:
        """Forget codes of days gone by."""
        before = self._now() - KEPT
        return await self._database.run(lambda tx: tx.sessions.forget_codes(before))


def _code_hash(browser: str, code: str) -> bytes:
    """Return what is kept of a code: of no use without what the browser keeps."""
    return hmac.digest(browser.encode(), code.encode(), sha256)


def _still(vendor: Vendor, address: str | None) -> Json | None:
    return next(
        (one for one in mailboxes(vendor)
         if address and str(one.get("address") or "").lower() == address.lower()), None
    )


def _made_of(person_id: str, vendor: Vendor, contact: Json) -> Person:
    address = str(contact["address"])
    return Person(
        person_id, str(contact.get("name") or address), frozenset({Role.VENDOR}), address,
        vendor=vendor.vendor, time_zone=vendor.time_zone, language=vendor.language,
        calendar=vendor.calendar,
    )
