"""A stop that writes no field of an object, and is seen in none."""

from pathlib import Path

import pytest

from freezeguard.sampleshop.client import running_shop, sample_configuration
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.rig import register_skus, service_for

SKU = "KETTLE-17"


@pytest.mark.parametrize("fields", [["published"], []])
async def test_a_stop_by_a_deny_list_is_taken_back(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path, fields: list[str]
):
    """Its fields are as before all the time: that says nothing of whether it is still stopped."""
    async with running_shop(skus=[SKU]) as shop:
        table = sample_configuration(shop.url, shop.admin_token)
        path = "/admin/deny-list/{id}"
        table |= {"stop": {"method": "PUT", "path": path, "hard": {}}, "fallbacks": {},
                  "restore": {"method": "DELETE", "path": path}}
        table["lookup"]["fields"] = fields
        async with service_for(dsns, tmp_path, {"shop": table}) as rig:
            await register_skus(rig, (SKU,))
            await rig.complain(SKU)
            case = await rig.in_state(SKU, "frozen")
            assert "denied_at_checkout" == (await shop.buy(SKU)).code
            await rig.done(case, "declare_false_alarm", "owen", reason_code="rule_error")
            await rig.in_state(SKU, "closed_false_alarm")

        assert (await shop.buy(SKU)).ok
