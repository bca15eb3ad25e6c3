"""Learning what is usual, by hand."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from freezeguard.storage.database import PostgresDatabase
from tests.acceptance.test_learned_priors import a_past, end_of_lessons
from tests.cli.shell import Shell
from tests.rig import CATEGORY

LEARN = ("rules", "learn-priors")


async def test_what_is_usual_is_shown_with_what_it_was(
    shell: Shell, database: PostgresDatabase
) -> None:
    """By category, in figures that can be read aloud; the record says who learned it."""
    await a_past(end_of_lessons(datetime.now(UTC))).store(database)
    shown = await shell.run(*LEARN)
    again = (await shell.run(*LEARN, "--json")).document["items"]
    record = await database.run(lambda tx: tx.record.entries("prior:units", None, 9))

    assert 0 == shown.code
    rows = [line.split("\t") for line in shown.out.splitlines()]
    assert ["all items", "240", CATEGORY] == [rows[1][0], rows[2][1], rows[3][0]]
    assert rows[2][2].endswith(" in 1,000 units")
    assert "4 in 1,000 units" == rows[2][3]
    assert rows[1][2].endswith(" a year")
    assert [True] * 3 == [one["before"] == one["after"] for one in again]
    assert all(one["actor"].startswith("cli:") for one in record)


async def test_too_short_a_past_teaches_nothing(shell: Shell) -> None:
    """What is built in stays, and that is said; nothing is an error."""
    shown = await shell.run(*LEARN)

    assert 0 == shown.code
    assert "too few items" in shown.out
    assert "what is built in counts" in shown.err


async def test_one_at_a_time_and_not_where_it_is_switched_off(
    shell: Shell, database: PostgresDatabase
) -> None:
    """While a replica is at it, and where the settings say no, it is refused with the reason."""
    off = await shell.having(FREEZEGUARD_DETECTION__LEARN_PRIORS="false").run(*LEARN, "--json")
    now = datetime.now(UTC)
    await database.run(lambda tx: tx.learning.claim(uuid4(), now, None, timedelta(minutes=1)))
    busy = await shell.run(*LEARN, "--json")

    assert [(4, "learning_is_off"), (4, "learning_already")] == [
        (one.code, one.document["error"]["code"]) for one in (off, busy)
    ]
