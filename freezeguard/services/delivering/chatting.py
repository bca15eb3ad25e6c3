"""Sends notices into chats, by incoming webhooks as Slack and Teams have them.

What an answer means is decided here. An address that is no more is switched off, and its owner is
told by mail; one that asks us to wait, or can't be reached, is left alone for a while with all that
is for it, so that it keeps nobody else waiting.
"""

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from freezeguard.domain.people import Role, System
from freezeguard.ports.chats import ChatAddress, ChatPost, ChatWords
from freezeguard.ports.clock import Moment, Now, no_moment
from freezeguard.ports.notices import NoticeError
from freezeguard.ports.outbox import CHATS
from freezeguard.ports.rows import Notice
from freezeguard.ports.storage import Database, Transaction
from freezeguard.ports.webhooks import Answered
from freezeguard.services.telling.readers import Reader, reader_of, those_with_role
from freezeguard.services.telling.telling import Telling
from freezeguard.services.topics import TOPIC_NOTICES

log = structlog.get_logger()

GONE = frozenset({401, 403, 404, 410})
"""The address is no more, or takes nothing from us: Slack says 404 `no_team` or 410
`channel_is_archived`, Teams 404 for a workflow that was deleted."""
WAIT = frozenset({408, 425, 429})
LONGEST_RETRY_AFTER = timedelta(hours=1).total_seconds()
REST = 10.0
"""Seconds for which an address is left alone that did not answer as it should."""
_CODE = re.compile(r"[a-z]{2,40}(_[a-z]{1,40}){0,6}")
_FAILED_INSIDE = re.compile(r"webhook message delivery failed", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A notice in words, and where it goes."""

    address: ChatAddress
    body: bytes


class ChatCarrier:
    """Sends notices into the chats of people and teams."""

    channels = CHATS
    is_open = True

    def __init__(
        self, database: Database, post: ChatPost, words: ChatWords, telling: Telling, now: Now,
        moment: Moment = no_moment,
    ) -> None:
        self._database, self._post, self._words = database, post, words
        self._telling, self._now, self._moment = telling, now, moment

    async def prepare(self, notice: Notice) -> Parcel:
        address_id = UUID(notice.address or "")
        address = await self._database.run(lambda tx: tx.chats.address(address_id))
        if address is None:
            raise _no_more("the address was removed")
        if address.state == "disabled":
            raise _no_more(f"the address is switched off: {address.why}")
        body = self._words(
            notice.kind, notice.facts, language=notice.language, time_zone=notice.time_zone,
            chat=address.kind,
        )
        return Parcel(address, json.dumps(body, ensure_ascii=False).encode())

    async def hand_over(self, parcel: Parcel, *, deadline: float) -> None:
        address = parcel.address
        answered = await self._post.post(
            address.url, parcel.body, now=self._now(), deadline=deadline
        )
        error = refusal_in(answered, address)
        if error is None:
            return
        if error.permanent_recipient:
            await self._database.run(lambda tx: self._switch_off(tx, address, error.detail))
        elif error.recoverable:
            pause = error.retry_after or REST
            await self._database.run(
                lambda tx: tx.chats.hold_off(address.id, pause, self._moment())
            )
        raise error

    async def _switch_off(self, tx: Transaction, address: ChatAddress, why: str) -> None:
        now = self._now()
        if not await tx.chats.disable(address, why, now):
            return
        await tx.record.write(now, System.COURIER, "disable_chat", address.recipient, why=why,
                              details={"kind": address.kind, "host": address.host})
        facts = {"chat": facts_of(address), "why": why}
        readers = await _answerable(tx, address)
        await self._telling.tell_staff(
            tx, "chat_disabled", facts, readers, now, page="/console/me"
        )
        await tx.notify(TOPIC_NOTICES)
        log.warning("chat_disabled", recipient=address.recipient, kind=address.kind, why=why)


def facts_of(address: ChatAddress) -> dict[str, str]:
    """Return what a notice may say of an address: never the address itself."""
    return {"kind": address.kind, "host": address.host,
            "team": "" if address.person else address.name}


def refusal_in(answered: Answered, address: ChatAddress) -> NoticeError | None:
    """Return what was wrong with an answer; None where the chat took the notice over.

    Older workflows of Teams answer 200 and say in the body that they failed.
    """
    failed_inside = address.kind == "teams" and _FAILED_INSIDE.match(answered.words.strip())
    if answered.is_taken and not failed_inside:
        return None
    said = answered.words.strip()
    code = f" ({said})" if _CODE.fullmatch(said) else ""
    detail = f"{address.host}: {answered.error or 'took it, and failed'}{code}"
    status = answered.status
    if status in GONE:
        return NoticeError(detail, recoverable=False, permanent_recipient=True)
    waits = failed_inside or status is None or status >= 500 or status in WAIT
    asked = None if answered.retry_after is None else min(answered.retry_after, LONGEST_RETRY_AFTER)
    return NoticeError(detail, recoverable=bool(waits), retry_after=asked)


def _no_more(detail: str) -> NoticeError:
    return NoticeError(detail, recoverable=False, permanent_recipient=True)


async def _answerable(tx: Transaction, address: ChatAddress) -> list[Reader]:
    """Return who is told that an address is no more: its person by mail, of a team's the admins."""
    found = None if address.person is None else await tx.people.person(address.person)
    if found is not None and found[0].email:
        return [reader_of(found[0])]
    return await those_with_role(tx, Role.ADMIN)
