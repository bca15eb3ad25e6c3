"""What is registered is known, whenever it was registered and however often it is read."""

from datetime import UTC, datetime, timedelta

from freezeguard.ports.rows import Sku
from freezeguard.services.masterdata.knownskus import PAGE, KnownSkus
from freezeguard.storage.database import PostgresDatabase

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


async def register(database: PostgresDatabase, names: list[str], at: datetime) -> None:
    """Register SKUs as if at a moment."""
    await database.run(lambda tx: tx.master.put_skus([Sku(name) for name in names], at))


async def test_registered_skus_are_known_once_they_were_followed(database: PostgresDatabase):
    """More than a page, changes while they are young and are read again, and nothing beside."""
    old = [f"old-{number}" for number in range(PAGE + 1)]
    await register(database, old, NOW - timedelta(hours=1))
    known = KnownSkus(database, hash, lambda: NOW)
    assert "old-0" not in known

    read = [await known.follow()]
    await register(database, ["young", "old-0", "☕"], NOW)
    read += [await known.follow(), await known.follow()]

    assert [PAGE + 1, 3, 3] == read
    assert all(name in known for name in [*old, "young", "☕"])
    assert not any(name in known for name in ("old", f"old-{PAGE + 1}", "", "Young"))
    assert PAGE + 3 == len(known)
