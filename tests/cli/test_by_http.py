"""What once only HTTP had: suppressions, rejected signals, sources, holds, sending signals."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.cli.test_remote import shell_of
from tests.rig import Rig, shop_with_service


@pytest.fixture
async def rig(dsns: OwnerAndRuntimeDsns, tmp_path: Path) -> AsyncIterator[Rig]:
    """Run a shop with one replica."""
    async with shop_with_service(dsns, tmp_path, seed=3) as running:
        yield running


async def test_detection_is_held_back_and_let_go(rig: Rig, tmp_path: Path) -> None:
    """Add, list, lift; what is held back, why and until when stands in the list."""
    quin, alba = shell_of(rig, "quin", tmp_path), shell_of(rig, "alba", tmp_path)
    told = ("suppressions", "add", "--cause", "A wrong photo.")
    none = await alba.run("suppressions", "list")
    aimless = await quin.run(*told, "--until", "+8h")
    added = await quin.run(*told, "--until", "+5d", "--sku", "SKU-000001", "--rule", "r", "--json")
    by_day = await quin.run(*told, "--until", "2026-13-44", "--vendor", "acme")
    listed = await alba.run("suppressions", "list")
    refused = await alba.run("suppressions", "lift", added.document["id"])
    lifted = await quin.run("suppressions", "lift", added.document["id"])
    again = await quin.run("suppressions", "lift", added.document["id"])

    assert (0, "no suppressions in force\n") == (none.code, none.err)
    assert (2, True) == (aimless.code, "--sku, --vendor or --category" in aimless.err)
    assert (4, True) == (by_day.code, "there is no such day" in by_day.err)
    assert "sku SKU-000001 (rule r)" in listed.out
    assert "A wrong photo." in listed.out
    assert [4, 0, 4] == [refused.code, lifted.code, again.code]


async def test_signals_are_sent_and_rejected_ones_looked_at(rig: Rig, tmp_path: Path) -> None:
    """One by options, many from a file; what is rejected is told, listed and shown whole."""
    source, quin = shell_of(rig, "source", tmp_path), shell_of(rig, "quin", tmp_path)
    told = ("signals", "send", "--source", "helpdesk", "--sku", "SKU-000001")
    once = await source.run(*told, "--customer", "c-1", "--text", "It broke.", "--id", "t-1",
                            "--occurred-at", "2026-11-21T09:30:00Z", "--set", "lot=L-7")
    twice = await source.run(*told, "--customer", "c-1", "--text", "It broke.", "--id", "t-1",
                             "--occurred-at", "2026-11-21T09:30:00Z", "--set", "lot=L-7", "--json")
    file = tmp_path / "two.ndjson"
    good = rig.complaint("SKU-000001", "c-2")
    file.write_text("\n".join(map(json.dumps, (good, {**good, "id": "bad", "severity": "huge"}))))
    mixed = await source.run("signals", "send", str(file))
    wrong = await source.run(*told, "--severity", "huge")
    nowhere = await source.run("signals", "send", "--sku", "SKU-000001")
    both = await source.run("signals", "send", str(file), "--sku", "SKU-000001")
    listed = (await quin.run("signals", "rejected", "--json")).document["items"]
    table = await quin.run("signals", "rejected")
    shown = await quin.run("signals", "rejected", listed[0]["id"])
    none = await quin.run("signals", "rejected", "x")

    assert (0, "1 accepted, 0 duplicates, 0 rejected.\n") == (once.code, once.out), once.err
    assert 1 == twice.document["duplicates"]
    assert (1, "1 accepted, 0 duplicates, 1 rejected.\n") == (mixed.code, mixed.out)
    assert "entry 2: invalid_input: /severity:" in mixed.err
    assert (1, "0 accepted, 0 duplicates, 1 rejected.\n") == (wrong.code, wrong.out)
    assert (2, True) == (nowhere.code, "--source" in nowhere.err)
    assert 2 == both.code
    assert 2 == len(listed)
    assert listed[0]["id"] in table.out
    assert "huge" in shown.out
    assert 4 == none.code


async def test_feeds_and_holds_are_shown(rig: Rig, tmp_path: Path) -> None:
    """A change of a feed changes what is given; holds are told with their revision."""
    root, owen = shell_of(rig, "root", tmp_path), shell_of(rig, "owen", tmp_path)
    unknown = await root.run("sources", "show", "forum")
    await root.run("sources", "put", "forum", "--title", "The forum")
    changed = await root.run("sources", "put", "forum", "--trust", "0.5", "--json")
    shown = await owen.run("sources", "show", "forum")
    allowed = await root.run("sources", "put", "forum", "--max-silence", "6h", "--json")
    learned = await root.run("sources", "put", "forum", "--max-silence", "none", "--json")
    listed = await owen.run("sources", "list")
    empty = await owen.run("holds")
    await rig.complain("SKU-000001")
    case = await rig.in_state("SKU-000001", "frozen")
    held = await owen.run("holds")
    before = await owen.run("holds", "--at", "2026-01-01T00:00:00Z", "--json")
    wrong = await owen.run("holds", "--at", "yesterday")

    assert 4 == unknown.code
    assert ("The forum", 0.5) == (changed.document["name"], changed.document["trust"])
    assert "The forum" in shown.out
    assert ("6h", 0.5) == (allowed.document["max_silence"], allowed.document["trust"])
    assert ("The forum", None) == (learned.document["name"], learned.document["max_silence"])
    assert "forum" in listed.out
    assert "everything may be sold" in empty.err
    assert "SKU-000001" in held.out
    assert case["id"] in held.out
    assert "revision 1" in held.err
    assert [] == before.document["items"]
    assert 4 == wrong.code
