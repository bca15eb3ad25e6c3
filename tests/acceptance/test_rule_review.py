"""Rules that may freeze less take two people, whoever tries it alone, however."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.header import decode_header, make_header
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from freezeguard.domain.errors import GuardFailed
from freezeguard.domain.people import Person, Role
from freezeguard.services.detecting.rulereview import approve_alone
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.acceptance.conftest import SAFETY
from tests.rig import FIVE_CUSTOMERS, PEOPLE, Answer, Rig, shop_with_service, until

FIVE = {name: value for name, value in FIVE_CUSTOMERS.items() if name != "id"}
LOOSER, TIGHTER = FIVE | {"bound": 8}, FIVE | {"bound": 4}
ID = "five-customers"


@pytest.fixture
async def rig(dsns: OwnerAndRuntimeDsns, tmp_path: Path) -> AsyncIterator[Rig]:
    """Run a shop with an armed rule of each lane."""
    async with shop_with_service(
        dsns, tmp_path, seed=2, rules=(FIVE_CUSTOMERS, SAFETY), register=False
    ) as running:
        yield running


async def put(rig: Rig, who: str, body: dict[str, Any], rule: str = ID) -> Answer:
    return await rig.call("PUT", f"/v1/rules/{rule}", who, json=body)


async def proposed(rig: Rig, who: str, body: dict[str, Any], rule: str = ID) -> str:
    """Propose a change that loosens; return the id of the proposal."""
    answer = await put(rig, who, body, rule)
    assert (202, "proposed") == (answer.status, answer.body["status"]), answer.body
    return str(answer.body["id"])


async def approve(rig: Rig, who: str, proposal: str) -> Answer:
    return await rig.call("POST", f"/v1/rules/proposals/{proposal}/approve", who)


async def in_force(rig: Rig, rule: str = ID) -> tuple[int, Any, str]:
    """Return the version, the bound and the mode that a rule has now."""
    listed = await rig.read("/v1/rules", "audi")
    [found] = [one for one in listed["items"] if one["id"] == rule]
    return found["version"], found["body"].get("bound"), found["mode"]


async def acts(rig: Rig, rule: str = ID) -> list[tuple[str, str]]:
    """Return who did what to a rule, from the record, oldest first."""
    found = await rig.read("/v1/audit", "audi", params={"subject": f"rule:{rule}"})
    in_order = sorted(found["items"], key=lambda one: int(one["seq"]))
    return [(one["actor"], one["action"]) for one in in_order]


async def test_more_at_once_and_less_by_two(rig: Rig) -> None:
    """A lower bound is in force at once; a higher one when another person agrees, with names."""
    tighter = await put(rig, "quin", TIGHTER)
    proposal = await proposed(rig, "quin", LOOSER)
    waiting = await in_force(rig)
    [listed] = (await rig.read("/v1/rules/proposals", "alba"))["items"]
    approved = await approve(rig, "mara", proposal)
    left = (await rig.read("/v1/rules/proposals", "alba"))["items"]
    record = await acts(rig)

    assert (200, 2) == (tighter.status, tighter.body["version"])
    assert (2, 4, "armed") == waiting
    assert ["bound: 4 → 8"] == listed["loosens"]
    assert 200 == approved.status
    assert (3, "person:quin") == (approved.body["version"], approved.body["created_by"])
    assert [] == left
    assert [
        ("person:quin", "put_rule"), ("person:quin", "propose_rule"),
        ("person:mara", "approve_rule"), ("person:quin", "put_rule"),
    ] == record
    assert rig.service is not None
    assert 8 == next(one.bound for one in rig.service.rules.rules if one.id == ID)


@pytest.mark.parametrize("rule", [ID, "one-is-enough"])
@pytest.mark.parametrize("who", ["quin", "root"])
async def test_nobody_agrees_with_themselves(rig: Rig, who: str, rule: str) -> None:
    """Neither by a second token, nor renamed, nor as an admin; nor does a machine for anybody."""
    service, person = rig.service, PEOPLE[who]
    assert service is not None
    off = (FIVE if rule == ID else {"family": "safety"}) | {"mode": "off"}
    proposal = await proposed(rig, who, off, rule)
    by_first = await approve(rig, who, proposal)
    second = await service.database.run(
        lambda tx: service.access.issue_token(tx, who, "second", "test")
    )
    renamed = Person(who, "Somebody Else", person.roles | {Role.MANAGER}, "else@shop.example")
    await service.database.run(lambda tx: service.access.add_person(tx, renamed, "test"))
    await service.access.refresh()
    rig.secrets["second"] = second.secret
    by_second = await approve(rig, "second", proposal)
    machines = [await approve(rig, key, proposal) for key in ("source", "catalogue", "freezer")]
    others = [await approve(rig, one, proposal) for one in ("alba", "cora", "audi", "vera")]

    assert [422, 422] == [by_first.status, by_second.status]
    assert "another person" in by_second.body["missing"][0]
    assert {403} == {one.status for one in (*machines, *others)}
    assert 1 == (await in_force(rig, rule))[0]


async def test_what_has_lapsed_is_not_approved(rig: Rig) -> None:
    """After a day, after another version, after a refusal, after the author is gone."""
    service = rig.service
    assert service is not None
    expired = await proposed(rig, "root", LOOSER)
    await service.database.run(lambda tx: tx.connection.execute(
        "UPDATE rule_proposals SET expires_at = now() WHERE id = $1", expired))
    late = await approve(rig, "quin", expired)
    listed = (await rig.read("/v1/rules/proposals", "quin"))["items"]
    stale = await proposed(rig, "root", LOOSER)
    await put(rig, "quin", TIGHTER)
    outdated = await approve(rig, "mara", stale)
    refused = await proposed(rig, "root", LOOSER)
    rejected = await rig.call("POST", f"/v1/rules/proposals/{refused}/reject", "mara")
    after = await approve(rig, "quin", refused)
    orphan = await proposed(rig, "quin", LOOSER)
    left = Person("quin", "Quin", frozenset({Role.ASSOCIATE}), "quin@shop.example")
    await service.database.run(lambda tx: service.access.add_person(tx, left, "test"))
    gone = await approve(rig, "mara", orphan)
    unknown = [await approve(rig, "mara", one) for one in (str(uuid4()), "x")]

    assert [] == listed
    assert (422, True) == (late.status, "expired" in late.body["detail"])
    assert (422, True) == (outdated.status, "version 2" in outdated.body["detail"])
    assert (204, 422) == (rejected.status, after.status)
    assert "it was rejected" in after.body["detail"]
    assert (422, True) == (gone.status, "quin" in gone.body["detail"])
    assert [404, 404] == [one.status for one in unknown]
    assert (2, 4, "armed") == await in_force(rig)


async def test_a_proposal_is_about_the_other_rules_as_they_were(rig: Rig) -> None:
    """A nearer rule that would replace more than when it was proposed is proposed again."""
    near = FIVE | {"bound": 9, "scope": {"category": "kitchen"}}
    proposal = await proposed(rig, "quin", near, "kitchen")
    another = {"family": "distinct_customers", "bound": 2, "window": "30d", "mode": "armed"}
    added = await put(rig, "root", another, "two-customers")
    stale = await approve(rig, "mara", proposal)

    assert 200 == added.status
    assert (422, True) == (stale.status, "loosen more" in stale.body["detail"])


async def test_of_several_at_once_one_decides(rig: Rig) -> None:
    """Approved by three at the same moment, and changed by a fourth: in force once, or void."""
    proposal = await proposed(rig, "quin", LOOSER)
    answers = await asyncio.gather(
        *(approve(rig, who, proposal) for who in ("mara", "miro", "root")),
        put(rig, "quin", TIGHTER),
    )
    statuses = sorted(one.status for one in answers[:3])

    # either the approval was first, and what tightens came on top, or the other way round
    assert 200 == answers[3].status
    assert statuses in ([200, 422, 422], [422, 422, 422])
    assert (2 + (200 in statuses), 4, "armed") == await in_force(rig)


async def test_of_one_person_the_last_proposal_counts(rig: Rig) -> None:
    """Whoever proposes anew withdraws what they proposed before."""
    first = await proposed(rig, "quin", LOOSER)
    second = await proposed(rig, "quin", FIVE | {"bound": 9})
    listed = (await rig.read("/v1/rules/proposals", "quin"))["items"]
    answer = await approve(rig, "mara", first)

    assert [second] == [one["id"] for one in listed]
    assert (422, True) == (answer.status, "withdrawn" in answer.body["detail"])


async def test_those_who_may_agree_hear_of_it(rig: Rig) -> None:
    """Analysts, managers and admins get a mail with what would be less; the proposer gets none."""
    proposal = await proposed(rig, "quin", LOOSER)

    async def told() -> bool:
        return all(rig.mailbox.to(PEOPLE[one].email or "") for one in ("mara", "miro", "root"))

    await until(told, "three mails")
    [mail] = rig.mailbox.to("mara@shop.example")
    text = "".join(
        str(part.get_payload(decode=True), "utf-8")  # type: ignore[arg-type]
        for part in mail.walk() if part.get_content_type() == "text/plain"
    )

    subject = str(make_header(decode_header(str(mail["Subject"]))))
    assert "Second person needed: rule five-customers would freeze less" == subject
    assert "bound: 5 → 8" in text
    assert proposal in text
    assert [] == rig.mailbox.to("quin@shop.example") + rig.mailbox.to("alba@shop.example")


async def test_an_operator_approves_where_nobody_else_could(rig: Rig) -> None:
    """Not while anybody else may, never for safety; then in the operator's name, for the record."""
    service = rig.service
    assert service is not None
    ordinary = await proposed(rig, "root", LOOSER)
    safety = await proposed(rig, "root", {"family": "safety", "mode": "off"}, "one-is-enough")

    async def alone(proposal: str) -> Any:
        [found] = [one for one in await service.context.review.proposals()
                   if str(one.id) == proposal]
        return await service.database.run(
            lambda tx: approve_alone(tx, found.id, "cli:ops", datetime.now(UTC))
        )

    with pytest.raises(GuardFailed, match="another person can approve it: mara, miro, owen, quin"):
        await alone(ordinary)
    for name in ("mara", "miro", "owen", "quin"):
        person = PEOPLE[name]
        active = name == "owen"  # the default owner stays, and is no manager any more
        roles = frozenset({Role.COMPLIANCE}) if active else person.roles
        less = Person(name, person.name, roles, person.email)
        await service.database.run(
            lambda tx, one=less, on=active: service.access.add_person(tx, one, "test", active=on)
        )
    stored = await alone(ordinary)
    with pytest.raises(GuardFailed, match="two people, always"):
        await alone(safety)

    assert (2, 8) == (stored["version"], stored["bound"])
    assert ("cli:ops", "approve_rule") in await acts(rig)
