"""People and keys, SKUs and vendors."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from freezeguard.domain.people import Person
from freezeguard.domain.record import Case
from freezeguard.ports.rows import Credential, Feed, Json, Prelude, Sku, Surroundings, Vendor


class People(Protocol):
    """People, credentials and the row that all replicas share."""

    async def instance(self) -> Json: ...

    async def create_instance(self, customer_key: bytes, now: datetime) -> bool:
        """Create the shared row; False where it exists."""
        ...

    async def set_default_owner(self, person: str) -> None: ...

    async def access_revision(self) -> int: ...

    async def everyone(self) -> list[tuple[bytes, Credential, Person | None]]:
        """Return every credential that is valid now, by the hash of its secret."""
        ...

    async def lock_access(self) -> None:
        """Keep others from changing people and credentials until this transaction ends."""
        ...

    async def put_person(self, person: Person, *, active: bool, now: datetime) -> None: ...

    async def person(self, person_id: str) -> tuple[Person, bool] | None: ...

    async def deputy(self, person_id: str) -> tuple[Person, bool] | None:
        """Return who stands in for a person, if anybody."""
        ...

    async def people(self) -> list[tuple[Person, bool]]: ...

    async def of_vendor(self, vendor: str) -> list[tuple[Person, bool]]:
        """Return the people of a vendor, and who of them may sign in."""
        ...

    async def add_credential(
        self, credential: Credential, secret_hash: bytes, now: datetime
    ) -> None: ...

    async def revoke_credential(self, credential_id: UUID, now: datetime) -> bool: ...

    async def credentials(self) -> list[Credential]: ...


class MasterData(Protocol):
    """SKUs, vendors and sources."""

    async def put_skus(self, skus: Sequence[Sku], now: datetime) -> None: ...

    async def prelude(
        self, sku: str, *, since: datetime | None = None, reach: timedelta | None = None
    ) -> Prelude:
        """Return what every evaluation of a SKU starts from, and take its request for one.

        The caller holds the SKU's lock. With `reach`, the window that ends with the news comes
        along: the news since a moment, or since what was asked for earlier.
        """
        ...

    async def surroundings(self, case: Case) -> Surroundings:
        """Return what a decision on a case looks at beside the case itself, in one look."""
        ...

    async def sku(self, sku: str) -> Sku | None: ...

    async def skus(self, skus: Sequence[str]) -> list[Sku]:
        """Return which of these SKUs are registered, with what is known of them."""
        ...

    async def skus_of_gtin(self, gtin: str, limit: int) -> list[Sku]:
        """Return registered SKUs with a GTIN, in the order of their names."""
        ...

    async def skus_from(self, start: str, limit: int) -> list[str]:
        """Return registered SKUs in the order of their names, from a name on."""
        ...

    async def skus_after(
        self, after: tuple[datetime, str] | None, limit: int
    ) -> list[tuple[datetime, str]]:
        """Return (updated_at, sku) of registered SKUs after a place in that order."""
        ...

    async def put_vendor(self, vendor: Vendor, now: datetime) -> None: ...

    async def vendor(self, vendor: str) -> Vendor | None: ...

    async def vendor_for_change(self, vendor: str) -> Vendor | None:
        """Return a vendor; others can't change it until this transaction ends."""
        ...

    async def categories_without_skus(self, categories: Iterable[str]) -> list[str]:
        """Return those of some categories that no SKU has; none where there is no SKU at all."""
        ...

    async def put_source(self, feed: Feed, now: datetime) -> None:
        """Store what an admin says of a source: name, trust, how long it may be silent."""
        ...
