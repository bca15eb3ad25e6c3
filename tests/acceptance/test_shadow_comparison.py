"""What a shadow rule would have done, beside what was done: figures counted by hand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.header import decode_header, make_header
from email.message import Message
from pathlib import Path

import asyncpg
import pytest

from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.rig import CATEGORY, FIVE_CUSTOMERS, Rig, shop_with_service, until

TWO = {
    "id": "two", "family": "distinct_customers", "window": "30d", "bound": 2, "look": 1,
    "mode": "shadow", "kinds": ["complaint"], "scope": {"category": CATEGORY},
}
STUBBORN = {"id": "stubborn", "family": "count", "window": "30d", "bound": 50, "mode": "shadow"}


@pytest.fixture
async def rig(dsns: OwnerAndRuntimeDsns, tmp_path: Path) -> AsyncIterator[Rig]:
    """Run a shop with one armed rule and two shadow rules."""
    async with shop_with_service(
        dsns, tmp_path, seed=8, rules=(FIVE_CUSTOMERS, TWO, STUBBORN)
    ) as running:
        yield running


async def moved(rig: Rig, sku: str, days: float) -> None:
    """Let a shadow rule have spoken so many days earlier than it did: nobody waits for days."""
    async with _owner(rig) as owner:
        await owner.execute(
            "UPDATE crossings SET known_at = known_at - make_interval(secs => $2)"
            " WHERE sku = $1 AND outcome = 'shadow'", sku, days * 86_400,
        )


@asynccontextmanager
async def _owner(rig: Rig) -> AsyncIterator[asyncpg.Connection]:
    """Connect as the owner of the tables, who alone may change what is history."""
    assert rig.dsns is not None
    connection = await asyncpg.connect(rig.dsns.owner)
    try:
        yield connection
    finally:
        await connection.close()


async def aged(rig: Rig, days: int) -> None:
    """Let the rules be stored so many days earlier than they were."""
    async with _owner(rig) as owner:
        await owner.execute(
            "UPDATE rules SET created_at = created_at - make_interval(days => $1)", days
        )


async def happened(rig: Rig) -> dict[str, str]:
    """Bring about every sort of SKU once; return their names by sort."""
    names = ("look", "both", "pulled", "alone", "missed", "false", "elsewhere", "quiet")
    skus = dict(zip(names, await rig.shop.sellable(), strict=True))
    await rig.complain(skus["look"], 1)
    await rig.complain(skus["both"], 5)
    await rig.complain(skus["alone"], 3)
    await rig.complain(skus["missed"], 5, kind="return")  # the shadow rule counts complaints only
    await rig.complain(skus["false"], 5)
    await rig.complain(skus["pulled"], 2)
    pull = {"scope": {"sku": skus["pulled"]}, "reason_code": "defective"}
    assert 201 == (await rig.call("POST", "/v1/freezes", "owen", json=pull)).status
    await rig.call("PUT", f"/v1/skus/{skus['elsewhere']}", "root",
                   json={"category": "garden", "vendor": "acme", "owner": "owen"})
    await rig.complain(skus["elsewhere"], 5)
    frozen = {name: await rig.in_state(skus[name], "frozen")
              for name in ("both", "missed", "false", "pulled", "elsewhere")}
    await rig.done(frozen["false"], "declare_false_alarm", "owen", reason_code="rule_error",
                   comment="Two people, one order.")
    await rig.in_state(skus["false"], "closed_false_alarm")
    await aged(rig, 60)
    await moved(rig, skus["both"], 4)
    await moved(rig, skus["pulled"], 1)
    await moved(rig, skus["false"], 2.5)
    await moved(rig, skus["alone"], 40)
    return skus


async def test_the_figures_of_a_hand_counted_example(rig: Rig) -> None:
    """Four SKUs would be frozen; two by a rule as well, one by a pull, one alone; one is missed."""
    skus = await happened(rig)
    found = await rig.read("/v1/rules/two/shadow", "alba", params={"days": 50})
    month = await rig.read("/v1/rules/two/shadow", "alba")
    listed = (await rig.read("/v1/rules/shadow", "audi", params={"days": 50}))["items"]
    by_sku = {one["sku"]: one for one in found["items"]}

    figures = ("would_freeze", "by_rules", "by_pulls", "only_here", "missed", "false_alarms",
               "confirmed")
    assert [4, 2, 1, 1, 1, 1, 0] == [found[name] for name in figures]
    assert found["days_earlier"] == pytest.approx(2.5, abs=0.01)
    assert 3 == month["would_freeze"]  # what was said forty days ago is further back
    assert {skus[one] for one in ("both", "pulled", "false", "alone", "missed")} == by_sku.keys()
    assert (None, "rule") == (
        by_sku[skus["missed"]]["would_freeze_at"], by_sku[skus["missed"]]["stopped_by"]
    )
    assert ("pull", None) == (
        by_sku[skus["pulled"]]["stopped_by"], by_sku[skus["pulled"]]["ended"]
    )
    assert "false_alarm" == by_sku[skus["false"]]["ended"]
    assert {name: found[name] for name in listed[1]} == listed[1] | {"until": found["until"],
                                                                     "since": found["since"]}
    assert ["stubborn", "two"] == [one["rule"] for one in listed]
    # of the rule for every category, all that the armed rule stopped is missed
    assert (0, 4) == (listed[0]["would_freeze"], listed[0]["missed"])


async def test_pages_of_skus_and_rules_that_are_no_shadows(rig: Rig) -> None:
    """A page goes on after `next`; the figures are of all; of an armed rule there is nothing."""
    skus = await happened(rig)
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = await rig.read("/v1/rules/two/shadow", "quin",
                              params={"days": 50, "limit": 2, **after})
        assert 4 == page["would_freeze"]
        seen += [one["sku"] for one in page["items"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    armed = await rig.call("GET", "/v1/rules/five-customers/shadow", "quin")
    unknown = await rig.call("GET", "/v1/rules/nobody/shadow", "quin")
    vendor = await rig.call("GET", "/v1/rules/shadow", "vera")

    assert sorted(skus[one] for one in ("both", "pulled", "false", "alone", "missed")) == seen
    assert [404, 404, 403] == [armed.status, unknown.status, vendor.status]


async def test_a_new_version_starts_afresh(rig: Rig) -> None:
    """What an earlier version said is not laid at the door of the present one."""
    await happened(rig)
    body = {name: value for name, value in TWO.items() if name != "id"} | {"bound": 40}
    answer = await rig.call("PUT", "/v1/rules/two", "quin", json=body)
    found = await rig.read("/v1/rules/two/shadow", "quin")

    assert 200 == answer.status
    assert (2, 0, []) == (found["version"], found["would_freeze"], found["items"])


async def test_the_digest_arrives_once_a_week(rig: Rig) -> None:
    """Analysts get one mail, in their language; nobody does before a rule is a week old."""
    service = rig.service
    assert service is not None
    early = await service.context.shadows.tell_weekly()
    await happened(rig)
    async with _owner(rig) as owner:
        await owner.execute("UPDATE people SET language = 'de' WHERE id = 'quin'")
    first = await service.context.shadows.tell_weekly()
    again = await service.context.shadows.tell_weekly()

    async def told() -> list[Message]:
        return [one for one in rig.mailbox.to("quin@shop.example") if "Schatten" in _subject(one)]

    [mail] = await until(told, "the digest")
    text = "".join(
        str(part.get_payload(decode=True), "utf-8")  # type: ignore[arg-type]
        for part in mail.walk() if part.get_content_type() == "text/plain"
    )
    said = " ".join(text.split())
    everyone = [_subject(one) for one in rig.mailbox.messages]
    async with _owner(rig) as owner:
        await owner.execute("UPDATE alerts SET last_at = last_at - interval '7 days'")
    next_week = await service.context.shadows.tell_weekly()

    assert [False, True, False, True] == [early, first, again, next_week]
    assert "Regel two, Version 1" in said
    assert "Artikel, die sie gestoppt hätte: 3" in said
    assert "im Median: 2,5 Tage früher" in said
    assert "Regel stubborn, Version 1" in said
    assert 1 == sum("Schatten" in one or "Shadow" in one for one in everyone)


async def test_no_digest_without_a_shadow_rule(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path
) -> None:
    """A shop that tries nothing gets no mail about nothing."""
    async with shop_with_service(dsns, tmp_path, seed=1) as rig:
        service = rig.service
        assert service is not None
        await aged(rig, 60)
        told = await service.context.shadows.tell_weekly()
        noted = await service.database.run(lambda tx: tx.connection.fetch(
            "SELECT name FROM alerts WHERE name = 'shadow_digest'"))

    assert (False, []) == (told, noted)


def _subject(one: Message) -> str:
    return str(make_header(decode_header(str(one["Subject"]))))


