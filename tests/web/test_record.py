"""The record on a page: found by its subject, and inert whatever stands in it."""

import pytest
from playwright.async_api import Browser

from tests.acceptance.steps import pull
from tests.rig import Rig
from tests.web.chromium import PHONE, window
from tests.web.visiting import signed_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_what_was_done_is_found_by_its_subject(rig: Rig, sku: str) -> None:
    """Who pulled, when and why; of another subject nothing; an unknown cursor is refused."""
    case = await pull(rig, "mara", sku)
    await rig.call("POST", f"/v1/cases/{case['id']}/commands", "mara", json={
        "command": "comment", "comment": "<script>alert(1)</script>"})
    audi = await signed_in(rig, "audi")
    seen = await audi.get(f"/console/record?subject=case:{case['id']}")
    none = await audi.get("/console/record?subject=case:nobody")
    wrong = await audi.get("/console/record?cursor=x")

    assert "person:mara freeze" in seen.words
    assert "<script>alert" not in seen.text
    assert "There is no line about case:nobody." in none.words
    assert 422 == wrong.status


async def test_it_can_be_read(chromium: Browser, rig: Rig) -> None:
    """By everybody, on everything."""
    async with window(chromium, rig, "audi", viewport=PHONE) as one:
        await one.open("/console/record")
        await one.check("record")
