"""Views of the queue that people name, and the code under the bars."""

import pytest

from tests.rig import Rig
from tests.web.visiting import signed_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_view_is_kept_shown_and_deleted(rig: Rig) -> None:
    """A link at the top of the queue, with its name as it is; it opens what was kept."""
    mara = await signed_in(rig, "mara")
    await mara.get("/console?lane=safety&overdue=true&nonsense=1")
    shown = await mara.post(
        "/console/views", {"name": "Safety <late>", "filters": "lane=safety&overdue=true&x=y"}
    )
    other = await mara.get("/console?lane=safety")
    kept = (await rig.read("/v1/views", "mara"))["items"]

    assert "Safety &lt;late&gt;</a>" in shown.text
    assert 'aria-current="page">Safety' in shown.text
    assert "Delete the view “Safety &lt;late&gt;”" in shown.text
    assert 'aria-current="page">Safety' not in other.text
    assert [{"lane": "safety", "overdue": True}] == [
        {name: one for name, one in view["filters"].items() if one is not None} for view in kept
    ]
    await mara.post(f"/console/views/{kept[0]['id']}/delete")
    assert [] == (await rig.read("/v1/views", "mara"))["items"]
    assert "Safety" not in (await mara.get("/console")).words.split("Which cases")[0]


async def test_views_are_their_owners_and_bounded(rig: Rig) -> None:
    """Nobody else sees or deletes them; there are only so many, with names of a bounded length."""
    answers = [
        await rig.call("POST", "/v1/views", "quin",
                       json={"name": f"View {n}", "filters": {"sku": "a"}})
        for n in range(21)
    ]
    one = answers[0].body["id"]
    foreign = await rig.call("DELETE", f"/v1/views/{one}", "mara")
    seen = (await rig.read("/v1/views", "mara"))["items"]
    refused = [
        (await rig.call("POST", "/v1/views", "mara", json=body)).status for body in (
            {"name": "", "filters": {}}, {"name": "x" * 65, "filters": {}},
            {"name": "x", "filters": {"limit": 3}}, {"name": "x", "filters": {"lane": "fast"}},
        )
    ]
    quin = await signed_in(rig, "quin")
    await quin.get("/console")
    full = await quin.post("/console/views", {"name": "x", "filters": ""})

    assert [201] * 20 + [422] == [answer.status for answer in answers]
    assert (404, []) == (foreign.status, seen)
    assert [422] * 4 == refused
    assert 422 == full.status
    assert "at most 20 views" in full.words
    assert 204 == (await rig.call("DELETE", f"/v1/views/{one}", "quin")).status


async def test_the_cord_finds_an_item_by_its_code(rig: Rig, take_sku) -> None:
    """One item: it is shown, and pulled by its SKU. Several: they are named. None: as before."""
    first, second, third = (take_sku() for _ in range(3))
    for sku, gtin in ((first, "036000291452"), (second, "4006381333931"),
                      (third, "4006381333931")):
        known = await rig.read(f"/v1/skus/{sku}", "root")
        kept = {name: known[name] for name in ("title", "vendor", "category", "owner")}
        await rig.call("PUT", f"/v1/skus/{sku}", "root", json={**kept, "gtin": gtin})
    alba = await signed_in(rig, "alba")
    one = await alba.get("/console/pull?sku=0036000291452")
    several = await alba.get("/console/pull?sku=4006381333931")
    none = await alba.get("/console/pull?sku=4006381333938")
    forged = await alba.get(f"/console/pull?sku={first}&code=Call+0800")

    assert f'name="sku" value="{first}"' in one.text
    assert "Found by the code 0036000291452." in one.words
    assert [True, True, False] == [
        f'href="/console/pull?sku={sku}"' in several.text for sku in (second, third, first)
    ]
    assert "Pull the cord</button>" not in several.text
    assert "This SKU is not registered." in none.words
    assert "0800" not in forged.words
