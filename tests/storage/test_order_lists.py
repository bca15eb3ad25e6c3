"""Cases whose orders are announced by themselves: each by one replica, and none forgotten."""

import asyncio
from datetime import timedelta

from freezeguard.ports.orderlists import WantedList
from freezeguard.storage.database import PostgresDatabase
from tests.storage.makers import NOW, open_case

LONG, AT_ONCE = timedelta(minutes=1), timedelta(0)


async def claim(database: PostgresDatabase, lease: timedelta = LONG) -> WantedList | None:
    return await database.run(lambda tx: tx.order_lists.claim(lease))


async def settle(
    database: PostgresDatabase, claimed: WantedList, *left: str, again_in: timedelta | None = None
) -> bool:
    return await database.run(lambda tx: tx.order_lists.settle(claimed, left, again_in))


async def want(database: PostgresDatabase, case) -> None:
    await database.run(lambda tx: tx.order_lists.want(case.id, NOW))


async def test_one_replica_takes_a_case_on(database: PostgresDatabase) -> None:
    """Of several that look at once one gets it; settled, it is nobody's any more."""
    case = await open_case(database)
    await want(database, case)

    claims = await asyncio.gather(*(claim(database) for _ in range(4)))
    [mine] = [one for one in claims if one is not None]

    assert (case.id, NOW, None, 1) == (
        mine.case_id, mine.wanted_at, mine.catalogues, mine.attempts)
    assert await settle(database, mine)
    assert await claim(database) is None


async def test_whoever_is_killed_leaves_it_to_the_next(database: PostgresDatabase) -> None:
    """A lease that has run out is taken over; who comes back late stores nothing."""
    case = await open_case(database)
    await want(database, case)
    killed = await claim(database, AT_ONCE)
    heir = await claim(database)
    assert killed is not None
    assert heir is not None

    assert not await settle(database, killed, "shop", again_in=AT_ONCE)
    assert await settle(database, heir, "kiosk", again_in=AT_ONCE)
    again = await claim(database)
    assert again is not None
    assert (["kiosk"], 3) == (again.catalogues, again.attempts)


async def test_a_second_freeze_begins_anew(database: PostgresDatabase) -> None:
    """Every catalogue is asked again; what was still under way for the first one is void."""
    case = await open_case(database)
    await want(database, case)
    first = await claim(database)
    assert first is not None
    later = NOW + timedelta(days=20)
    await database.run(lambda tx: tx.order_lists.want(case.id, later))

    assert not await settle(database, first, "kiosk", again_in=AT_ONCE)
    second = await claim(database)
    assert second is not None
    assert (later, None, 1) == (second.wanted_at, second.catalogues, second.attempts)
