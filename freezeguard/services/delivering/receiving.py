"""Takes mails that people send in answer to a notice, and reports of mail servers.

A sender's address proves nothing, so a mail can only comment, never command. Nothing is ever sent
in answer to a mail, and mails that no person wrote are ignored: loops can't begin here. Each mail
is taken once, by its own message id.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

import structlog

from freezeguard.domain.authority import may_see
from freezeguard.domain.errors import NotAllowed, NotFound
from freezeguard.domain.people import Actor, Correspondent
from freezeguard.domain.record import Case
from freezeguard.domain.transitions import Command
from freezeguard.ports.clock import Now
from freezeguard.ports.mails import Content, Received, Returned
from freezeguard.ports.storage import Database, Transaction
from freezeguard.services.cases.casework import Casework
from freezeguard.services.delivering.bounces import Bounces
from freezeguard.services.delivering.carriers import CASE_PLACE, Sender, bare_address

log = structlog.get_logger()

_OURS = re.compile(r"<(notice|digest)\.([0-9a-f-]{36})@([^>]+)>")


class Outcome(StrEnum):
    """What became of a mail that was not refused."""

    COMMENTED = "commented"
    BOUNCED = "bounced"
    IGNORED = "ignored"
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a mail, and of which case it is."""

    outcome: Outcome
    case: int | None = None


class Receiving:
    """Takes one mail at a time."""

    def __init__(
        self, database: Database, casework: Casework, bounces: Bounces, sender: Sender, now: Now
    ) -> None:
        self._database, self._casework, self._bounces = database, casework, bounces
        self._sender, self._now = sender, now
        self._numbered = _pattern(sender.reply_to)

    async def take(self, mail: Received) -> Taken:
        """Store a mail's words as a comment, or note what a mail server reports.

        Raises NotFound where no case is meant, NotAllowed where the sender is nobody who may
        write to it, and IllegalTransition where it is closed.
        """
        if mail.is_report:
            returned = mail.read_report()
            return await self._database.run(lambda tx: self._returned(tx, mail, returned))
        if mail.automatic or mail.sender == bare_address(self._sender.address).lower():
            log.info("mail_ignored", message_id=mail.message_id)
            return Taken(Outcome.IGNORED)
        await self._database.run(lambda tx: self._expect(tx, mail))
        content = mail.read()
        return await self._database.run(lambda tx: self._comment(tx, mail, content))

    # ------------------------------------------------------------------------------- comments

    async def _expect(self, tx: Transaction, mail: Received) -> Case:
        """Return the case that a mail is about. What a stranger has sent is not even read."""
        case_id = await self._case_id(tx, mail)
        case = None if case_id is None else await tx.cases.get(case_id)
        if case is None:
            raise NotFound("No case is meant: answer a notice, or write to its reply address.")
        await _writer(tx, case, mail.sender)
        return case

    async def _comment(self, tx: Transaction, mail: Received, content: Content) -> Taken:
        seen = await self._expect(tx, mail)
        await tx.signals.lock_sku(seen.scope.sku)
        case = await tx.cases.get(seen.id, lock=True) or seen
        actor = await _writer(tx, case, mail.sender)
        if not await tx.mails.receive(
            mail.message_id, case.id, Outcome.COMMENTED, self._now()
        ):
            return Taken(Outcome.REPEATED, case.number)
        arguments = {"comment": in_words(mail.sender, content), "by_mail": mail.sender}
        await self._casework.execute(
            tx, case, Command.COMMENT, arguments=arguments, actor=actor
        )
        return Taken(Outcome.COMMENTED, case.number)

    async def _case_id(self, tx: Transaction, mail: Received) -> UUID | None:
        """Find the case: by the address first, then by the notice that is answered."""
        for address in mail.recipients:
            if self._numbered is not None and (found := self._numbered.fullmatch(address)):
                return await tx.mails.case_numbered(int(found[1]))
        for message_id in mail.refers_to:
            for case_id in await self._cases_of(tx, message_id):
                return case_id
        return None

    async def _cases_of(self, tx: Transaction, message_id: str) -> list[UUID]:
        """Return the case of a notice; a digest names one only where all it holds is of it."""
        kind, its_id = self._ours(message_id)
        if its_id is None:
            return []
        if kind == "digest":
            of_all = {one.case_id for one in await tx.digests.members(its_id, sent=True)}
            return [one for one in of_all if one is not None] if len(of_all) == 1 else []
        notice = await tx.notices.get(its_id)
        return [notice.case_id] if notice is not None and notice.case_id is not None else []

    def _ours(self, message_id: str) -> tuple[str, UUID | None]:
        found = _OURS.fullmatch(message_id.lower())
        if found is None or found[3] != self._sender.domain.lower():
            return "", None
        try:
            return found[1], UUID(found[2])
        except ValueError:
            return "", None

    # ------------------------------------------------------------------------------- reports

    async def _returned(self, tx: Transaction, mail: Received, returned: Returned) -> Taken:
        """A mail of ours came back: its notice finds another way."""
        kind, its_id = self._ours(returned.message_id or "")
        if its_id is None:
            raise NotFound("The report is not about a mail of ours.")
        if not returned.final:
            return Taken(Outcome.IGNORED)
        notice = await tx.notices.get(its_id)
        notices = await tx.digests.members(its_id, sent=True) if kind == "digest" else [notice]
        if not await tx.mails.receive(
            mail.message_id, None if notice is None else notice.case_id, Outcome.BOUNCED,
            self._now(),
        ):
            return Taken(Outcome.REPEATED)
        followed = [
            await self._bounces.came_back(tx, one, returned.detail)
            for one in notices
            if one is not None and _is_meant(one.address, returned.recipient)
        ]
        return Taken(Outcome.BOUNCED if any(followed) else Outcome.IGNORED)


def in_words(sender: str | None, content: Content) -> str:
    """Return the comment that a mail becomes: its words, and what was left out."""
    note = f"[By mail from {sender}.]"
    if content.attachments:
        names = ", ".join(content.attachments)
        note = (
            f"[By mail from {sender}. Attachments are not stored: {names}. "
            "Attach evidence on the case itself.]"
        )
    return f"{content.text}\n\n{note}".strip()


def _pattern(reply_to: str | None) -> re.Pattern[str] | None:
    """Return what finds the number of a case in the address for answers."""
    if reply_to is None or CASE_PLACE not in reply_to:
        return None
    before, _, after = bare_address(reply_to).lower().partition(CASE_PLACE)
    return re.compile(re.escape(before) + r"([0-9]{1,18})" + re.escape(after))


def _is_meant(address: str | None, recipient: str | None) -> bool:
    """Whether a report is about the address that the notice went to last."""
    return recipient is None or (address or "").lower() == recipient


async def _writer(tx: Transaction, case: Case, sender: str | None) -> Actor:
    """Return in whose name a mail is stored: a person with that address, or the vendor."""
    if sender is None:
        raise NotAllowed("The mail has no single sender.")
    people = [
        one
        for one, active in await tx.people.people()
        if active and (one.email or "").lower() == sender and may_see(case, one)
    ]
    if len(people) == 1:
        return people[0]
    vendor = None if case.vendor is None else await tx.master.vendor(case.vendor)
    addresses = {
        str(one.get("address")).lower()
        for one in (vendor.contacts if vendor is not None else ())
        if one.get("channel") == "mail"
    }
    if vendor is not None and sender in addresses and case.frozen_vendor_knows:
        return Correspondent(vendor.vendor)
    raise NotAllowed(f"{sender} is nobody who may write to this case.")
