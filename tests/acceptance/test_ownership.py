"""Nobody is forgotten: a case whose owner is gone is somebody else's within moments."""

from typing import Any

import pytest

from freezeguard.bootstrap.administration import Administration
from tests.acceptance.steps import body_of, mails_arrived, pull, reaches, timeline
from tests.rig import Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _owned_by(
    rig: Rig, name: str, sku: str, *, puller: str = "mara", state: str = "frozen", **more: str
) -> dict[str, Any]:
    """Pull the cord of a SKU whose owner is somebody who will leave."""
    person = {"name": name.title(), "roles": ["manager"], "email": f"{name}@shop.example", **more}
    for path, body in (
        (f"/v1/people/{name}", person),
        (f"/v1/skus/{sku}", {"category": "kitchen", "vendor": "acme", "owner": name}),
    ):
        put = await rig.call("PUT", path, "root", json=body)
        assert put.status == 200, put.body
    case = await reaches(rig, await pull(rig, puller, sku), state)
    assert name == case["owner"]
    return case


async def _leaves(rig: Rig, name: str) -> None:
    """Deactivate a person as the command line does: beside the service, in the database."""
    service = rig.service
    assert service is not None
    office = Administration(
        service.database, service.access, service.signing_in, service.context.calendars,
        service.context.languages,
        service.now, "root",
    )
    await office.deactivate(name)


async def _is_owned_by(rig: Rig, case: dict[str, Any], owner: str) -> None:
    async def owned() -> bool:
        return bool((await rig.case(case["id"]))["owner"] == owner)

    await until(owned, f"the case is {owner}'s")


async def test_the_deputy_has_the_case_at_once_and_is_told(rig: Rig, sku: str) -> None:
    """By a mail of their own; the history says why; what follows is the new owner's to do."""
    case = await _owned_by(rig, "mina", sku, deputy="quin")

    await _leaves(rig, "mina")
    await _is_owned_by(rig, case, "quin")

    event = next(one for one in await timeline(rig, case) if one["command"] == "replace_owner")
    assert ("timer", "frozen", "frozen") == (
        event["actor"], event["from_state"], event["to_state"]
    )
    assert {"to": "quin", "reason": "mina is gone"} == event["arguments"]
    assert "owner_replaced" in (await mails_arrived(rig, case))["person:quin"]
    mail = next(
        one for one in rig.mailbox.messages if "The case is yours now" in str(one["Subject"])
    )
    assert "Owner until now: Mina" in body_of(mail)
    taken = await rig.done(await rig.case(case["id"]), "accept_ownership", "quin")
    assert "diagnosing" == taken["state"]


async def test_without_a_deputy_it_is_the_default_owners(rig: Rig, sku: str) -> None:
    """A deputy who may own nothing is passed over as well."""
    case = await _owned_by(rig, "milo", sku, deputy="alba")

    await _leaves(rig, "milo")

    await _is_owned_by(rig, case, "owen")
    assert "owner_replaced" in (await mails_arrived(rig, case))["person:owen"]


async def test_a_case_that_is_over_stays_whose_it_was(rig: Rig, sku: str) -> None:
    """Names in the record of what is done do not change because somebody leaves."""
    case = await _owned_by(rig, "moira", sku, puller="alba", state="suspected")
    await rig.done(case, "dismiss", "bert", reason="The caller had another kettle.")
    await _leaves(rig, "moira")

    assert rig.service is not None
    assert 0 == await rig.service.ownership.run_once()
    assert "moira" == (await rig.case(case["id"]))["owner"]
