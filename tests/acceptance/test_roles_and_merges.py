"""Who may do what in a case, and that one person is never two; what a merge takes along."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from freezeguard.domain.people import Person, Role
from tests.acceptance.conftest import TakeSku
from tests.acceptance.steps import (
    approve,
    ask_for_approval,
    attach,
    can_be_bought,
    mails_arrived,
    pull,
    reaches,
    sql,
    timeline,
)
from tests.files import PDF
from tests.rig import CATEGORY, VENDOR, Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = {"policy": {"probation_time": "1h"}}
LOT, OTHER_LOT = {"lot": "L-7"}, {"lot": "L-8"}


async def put_sku(rig: Rig, sku: str, **more: Any) -> Any:
    """Register a SKU as an administrator does."""
    body = {"title": f"Item {sku}", "vendor": VENDOR, "category": CATEGORY, **more}
    return await rig.call("PUT", f"/v1/skus/{sku}", "root", json=body)


async def put_person(rig: Rig, name: str, *roles: str, **more: Any) -> Any:
    """Register a person as an administrator does; one who is new gets a token."""
    body = {"name": name.title(), "roles": list(roles), "email": f"{name}@shop.example", **more}
    answer = await rig.call("PUT", f"/v1/people/{name}", "root", json=body)
    assert answer.status == 200, answer.body
    assert rig.service is not None
    access = rig.service.access
    if name not in rig.secrets:
        issued = await rig.service.database.run(
            lambda tx: access.issue_token(tx, name, "test", "test")
        )
        rig.secrets[name] = issued.secret
    await access.refresh()
    return answer


async def latest_details(rig: Rig, action: str, target: str) -> dict[str, Any]:
    """Return the details of the newest line of the record about something."""
    answer = await rig.call("GET", "/v1/audit", "audi", params={"subject": target, "limit": "50"})
    assert answer.status == 200, answer.body
    return dict(next(one for one in answer.body["items"] if one["action"] == action)["details"])


async def frozen(rig: Rig, sku: str, who: str = "mara", **scope: str) -> dict[str, Any]:
    """Stop the sale alone; return the case once that is read back."""
    return await reaches(rig, await pull(rig, who, sku, scope=scope), "frozen")


async def refused(rig: Rig, case: Any, command: str, who: str, **arguments: Any) -> str:
    """Give a command that a guard must refuse; return what is missing."""
    case = await rig.case(case["id"])
    answer = await rig.command(case, command, who, **arguments)
    assert (422, "guard_failed") == (answer.status, answer.body["code"]), answer.body
    return str(answer.body)


# ------------------------------------------------------------------------------------- owners


@pytest.mark.parametrize("owner", ["alba", "audi", "vera"])
async def test_no_sku_is_registered_for_who_may_not_own_it(rig: Rig, sku: str, owner: str):
    """An associate, an auditor or a vendor's person answers for no case; it says who may."""
    answer = await put_sku(rig, sku, owner=owner)

    assert (422, "invalid_input") == (answer.status, answer.body["code"])
    assert "an owner is manager, analyst, compliance or admin" in answer.body["detail"]


async def test_in_bulk_only_the_skus_of_unfit_owners_are_rejected(rig: Rig, take_sku: TakeSku):
    """The rest of the file is good; each rejected line says who and why."""
    rows = [
        {"sku": take_sku(), "title": "Kettle", "owner": owner}
        for owner in ("quin", "alba", None, "nobody")
    ]

    answer = await rig.call("POST", "/v1/skus", "root", json=rows)

    assert (202, 2) == (answer.status, answer.body["accepted"])
    why = {one["index"]: one["detail"] for one in answer.body["rejected"]}
    assert {1, 3} == set(why)
    assert "'alba' can't own a SKU" in why[1]
    assert "There is no person 'nobody'" in why[3]


async def test_who_is_no_analyst_any_more_commands_no_case_as_its_owner(rig: Rig, sku: str):
    """What belonged to her stays stopped; as an associate she lifts nothing.

    The case goes on: it is the default owner's by itself.
    """
    await put_person(rig, "olga", "analyst")
    assert 200 == (await put_sku(rig, sku, owner="olga")).status
    case = await frozen(rig, sku)
    assert "olga" == case["owner"]
    await put_person(rig, "olga", "associate")

    for command, arguments in (
        ("accept_ownership", {}), ("declare_false_alarm", {"reason_code": "wrong_item"}),
        ("hand_off", {"to": "quin"}), ("widen", {"scope": {}, "reason": "x"}),
    ):
        answer = await rig.command(case, command, "olga", **arguments)
        assert (403, "not_allowed") == (answer.status, answer.body["code"]), command

    async def replaced() -> bool:
        return (await rig.case(case["id"]))["owner"] == "owen"

    await until(replaced, "the case has another owner")
    assert "frozen" == (await rig.case(case["id"]))["state"]


