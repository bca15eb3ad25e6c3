"""By which channels people and teams hear: chats, quiet hours, a test, and what they got."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from freezeguard.domain.errors import GuardFailed, InvalidInput, NotAllowed, NotFound
from freezeguard.domain.people import Actor, Person, Role, actor_name
from freezeguard.domain.quiet import QuietHours
from freezeguard.ports.chats import ChatAddress, ChatKind, ChatPost
from freezeguard.ports.clock import NewId, Now
from freezeguard.ports.rows import Notice
from freezeguard.ports.storage import Database, Transaction
from freezeguard.services.delivering.chatting import facts_of
from freezeguard.services.masterdata.access import as_of_now
from freezeguard.services.telling.readers import Reader, reader_of
from freezeguard.services.telling.telling import Telling
from freezeguard.services.topics import TOPIC_NOTICES

RESOLVE_SECONDS = 3.0
MOST_TEAMS = 200
LATEST = 50
"""Notices that a person is shown."""


@dataclass(frozen=True, slots=True)
class Team:
    """Whose chat it is, where it is no person's; `areas` empty: cases of all categories."""

    id: str
    name: str
    areas: tuple[str, ...] = ()
    language: str = "en"
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Hearing:
    """How a person hears."""

    person: Person
    chats: Sequence[ChatAddress]
    quiet: QuietHours | None


class Channels:
    """Use cases of channels. Everybody of the shop's staff has their own; admins have all."""

    def __init__(
        self, database: Database, post: ChatPost, telling: Telling, now: Now, new_id: NewId
    ) -> None:
        self._database, self._post, self._telling = database, post, telling
        self._now, self._new_id = now, new_id

    # ------------------------------------------------------------------------------- reading

    async def hearing(self, who: Actor) -> Hearing:
        """Return how somebody hears."""

        async def work(tx: Transaction) -> Hearing:
            person = await _staff(tx, who)
            chats = await tx.chats.addresses(f"person:{person.id}")
            return Hearing(person, chats, await tx.chats.quiet_hours(person.id))

        return await self._database.run(work)

    async def latest(self, who: Actor) -> list[Notice]:
        """Return what somebody was told last, on every channel, newest first."""

        async def work(tx: Transaction) -> list[Notice]:
            person = await _staff(tx, who)
            return await tx.notices.of_recipient(f"person:{person.id}", LATEST)

        return await self._database.run(work)

    async def addresses(self, who: Actor) -> list[ChatAddress]:
        """Return the chats of everybody, for admins."""

        async def work(tx: Transaction) -> list[ChatAddress]:
            await _admin(tx, who)
            return await tx.chats.addresses()

        return await self._database.run(work)

    # ------------------------------------------------------------------------------- chats

    async def set_chat(
        self, who: Actor, kind: ChatKind, url: str, whose: str | Team | None = None
    ) -> ChatAddress:
        """Set where a person (by id; None: who asks) or a team reads notices in a chat.

        Raises InvalidInput for an address where nothing may go, NotFound for a person that there is
        not, NotAllowed for somebody else's where no admin asks.
        """
        why = await self._post.refusal(url, deadline=RESOLVE_SECONDS)
        if why is not None:
            raise InvalidInput(f"No notice can go to this address: {why}.", pointer="/url")

        async def work(tx: Transaction) -> ChatAddress:
            asked = await self._asked(tx, who, kind, url, whose)
            stored = await tx.chats.put(asked, self._now())
            await self._record(tx, who, "set_chat", stored)
            return stored

        return await self._database.run(work)

    async def _asked(
        self, tx: Transaction, who: Actor, kind: ChatKind, url: str, whose: str | Team | None
    ) -> ChatAddress:
        host = url.partition("://")[2].partition("/")[0].rpartition("@")[2]
        blank = ChatAddress(
            self._new_id(), "", kind, url, host, "", created_by=actor_name(who)
        )
        if whose is None:
            person = await _staff(tx, who)
            return replace(blank, recipient=f"person:{person.id}", name=person.name)
        await _admin(tx, who)
        if isinstance(whose, Team):
            await _check_room(tx, whose, kind)
            return replace(
                blank, recipient=f"team:{whose.id}", name=whose.name, areas=whose.areas,
                language=whose.language, time_zone=whose.time_zone,
            )
        found = await tx.people.person(whose)
        if found is None or not found[0].is_staff:
            raise NotFound(f"There is no person {whose} among the shop's staff.")
        return replace(blank, recipient=f"person:{whose}", name=found[0].name)

    async def remove_chat(self, who: Actor, which: ChatKind | UUID) -> None:
        """Forget an address, by its kind where it is one's own. Raises NotFound."""

        async def work(tx: Transaction) -> None:
            address = await _theirs(tx, who, which)
            await tx.chats.remove(address.id, self._now())
            await self._record(tx, who, "remove_chat", address)

        await self._database.run(work)

    async def test(self, who: Actor, which: ChatKind | UUID | None) -> UUID:
        """Send a test to a chat, or to one's own mailbox (None); return the id of the notice.

        Raises NotFound, and GuardFailed where nothing is sent there.
        """

        async def work(tx: Transaction) -> UUID:
            asking = await _staff(tx, who)
            address = None if which is None else await _theirs(tx, who, which)
            if address is not None and address.state == "disabled":
                raise GuardFailed(["the address is switched off; set a new one"])
            if address is None and not asking.email:
                raise GuardFailed(["no mail address is known of you; an admin can set it"])
            reader = await _reader(tx, asking, address)
            chat = {"kind": "mail", "host": "", "team": ""} if address is None else (
                facts_of(address)
            )
            notice_id = await self._telling.tell_directly(
                tx, "test_message", {"chat": chat, "by": asking.name}, reader,
                "mail" if address is None else address.kind, self._now(), page="/console/me",
            )
            await tx.notify(TOPIC_NOTICES)
            return notice_id

        return await self._database.run(work)

    # --------------------------------------------------------------------------- quiet hours

    async def set_quiet_hours(self, who: Actor, hours: QuietHours | None) -> None:
        """Set or remove one's own quiet hours. Raises InvalidInput for hours without end."""
        if hours is not None and hours.begins == hours.ends:
            raise InvalidInput("Quiet hours end at another time than they begin.", pointer="/ends")

        async def work(tx: Transaction) -> None:
            person, now = await _staff(tx, who), self._now()
            if hours is None:
                await tx.chats.remove_quiet_hours(person.id)
            else:
                await tx.chats.put_quiet_hours(person.id, hours, now)
            details = {} if hours is None else {"begins": hours.begins, "ends": hours.ends}
            await tx.record.write(
                now, who, "quiet_hours", f"person:{person.id}", details=details
            )

        await self._database.run(work)

    async def _record(self, tx: Transaction, who: Actor, action: str, one: ChatAddress) -> None:
        """Note a change: never with the address, which is a secret."""
        await tx.record.write(
            self._now(), who, action, one.recipient,
            details={"kind": one.kind, "host": one.host, "areas": list(one.areas)},
        )


