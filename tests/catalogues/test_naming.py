"""A catalogue may call a SKU otherwise than the shop does."""

from pathlib import Path

import pytest

from freezeguard.catalogues.configuration import CatalogueConfigurationError
from freezeguard.catalogues.naming import names_in, without_names
from freezeguard.sampleshop.client import ShopClient, sample_configuration
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.rig import register_skus, service_for


def test_names_by_pattern_and_one_by_one() -> None:
    """A name of its own wins over the pattern, and without either a SKU is called as it is."""
    names = names_in("shop", {"called_as": "DE-{sku}", "called": {"MUG": "4711"}})

    assert ("DE-POT", "4711") == (names.of("POT"), names.of("MUG"))
    assert "POT {x}" == names_in("shop", {}).of("POT {x}")
    assert {"kind": "http"} == without_names({"kind": "http", "called": {}, "called_as": "{sku}"})


@pytest.mark.parametrize("table", [
    {"called_as": "DE"},
    {"called_as": "{sku}{sku}"},
    {"called_as": 3},
    {"called": ["MUG"]},
    {"called": {"MUG": ""}},
    {"called": {"MUG": "4711", "POT": "4711"}},
])  # fmt: skip
def test_names_that_mix_skus_up_are_refused(table: dict) -> None:
    """A pattern without a SKU, or one name for two SKUs, would stop the wrong item."""
    with pytest.raises(CatalogueConfigurationError):
        names_in("shop", table)


async def test_a_sku_is_stopped_under_its_name_there(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path, shop: ShopClient
) -> None:
    """Looked up, stopped, read back and restored by that name; people go on using ours."""
    await shop.seed([{"sku": "DE-NAMED"}, {"sku": "NAMED"}])
    before = await shop.products("DE-NAMED")
    table = {**sample_configuration(shop.url, shop.admin_token), "called_as": "DE-{sku}"}
    async with service_for(dsns, tmp_path, {"shop": table}) as rig:
        await register_skus(rig, ("NAMED",))
        await rig.complain("NAMED")
        case = await rig.in_state("NAMED", "frozen")
        assert not (await shop.buy("DE-NAMED")).ok
        assert (await shop.open_cart("NAMED")).ok
        await rig.done(case, "declare_false_alarm", "owen", reason_code="rule_error")
        await rig.in_state("NAMED", "closed_false_alarm")
    assert before == await shop.products("DE-NAMED")
