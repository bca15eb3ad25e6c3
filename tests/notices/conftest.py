"""Fixtures of notices that are really sent."""

from collections.abc import AsyncIterator

import pytest

from freezeguard.storage.database import PostgresDatabase
from tests.notices.outbox import OWEN, Outbox
from tests.rig import Mailbox


@pytest.fixture
async def outbox(database: PostgresDatabase) -> AsyncIterator[Outbox]:
    """A database with its default owner, and a mail server that keeps what it is given."""
    mailbox = Mailbox()
    port = mailbox.start()
    made = Outbox(database, mailbox, port)
    await made.put_people(OWEN)
    await database.run(lambda tx: tx.people.set_default_owner("owen"))
    yield made
    mailbox.stop()
