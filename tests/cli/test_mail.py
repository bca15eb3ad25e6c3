"""`freezeguard mail receive` as a mail server runs it: what goes in, which code comes out."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from freezeguard.bootstrap.receiving import take_mail
from freezeguard.bootstrap.settings import Settings
from freezeguard.cli.mail import MailExit, at_most, meaning_of
from freezeguard.domain.people import Person, Role
from freezeguard.ports.mails import MailUnreadableError
from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.cli.shell import Shell
from tests.notices.test_inbound import mail
from tests.storage.makers import open_case, put_people


async def piped(shell: Shell, raw: bytes, *options: str) -> tuple[int, str, str]:
    """Pipe a mail in; return the exit code, stdout and stderr."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "freezeguard", "mail", "receive", *options,
        env=dict(shell.environment), stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate(raw)
    return process.returncode or 0, out.decode().strip(), err.decode()


@pytest.fixture
async def desk(shell: Shell, database: PostgresDatabase) -> Any:
    """A shell in a shop whose address for answers has the number of the case, and a case."""
    del database
    ready = shell.having(
        FREEZEGUARD_MAIL__REPLY_TO="quality+{case}@shop.example",
        FREEZEGUARD_MAIL__DOMAIN="shop.example",
    )
    added = await ready.run("people", "add", "vera", "--name", "V", "--role", "vendor",
                            "--vendor", "acme", "--email", "vera@acme.example")
    assert 0 == added.code, added.err
    return ready


async def test_a_mail_server_hears_what_became_of_a_mail(
    desk: Shell, database: PostgresDatabase
) -> None:
    """Taken, taken before, refused and returned: each has its code, and says why."""
    of = await open_case(database, vendor="acme")
    to = f"quality+{of.number}@shop.example"
    known, again, stranger, lost, empty = [
        await piped(desk, raw, *options)
        for raw, options in (
            (mail(To="x@x.example").as_bytes(), ("--recipient", to, "--json")),
            (mail(To=to).as_bytes(), ()),
            (mail(To=to, From="m@evil.example").as_bytes(), ()),
            (mail(To="x@x.example").as_bytes(), ("--json",)),
            (b"", ()),
        )
    ]
    events = await database.run(lambda tx: tx.cases.events(of.id))

    assert (0, f'{{"outcome": "commented", "case": {of.number}}}') == known[:2]
    assert (0, f"repeated: case {of.number}") == again[:2]
    assert (77, "") == stranger[:2]
    assert "m@evil.example is nobody who may write to this case" in stranger[2]
    assert 67 == lost[0]
    assert '"no_case"' in lost[1]
    assert 65 == empty[0]
    assert [("person:vera", "comment")] == [(one.actor, one.command) for one in events]


async def test_a_mail_is_kept_while_the_database_is_away(desk: Shell) -> None:
    """The mail server keeps it and tries again; settings that don't fit are told as such."""
    away = desk.having(FREEZEGUARD_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    unfit = desk.having(FREEZEGUARD_PORT="seventy")

    assert 75 == (await piped(away, mail().as_bytes()))[0]
    assert 78 == (await piped(unfit, mail().as_bytes()))[0]


async def test_a_mail_is_kept_while_the_database_does_not_answer(
    dsns: OwnerAndRuntimeDsns, database: PostgresDatabase, tmp_path: Path
) -> None:
    """Who waits too long for a lock gives up: the mail server keeps the mail and tries again."""
    of = await open_case(database, vendor="acme")
    settings = Settings.model_validate({
        "database_url": dsns.runtime, "data_dir": tmp_path,
        "mail": {"reply_to": "quality+{case}@shop.example", "domain": "shop.example"},
    })
    vera = Person("vera", "V", frozenset({Role.VENDOR}), "vera@acme.example", vendor="acme")
    await put_people(database, vera)
    owner = await asyncpg.connect(dsns.owner)
    async with owner.transaction():
        await owner.execute("LOCK sku_tallies")
        with pytest.raises(TimeoutError) as waited:
            await take_mail(
                settings, mail(To=f"quality+{of.number}@shop.example").as_bytes(), None, 1.0
            )
    await owner.close()

    assert MailExit.TRY_AGAIN == meaning_of(waited.value)[0]


def busy_for_ever() -> None:
    """Do what a reader does with a mail that was made for it."""
    while True:
        pass


def test_a_mail_may_not_keep_the_processor_busy() -> None:
    """Time of the processor is limited, whatever a mail does with it."""
    with pytest.raises(MailUnreadableError, match="too long") as refused, at_most(0.2):
        busy_for_ever()

    assert MailExit.UNREADABLE == meaning_of(refused.value)[0]
