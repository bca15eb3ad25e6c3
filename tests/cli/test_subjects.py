"""Requests of data subjects from a terminal."""

import json
from pathlib import Path

from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.cli.test_remote import shell_of
from tests.rig import shop_with_service


async def test_a_request_is_answered_from_a_terminal(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path
) -> None:
    """Export, erase, and nothing is left; who is not compliance is told so and gets nothing."""
    async with shop_with_service(dsns, tmp_path, seed=1) as rig:
        cora, root = shell_of(rig, "cora", tmp_path), shell_of(rig, "root", tmp_path)
        await rig.complain("SKU-000001", 2, customer="c-2093", order="4711-0815")
        held = json.loads((await cora.run("subjects", "export", "4711-0815", "--order")).out)
        refused = await root.run("subjects", "export", "c-2093")
        erased = await cora.run("subjects", "erase", "c-2093", "--reason", "A letter.")
        again = await cora.run("subjects", "erase", "c-2093", "--reason", "A letter.")

    (signals,) = [one["items"] for one in held["places"] if one["place"] == "signals"]
    assert ["4711-0815"] * 2 == [one["order_ref"] for one in signals]
    assert (4, "") == (refused.code, refused.out)
    assert ["signals", "2"] in [line.split() for line in erased.out.splitlines()]
    assert (0, "") == (again.code, again.out)
    assert "Nothing was held in any place that was searched: signals, cases, " in again.err
    for said in (erased.err, again.err):
        assert "Looked for:\n- Signals under the keyed hash of 1 spelling, " in said
        assert "Not searched:\n" in said
        assert "- What lies within files on cases" in said
    assert held["found"] == {one["place"]: len(one["items"]) for one in held["places"]}
    assert [True, True] == [
        any(start in one for one in held["not_searched"])
        for start in ("Mentions of the customer", "The record of what was done (audit)")
    ]
