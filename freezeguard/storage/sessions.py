"""People who signed in with a browser, and links and codes that let somebody in once."""

from datetime import datetime
from uuid import UUID

from freezeguard.domain.people import Person
from freezeguard.ports.sessions import Asked, Code, How, Session
from freezeguard.storage.connection import Statements
from freezeguard.storage.people import person_of
from freezeguard.storage.queries import queries
from freezeguard.storage.rows import affected

SQL = queries("sessions")


class PostgresSessions:
    """Implements `freezeguard.ports.sessions.Sessions`."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def open(
        self, token_hash: bytes, person: str, how: How, now: datetime, ends_at: datetime,
        proved_at: datetime,
    ) -> None:
        await self._connection.execute(
            SQL["open_session"], token_hash, person, how, now, ends_at, proved_at
        )

    async def session(self, token_hash: bytes) -> Session | None:
        row = await self._connection.fetchrow(SQL["session"], token_hash)
        return None if row is None else Session(
            person_of(row), row["how"], row["opened_at"], row["seen_at"], row["proved_at"],
            row["ends_at"],
        )

    async def see(self, token_hash: bytes, now: datetime) -> None:
        await self._connection.execute(SQL["see"], token_hash, now)

    async def end(self, token_hash: bytes, now: datetime) -> None:
        await self._connection.execute(SQL["end_session"], token_hash, now)

    async def end_all_of(self, person: str, now: datetime) -> int:
        return affected(await self._connection.execute(SQL["end_sessions_of"], person, now))

    async def add_link(
        self, secret_hash: bytes, person: str, by: str, now: datetime, expires_at: datetime
    ) -> None:
        await self._connection.execute(SQL["add_link"], secret_hash, person, by, now, expires_at)

    async def link(self, secret_hash: bytes, now: datetime) -> Person | None:
        row = await self._connection.fetchrow(SQL["link"], secret_hash, now)
        return None if row is None else person_of(row)

    async def use_link(self, secret_hash: bytes, now: datetime) -> bool:
        return affected(await self._connection.execute(SQL["use_link"], secret_hash, now)) == 1

    async def lock_codes(self) -> None:
        await self._connection.execute(SQL["lock_codes"])

    async def add_code(
        self, browser_hash: bytes, code: Code, now: datetime, expires_at: datetime
    ) -> None:
        await self._connection.execute(
            SQL["add_code"], browser_hash, code.case_id, code.vendor, code.address,
            code.code_hash, now, expires_at,
        )

    async def codes_asked(
        self, case_id: UUID, case_since: datetime, address: str, address_since: datetime,
        all_since: datetime,
    ) -> Asked:
        row = await self._connection.fetchrow(
            SQL["codes_asked"], case_id, case_since, address, address_since, all_since
        )
        return Asked(*row.values()) if row is not None else Asked(0, 0, 0)

    async def try_code(self, browser_hash: bytes, now: datetime, tries: int) -> Code | None:
        row = await self._connection.fetchrow(SQL["try_code"], browser_hash, now, tries)
        return None if row is None else Code(*row.values())

    async def use_code(self, browser_hash: bytes, now: datetime) -> bool:
        return affected(await self._connection.execute(SQL["use_code"], browser_hash, now)) == 1

    async def forget_codes(self, before: datetime) -> int:
        return affected(await self._connection.execute(SQL["forget_codes"], before))

    async def identified(self, issuer: str, subject: str) -> Person | None:
        row = await self._connection.fetchrow(SQL["identified"], issuer, subject)
        return None if row is None else person_of(row)

    async def people_of_address(self, address: str) -> list[Person]:
        rows = await self._connection.fetch(SQL["people_of_address"], address)
        return [person_of(row) for row in rows]

    async def identify(self, issuer: str, subject: str, person: str, now: datetime) -> None:
        await self._connection.execute(SQL["identify"], issuer, subject, person, now)

    async def forget(self, before: datetime) -> int:
        sessions = affected(await self._connection.execute(SQL["forget_sessions"], before))
        return sessions + affected(await self._connection.execute(SQL["forget_links"], before))
