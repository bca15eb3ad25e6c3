"""A shop that configures nothing is guarded; one that says otherwise keeps its own rules."""

from datetime import UTC, datetime

from freezeguard.bootstrap.database import ensure_instance
from freezeguard.bootstrap.settings import Settings
from freezeguard.detection.defaultpolicy import BODIES, default_policy
from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.embedded import OwnerAndRuntimeDsns

NOW = datetime(2026, 11, 26, tzinfo=UTC)


async def rules_after(dsns: OwnerAndRuntimeDsns, *starts: bool) -> list[tuple[str, int, str]]:
    """Start so many times with and without the default policy; return the rules there are."""
    database = await PostgresDatabase.connect(dsns.runtime, min_size=1, max_size=2, reserved=1)
    try:
        for wanted in starts:
            await ensure_instance(database, NOW, Settings(default_policy=wanted))
        _, rules = await database.run(lambda tx: tx.detection.rules())
    finally:
        await database.close()
    return [(one.id, one.version, one.mode) for one in rules]


async def test_a_new_database_gets_the_default_policy_once(dsns: OwnerAndRuntimeDsns) -> None:
    """Armed from the first start on, and never put back over what a shop changed."""
    assert [("risen", 1, "armed"), ("safety", 1, "armed")] == await rules_after(dsns, True, True)


async def test_a_shop_can_do_without(dsns: OwnerAndRuntimeDsns) -> None:
    """What is not wanted at the first start does not come with a later one."""
    assert [] == await rules_after(dsns, False, True)


def test_the_policy_is_made_of_sound_rules() -> None:
    """Each body is a rule as the API takes them."""
    assert [one["id"] for one in BODIES] == [one.id for one in default_policy()]
