"""Objects that an emergency stopped: which image of theirs is the one from before the stop."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from freezeguard.ports.emergencies import EmergencyOrder, StoppedThen
from freezeguard.ports.rows import CatalogueRow
from freezeguard.ports.storage import Transaction
from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.lastrevision import FileRevision
from tests.storage.makers import NOW, open_case

BEFORE, STOPPED = {"on": True, "stock": 7}, {"on": False, "stock": 7}
EARLIER, LATER = NOW - timedelta(minutes=9), NOW + timedelta(seconds=9)
WROTE = {"on": False}


async def adopted(
    database: PostgresDatabase, known: dict[str, Any] | None, image: dict[str, Any] | None
) -> CatalogueRow:
    """Take over an object that an emergency stopped at NOW, beside what is known of it."""
    then = StoppedThen("r", image, WROTE, ("SIB",), NOW)

    async def work(tx: Transaction) -> CatalogueRow:
        if known is not None:
            await tx.connection.execute(  # type: ignore[attr-defined]
                "INSERT INTO catalogue_objects (sku, catalogue, remote_id, wanted, status,"
                " before_image, before_at, written, sent_at)"
                " VALUES ('S', 'shop', 'r', 'sellable', 'idle', $1, $2, $3, $4)",
                known.get("image"), known.get("at"), known.get("written"), known.get("sent_at"))
        await tx.emergencies.adopt("S", "shop", [then])
        [row] = await tx.objects.of_sku("S")
        return row

    return await database.run(work)


@pytest.mark.parametrize(("known", "image", "expected"), [
    (None, BEFORE, BEFORE),  # never looked up
    (None, None, None),  # nobody knows: a person will decide
    ({"image": {"on": True, "stock": 9}, "at": EARLIER}, BEFORE, BEFORE),  # sold meanwhile
    ({"image": STOPPED, "at": LATER}, BEFORE, BEFORE),  # read ahead after the stop
    ({"image": STOPPED, "at": LATER}, None, None),
    ({"image": BEFORE, "at": EARLIER}, None, BEFORE),  # the journal's shows the stop
    ({"image": BEFORE, "at": EARLIER, "written": WROTE, "sent_at": EARLIER}, STOPPED, BEFORE),
    ({"image": STOPPED, "at": LATER, "written": WROTE, "sent_at": LATER}, BEFORE, BEFORE),
])  # fmt: skip
async def test_the_image_from_before_the_stop_counts(
    database: PostgresDatabase, known: Any, image: Any, expected: Any
) -> None:
    """Whatever else was read, and whenever; from then on nobody refreshes it."""
    row = await adopted(database, known, image)

    assert expected == row.before_image
    assert (WROTE, ("SIB",)) == (row.written, row.takes_along)
    assert row.sent_at is not None
    assert row.sent_at >= NOW


async def test_an_order_is_known_from_its_commit_on(database: PostgresDatabase) -> None:
    """By its id, once; and as one that covers the time until it was dealt with."""
    case = await open_case(database)
    order = EmergencyOrder(
        uuid4(), NOW, "cli:root", None, case.scope.sku, None, "defective", "It burns."
    )
    assert order == EmergencyOrder.of_line(order.as_line())

    async def work(tx: Transaction) -> list[bool]:
        before = await tx.emergencies.is_known(order.id)
        await tx.emergencies.add(order, case.id, LATER)
        covered = [
            await tx.emergencies.later_known(order.sku, at)
            for at in (EARLIER, NOW, LATER, LATER + timedelta(seconds=1))
        ]
        return [before, await tx.emergencies.is_known(order.id), *covered]

    assert [False, True, False, True, True, False] == await database.run(work)


async def test_the_last_revision_only_rises(tmp_path: Any) -> None:
    """Of several replicas of a machine the one that has heard most counts; none is 0."""
    first, second = (FileRevision(tmp_path / "place" / "revision") for _ in range(2))
    assert 0 == first.known()
    await first.note(7)
    await second.note(5)
    assert 7 == second.known()
    await second.note(8)
    (tmp_path / "place" / "torn").write_text("x")

    assert 8 == first.known()
    assert 0 == FileRevision(tmp_path / "place" / "torn").known()
