"""Units reported after the complaints."""

from pathlib import Path

from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.rig import shop_with_service

RATE = {
    "id": "rate", "family": "rate", "window": "30d", "bound": 0.05, "min_units": 40,
    "mode": "armed",
}


async def test_late_units_make_a_rate_rule_speak(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path
) -> None:
    """Three complaints among 50 units are enough, in whichever order the two feeds arrive."""
    async with shop_with_service(dsns, tmp_path, rules=(RATE,)) as rig:
        sku = (await rig.shop.sellable())[0]
        shipped = rig.complaint(sku, "nobody")
        units = {
            "id": "u-1", "source": "helpdesk", "sku": sku, "units": 50,
            "shipped_at": shipped["occurred_at"],
        }
        await rig.complain(sku, 3)

        assert [] == await rig.cases(sku)

        answer = await rig.call("POST", "/v1/units", "source", json=units)

        assert 202 == answer.status
        case = await rig.in_state(sku, "frozen")
        assert (50, 3) == (case["reason"]["exposure"], len(case["reason"]["counted"]))
