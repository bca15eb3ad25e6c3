"""What an administrator does directly in the database: people, tokens, keys, vendors.

It works beside a running service: replicas hear of every change within a second.
"""

import os
import pwd
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from freezeguard.bootstrap.calendars import calendars_of
from freezeguard.bootstrap.database import (
    check_role,
    ensure_instance,
    reach_database,
    require_database,
)
from freezeguard.bootstrap.settings import Settings
from freezeguard.bootstrap.surroundings import ids_by, new_secret, utc_now
from freezeguard.domain.errors import InvalidInput, NotFound
from freezeguard.domain.people import Person, Right, Role
from freezeguard.domain.record import Promises
from freezeguard.notices.languages import WordedLanguages
from freezeguard.ports.calendars import Calendars
from freezeguard.ports.clock import Now
from freezeguard.ports.notices import Languages
from freezeguard.ports.rows import Credential, Json, Vendor
from freezeguard.ports.storage import Database, Transaction
from freezeguard.services.detecting.rulereview import approve_alone
from freezeguard.services.masterdata.access import Access, Issued
from freezeguard.services.masterdata.registering import MAY_OWN, register_vendor
from freezeguard.services.masterdata.signingin import SigningIn
from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.databaseclock import DatabaseClock

FIRST_ADMIN = "admin"
FIRST_TOKEN_LIFETIME = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Administration:
    """Changes of people, keys and vendors; `by` is whose name stands in the record.

    `now` is the database's clock: an administrator's machine may be anywhere.
    """

    database: Database
    access: Access
    signing_in: SigningIn
    calendars: Calendars
    languages: Languages
    now: Now
    by: str

    async def add_person(self, person: Person) -> None:
        """Register a person. Raises InvalidInput."""
        self._check(person)

        async def work(tx: Transaction) -> None:
            await tx.people.lock_access()
            if await tx.people.person(person.id) is not None:
                raise InvalidInput(f"There is a person {person.id!r} already; --change changes it.")
            await self.access.add_person(tx, person, self.by)

        await self.database.run(work)

    async def change_person(self, person_id: str, changed: Callable[[Person], Person]) -> Person:
        """Change a person from what is known of them; return them as they are then.

        Whoever may not sign in may again. Raises InvalidInput or NotFound.
        """

        async def work(tx: Transaction) -> Person:
            await tx.people.lock_access()
            known = await tx.people.person(person_id)
            if known is None:
                raise NotFound(f"There is no person {person_id!r}.")
            person = changed(known[0])
            self._check(person, known[0])
            await self.access.add_person(tx, person, self.by)
            return person

        return await self.database.run(work)

    def _check(self, one: Person | Vendor, known: Person | Vendor | None = None) -> None:
        """Raise InvalidInput for a calendar or language that is new and that nobody knows."""
        if known is None or known.calendar != one.calendar:
            self.calendars.check(one.calendar)
        if known is None or known.language != one.language:
            self.languages.check(one.language)

    async def areas_without_skus(self, areas: Iterable[str]) -> list[str]:
        """Return those of some areas that no SKU has; none where there are no SKUs at all."""
        wanted = list(areas)
        return await self.database.run(lambda tx: tx.master.categories_without_skus(wanted))

    async def issue_token(self, person_id: str, name: str, lifetime: timedelta | None) -> Issued:
        """Issue a further token to a person who may sign in."""

        async def work(tx: Transaction) -> Issued:
            await _active_person(tx, person_id)
            expires_at = None if lifetime is None else self.now() + lifetime
            return await self.access.issue_token(
                tx, person_id, name, self.by, expires_at=expires_at
            )

        return await self.database.run(work)

    async def issue_sign_in_link(self, person_id: str) -> str:
        """Return the secret of a link that lets a person in once. Raises InvalidInput."""
        return await self.database.run(
            lambda tx: self.signing_in.issue_link(tx, person_id, self.by)
        )

    async def deactivate(self, person_id: str) -> None:
        """Keep a person from signing in. Their name stays in every record."""

        async def work(tx: Transaction) -> None:
            await self.access.deactivate(tx, await _active_person(tx, person_id), self.by)

        await self.database.run(work)

    async def people(self) -> tuple[list[tuple[Person, bool]], str | None]:
        """Return everybody with whether they may sign in, and who is the default owner."""

        async def work(tx: Transaction) -> tuple[list[tuple[Person, bool]], str | None]:
            instance = await tx.people.instance()
            return await tx.people.people(), instance.get("default_owner")

        return await self.database.run(work)

    async def set_default_owner(self, person_id: str) -> None:
        """Set who owns cases that nobody else does."""

        async def work(tx: Transaction) -> None:
            person = await _active_person(tx, person_id)
            if not person.is_staff:
                raise InvalidInput(f"{person_id!r} belongs to a vendor.")
            if not person.may_own:
                raise InvalidInput(f"{person_id!r} can't own a case; an owner is {MAY_OWN}.")
            await tx.people.set_default_owner(person_id)
            await tx.record.write(
                self.now(), self.by, "set_default_owner", f"person:{person_id}"
            )

        await self.database.run(work)

    async def issue_key(
        self, name: str, rights: Iterable[Right], source: str | None, freeze_budget: int
    ) -> Issued:
        """Issue a machine key."""
        return await self.database.run(
            lambda tx: self.access.issue_key(tx, name, rights, source, freeze_budget, self.by)
        )

    async def credentials(self) -> list[Credential]:
        """Return every key and token, revoked and expired ones too."""
        return await self.database.run(lambda tx: tx.people.credentials())

    async def revoke(self, credential_id: str) -> Credential:
        """Revoke a key or token; replicas refuse it within a second."""

        async def work(tx: Transaction) -> Credential:
            known = {str(one.id): one for one in await tx.people.credentials()}
            found = known.get(_uuid_text(credential_id))
            if found is None or not await self.access.revoke(tx, found, self.by):
                raise NotFound(f"There is no key {credential_id} in force.")
            return found

        return await self.database.run(work)

    async def put_vendor(
        self, vendor_id: str, changed: Callable[[Vendor | None], Vendor]
    ) -> Vendor:
        """Register a vendor, or change it from what is known of it; return it as it is then.

        Raises InvalidInput.
        """

        async def work(tx: Transaction) -> Vendor:
            known = await tx.master.vendor_for_change(vendor_id)
            vendor = changed(known)
            self._check(vendor, known)
            await register_vendor(tx, vendor, self.by, self.now())
            return vendor

        return await self.database.run(work)

    async def vendor(self, vendor: str) -> Vendor:
        """Return what is known of a vendor. Raises NotFound."""
        found = await self.database.run(lambda tx: tx.master.vendor(vendor))
        if found is None:
            raise NotFound(f"Vendor {vendor!r} is not registered.")
        return found

    async def promises(self, vendor: str) -> Promises:
        """Return how many of its own dates a vendor kept and broke."""
        return await self.database.run(lambda tx: tx.cases.promises(vendor))

    async def approve_rule(self, proposal_id: str) -> Json:
        """Approve a change of a rule where nobody else could; return the stored rule.

        Raises NotFound and GuardFailed.
        """
        wanted = _uuid_text(proposal_id)
        if not wanted:
            raise NotFound(f"There is no proposal {proposal_id}.")
        return await self.database.run(
            lambda tx: approve_alone(tx, UUID(wanted), self.by, self.now())
        )

    async def review_scores(self) -> dict[str, tuple[int, int, int]]:
        """Return, by person, how many of their pulls reviews found right, wrong, undecided."""
        found = await self.database.run(lambda tx: tx.cases.review_scores())
        return {
            one["name"]: (one["right"], one["wrong"], one["undecided"])
            for one in found if one["kind"] == "person"
        }


