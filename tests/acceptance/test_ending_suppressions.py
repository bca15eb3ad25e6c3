"""Suppressions warn before they end, and say when they have, with what they held back."""

from datetime import UTC, datetime, timedelta
from email.header import decode_header, make_header

import pytest

from tests.acceptance.steps import body_of, sql
from tests.rig import FIVE_CUSTOMERS, PEOPLE, Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = {"rules": (FIVE_CUSTOMERS,)}
ENDING, ENDED = "held back only a little longer", "no longer held back"


async def hold_back(rig: Rig, time: timedelta, **what) -> dict:
    """Hold detection back for some time, in the name of an analyst."""
    body = {**what, "cause": "A wrong photo, mended today.",
            "expires_at": (datetime.now(UTC) + time).isoformat()}
    answer = await rig.call("POST", "/v1/suppressions", "quin", json=body)
    assert answer.status == 201, answer.body
    return dict(answer.body)


def told(rig: Rig, words: str, what: str) -> list:
    """Return the mails about a suppression, in order."""
    return [
        one for one in rig.mailbox.messages
        if words in (subject := str(make_header(decode_header(str(one["Subject"])))))
        and what in subject
    ]


async def test_before_the_end_and_at_it_everybody_hears_once(rig: Rig, sku: str):
    """Author, owner, manager and admin, with the SKU that would have been stopped; then it is."""
    held = await hold_back(rig, timedelta(days=9), sku=sku)
    assert {"crossings": 0, "skus": 0, "named": []} == held["held_back"]
    await rig.complain(sku, 6)
    assert [] == await rig.cases(sku)
    [listed] = (await rig.read("/v1/suppressions", "quin"))["items"]
    assert {"crossings": 2, "skus": 1, "named": [sku]} == listed["held_back"]
    assert rig.service is not None
    await rig.service.ending.tell()
    assert [] == await sql(rig, "SELECT 1 FROM notices WHERE kind LIKE 'suppression%'")

    await sql(rig, "UPDATE suppressions SET expires_at = now() + interval '23 hours',"
                   " created_at = now() - interval '8 days'")
    for _ in range(3):
        await rig.service.ending.tell()
    everybody = {PEOPLE[one].email for one in ("quin", "owen", "mara", "root")}

    async def all_warned() -> bool:
        return everybody == {str(one["To"]) for one in told(rig, ENDING, sku)}

    await until(all_warned, "everybody is warned")
    assert 4 == len(told(rig, ENDING, sku))
    letter = body_of(told(rig, ENDING, sku)[0])
    assert "1 SKU has crossed a threshold meanwhile:" in letter
    assert "A wrong photo, mended today." in letter

    lifted = await rig.call("DELETE", f"/v1/suppressions/{held['id']}", "quin")
    assert 204 == lifted.status
    for _ in range(3):
        await rig.service.ending.tell()

    async def all_told() -> bool:
        return everybody == {str(one["To"]) for one in told(rig, ENDED, sku)}

    await until(all_told, "everybody hears of the end")
    assert 4 == len(told(rig, ENDED, sku))
    await rig.in_state(sku, "frozen")


async def test_a_short_one_warns_when_four_fifths_are_over(rig: Rig, sku: str):
    """Ten hours: no word after seven of them, a warning after eight."""
    held = await hold_back(rig, timedelta(hours=10), vendor="rival", rule="five-customers")
    assert rig.service is not None

    async def warned_after(hours: int) -> bool:
        await sql(rig, "UPDATE suppressions SET created_at = now() - make_interval(hours => $2),"
                       " expires_at = now() + make_interval(hours => 10 - $2)"
                       " WHERE id = $1::text::uuid", held["id"], hours)
        await rig.service.ending.tell()
        rows = await sql(rig, "SELECT warned_at FROM suppressions WHERE id = $1::text::uuid",
                         held["id"])
        return rows[0]["warned_at"] is not None

    assert not await warned_after(7)
    assert await warned_after(8)

    async def arrived() -> list:
        return told(rig, ENDING, "vendor rival")

    [letter, *_] = await until(arrived, "the warning")
    assert "No threshold was crossed meanwhile." in body_of(letter)


async def test_in_german_too(rig: Rig, sku: str):
    """Who reads German hears it in German."""
    german = {"name": "Mara Manager", "roles": ["manager"], "email": "mara@shop.example",
              "language": "de", "areas": ["kitchen"]}
    assert 200 == (await rig.call("PUT", "/v1/people/mara", "root", json=german)).status
    await hold_back(rig, timedelta(days=2), sku=sku)
    await sql(rig, "UPDATE suppressions SET expires_at = now() + interval '1 hour',"
                   " created_at = now() - interval '1 day'"
                   " WHERE sku = $1", sku)
    assert rig.service is not None
    await rig.service.ending.tell()

    async def arrived() -> list:
        return told(rig, "nur noch kurz ausgesetzt", sku)

    [letter] = await until(arrived, "the warning in German")
    assert "mara@shop.example" == letter["To"]
    assert "die Erkennung ist ausgesetzt für Artikel" in body_of(letter)
