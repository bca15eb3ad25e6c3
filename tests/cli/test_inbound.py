"""`freezeguard inbound check`: what a payload would become, without a database."""

import json
from pathlib import Path

from tests.cli.shell import Ran, Shell, bare_environment

TABLE = """
[inbound.helpdesk]
kind = "zendesk"
secret = "{env:ZENDESK_SECRET}"
source = "helpdesk"
[inbound.helpdesk.map]
sku = "$.ticket.sku"
when = { "$.ticket.type" = "problem" }
"""
TICKET = {"id": "7", "type": "problem", "sku": "K-1", "created_at": "2026-11-21T09:30:00Z",
          "priority": "low", "description": "Write to ann@home.example"}


async def check(place: Path, *arguments: str, **changes: object) -> Ran:
    """Run the command on a ticket."""
    settings, payload = place / "freezeguard.toml", place / "ticket.json"
    settings.write_text(TABLE)
    payload.write_text(json.dumps({"ticket": {**TICKET, **changes}}))
    shell = Shell(place, bare_environment(
        place, FREEZEGUARD_CONFIG=str(settings),
        FREEZEGUARD_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none",
    ))
    return await shell.run("inbound", "check", *(arguments or ("helpdesk",)), str(payload))


async def test_it_shows_the_signals(tmp_path: Path) -> None:
    """As they would be stored, their text masked; no database is asked, no secret needed."""
    ran = await check(tmp_path, "--json", "helpdesk")

    assert (0, [], 0) == (ran.code, ran.document["rejected"], ran.document["ignored"])
    signal = ran.document["signals"][0]
    assert ("7", "helpdesk", "minor", "K-1") == (
        signal["id"], signal["source"], signal["severity"], signal["sku"],
    )
    assert "ann@home.example" not in ran.out


async def test_it_says_what_does_not_fit(tmp_path: Path) -> None:
    """Exit code 1, with the path that finds nothing, in words and in JSON."""
    words = await check(tmp_path, "helpdesk", sku=None)
    document = (await check(tmp_path, "--json", "helpdesk", sku=None)).document

    assert 1 == words.code
    assert "not_mapped: There is no sku: $.ticket.sku finds nothing." in words.err
    assert ["not_mapped"] == [one["code"] for one in document["rejected"]]


async def test_it_says_what_does_not_count(tmp_path: Path) -> None:
    """A condition that is not met is no fault."""
    ran = await check(tmp_path, "helpdesk", type="question")

    assert 0 == ran.code
    assert "1 would not count" in ran.err


async def test_an_unknown_endpoint_is_named(tmp_path: Path) -> None:
    """Exit code 2, with those that are known."""
    ran = await check(tmp_path, "desk")

    assert 2 == ran.code
    assert "known: helpdesk" in ran.err
