"""Units reported after the complaints."""

from pathlib import Path
from typing import Any

from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.rig import FIVE_CUSTOMERS, Rig, shop_with_service, until

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


async def test_units_of_skus_without_complaints_keep_nothing_waiting(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path
) -> None:
    """However many SKUs are shipped, what a changed rule concerns is found by the sweep."""
    async with shop_with_service(dsns, tmp_path, rules=(RATE, FIVE_CUSTOMERS)) as rig:
        sku, met = (await rig.shop.sellable())[:2]
        await rig.complain(sku, 3)
        pull = {"scope": {"sku": met}, "reason_code": "other", "comment": "Looks odd."}
        await rig.call("POST", "/v1/freezes", "alba", json=pull)  # its lock was taken before
        await ship(rig, *(f"quiet-{n}" for n in range(80)), met)
        waiting = await pending(rig)
        body = {name: value for name, value in FIVE_CUSTOMERS.items() if name != "id"}
        answer = await rig.call(
            "PUT", "/v1/rules/five-customers", "quin", json=body | {"bound": 3}
        )
        case = await rig.in_state(sku, "frozen")

        async def nothing_waits() -> bool:
            return not await pending(rig)

        await until(nothing_waits, "nothing waits for an evaluation")

    assert {sku} >= {row["sku"] for row in waiting}  # the rules of the start may concern it yet
    assert 200 == answer.status
    assert 3 == case["reason"]["observed"]


async def ship(rig: Rig, *skus: str) -> None:
    """Report 50 units of each SKU as shipped."""
    moment = rig.complaint("any", "nobody")["occurred_at"]
    units = [
        {"id": f"u-{sku}", "source": "helpdesk", "sku": sku, "units": 50, "shipped_at": moment}
        for sku in skus
    ]
    answer = await rig.call("POST", "/v1/units", "source", json=units)
    assert (202, len(skus)) == (answer.status, answer.body["accepted"])


async def pending(rig: Rig) -> list[Any]:
    """Return the SKUs that wait for an evaluation."""
    assert rig.service is not None
    return await rig.service.database.run(lambda tx: tx.connection.fetch(
        "SELECT sku FROM pending_evaluations"))
