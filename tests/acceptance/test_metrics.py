"""The metrics page tells what happens, and names no SKU and no customer."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.steps import mails_arrived, open_cart
from tests.rig import Rig

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def samples(rig: Rig) -> dict[tuple[str, ...], float]:
    """Return every sample of the page by its name and the values of its labels."""
    page = await rig.call("GET", "/metrics")
    assert 200 == page.status
    return {
        (one.name.removeprefix("freezeguard_"), *map(str, one.labels.values())): one.value
        for family in text_string_to_metric_families(page.body.decode())
        for one in family.samples
    }


async def test_a_freeze_moves_what_an_operator_looks_at(rig: Rig, sku: str):
    """Signals, commits, the freeze, calls, read-back, notices, requests and the held set."""
    before = await samples(rig)
    await open_cart(rig, sku)
    await rig.complain(sku, 5)
    await mails_arrived(rig, await rig.in_state(sku, "frozen"))
    after = await samples(rig)

    def rise(*name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    assert 5 == rise("signals_received_total", "accepted")
    assert 1 == rise("freezes_total", "quality")
    assert 1 <= rise("catalogue_requests_total", "shop", "answered")
    assert 1 == rise("stop_confirmed_seconds_count", "shop")
    assert 1 <= rise("commit_seconds_count", "quick")
    assert 5 == rise("request_seconds_count", "POST /v1/signals", "202")
    assert 4 == rise("notices_total", "mail", "sent")
    assert (1, True) == (rise("held_skus"), 0 < rise("held_set_revision"))
    assert 0 <= after["held_set_age_seconds",] < 10
    assert not [name for name in after if any(sku in part for part in name)]
