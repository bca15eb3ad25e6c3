"""People, personal tokens and machine keys."""

from datetime import datetime
from uuid import UUID

from freezeguard.api.access import Access
from freezeguard.api.context import Context
from freezeguard.api.models.answers.people import KeyList, KeyOut, NewKey, PersonList, PersonOut
from freezeguard.api.models.masterdata import KeyIn, PersonIn
from freezeguard.api.routing import AnyRoute, Call, Reply, Route
from freezeguard.domain.errors import InvalidInput, NotAllowed, NotFound
from freezeguard.domain.people import Actor, Person, Role, actor_name
from freezeguard.ports.rows import Credential
from freezeguard.ports.storage import Transaction
from freezeguard.services.masterdata.access import Issued

ADMIN = Access.staff(Role.ADMIN)
ME = "me"


class People:
    """Handlers of people and keys."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def put(self, call: Call[None, PersonIn]) -> Reply:
        """Register a person, or change one."""
        context, sent = self._context, call.body
        if call.path["id"] == ME:
            raise InvalidInput(f"{ME} is whoever asks: choose another short name.")
        context.calendars.check(sent.calendar, pointer="/calendar")
        context.languages.check(sent.language, pointer="/language")
        person = Person(
            id=call.path["id"], name=sent.name, roles=frozenset(sent.roles), email=sent.email,
            vendor=sent.vendor, areas=frozenset(sent.areas), time_zone=sent.time_zone,
            language=sent.language, calendar=sent.calendar, deputy=sent.deputy,
        )

        async def work(tx: Transaction) -> bool:
            known = await tx.people.person(person.id)
            _check_not_own_rights(call.who, person, None if known is None else known[0])
            active = known is None or known[1]
            await context.access.add_person(tx, person, actor_name(call.who), active=active)
            return active

        active = await context.database.run(work)
        await context.access.refresh()
        return Reply(await self._told(person, active=active))

    async def _told(self, person: Person, *, active: bool) -> PersonOut:
        entered = await self._context.database.run(lambda tx: tx.overview.sign_ins())
        return _person(person, entered.get(person.id), active=active)

    async def listed(self, call: Call[None]) -> Reply:
        """List everybody."""
        del call

        async def work(tx: Transaction) -> list[PersonOut]:
            entered = await tx.overview.sign_ins()
            return [
                _person(one, entered.get(one.id), active=active)
                for one, active in await tx.people.people()
            ]

        items = await self._context.database.run(work)
        return Reply(PersonList(items=items, next=None))

    async def get(self, call: Call[None]) -> Reply:
        """Return a person."""
        wanted = call.path["id"]
        found = await self._context.database.run(lambda tx: tx.people.person(wanted))
        if found is None:
            raise NotFound(f"There is no person {wanted}.")
        return Reply(await self._told(found[0], active=found[1]))

    async def deactivate(self, call: Call[None]) -> Reply:
        """Keep somebody from signing in, at once and everywhere."""
        context, wanted, who = self._context, call.path["id"], call.who
        if isinstance(who, Person) and who.id == wanted:
            raise NotAllowed("Nobody takes away their own way in; another admin can.")

        async def work(tx: Transaction) -> Person:
            found = await tx.people.person(wanted)
            if found is None:
                raise NotFound(f"There is no person {wanted}.")
            if found[1]:
                await context.access.deactivate(tx, found[0], who)
            return found[0]

        person = await context.database.run(work)
        await context.access.refresh()
        return Reply(await self._told(person, active=False))

    async def keys(self, call: Call[None]) -> Reply:
        """List keys and tokens, without their secrets."""
        del call
        found = await self._context.database.run(lambda tx: tx.people.credentials())
        return Reply(KeyList(items=[_key(one) for one in found], next=None))

    async def issue(self, call: Call[None, KeyIn]) -> Reply:
        """Issue a machine key; its secret is shown this once."""
        context, sent, by = self._context, call.body, actor_name(call.who)

        async def work(tx: Transaction) -> Issued:
            return await context.access.issue_key(
                tx, sent.name, sent.rights, sent.source, sent.freeze_budget, by
            )

        issued = await context.database.run(work)
        await context.access.refresh()
        record = _key(issued.credential).model_dump()
        shown, kept = NewKey(**record, secret=issued.secret), NewKey(**record, secret=None)
        return Reply(shown, 201, kept=kept)

    async def revoke(self, call: Call[None]) -> Reply:
        """Revoke a key or token."""
        context, text = self._context, call.path["id"]

        async def work(tx: Transaction) -> bool:
            known = {str(one.id): one for one in await tx.people.credentials()}
            return text in known and await context.access.revoke(tx, known[text], call.who)

        if not _is_uuid(text) or not await context.database.run(work):
            raise NotFound(f"There is no key {text} in force.")
        await context.access.refresh()
        return Reply(None, 204)


def _check_not_own_rights(who: Actor, person: Person, known: Person | None) -> None:
    """Nobody gives themselves a role: a second pair of eyes is another person's."""
    if not isinstance(who, Person) or who.id != person.id or known is None:
        return
    if (known.roles, known.areas, known.vendor) != (person.roles, person.areas, person.vendor):
        raise NotAllowed("Nobody changes their own roles or areas; another admin can.")


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _person(one: Person, entered: datetime | None, *, active: bool) -> PersonOut:
    return PersonOut(
        id=one.id, name=one.name, roles=sorted(one.roles), email=one.email, vendor=one.vendor,
        areas=sorted(one.areas), language=one.language, time_zone=one.time_zone,
        calendar=one.calendar, deputy=one.deputy, active=active, signed_in_at=entered,
    )


