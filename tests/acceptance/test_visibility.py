"""Nobody sees or changes what is not theirs."""

import json
from uuid import uuid4

import pytest

from tests.acceptance.steps import body_of, mails_arrived, pull, sql, timeline
from tests.rig import Rig

pytestmark = pytest.mark.asyncio(loop_scope="module")

WAYS = ("", "/timeline")


async def _frozen(rig: Rig, sku: str):
    await pull(rig, "alba", sku)
    await pull(rig, "bert", sku, status=200)
    await rig.complain(sku, 1, text="It broke in my hands.")
    return await rig.in_state(sku, "frozen")


@pytest.mark.parametrize("way", WAYS)
async def test_another_vendors_case_does_not_exist(rig: Rig, sku: str, way):
    """What is not theirs and what is not there look the same, down to the words."""
    case = await _frozen(rig, sku)
    nowhere = str(uuid4())

    theirs = await rig.call("GET", f"/v1/cases/{case['id']}{way}", "vito")
    missing = await rig.call("GET", f"/v1/cases/{nowhere}{way}", "vito")

    assert [404, 404] == [theirs.status, missing.status]
    assert missing.body["detail"].replace(nowhere, case["id"]) == theirs.body["detail"]


async def test_lists_show_a_vendor_its_own(rig: Rig, sku: str):
    """A rival's list is empty however it asks; the vendor's own list has the case."""
    case = await _frozen(rig, sku)

    for asked in ({}, {"sku": sku}, {"vendor": "acme"}, {"vendor": "acme", "sku": sku}):
        rivals = await rig.call("GET", "/v1/cases", "vito", params=asked)
        assert [] == rivals.body["items"]
    own = await rig.call("GET", "/v1/cases", "vera", params={"sku": sku})
    assert [case["id"]] == [one["id"] for one in own.body["items"]]


async def test_a_vendor_never_sees_a_suspicion(rig: Rig, sku: str):
    """Suspicions stay inside the shop, also those that came to nothing."""
    case = await pull(rig, "alba", sku)
    for state in ("suspected", "closed_false_alarm"):
        listed = await rig.call("GET", "/v1/cases", "vera", params={"sku": sku})
        one = await rig.call("GET", f"/v1/cases/{case['id']}", "vera")

        assert ([], 404) == (listed.body["items"], one.status)
        if state == "suspected":
            await rig.done(case, "dismiss", "owen", reason="A carton.")


async def test_words_of_staff_stay_with_staff(rig: Rig, sku: str):
    """A pull's comment and those in the history may name a customer: no vendor reads them."""
    words = "Erika Mustermann called three times"
    case = await pull(rig, "mara", sku, comment=words)
    case = await rig.in_state(sku, "frozen")
    await rig.command(case, "comment", "owen", comment=words)
    await rig.command(case, "comment", "vera", comment="We are looking into it.")

    whole = await rig.call("GET", f"/v1/cases/{case['id']}", "vera")
    events = await timeline(rig, case, "vera")
    await mails_arrived(rig, case)

    assert words not in json.dumps([whole.body, events])
    assert "We are looking into it." in json.dumps(events)
    assert not [one for one in rig.mailbox.to("quality@acme.example") if words in body_of(one)]
    assert words in json.dumps(await timeline(rig, case))


async def test_nobody_gives_themselves_a_role(rig: Rig):
    """An admin may change others; of their own roles another admin decides."""
    own = {"name": "Rita Root", "roles": ["admin", "manager"], "email": "root@shop.example"}
    answer = await rig.call("PUT", "/v1/people/root", "root", json=own)
    assert (403, "not_allowed") == (answer.status, answer.body["code"])

    same = {**own, "roles": ["admin"], "name": "Rita R. Root"}
    assert 200 == (await rig.call("PUT", "/v1/people/root", "root", json=same)).status


async def test_a_change_of_address_lets_nobody_in_again(rig: Rig):
    """Who was deactivated stays so, whatever else is put right about them."""
    await rig.call("PUT", "/v1/people/lea", "root", json={
        "name": "Lea Leaver", "roles": ["associate"], "email": "lea@shop.example"})
    await sql(rig, "UPDATE people SET active = false WHERE id = 'lea' RETURNING id")

    answer = await rig.call("PUT", "/v1/people/lea", "root", json={
        "name": "Lea Leaver", "roles": ["associate"], "email": "lea@home.example"})

    assert (200, False) == (answer.status, answer.body["active"])


async def test_who_decides_has_the_roles_of_this_moment(rig: Rig, sku: str):
    """A replica that has not heard of a demotion yet asks the database before it lets decide."""
    case = await rig.to_awaiting_approval(sku)
    demote = "UPDATE people SET roles = $1 WHERE id = 'mara' RETURNING id"
    await sql(rig, demote, ["associate"])
    try:
        seen = case["evidence_revision"]
        refused = await rig.command(case, "approve", "mara", evidence_revision=seen)
        assert (403, "not_allowed") == (refused.status, refused.body["code"])
    finally:
        await sql(rig, demote, ["manager"])


