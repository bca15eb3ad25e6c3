"""A catalogue may call a SKU otherwise than the shop does."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from freezeguard.bootstrap.building import open_service
from freezeguard.bootstrap.doctor import examine_everything
from freezeguard.bootstrap.settings import Settings
from freezeguard.catalogues.configuration import CatalogueConfigurationError
from freezeguard.catalogues.naming import names_in, without_names
from freezeguard.catalogues.registry import open_catalogues
from freezeguard.sampleshop.client import ShopClient, sample_configuration
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.rig import hasty_settings, register_skus, service_for


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
    {"called_as": "DE-{sku}", "called": {"MUG": "DE-POT"}},
    {"called_as": "{sku}-DE", "called": {"MUG": "MUG-DE", "CUP": "POT-DE"}},
    {"called_as": "DE-{sku}-X", "called": {"MUG": "DE-POT-X", "CAN": "DE-MUG-X"}},
])  # fmt: skip
def test_names_that_mix_skus_up_are_refused(table: dict) -> None:
    """A pattern without a SKU, or one name for two SKUs, would stop the wrong item."""
    with pytest.raises(CatalogueConfigurationError):
        names_in("shop", table)


@pytest.mark.parametrize("table", [
    {"called_as": "DE-{sku}", "called": {"MUG": "DE-MUG"}},
    {"called_as": "DE-{sku}", "called": {"MUG": "DE-POT", "POT": "DE-MUG"}},
    {"called_as": "DE-{sku}", "called": {"MUG": "DE-", "POT": "AT-POT"}},
    {"called_as": "A{sku}A", "called": {"MUG": "A"}},
    {"called": {"MUG": "POT"}},
])  # fmt: skip
def test_names_that_nobody_else_has(table: dict) -> None:
    """A name of its own, or one that was exchanged, is nobody else's."""
    names = names_in("shop", table)

    assert table["called"]["MUG"] == names.of("MUG")


def test_whose_name_is_given_away_is_said() -> None:
    """A catalogue does not open, and its table is told which two SKUs would be one object."""
    table = {**sample_configuration("http://127.0.0.1:1", "t"), "called_as": "DE-{sku}",
             "called": {"MUG": "DE-POT"}}

    with pytest.raises(CatalogueConfigurationError) as caught:
        open_catalogues({"shop": table})

    [(place, text)] = caught.value.problems
    assert "catalogues.shop.called" == place
    assert "calls MUG 'DE-POT', as called_as calls POT" in text


async def test_a_registered_sku_whose_name_is_given_away_is_told(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path, shop: ShopClient
) -> None:
    """Without a pattern any name may be another SKU's: the next start says where one is."""
    table = {**sample_configuration(shop.url, shop.admin_token),
             "called": {"MUG": "POT-1", "CUP": "nobody"}}
    await shop.seed([{"sku": "POT-1"}])
    async with service_for(dsns, tmp_path, {"shop": table}) as rig:
        await register_skus(rig, ("POT-1",))
    settings = Settings(**hasty_settings(dsns, tmp_path, {"shop": table}, 1))
    with capture_logs() as logged:
        async with open_service(settings) as service, service.serving():
            pass
    found = [one async for one in examine_everything(settings)]

    said = "catalogues.shop.called gives MUG the name of POT-1"
    assert [said] == [
        one["problem"] for one in logged if one["event"] == "one_name_for_two_skus"]
    assert [("bad", said)] == [
        (one.verdict, one.detail) for one in found if one.name == "names of SKUs"]


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
