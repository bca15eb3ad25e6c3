"""How a notice leaves by one kind of channel: as a mail here, into a chat in `chatting`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from freezeguard.ports.clock import Now
from freezeguard.ports.notices import Message, Rendered, Renderer, Transport, message_id_for
from freezeguard.ports.outbox import MAIL
from freezeguard.ports.rows import Notice
from freezeguard.ports.storage import Database
from freezeguard.services.delivering.digests import DIGEST
from freezeguard.services.masterdata.vendorlinks import VendorLinks


class Carrier(Protocol):
    """Takes notices of its channels out of the house, in two steps: only the second one is slow."""

    @property
    def channels(self) -> Sequence[str]: ...

    @property
    def is_open(self) -> bool:
        """Say whether there is any way out; where there is none, notices wait."""
        ...

    async def prepare(self, notice: Notice) -> Any:
        """Word a notice and look up where it goes. Raises `NoticeError`."""
        ...

    async def hand_over(self, parcel: Any, *, deadline: float) -> None:
        """Hand over what was prepared, within `deadline` seconds. Raises `NoticeError`."""
        ...


@dataclass(frozen=True, slots=True)
class Sender:
    """How notices are signed on the outside. `domain` goes into message ids."""

    address: str
    domain: str
    reply_to: str | None = None

    def reply_to_for(self, case: str | None) -> str | None:
        """Return where answers to a notice go: with the number of its case, if it has one.

        `{case}` in the setting stands for it; without a case it goes, and the sign before it.
        """
        if self.reply_to is None or CASE_PLACE not in self.reply_to:
            return self.reply_to
        if case is not None:
            return self.reply_to.replace(CASE_PLACE, case)
        return _WITHOUT_CASE.sub("", self.reply_to)


CASE_PLACE = "{case}"
_WITHOUT_CASE = re.compile(r"[+._=-]?\{case\}")
_BARE_ADDRESS = re.compile(r".*<(.*)>\s*")


def bare_address(mailbox: str) -> str:
    """Return the address of "Name <address>", or of "address"."""
    return _BARE_ADDRESS.sub(r"\1", mailbox).strip()


class MailCarrier:
    """Sends notices as mails; without a transport they wait."""

    channels = MAIL

    def __init__(
        self, database: Database, transport: Transport | None, render: Renderer, sender: Sender,
        now: Now, links: VendorLinks | None = None,
    ) -> None:
        self._database, self._transport, self._render = database, transport, render
        self._sender, self._now, self._links = sender, now, links

    @property
    def is_open(self) -> bool:
        return self._transport is not None

    async def prepare(self, notice: Notice) -> Message:
        reply_to = self._sender.reply_to_for(notice.facts.get("case"))
        words: Rendered = self._render(
            notice.kind, self._facts(notice, reply_to), language=notice.language,
            time_zone=notice.time_zone,
        )
        first = await self._thread(notice)
        own = _message_id(notice, self._sender.domain)
        references = () if first in {None, own} else (str(first),)
        return Message(
            message_id=own, recipient=notice.address or "", sender=self._sender.address,
            subject=words.subject, text=words.text, html=words.html,
            date=notice.created_at or self._now(), reply_to=reply_to,
            in_reply_to=references[0] if references else None, references=references,
        )

    async def hand_over(self, parcel: Message, *, deadline: float) -> None:
        if self._transport is None:
            raise RuntimeError("without a transport nothing is claimed")
        await self._transport.send(parcel, deadline=deadline)

    def _facts(self, notice: Notice, reply_to: str | None) -> Mapping[str, Any]:
        """Add the address for answers, where an answer finds its case, and whose mailbox it is."""
        facts = notice.facts if self._links is None else addressed(notice, self._links)
        if reply_to is None or CASE_PLACE not in (self._sender.reply_to or ""):
            return facts
        return {**facts, "reply_to": bare_address(reply_to)}

    async def _thread(self, notice: Notice) -> str | None:
        """Return the message id of the first mail that this reader got about the case."""
        case_id = notice.case_id
        if case_id is None:
            return None
        earlier = await self._database.run(lambda tx: tx.notices.of_case(case_id))
        reader = notice.recipient, notice.channel
        mine = [one for one in earlier if (one.recipient, one.channel) == reader]
        first = min(mine, key=lambda one: one.n, default=notice)
        return message_id_for(str(first.id), self._sender.domain)


def addressed(notice: Notice, links: VendorLinks) -> Mapping[str, Any]:
    """Return facts whose links name the mailbox that they go to, where a vendor reads them.

    Only now is that mailbox known: a notice that comes back goes to another one.
    """
    facts, address = notice.facts, notice.address
    if facts.get("audience") != "vendor" or not address:
        return facts
    more: dict[str, Any] = {}
    if notice.case_id is not None and "api" in facts:
        more["link"] = links.addressed(
            facts["link"], notice.case_id, str(facts["case"]), address
        )
    if "entries" in facts:
        more["entries"] = [_entry_addressed(one, links, address) for one in facts["entries"]]
    return {**facts, **more}


def _entry_addressed(
    entry: Mapping[str, Any], links: VendorLinks, address: str
) -> Mapping[str, Any]:
    case_id, link = entry.get("case_id"), entry.get("link")
    if not case_id or not link or not entry.get("case"):
        return entry
    signed = links.addressed(link, UUID(case_id), str(entry["case"]), address)
    return {**entry, "link": signed}


def _message_id(notice: Notice, domain: str) -> str:
    return message_id_for(str(notice.id), domain, DIGEST if notice.kind == DIGEST else "notice")
