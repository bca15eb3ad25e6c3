"""People, their credentials, and the one row that all replicas share."""

from datetime import datetime
from uuid import UUID

import asyncpg

from freezeguard.domain.people import Person, Role
from freezeguard.ports.rows import Credential, Json
from freezeguard.storage.connection import Statements
from freezeguard.storage.queries import queries
from freezeguard.storage.rows import affected

SQL = queries("people")


class PostgresPeople:
    """Implements `freezeguard.ports.masterdata.People`."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection
        self._people: dict[str, tuple[Person, bool] | None] = {}

    async def instance(self) -> Json:
        row = await self._connection.fetchrow(SQL["instance"])
        return {} if row is None else dict(row)

    async def create_instance(self, customer_key: bytes, now: datetime) -> bool:
        status = await self._connection.execute(SQL["create_instance"], customer_key, now)
        return affected(status) == 1

    async def set_default_owner(self, person: str) -> None:
        await self._connection.execute(SQL["set_default_owner"], person)

    async def access_revision(self) -> int:
        return await self._connection.fetchval(SQL["access_revision"]) or 0

    async def everyone(self) -> list[tuple[bytes, Credential, Person | None]]:
        rows = await self._connection.fetch(SQL["valid_credentials"])
        return [
            (
                row["secret_hash"],
                _credential(row),
                person_of(row, row["person"]) if row["name"] else None,
            )
            for row in rows
        ]

    async def lock_access(self) -> None:
        await self._connection.execute(SQL["lock_access"])
        self._people.clear()

    async def put_person(self, person: Person, *, active: bool, now: datetime) -> None:
        self._people.clear()
        await self._connection.execute(SQL["raise_access_revision"])
        await self._connection.execute(
            SQL["put_person"], person.id, person.name, sorted(person.roles), person.email,
            person.vendor, sorted(person.areas), person.time_zone, person.language, active, now,
            person.calendar, person.deputy,
        )  # fmt: skip

    async def person(self, person_id: str) -> tuple[Person, bool] | None:
        if person_id not in self._people:
            row = await self._connection.fetchrow(SQL["person"], person_id)
            self._people[person_id] = None if row is None else (person_of(row), row["active"])
        return self._people[person_id]

    async def deputy(self, person_id: str) -> tuple[Person, bool] | None:
        row = await self._connection.fetchrow(SQL["deputy"], person_id)
        return None if row is None else (person_of(row), row["active"])

    def remember(self, row: asyncpg.Record) -> None:
        """Take over a person's row that was read along with something else."""
        self._people[row["id"]] = (person_of(row), row["active"])

    async def people(self) -> list[tuple[Person, bool]]:
        rows = await self._connection.fetch(SQL["people"])
        return [(person_of(row), row["active"]) for row in rows]

    async def of_vendor(self, vendor: str) -> list[tuple[Person, bool]]:
        rows = await self._connection.fetch(SQL["people_of_vendor"], vendor)
        return [(person_of(row), row["active"]) for row in rows]

    async def add_credential(
        self, credential: Credential, secret_hash: bytes, now: datetime
    ) -> None:
        await self._connection.execute(SQL["raise_access_revision"])
        await self._connection.execute(
            SQL["add_credential"], credential.id, credential.person, credential.name,
            credential.rights, credential.source, credential.freeze_budget,
            credential.created_at or now, credential.expires_at, secret_hash,
        )  # fmt: skip

    async def revoke_credential(self, credential_id: UUID, now: datetime) -> bool:
        await self._connection.execute(SQL["raise_access_revision"])
        status = await self._connection.execute(SQL["revoke_credential"], credential_id, now)
        return affected(status) == 1

    async def credentials(self) -> list[Credential]:
        return [_credential(row) for row in await self._connection.fetch(SQL["credentials"])]


def person_of(row: asyncpg.Record, person_id: str | None = None) -> Person:
    """Read a person, whose id may stand in another column."""
    return Person(
        person_id or row["id"], row["name"], frozenset(Role(one) for one in row["roles"]),
        row["email"],
        row["vendor"], frozenset(row["areas"]), row["time_zone"], row["language"],
        row["calendar"], row["deputy"],
    )  # fmt: skip


def _credential(row: asyncpg.Record) -> Credential:
    return Credential(
        row["id"], row["person"], row["label"], tuple(row["rights"]), row["source"],
        row["freeze_budget"], row["created_at"], row["expires_at"], row["revoked_at"],
    )  # fmt: skip