async def test_who_may_not_own_owns_no_new_case(rig: Rig, sku: str):
    """The SKU names somebody with another trade now: the category's manager answers for it."""
    await put_person(rig, "odin", "analyst")
    assert 200 == (await put_sku(rig, sku, owner="odin")).status
    await put_person(rig, "odin", "associate")

    assert "mara" == (await frozen(rig, sku, "quin"))["owner"]


async def test_no_manager_takes_a_case_to_lift_it_alone(rig: Rig, sku: str):
    """Not by an offer to herself, nor by way of a colleague while its owner is there."""
    case = await frozen(rig, sku, "quin")

    assert "another person" in await refused(rig, case, "hand_off", "mara", to="mara")
    assert "owen owns the case" in await refused(rig, case, "hand_off", "mara", to="quin")
    assert "an active manager" in await refused(rig, case, "hand_off", "owen", to="alba")
    answer = await rig.command(case, "declare_false_alarm", "mara", reason_code="wrong_item")
    assert 422 == answer.status


async def test_a_vote_does_not_count_beside_the_case_that_came_with_it(rig: Rig, sku: str):
    """Mara agrees, then owns the case: what she agreed to needs two others, or her and one more."""
    case = await reaches(rig, await pull(rig, "quin", sku, "safety_injury"), "frozen")
    case = await ask_for_approval(rig, case)
    case = await approve(rig, case, "mara")
    case = await rig.done(case, "hand_off", "owen", to="mara", reason="I am away.")
    case = await rig.done(case, "accept_hand_off", "mara")

    case = await approve(rig, case, "quin")

    assert "awaiting_approval" == case["state"]


# ------------------------------------------------------------------------------------- merging


async def test_a_contest_and_its_files_come_along(rig: Rig, sku: str):
    """The vendor is still owed its answer, by the same day; the file is read where the case is."""
    older = await frozen(rig, sku, **LOT)
    younger = await frozen(rig, sku)
    younger = await rig.done(younger, "contest", "vera", reason="That is not ours.")
    answer = await attach(rig, younger, "vera", name="tear-test.pdf")
    assert 201 == answer.status, answer.body
    due = (
        "SELECT due_at FROM clocks WHERE case_id = $1 AND kind = 'contest'"
        " AND stopped_at IS NULL"
    )
    before = await sql(rig, due, younger["id"])

    younger = await rig.case(younger["id"])
    await rig.done(younger, "merge", "owen", into=str(older["number"]), reason="one cause")

    for who in ("owen", "vera"):
        seen = await rig.case(older["id"], who)
        assert "That is not ours." == seen["contest"]["reason"]
        assert "answered" == seen["vendor_status"]
        (file,) = seen["evidence_files"]
        path = f"/v1/cases/{older['id']}/evidence/{file['id']}"
        fetched = await rig.call("GET", path, who)
        assert (200, "tear-test.pdf", PDF) == (fetched.status, file["name"], fetched.body)
    assert before == await sql(rig, due, older["id"])
    older = await rig.case(older["id"])
    answered = await rig.done(older, "answer_contest", "owen", reason="We look again.")
    assert answered["contest"]["answered_at"] is not None
    assert [] == await sql(rig, due, older["id"])


async def test_clocks_of_a_merged_case_end_with_it(rig: Rig, sku: str):
    """The vendor's date for it is withdrawn; the survivor keeps its own, and the clock of that."""
    older, younger = await frozen(rig, sku, **LOT), await frozen(rig, sku)
    soon, later = [(datetime.now(UTC) + timedelta(days=days)).isoformat() for days in (2, 4)]
    older = await rig.done(older, "commit_date", "vera", date=later)
    younger = await rig.done(younger, "commit_date", "vera", date=soon)

    await rig.done(younger, "merge", "owen", into=str(older["number"]), reason="one cause")

    running = "SELECT kind, due_at FROM clocks WHERE case_id = $1 AND stopped_at IS NULL"
    assert [] == await sql(rig, running, younger["id"])
    due = {one["kind"]: one["due_at"] for one in await sql(rig, running, older["id"])}
    assert datetime.fromisoformat(later) == due["vendor_date"]
    survivor = await rig.case(older["id"])
    assert later == survivor["commitment"]["date"]
    promises = "SELECT outcome FROM vendor_promises WHERE case_id = $1"
    assert [{"outcome": "withdrawn"}] == await sql(rig, promises, younger["id"])
    assert [{"outcome": None}] == await sql(rig, promises, older["id"])


