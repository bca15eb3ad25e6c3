"""Commands that act on a running service by HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.cli.shell import Shell, bare_environment
from tests.rig import Rig, shop_with_service


@pytest.fixture
async def rig(dsns: OwnerAndRuntimeDsns, tmp_path: Path) -> AsyncIterator[Rig]:
    """Run a shop with one replica."""
    async with shop_with_service(dsns, tmp_path, seed=3) as running:
        yield running


def shell_of(rig: Rig, who: str, place: Path) -> Shell:
    """Return a shell whose commands talk to the service as this person."""
    return Shell(place, bare_environment(
        place, FREEZEGUARD_URL=rig.url, FREEZEGUARD_TOKEN=rig.secrets[who]
    ))


async def test_a_case_is_found_shown_and_led_by_commands(rig: Rig, tmp_path: Path) -> None:
    """List, show, command with arguments, timeline: a case can be led from a terminal."""
    sku = "SKU-000001"
    owen = shell_of(rig, "owen", tmp_path)
    await rig.complain(sku)
    case = await rig.in_state(sku, "frozen")
    listed = (await owen.run("cases", "list", "--json")).document["items"]
    shown = await owen.run("cases", "show", case["id"])
    stale = await owen.run("cases", "command", case["id"], "accept_ownership", "--version", "99")
    taken = (await owen.run(
        "cases", "command", case["id"], "accept_ownership", "--version", str(case["version"]),
        "--json",
    )).document
    timeline = await owen.run("cases", "timeline", case["id"])

    assert [case["id"]] == [one["id"] for one in listed]
    assert case["reason"]["sentence"] in shown.out
    assert (4, "") == (stale.code, stale.out)
    assert "at version 2 (frozen), not 99" in stale.err
    assert "diagnosing" == taken["state"]
    assert ["freeze", "confirm_freeze", "accept_ownership"] == [
        line.split("\t")[2] for line in timeline.out.splitlines()[1:]
        if line.split("\t")[2] != "confirmed"
    ]


async def test_approval_is_given_from_a_terminal(rig: Rig, tmp_path: Path) -> None:
    """A vendor may not approve its own item; a manager does, on the evidence that they saw."""
    sku = "SKU-000002"
    case = await rig.to_awaiting_approval(sku)
    mara, vera = shell_of(rig, "mara", tmp_path), shell_of(rig, "vera", tmp_path)
    own = await vera.run(
        "cases", "command", case["id"], "approve", "--version", str(case["version"])
    )
    approved = await mara.run(
        "cases", "command", case["id"], "approve", "--version", str(case["version"]),
        "--set", f"evidence_revision={case['evidence_revision']}", "--json",
    )

    assert 4 == own.code
    assert "reinstating" == approved.document["state"]


async def test_the_cord_is_pulled_and_the_answer_says_how_to_follow(
    rig: Rig, tmp_path: Path
) -> None:
    """`freeze` says the state and where the case is; `status` hears of it; a reader can't pull."""
    sku = "SKU-000003"
    owen, audi = shell_of(rig, "owen", tmp_path), shell_of(rig, "audi", tmp_path)
    refused = await audi.run("freeze", sku)
    pulled = await owen.run("freeze", sku, "--comment", "Sharp edges.")
    case = await rig.in_state(sku, "frozen")
    status: Any = (await owen.run("status", sku, "--json")).document

    assert 4 == refused.code
    assert f"/v1/cases/{case['id']}" in pulled.out
    assert "frozen" == status["status"]


async def test_rules_are_stored_in_versions_and_listed(rig: Rig, tmp_path: Path) -> None:
    """Options and files make a rule's next version; what does not fit is refused."""
    quin = shell_of(rig, "quin", tmp_path)
    file = tmp_path / "rule.toml"
    file.write_text('family = "rate"\nbound = 0.05\nmin_units = 100\nwindow = "90d"\n')
    stored = await quin.run("rules", "set", "r", "--file", str(file), "--mode", "shadow", "--json")
    wrong = await quin.run("rules", "set", "r", "--family", "rate", "--bound", "7", "--json")
    listed = (await quin.run("rules", "list", "--json")).document["items"]

    assert (1, "shadow") == (stored.document["version"], stored.document["mode"])
    assert (4, "invalid_input") == (wrong.code, wrong.document["error"]["code"])
    assert "r" in [one["id"] for one in listed]


async def test_who_is_not_signed_in_or_finds_nobody_hears_what_to_do(
    rig: Rig, tmp_path: Path
) -> None:
    """No token, and no service, are told apart, each with its remedy; readiness needs neither."""
    nobody = Shell(tmp_path, bare_environment(tmp_path, FREEZEGUARD_URL=rig.url))
    unsigned = await nobody.run("cases", "list")
    ready = await nobody.run("status", "--json")
    away = await nobody.having(FREEZEGUARD_URL="http://127.0.0.1:1").run("cases", "list")

    assert (4, True) == (unsigned.code, "FREEZEGUARD_TOKEN" in unsigned.err)
    assert (0, True) == (ready.code, ready.document["ready"])
    assert (3, True) == (away.code, "freezeguard serve" in away.err)
