"""Files taken in from the command line, with everything that follows from them."""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

from freezeguard.ports.storage import Transaction
from freezeguard.sampleshop.client import running_shop, sample_configuration
from freezeguard.storage.database import PostgresDatabase
from tests.cli.shell import Ran, Shell
from tests.rig import FIVE_CUSTOMERS

NOW = datetime.now(UTC)
OPTIONS = (
    "--set", "source=caers", "--set", "kind=complaint", "--map", "id=event_id",
    "--map", "customer=case_id", "--map", "occurred_at=received_at",
    "--values", "severity:1=minor,2=major", "--json",
)


def write_events(path: Path, rows: list[tuple[str, str, str, datetime]]) -> None:
    """Write (event, customer, sku, moment) as a CSV."""
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["event_id", "case_id", "sku", "received_at", "severity", "text"])
        for event, customer, sku, moment in rows:
            out.writerow([event, customer, sku, moment.isoformat(), "2", "It broke."])


async def import_signals(shell: Shell, path: Path, *more: str) -> Ran:
    """Import a file with the usual mapping."""
    return await shell.run("signals", "import", str(path), *OPTIONS, *more)


async def put_rule(shell: Shell) -> None:
    """Arm "five customers in 30 days"."""
    database = await PostgresDatabase.connect(shell.environment["FREEZEGUARD_DATABASE_URL"])

    async def work(tx: Transaction) -> None:
        await tx.people.create_instance(b"k" * 32, NOW)
        await tx.detection.put_rule(FIVE_CUSTOMERS, "test", NOW)

    await database.run(work)
    await database.close()


async def test_an_import_counts_freezes_stops_and_can_be_recomputed(shell: Shell) -> None:
    """What crosses in a file is frozen, stopped and read back before the import returns.

    Duplicates count once, conflicts and misfits are reported and kept; the same file again
    accepts nothing and freezes nothing; the reason comes out again when recomputed.
    """
    async with running_shop(skus=["K-1", "K-2"]) as shop:
        catalogues = {"shop": sample_configuration(shop.url, shop.admin_token)}
        shell = shell.having(FREEZEGUARD_CATALOGUES=json.dumps(catalogues))
        await put_rule(shell)
        rows = [(f"e{n}", f"c{n}", "K-1", NOW - timedelta(hours=9 - n)) for n in range(5)]
        rows += [("f1", "c1", "K-2", NOW - timedelta(hours=3))]
        file = shell.place / "events.csv"
        write_events(file, [
            *rows, rows[0], ("e1", "somebody else", "K-1", NOW),
            ("g1", "c1", "K-2", NOW + timedelta(days=2)),
        ])
        first = await import_signals(shell, file)
        again = await import_signals(shell, file)
        case = await _case_of(shell, "K-1")
        sellable = await shop.sellable()

    explained = await shell.run("cases", "explain", case, "--json")
    assert 1 == first.code  # some entries were rejected
    assert (9, 6, 1, 2) == tuple(
        first.document[name] for name in ("entries", "accepted", "duplicates", "rejected")
    )
    assert {"future_dated", "id_conflict"} == {
        one["code"] for one in first.document["rejected_first"]
    }
    assert {"frozen": 1} == first.document["cases_opened"]
    assert {"evaluations": 0, "freezes": 0} == first.document["still_waiting"]
    assert ["K-2"] == sellable
    assert (0, {}) == (again.document["accepted"], again.document["cases_opened"])
    assert 0 == explained.code
    assert "e4" == explained.document["from_all"]["crossed_by"]["id"]


async def _case_of(shell: Shell, sku: str) -> str:
    connection = await asyncpg.connect(shell.environment["FREEZEGUARD_DATABASE_URL"])
    case = await connection.fetchval("SELECT id FROM cases WHERE sku = $1", sku)
    await connection.close()
    return str(case)


async def test_history_is_recorded_and_stops_nothing_unless_asked(shell: Shell) -> None:
    """A crossing of years ago freezes nothing; `--act-on-history` makes it act."""
    await put_rule(shell)
    old = NOW - timedelta(days=3000)
    quiet, loud = shell.place / "quiet.csv", shell.place / "loud.csv"
    write_events(quiet, [(f"q{n}", f"c{n}", "K-1", old) for n in range(5)])
    write_events(loud, [(f"l{n}", f"c{n}", "K-2", old) for n in range(5)])
    recorded = await import_signals(shell, quiet)
    acted = await import_signals(shell, loud, "--act-on-history")

    assert {} == recorded.document["cases_opened"]
    assert {"frozen": 1} == acted.document["cases_opened"]


async def test_units_and_skus_are_taken_in_once(shell: Shell) -> None:
    """Units count once by their id; SKUs are replaced; what does not fit is named."""
    units = shell.place / "units.csv"
    units.write_text("id,sku,units,shipped_at\nu1,K-1,40,2026-11-01\nu2,K-1,-3,2026-11-01\n")
    skus = shell.place / "skus.ndjson"
    skus.write_text('{"article": "K-1", "title": "Kettle"}\n{"article": ""}\n')
    shipped = await shell.run(
        "units", "import", str(units), "--set", "source=warehouse", "--json"
    )
    again = await shell.run("units", "import", str(units), "--set", "source=warehouse", "--json")
    registered = await shell.run("skus", "import", str(skus), "--map", "sku=article", "--json")

    assert (1, 0, 1) == _counts(shipped)
    assert (0, 1, 1) == _counts(again)
    assert (1, 0, 1) == _counts(registered)


def _counts(ran: Ran) -> tuple[int, ...]:
    return tuple(ran.document[name] for name in ("accepted", "duplicates", "rejected"))


async def test_a_file_of_no_use_changes_nothing_and_says_why(shell: Shell) -> None:
    """A column that is not there ends the import before anything is stored."""
    file = shell.place / "a.csv"
    file.write_text("a,b\n1,2\n")
    ran = await import_signals(shell, file)

    assert 2 == ran.code
    assert "no column 'event_id'" in ran.document["error"]["detail"]