async def _active_person(tx: Transaction, person_id: str) -> Person:
    found = await tx.people.person(person_id)
    if found is None or not found[1]:
        raise NotFound(f"There is no person {person_id!r} who may sign in.")
    return found[0]


def _uuid_text(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        return ""


def operator_name() -> str:
    """Return who is at the command line, as the record names them."""
    try:
        return f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:  # an account that this machine has no name for, as in containers
        return f"cli:{os.getuid()}"


@asynccontextmanager
async def open_administration(settings: Settings) -> AsyncIterator[Administration]:
    """Reach the database with as little as administration needs. Raises NoDatabase."""
    require_database(settings)
    async with reach_database(settings) as dsns:
        await check_role(dsns.runtime, allow_owner=settings.allow_owner_role)
        database = await PostgresDatabase.connect(dsns.runtime, min_size=1, max_size=2, reserved=1)
        try:
            now = (await DatabaseClock.open(database, utc_now)).now
            await ensure_instance(database, now(), settings)
            access = Access(database, now, ids_by(now), new_secret)
            signing_in = SigningIn(database, access, now, new_secret, settings.sessions.terms())
            yield Administration(
                database, access, signing_in, calendars_of(settings), WordedLanguages(), now,
                operator_name(),
            )
        finally:
            await database.close()


async def first_start(database: Database, access: Access, now: Now) -> str | None:
    """Make the person `admin` where there is nobody yet; return a token for it, this once.

    The token is good for a day. Of replicas that start together for the first time, one makes it.
    """
    by = operator_name()

    async def work(tx: Transaction) -> str | None:
        if await tx.people.people():
            return None
        person = Person(FIRST_ADMIN, "Administrator", frozenset({Role.ADMIN}))
        # Storing a person takes the lock that orders changes of access; what is there after it
        # counts.
        await access.add_person(tx, person, by)
        if await tx.people.credentials():
            return None
        await tx.people.set_default_owner(FIRST_ADMIN)
        issued = await access.issue_token(
            tx, FIRST_ADMIN, "first start", by, expires_at=now() + FIRST_TOKEN_LIFETIME
        )
        return issued.secret

    token = await database.run(work)
    if token is not None:
        await access.refresh()
    return token