async def test_a_vendor_sees_sums_and_no_names(rig: Rig, sku: str):
    """No quotation, no customer, no colleague's name and no one else's mail reaches a vendor."""
    case = await _frozen(rig, sku)
    await rig.done(case, "comment", "vera", comment="Samples are on the way.")

    seen = await rig.case(case["id"], "vera")
    history = await timeline(rig, case, "vera")

    assert 1 == seen["evidence"]["signals"]
    assert [] == seen["evidence"]["excerpts"]
    assert {"vendor:acme"} == {one["recipient"] for one in seen["notices"]}
    names = {"courier", "detector", "reconciler", "the shop", "person:vera"}
    assert names == {one["actor"] for one in history}
    everything = json.dumps([seen, history])
    for secret in ("alba", "bert", "in my hands", "customer-"):
        assert secret not in everything, secret


async def test_staff_sees_everything_and_an_auditor_changes_nothing(rig: Rig, sku: str):
    """An auditor reads evidence and history; every command is refused."""
    case = await _frozen(rig, sku)

    seen = await rig.case(case["id"], "audi")
    refused = await rig.command(seen, "accept_ownership", "audi")

    assert ["It broke in my hands."] == seen["evidence"]["excerpts"]
    assert ["accept_hand_off", "comment", "attach_evidence"] == [
        one["command"] for one in seen["available_commands"]
    ]
    assert (403, "not_allowed") == (refused.status, refused.body["code"])


async def test_an_admin_is_no_approver(rig: Rig, sku: str):
    """An admin is not exempt: no freeze, no approval, no false alarm."""
    case = await rig.to_awaiting_approval(sku)

    for command in ("approve", "declare_false_alarm", "freeze", "reject_approval"):
        refused = await rig.command(case, command, "root")
        assert (403, "not_allowed") == (refused.status, refused.body["code"])


@pytest.mark.parametrize("who", ["source", "safety", None])
async def test_others_see_no_case(rig: Rig, sku: str, who):
    """A source's key sees no case, and a stranger sees nothing."""
    case = await _frozen(rig, sku)

    answers = [
        await rig.call("GET", path, who)
        for path in ("/v1/cases", f"/v1/cases/{case['id']}", f"/v1/cases/{case['id']}/timeline")
    ]

    assert {401 if who is None else 403} == {one.status for one in answers}


async def test_a_catalogue_key_reads_and_never_commands(rig: Rig, sku: str):
    """A catalogue system may read a case; only people give commands."""
    case = await _frozen(rig, sku)

    read = await rig.call("GET", f"/v1/cases/{case['id']}", "catalogue")
    refused = await rig.command(case, "comment", "catalogue", comment="hello")

    assert (200, []) == (read.status, read.body["available_commands"])
    assert (403, "not_allowed") == (refused.status, refused.body["code"])


async def test_what_is_offered_is_what_is_allowed(rig: Rig, sku: str):
    """Each person is offered the commands that the state and their roles allow, and no others."""
    case = await _frozen(rig, sku)
    staff = {"accept_hand_off", "attach_evidence", "comment"}
    second = {*staff, "declare_false_alarm", "delist", "narrow"}
    manager = {"extend_deadline", "narrow", "review", "unwaive", "waive"}
    expected = {
        "owen": {*second, *manager, "accept_ownership", "answer_contest", "hand_off", "merge",
                 "widen"},
        "mara": {*second, *manager, "hand_off"},
        "miro": {*staff, *manager},
        "alba": staff,
        "quin": second,
        "cora": {*second, "record_action", "register_order"},
        "vera": {"acknowledge", "attach_evidence", "comment", "commit_date", "contest"},
        "root": staff,
    }

    offered = {
        who: {one["command"] for one in (await rig.case(case["id"], who))["available_commands"]}
        for who in expected
    }

    assert expected == offered


async def test_people_and_vendors_have_calendars_and_people_have_deputies(rig: Rig):
    """What was put is read again; who is no deputy, and what is no place, is named by its place."""
    mina = {"name": "Mina", "roles": ["manager"], "calendar": "DE-BY", "deputy": "owen"}
    put = await rig.call("PUT", "/v1/people/mina", "root", json=mina)
    got = await rig.call("GET", "/v1/people/mina", "root")
    assert ("DE-BY", "owen") == (put.body["calendar"], put.body["deputy"])
    assert got.body == put.body

    for wrong, place in (
        ({"calendar": "DE-XX"}, "/calendar"), ({"deputy": "mina"}, "/deputy"),
        ({"deputy": "nobody"}, "/deputy"), ({"deputy": "vera"}, "/deputy"),
        ({"language": "fr"}, "/language"),
    ):  # fmt: skip
        refused = await rig.call("PUT", "/v1/people/mina", "root", json={**mina, **wrong})
        assert (422, place) == (refused.status, refused.body["errors"][0]["pointer"])

    vendor = {"name": "Rival", "calendar": "CN"}
    await rig.call("PUT", "/v1/vendors/rival-2", "root", json=vendor)
    assert "CN" == (await rig.call("GET", "/v1/vendors/rival-2", "root")).body["calendar"]
    for wrong, place in (({"calendar": "XX"}, "/calendar"), ({"language": "fr"}, "/language")):
        nowhere = {**vendor, **wrong}
        refused = await rig.call("PUT", "/v1/vendors/rival-2", "root", json=nowhere)
        assert (422, place) == (refused.status, refused.body["errors"][0]["pointer"])
