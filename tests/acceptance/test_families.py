"""Rules that know the usual, and rules of parts, from the first complaint to the refused sale."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.acceptance.test_likelihood import complained, recomputed, shipped, sold
from tests.rig import Rig, shop_with_service

CONTRACT = [
    {"family": "distinct_customers", "window": "30d", "bound": 4},
    {"family": "rate", "window": "30d", "bound": 0.02, "min_units": 50, "confidence": 0.8},
]
RULES: dict[str, dict[str, Any]] = {
    "predictive": {"bound": 10_000},
    "posterior": {"bound": 2},
    "cusum": {"bound": 3},
    "launch": {"bound": 500, "window": "60d"},
    "all_of": {"parts": CONTRACT},
    "any_of": {"parts": [{"family": "predictive", "bound": 100_000}, *CONTRACT]},
}


@pytest.fixture
async def rig(dsns: OwnerAndRuntimeDsns, tmp_path: Path) -> AsyncIterator[Rig]:
    """Run a shop without rules."""
    async with shop_with_service(dsns, tmp_path, rules=()) as running:
        yield running


async def test_each_family_stops_a_sale_and_can_be_recomputed(rig: Rig) -> None:
    """Complaints of a week about an item that hardly gets any, or that is new: a stop, explained.

    A preview says the same as what was done, and the reason comes out again from the record.
    """
    skus = (await rig.shop.sellable())[: len(RULES)]
    for sku, (family, body) in zip(skus, RULES.items(), strict=True):
        rule = {"family": family, "mode": "armed", "scope": {"sku": sku}, **body}
        stored = await rig.call("PUT", f"/v1/rules/{family}", "quin", json=rule)
        assert stored.status == 200, stored.body
        await shipped(rig, sku, 4, 30 if family == "launch" else 300)
        await complained(rig, sku, (25, 7, 6) if family == "launch" else (250, 120, 7, 6))
        assert await sold(rig, sku), family
        await complained(rig, sku, (5, 4, 3, 2, 1))

        case = await rig.in_state(sku, "frozen")

        reason = case["reason"]
        assert (family, True) == (reason["family"], reason["observed"] >= reason["bound"])
        if family != "any_of":
            assert "one complaint fewer would not have been enough" in reason["sentence"]
        assert await recomputed(rig, case), family
        tried = await rig.call(
            "POST", "/v1/rules/preview", "quin", json={"rule": rule, "days": 30}
        )
        assert [reason["sentence"]] == [one["reason"]["sentence"] for one in tried.body["items"]]
        assert not await sold(rig, sku)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"family": "all_of"}, "/parts"),
        ({"family": "all_of", "parts": CONTRACT[:1]}, "/parts"),
        ({"family": "all_of", "bound": 2, "parts": CONTRACT}, "/bound"),
        ({"family": "any_of", "parts": [*CONTRACT, {"family": "safety"}]}, "/parts/2/family"),
        ({"family": "any_of", "parts": [*CONTRACT, {"family": "rate"}]}, "/parts/2/min_units"),
        ({"family": "any_of", "parts": [*CONTRACT, {"family": "count", "mode": "off"}]},
         "/parts/2/mode"),
        ({"family": "cusum", "windows": ["7d", "30d"]}, "/windows"),
        ({"family": "predictive", "bound": 1}, "/bound"),
        ({"family": "count", "confidence": 0.9}, "/confidence"),
        ({"family": "rate", "min_units": 9, "bound": 0.1, "confidence": 0.2}, "/confidence"),
        ({"family": "launch", "min_customers": 200}, "/min_customers"),
    ],
)  # fmt: skip
async def test_what_is_no_rule_is_refused_in_its_place(
    rig: Rig, body: dict[str, Any], pointer: str
) -> None:
    """The answer points at the field that has to change, into the parts where that is there."""
    stored = await rig.call("PUT", "/v1/rules/odd", "quin", json=body)
    tried = await rig.call("POST", "/v1/rules/preview", "quin", json={"rule": body})

    assert (422, pointer) == (stored.status, stored.body["errors"][0]["pointer"])
    assert (422, f"/rule{pointer}") == (tried.status, tried.body["errors"][0]["pointer"])
