"""Signals that the database refuses, or whose evaluation it refuses: nobody else pays for them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.rig import Answer, Rig, shop_with_service, until

POISONED, SOUND, OTHER = "SKU-000001", "SKU-000002", "SKU-000003"
SOON = 5.0
"""Seconds; a request that nobody works on is given up after ten."""


@asynccontextmanager
async def refusing(rig: Rig, table: str, column: str) -> AsyncIterator[None]:
    """Have a table refuse every row with the word poison in a column."""
    assert rig.dsns is not None
    owner = await asyncpg.connect(rig.dsns.owner)
    await owner.execute(
        f"ALTER TABLE {table} ADD CONSTRAINT poison CHECK (strpos({column}, 'poison') = 0)"
    )
    try:
        yield
    finally:
        await owner.execute(f"ALTER TABLE {table} DROP CONSTRAINT poison")
        await owner.close()


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    """Keep tracebacks off the console, where drawing each of them would stop everybody for 2 s."""
    with capture_logs():
        yield


def fifth(rig: Rig, sku: str, one_id: str) -> dict[str, Any]:
    """Return a complaint by a customer of its own, with an id of its own."""
    return rig.complaint(sku, one_id) | {"id": one_id}


async def together(rig: Rig, *bodies: Any) -> list[Answer]:
    """Send requests at the same time; each must be answered soon."""
    async with asyncio.timeout(SOON):
        return await asyncio.gather(
            *(rig.call("POST", "/v1/signals", "source", json=one) for one in bodies)
        )


async def test_an_evaluation_that_cannot_be_written_keeps_no_signal_out(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path
) -> None:
    """The complaint is durable, its neighbours freeze at once, and it does once it can."""
    async with shop_with_service(dsns, tmp_path, seed=3) as rig:
        await rig.complain(POISONED, 4)
        await rig.complain(SOUND, 4)
        async with refusing(rig, "crossings", "signal_id"):
            answers = await together(
                rig, fifth(rig, POISONED, "poison"), fifth(rig, SOUND, "sound"),
                fifth(rig, OTHER, "other"),
            )
            await rig.in_state(SOUND, "frozen")
            await until(lambda: attempts(rig), "the evaluation was tried again", seconds=20)
            before = await rig.cases(POISONED)
        case = await rig.in_state(POISONED, "frozen")

    assert [(202, 1)] * 3 == [(one.status, one.body["accepted"]) for one in answers]
    assert [] == before
    assert 5 == case["reason"]["observed"]


async def attempts(rig: Rig) -> int | None:
    """Return how often the evaluation of the poisoned SKU has failed."""
    assert rig.service is not None
    return await rig.service.database.run(lambda tx: tx.connection.fetchval(
        "SELECT attempts FROM pending_evaluations WHERE sku = $1", POISONED))


@pytest.mark.parametrize("size", [1, 9])
async def test_a_signal_that_cannot_be_stored_is_refused_alone(
    size: int, dsns: OwnerAndRuntimeDsns, tmp_path: Path
) -> None:
    """In either lane only the submission that the database refuses fails, and it fails soon."""
    async with shop_with_service(dsns, tmp_path, seed=3) as rig:
        sound = [[fifth(rig, OTHER, f"{n}-{m}") for m in range(size)] for n in range(4)]
        poisoned = [fifth(rig, OTHER, f"poison-{m}") for m in range(size)]
        async with refusing(rig, "signal_identities", "id"):
            answers = await together(rig, *sound[:2], poisoned, *sound[2:])
            again = await together(rig, poisoned, fifth(rig, OTHER, "later"))

    assert [(202, size)] * 4 == [
        (one.status, one.body["accepted"]) for one in answers if one.status == 202
    ]
    assert ["internal"] == [one.body["code"] for one in answers if one.status == 500]
    assert [500, 202] == [one.status for one in again]


async def test_the_longest_names_freeze_as_well(dsns: OwnerAndRuntimeDsns, tmp_path: Path) -> None:
    """Names of 200 characters that no compression shortens fit into every index on the way."""
    narrow = ["sku", "seller", "channel", "lot"]
    rule = {"id": "r" * 64, "family": "distinct_customers", "window": "30d", "bound": 2,
            "mode": "armed", "hold_scope": narrow}
    places = {name: long_name(at) for at, name in enumerate(narrow[1:])}
    async with shop_with_service(dsns, tmp_path, seed=3, rules=(rule,)) as rig:
        bodies = [
            rig.complaint(POISONED, f"{n}", **places) | {"id": long_name(9 + n)} for n in range(2)
        ]
        answers = [(await together(rig, one))[0] for one in bodies]
        case = await rig.in_state(POISONED, "frozen")

    assert [202, 202] == [one.status for one in answers]
    assert {"sku": POISONED, "country": None, **places} == case["scope"]


def long_name(seed: int) -> str:
    """Return 200 different characters of four bytes each."""
    return "".join(chr(0x20000 + (seed * 7919 + n * 104729) % 40000) for n in range(200))