def _key(one: Credential) -> KeyOut:
    return KeyOut(
        id=str(one.id), name=one.name, person=one.person, rights=list(one.rights),
        source=one.source, freeze_budget=one.freeze_budget, created_at=one.created_at,
        expires_at=one.expires_at, revoked_at=one.revoked_at,
    )


def routes(context: Context) -> list[AnyRoute]:
    """Return the routes of people and keys."""
    people = People(context)
    return [
        Route(
            method="PUT", path="/v1/people/{id}", handler=people.put, tag="People and keys",
            summary="Register a person", who=ADMIN, body=PersonIn, result=PersonOut,
            description="All that is known of a person is replaced: send the whole record. "
            "Personal tokens are issued on the command line: freezeguard people add.",
        ),
        Route(
            method="GET", path="/v1/people", handler=people.listed, tag="People and keys",
            summary="List people", who=ADMIN, result=PersonList,
        ),
        Route(
            method="GET", path="/v1/people/{id}", handler=people.get, tag="People and keys",
            summary="One person", who=ADMIN, result=PersonOut, errors=("not_found",),
        ),
        Route(
            method="POST", path="/v1/people/{id}/deactivate", handler=people.deactivate,
            tag="People and keys", summary="Keep a person from signing in", who=ADMIN,
            result=PersonOut, errors=("not_found",),
            description="Their sessions and tokens end at once; their name stays in every record. "
            "Not oneself, and not the default owner. To let them in again: freezeguard people add "
            "ID --change.",
        ),
        Route(
            method="GET", path="/v1/keys", handler=people.keys, tag="People and keys",
            summary="List keys and tokens", who=ADMIN, result=KeyList,
        ),
        Route(
            method="POST", path="/v1/keys", handler=people.issue, tag="People and keys",
            summary="Issue a machine key", who=ADMIN, body=KeyIn, result=NewKey, status=201,
        ),
        Route(
            method="DELETE", path="/v1/keys/{id}", handler=people.revoke, tag="People and keys",
            summary="Revoke a key or token", who=ADMIN, status=204, errors=("not_found",),
        ),
    ]
