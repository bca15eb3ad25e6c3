"""From shadow to armed on the command line, and a change that takes two people."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.cli.test_remote import shell_of
from tests.rig import FIVE_CUSTOMERS, Rig, shop_with_service

CALM = {**FIVE_CUSTOMERS, "id": "calm", "bound": 2, "mode": "shadow"}


@pytest.fixture
async def rig(dsns: OwnerAndRuntimeDsns, tmp_path: Path) -> AsyncIterator[Rig]:
    """Run a shop with an armed rule and a shadow rule, and a SKU that only this one would stop."""
    async with shop_with_service(
        dsns, tmp_path, seed=2, rules=(FIVE_CUSTOMERS, CALM), register=False
    ) as running:
        await running.complain("SKU-000001", 2)
        yield running


async def test_a_shadow_rule_is_looked_at_and_armed(rig: Rig, tmp_path: Path) -> None:
    """The figures, SKU by SKU, are shown before it is asked; nobody there means no."""
    quin = shell_of(rig, "quin", tmp_path)
    table = await quin.run("rules", "shadow")
    one = (await quin.run("rules", "shadow", "calm", "--json")).document
    unasked = await quin.run("rules", "promote", "calm")
    armed = await quin.run("rules", "promote", "calm", "--yes")
    again = await quin.run("rules", "promote", "calm", "--yes", "--json")

    assert [["calm", "1", "1"]] == [
        [row[0], row[2], row[6]] for row in map(str.split, _rows(table.out))
    ]
    assert (["SKU-000001"], 1, 1) == (
        [found["sku"] for found in one["items"]], one["would_freeze"], one["only_here"]
    )
    assert (2, True) == (unasked.code, "--yes" in unasked.err)
    assert (0, True) == (armed.code, "calm is armed, version 2." in armed.out), armed.err
    assert "SKU-000001" in armed.out
    assert (4, "not_found") == (again.code, again.document["error"]["code"])


def _rows(out: str) -> list[str]:
    """Return the lines of a piped table, a time in one word and nothing as a dash."""
    return [line.replace(" ", "_") for line in out.splitlines()[1:]]


async def test_a_change_that_takes_two(rig: Rig, tmp_path: Path) -> None:
    """Set says what would be less and for whom it waits; another one approves, or rejects."""
    quin, mara = shell_of(rig, "quin", tmp_path), shell_of(rig, "mara", tmp_path)
    looser = ("rules", "set", "five-customers", "--family", "distinct_customers", "--mode",
              "armed", "--bound")
    said = await quin.run(*looser, "8")
    [waiting] = (await quin.run("rules", "proposals", "--json")).document["items"]
    listed = await mara.run("rules", "proposals")
    own = await quin.run("rules", "approve", waiting["id"])
    approved = await mara.run("rules", "approve", waiting["id"])
    second = (await quin.run(*looser, "9", "--json")).document
    rejected = await mara.run("rules", "reject", second["id"], "--json")
    none = await mara.run("rules", "proposals")

    assert "five-customers stays as it is" in said.out
    assert f"freezeguard rules approve {waiting['id']}" in said.out
    assert "bound: 5 → 8" in listed.out
    assert (4, True) == (own.code, "another person" in own.err)
    assert "five-customers is armed, version 2.\n" == approved.out
    assert {"id": second["id"], "done": "reject"} == rejected.document
    assert "no proposals wait" in none.err


async def test_an_operator_alone(rig: Rig, tmp_path: Path) -> None:
    """Not where somebody else may approve: it says who."""
    assert rig.dsns is not None
    quin = shell_of(rig, "quin", tmp_path).having(FREEZEGUARD_DATABASE_URL=rig.dsns.runtime)
    waiting = (await quin.run("rules", "set", "five-customers", "--family", "distinct_customers",
                              "--bound", "8", "--mode", "armed", "--json")).document
    refused = await quin.run("rules", "approve", waiting["id"], "--alone")
    unknown = await quin.run("rules", "approve", "x", "--alone")

    assert (4, True) == (refused.code, "mara" in refused.err)
    assert 4 == unknown.code
