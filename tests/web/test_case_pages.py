"""A case on its page: everything can be read, and every command given, without a script."""

from datetime import timedelta
from urllib.parse import quote

import pytest

from tests.acceptance.steps import can_be_bought, cannot_be_bought, pull, reaches, sql
from tests.rig import Rig
from tests.web.test_signing_in import age
from tests.web.visiting import Browser, signed_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

REMEDY = {
    "remedy.cause.branch": "material", "remedy.cause.description": "Brittle resin.",
    "remedy.cause.proof": "Tear test of 20 handles.", "remedy.containment.own_stock": "40 units.",
    "remedy.containment.vendor_stock": "Withdrawn.", "remedy.containment.in_transit": "None.",
    "remedy.corrective_action": "Other resin.", "remedy.preventive_action": "Tear tests.",
    "remedy.affected_lots": "L-7\nL-8\n",
}


def page_of(case: dict, command: str = "") -> str:
    return f"/console/cases/{case['id']}" + (f"/do/{command}" if command else "")


async def give(browser: Browser, case: dict, command: str, **fields: str):
    """Open a command's form, fill it in, and send it with what the form itself carries."""
    form = await browser.get(page_of(case, command))
    hidden = {
        name: form.text.split(f'name="{name}" value="')[1].split('"')[0]
        for name in ("version", "evidence_revision") if f'name="{name}" value="' in form.text
    }
    return await browser.post(page_of(case, command), {**hidden, **fields})


async def test_from_the_queue_to_the_shop_selling_again(rig: Rig, sku: str) -> None:
    """Owner and manager do all of it on pages; the shop refuses before, and sells after."""
    await rig.complain(sku)
    case = await rig.in_state(sku, "frozen")
    await cannot_be_bought(rig, sku)
    owen, mara = await signed_in(rig, "owen"), await signed_in(rig, "mara")
    listed = await owen.get(f"/console?sku={quote(sku)}")
    assert page_of(case) in listed.text
    seen = await owen.get(page_of(case))
    assert "5 different customers" in seen.words or "5 distinct customers" in seen.words

    assert "Done: “Take the case on”." in (await give(owen, case, "accept_ownership")).words
    assert "Done: “Propose a remedy”." in (await give(owen, case, "propose_remedy", **REMEDY)).words
    asked = await give(owen, case, "request_approval", **{
        "verification.kind": "inspection", "verification.result": "50 units, none failed."})
    assert "Done: “Ask for approval”." in asked.words
    own = await give(owen, case, "approve")
    assert own.status in {403, 422}
    approving = await mara.get(page_of(case, "approve"))
    assert "Brittle resin." in approving.words
    assert "Done: “Approve”." in (await give(mara, case, "approve", comment="Convincing.")).words

    await reaches(rig, case, "probation")
    await can_be_bought(rig, sku)
    history = (await mara.get(page_of(case))).words
    assert all(one in history for one in ("approved mara", "proposed a remedy owen", "L-7; L-8"))


async def test_what_is_missing_is_told_and_nothing_typed_is_lost(rig: Rig, sku: str) -> None:
    """A remedy without a proof is refused on its own form, which is as it was filled in."""
    await rig.complain(sku)
    case = await rig.in_state(sku, "frozen")
    owen = await signed_in(rig, "owen")
    await give(owen, case, "accept_ownership")
    half = {**REMEDY, "remedy.cause.proof": ""}
    refused = await give(owen, case, "propose_remedy", **half)

    assert 422 == refused.status
    assert "Nothing was done." in refused.words
    assert "Brittle resin." in refused.text
    assert "L-7\nL-8" in refused.text
    assert "diagnosing" == (await rig.case(case["id"]))["state"]


async def test_two_managers_at_once(rig: Rig, sku: str) -> None:
    """The second decides on what has changed meanwhile, or sees that there is nothing to decide."""
    case = await rig.to_awaiting_approval(sku)
    mara, cora = await signed_in(rig, "mara"), await signed_in(rig, "mara")
    opened = await cora.get(page_of(case, "reject_approval"))
    version = opened.text.split('name="version" value="')[1].split('"')[0]
    await give(mara, case, "comment", comment="The proof is of lot L-8.")
    await give(mara, case, "reject_approval", reason="The proof is of another lot.")
    late = await cora.post(
        page_of(case, "reject_approval"), {"version": version, "reason": "Too late."}
    )

    assert 409 == late.status
    assert "The case has changed since you opened it. Nothing was done." in late.words
    assert "rejected" in late.words
    assert "You can't do this now" in late.words


async def test_letting_a_sale_go_on_wants_a_fresh_proof(rig: Rig, sku: str) -> None:
    """Who signed in long ago shows once more who they are; stopping a sale never asks for it."""
    case = await rig.to_awaiting_approval(sku)
    mara = await signed_in(rig, "mara")
    await age(rig, mara, "proved_at", timedelta(minutes=16))
    asked = await mara.get(page_of(case, "approve"))
    sent = await mara.post(page_of(case, "approve"), {"version": str(case["version"])})
    stopping = await mara.get(page_of(case, "reject_approval"))

    assert "/console/prove" == asked.address == sent.address
    assert page_of(case, "reject_approval") == stopping.address
    assert "awaiting_approval" == (await rig.case(case["id"]))["state"]
    proved = await mara.get(page_of(case, "approve"))
    back = await mara.post("/console/prove", {
        "token": rig.secrets["mara"], "next": proved.text.split('name="next" value="')[1]
        .split('"')[0]})
    assert page_of(case, "approve") == back.address


async def test_what_customers_write_stays_text(rig: Rig, sku: str) -> None:
    """Markup in complaints, comments and names is shown as it was written, and does nothing."""
    bad = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'--{{7*7}}"
    await rig.complain(sku, text=bad)
    case = await rig.in_state(sku, "frozen")
    mara = await signed_in(rig, "mara")
    await give(mara, case, "comment", comment=bad)
    page = await mara.get(page_of(case))

    assert "<script>alert" not in page.text
    assert "<img" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "{{7*7}}" in page.text


@pytest.mark.parametrize("path", ["/console/cases/nobody", "/console/cases/{}/do/fly",
                                  "/console/cases/{}/do/confirm_freeze", "/console/cases/0"])
async def test_what_there_is_not(rig: Rig, sku: str, path: str) -> None:
    """Unknown cases and commands are a page that says so."""
    mara = await signed_in(rig, "mara")
    case = await pull(rig, "mara", sku)
    seen = await mara.get(path.format(case["id"]))

    assert 404 == seen.status
    assert "To the queue" in seen.words


async def test_a_long_history_ends_with_what_happened_last(rig: Rig, sku: str) -> None:
    """Of more lines than one page of the API has, the newest stand first; and what it costs."""
    await rig.complain(sku, contact_cost="4.50")
    case = await rig.in_state(sku, "frozen")
    await sql(rig, "INSERT INTO case_events (case_id, n, sku, at, actor, command, from_state,"
                   " to_state, version, evidence_revision, arguments)"
                   " SELECT case_id, n + add, sku, at, 'person:mara', 'comment', to_state,"
                   " to_state, version, evidence_revision, jsonb_build_object('comment', 'No. '"
                   " || add) FROM case_events, generate_series(1, 250) AS add"
                   " WHERE case_id = $1::text::uuid AND n = (SELECT max(n) FROM case_events"
                   " WHERE case_id = $1::text::uuid)", case["id"])
    mara = await signed_in(rig, "mara")
    seen = (await mara.get(page_of(case))).words

    assert seen.index("No. 250") < seen.index("No. 1 ")
    assert "Contacts cost 22.5" in seen