async def test_cases_of_two_vendors_are_not_merged(rig: Rig, sku: str):
    """Each would read what the other has said."""
    older = await frozen(rig, sku, **LOT)
    assert 200 == (await put_sku(rig, sku, vendor="rival", owner="owen")).status
    younger = await frozen(rig, sku)
    assert ("acme", "rival") == (older["vendor"], younger["vendor"])

    into = {"into": str(older["number"]), "reason": "one cause"}
    assert "another vendor's" in await refused(rig, younger, "merge", "owen", **into)


async def test_two_contests_are_answered_before_they_become_one(rig: Rig, sku: str):
    """Neither dispute is dropped: one of them is answered first."""
    older, younger = await frozen(rig, sku, **LOT), await frozen(rig, sku)
    for one in (older, younger):
        await rig.done(one, "contest", "vera", reason="That is not ours.")

    into = {"into": str(older["number"]), "reason": "one cause"}
    assert "the vendor contests both" in await refused(rig, younger, "merge", "owen", **into)

    answered = await rig.case(older["id"])
    await rig.done(answered, "answer_contest", "owen", reason="It is yours.")
    younger = await rig.case(younger["id"])
    await rig.done(younger, "merge", "owen", **into)
    assert not (await rig.case(older["id"]))["contest"].get("answered_at")


# --------------------------------------------------------------------- narrowing and appeals


async def test_what_was_complained_of_is_not_freed_by_narrowing(rig: Rig, sku: str):
    """Neither by the owner alone nor with a colleague: the other lot's complaints stand."""
    for number in range(5):
        lot = LOT if number else OTHER_LOT
        await rig.complain(sku, 1, **lot)
    case = await rig.in_state(sku, "frozen")
    asked = {"scope": LOT, "reason": "one lot", "evidence_revision": case["evidence_revision"]}

    assert "does not narrow alone" in await refused(rig, case, "narrow", "owen", **asked)
    missing = await refused(rig, case, "narrow", "mara", **asked)
    assert "complaints that counted lie outside it" in missing
    assert "lot L-8" in missing


async def test_a_pull_does_not_answer_the_appeal_of_what_is_delisted(rig: Rig, sku: str):
    """Who delisted pulls again while another one is to judge: noted, and the appeal waits."""
    case = await frozen(rig, sku, "quin")
    for who in ("quin", "mara"):
        case = await rig.done(case, "delist", who, reason="never again")
    case = await rig.done(case, "appeal", "vera", new_facts="A new seal.")

    pulled = await pull(rig, "mara", sku, status=200)

    assert (case["id"], "appealed", "delisted") == (
        pulled["id"], pulled["state"], pulled["outcome"]
    )
    assert pulled["appeal"].get("answered_at") is None
    (noted,) = [one for one in await timeline(rig, case) if one["command"] == "news"]
    assert ("person:mara", "defective") == (noted["actor"], noted["arguments"]["reason_code"])
    assert "frozen" == await rig.status(sku)
    running = await sql(
        rig, "SELECT kind FROM clocks WHERE case_id = $1 AND kind = 'appeal'"
        " AND stopped_at IS NULL", case["id"]
    )
    assert running
    missing = await refused(rig, pulled, "freeze", "mara", reason_code="safety_injury")
    assert "the appeal is answered by `reopen` or `uphold`" in missing


async def test_what_was_dismissed_is_sold_again_although_it_is_appealed(rig: Rig, sku: str):
    """The appeal stops nothing: what was being put back on sale is, once the shop obeys."""
    case = await pull(rig, "alba", sku)

    async def paused() -> bool:
        seen = await rig.case(case["id"])
        return {"confirmed"} == {one["status"] for one in seen["enforcement"]}

    await until(paused, f"{sku} paused")
    await rig.shop.faults(skus=[sku], refuse=503, operations=["restore"])
    case = await rig.done(await rig.case(case["id"]), "dismiss", "owen", reason="The carton.")
    case = await rig.done(case, "appeal", "bert", new_facts="Another caller.")
    await rig.shop.no_faults()

    async def sold() -> bool:
        return await rig.status(sku) == "sellable"

    await until(sold, f"{sku} sellable", seconds=20)
    await can_be_bought(rig, sku)
    seen = await rig.case(case["id"])
    assert ("appealed", []) == (seen["state"], seen["holds"])


# ------------------------------------------------------------------------------------ reviews


