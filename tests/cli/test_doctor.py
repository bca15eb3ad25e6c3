"""`freezeguard doctor` names what is wrong, and the remedy."""

import json
from pathlib import Path
from typing import Any

import asyncpg

from freezeguard.sampleshop.client import running_shop, sample_configuration
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.cli.shell import Ran, Shell, bare_environment
from tests.rig import Mailbox


def findings(ran: Ran) -> dict[str, dict[str, Any]]:
    """Return the findings by name."""
    return {one["name"]: one for one in ran.document["findings"]}


def bad(ran: Ran) -> set[str]:
    """Return the names of what is bad."""
    return {name for name, one in findings(ran).items() if one["verdict"] == "bad"}


async def test_a_sound_installation_has_nothing_bad(shell: Shell) -> None:
    """With an owner, a mail server and a catalogue that answers, doctor ends well."""
    mailbox = Mailbox()
    port = mailbox.start()
    connection = await asyncpg.connect(shell.environment["FREEZEGUARD_DATABASE_URL"])
    await connection.execute("SELECT ensure_signal_partitions(now(), 3)")
    await connection.close()
    await shell.run("people", "add", "ann", "--name", "Ann", "--role", "manager")
    await shell.run("people", "default-owner", "ann")
    async with running_shop() as shop:
        catalogues = {"shop": sample_configuration(shop.url, shop.admin_token)}
        ran = await shell.having(
            FREEZEGUARD_CATALOGUES=json.dumps(catalogues), FREEZEGUARD_MAIL__HOST="127.0.0.1",
            FREEZEGUARD_MAIL__PORT=str(port),
        ).run("doctor", "--json")
    mailbox.stop()

    assert (0, set()) == (ran.code, bad(ran))
    assert "well" == findings(ran)["catalogue shop"]["verdict"]
    assert "well" == findings(ran)["mail"]["verdict"]
    assert "DE in Europe/Berlin; laws of EU" == findings(ran)["calendar"]["detail"]


async def test_the_canary_is_named(shell: Shell, dsns: OwnerAndRuntimeDsns) -> None:
    """That there is none; that it has not flown; how it went, and that it is late."""
    tables = json.dumps({"shop": sample_configuration("http://127.0.0.1:1", "secret")})
    without = shell.having(FREEZEGUARD_CATALOGUES=tables)
    configured = without.having(FREEZEGUARD_CANARY__SKUS='{"shop": "C-1"}')
    none = findings(await without.run("doctor", "--json"))["canary"]
    never = findings(await configured.run("doctor", "--json"))["canary shop"]
    connection = await asyncpg.connect(dsns.owner)
    await connection.execute(
        "INSERT INTO canaries (catalogue, sku, begun_at, finished_at, result, detail,"
        " stop_seconds, alarmed_at)"
        " VALUES ('shop', 'C-1', now(), now(), 'late', 'not stopped', 0.25, now())"
    )
    late = findings(await configured.run("doctor", "--json"))["canary shop"]
    await connection.execute("UPDATE canaries SET result = 'well', detail = '', alarmed_at = NULL")
    well = findings(await configured.run("doctor", "--json"))["canary shop"]
    await connection.close()

    assert ["well", "warning", "warning", "well"] == [
        one["verdict"] for one in (none, never, late, well)
    ]
    assert "has not flown yet" == never["detail"]
    assert late["detail"].startswith("C-1 late: not stopped; last stopped in 0.25 s; ")


async def test_each_thing_that_is_broken_is_named_with_a_remedy(
    shell: Shell, dsns: OwnerAndRuntimeDsns
) -> None:
    """No owner, no mail, no catalogue, an owner's role, an object that nobody watches any more."""
    connection = await asyncpg.connect(dsns.owner)
    await connection.execute(
        "INSERT INTO catalogue_objects (sku, catalogue, remote_id, wanted, status)"
        " VALUES ('K', 'gone', '1', 'hard', 'confirmed')"
    )
    await connection.execute(
        "INSERT INTO signals (sku, occurred_at, source, id, received_at, kind, intent, severity,"
        " may_assert_safety, acts_on_history) VALUES ('K', '2099-01-01Z', 's', '1', now(),"
        " 'complaint', 'defect', 1, false, false)"
    )
    await connection.close()
    catalogue = sample_configuration("http://127.0.0.1:1", "secret")
    ran = await shell.having(
        FREEZEGUARD_DATABASE_URL=dsns.owner,
        FREEZEGUARD_CATALOGUES=json.dumps({"shop": catalogue}),
        FREEZEGUARD_MAIL__HOST="127.0.0.1", FREEZEGUARD_MAIL__PORT="1",
    ).run("doctor", "--json")
    expected = {
        "database role", "partitions", "unplanned signals", "objects of removed catalogues",
        "default owner", "mail", "catalogue shop",
    }

    assert (1, expected) == (ran.code, bad(ran))
    assert [] == [name for name in expected if not findings(ran)[name]["remedy"]]
    assert "secret" not in ran.out


async def test_a_database_that_is_away_does_not_end_the_examination(tmp_path: Path) -> None:
    """The other checks are made all the same."""
    environment = bare_environment(
        tmp_path, FREEZEGUARD_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none"
    )
    ran = await Shell(tmp_path, environment).run("doctor", "--json")

    assert (1, {"database"}) == (ran.code, bad(ran))
    assert "disk space" in findings(ran)


async def test_a_place_without_known_holidays_is_named(shell: Shell) -> None:
    """Doctor says so, and `serve` does not start with it."""
    nowhere = shell.having(FREEZEGUARD_CALENDAR__COUNTRY="XX")
    ran = await nowhere.run("doctor", "--json")
    served = await nowhere.run("serve", "--json")

    assert "calendar" in bad(ran)
    assert "'XX'" in findings(ran)["calendar"]["detail"]
    assert (2, "invalid_settings") == (served.code, served.document["error"]["code"])