async def _staff(tx: Transaction, who: Actor) -> Person:
    now = await as_of_now(tx, who)
    if not isinstance(now, Person) or not now.is_staff:
        raise NotAllowed("Channels are for people of the shop.")
    return now


async def _admin(tx: Transaction, who: Actor) -> Person:
    now = await _staff(tx, who)
    if Role.ADMIN not in now.roles:
        raise NotAllowed("Others' channels are for admins.")
    return now


async def _theirs(tx: Transaction, who: Actor, which: ChatKind | UUID) -> ChatAddress:
    """Return an address of one's own by its kind, or as an admin any by its id. Raises NotFound."""
    if isinstance(which, UUID):
        await _admin(tx, who)
        found = await tx.chats.address(which)
    else:
        person = await _staff(tx, who)
        own = await tx.chats.addresses(f"person:{person.id}")
        found = next((one for one in own if one.kind == which), None)
    if found is None:
        raise NotFound(f"There is no such chat address: {which}.")
    return found


async def _check_room(tx: Transaction, team: Team, kind: ChatKind) -> None:
    known = {one.kind for one in await tx.chats.addresses(f"team:{team.id}")}
    if kind not in known and await tx.chats.count_teams() >= MOST_TEAMS:
        raise GuardFailed([f"teams have at most {MOST_TEAMS} addresses; remove one first"])


async def _reader(tx: Transaction, asking: Person, address: ChatAddress | None) -> Reader:
    """Return whom a test goes to: who asks, or whose chat it is."""
    if address is None:
        return reader_of(asking)
    place = str(address.id)
    if address.person is None:
        return Reader(
            address.recipient, address.name, place, "staff", address.language, address.time_zone
        )
    found = await tx.people.person(address.person)
    whose = asking if found is None else found[0]
    return replace(reader_of(whose), address=place)