async def test_a_review_is_about_the_stop_before_it(rig: Rig, sku: str):
    """Who pulled again on probation is judged, not who pulled first; and does not judge herself."""
    case = await frozen(rig, sku, "quin")
    await approve(rig, await ask_for_approval(rig, case), "mara")
    case = await reaches(rig, case, "probation")
    await pull(rig, "mara", sku, status=200)
    case = await reaches(rig, case, "frozen")

    assert "does not judge the pull" in await refused(rig, case, "review", "mara", verdict="right")
    await rig.done(await rig.case(case["id"]), "review", "owen", verdict="wrong")

    rows = await sql(rig, "SELECT pullers FROM reviews WHERE case_id = $1", case["id"])
    assert [{"pullers": ["mara"]}] == rows


async def test_a_review_that_is_given_again_counts_once(rig: Rig, sku: str):
    """The last word of a reviewer about one stop is the one that scores."""

    async def scores() -> dict[str, int]:
        items = (await rig.call("GET", "/v1/reports/reviews", "audi")).body["items"]
        mine = [one for one in items if one["name"] == "cora"]
        return {key: mine[0][key] if mine else 0 for key in ("right", "wrong")}

    before = await scores()
    case = await frozen(rig, sku, "cora")
    for verdict in ("wrong", "wrong", "right"):
        case = await rig.done(await rig.case(case["id"]), "review", "mara", verdict=verdict)

    after = await scores()
    assert (1, 0) == (after["right"] - before["right"], after["wrong"] - before["wrong"])


# --------------------------------------------------------------------------------- the record


async def test_the_record_says_what_became_of_a_person(rig: Rig):
    """Each field as it was and as it is; of a name and an address only that they changed."""
    await put_person(rig, "pia", "associate")
    await put_person(rig, "pia", "manager", areas=[CATEGORY], email="other@shop.example")

    details = await latest_details(rig, "put_person", "person:pia")

    changed = details["changed"]
    assert [["associate"], ["manager"]] == changed["roles"]
    assert [[], [CATEGORY]] == changed["areas"]
    assert True is changed["email_changed"]
    assert "other@" not in str(details)
    assert "Pia" not in str(details)


async def test_the_record_says_what_became_of_a_sku_and_a_vendor(rig: Rig, sku: str):
    """An owner or a vendor that changes is visible in the record, and who changed it."""
    await put_sku(rig, sku, owner="owen")
    await put_sku(rig, sku, owner="quin", category="garden")
    body = {"name": "Third", "contacts": {"email": ["a@third.example"]}}
    for changes in ({}, {"language": "de", "contacts": {"email": ["b@third.example"]}}):
        answer = await rig.call("PUT", "/v1/vendors/third", "root", json={**body, **changes})
        assert 200 == answer.status, answer.body

    sold = await latest_details(rig, "put_skus", f"sku:{sku}")
    vendor = await latest_details(rig, "put_vendor", "vendor:third")

    assert {"owner": ["owen", "quin"], "category": [CATEGORY, "garden"]} == sold["changed"][sku]
    assert (1, 0) == (sold["number"], sold["new"])
    assert ["en", "de"] == vendor["changed"]["language"]
    assert (1, 1) == (vendor["changed"]["contacts_added"], vendor["changed"]["contacts_removed"])
    assert "third.example" not in str(vendor)


# ----------------------------------------------------------------------------------- who hears


async def test_whoever_has_left_hears_nothing_more(rig: Rig, sku: str):
    """She pulled and was told of the case; of its end only those hear who are there."""
    await put_person(rig, "leah", "associate")
    case = await pull(rig, "leah", sku)
    await pull(rig, "bert", sku, status=200)
    case = await reaches(rig, case, "frozen")
    assert rig.service is not None
    access = rig.service.access
    leah = Person("leah", "Leah", frozenset({Role.ASSOCIATE}), "leah@shop.example")
    await rig.service.database.run(
        lambda tx: access.add_person(tx, leah, "test", active=False)
    )
    await rig.done(
        await rig.case(case["id"]), "declare_false_alarm", "owen", reason_code="wrong_item"
    )
    case = await reaches(rig, case, "closed_false_alarm")

    arrived = await mails_arrived(rig, case)

    assert ["outcome", "outcome"] == arrived["person:bert"]  # that it is stopped, and how it ended
    assert ["outcome"] == arrived["person:leah"]


async def test_one_person_of_two_parts_hears_once(rig: Rig, sku: str):
    """Who owns the case and pulled hears of its end as its owner, and not of its outcome too."""
    case = await frozen(rig, sku, "owen")
    await rig.done(case, "declare_false_alarm", "owen", reason_code="wrong_item")
    case = await reaches(rig, case, "closed_false_alarm")

    arrived = await mails_arrived(rig, case)

    assert ["false_alarm"] == [
        one for one in arrived["person:owen"] if one in {"false_alarm", "outcome"}
    ]
