"""Two hundred freezes at once: at most one message per person and channel in five minutes."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from freezeguard.ports.notices import DigestTerms
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.chats.chat import FarChat, a_chat, said
from tests.rig import Rig, shop_with_service, until

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

SKUS = tuple(f"PAN-{number:03d}" for number in range(200))
HURTS = "KNIFE-1"
FIVE = timedelta(minutes=5)


async def test_a_storm_is_one_message_in_five_minutes(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path
) -> None:
    """200 real freezes of one vendor and owner, by the defaults and a moved clock.

    By mail and in the chat: one message at once, safety in the midst of it at once and by itself,
    and one message in each five minutes. All that was to be said is in them, once.
    """
    ahead = timedelta(0)

    def moment() -> datetime:
        return datetime.now(UTC) + ahead

    with a_chat() as port:
        settings = {
            "webhooks": {"allow_private": True, "ports": [port]},
            "mail": {"digest_after": DigestTerms().after},
        }
        async with (
            aiohttp.ClientSession() as session,
            shop_with_service(
                dsns, tmp_path, skus=(*SKUS, HURTS), seed=0, moment=moment, **settings
            ) as rig,
        ):
            chat = FarChat(port, session)
            answer = await rig.call("PUT", "/v1/people/me/chats/slack", "owen",
                                    json={"url": chat.slack("owen")})
            assert 200 == answer.status
            begun = await _freeze_all(rig)
            await rig.call("POST", "/v1/freezes", "quin", json={
                "scope": {"sku": HURTS}, "reason_code": "safety_injury", "comment": "A cut."})
            await until(lambda: _told(rig, HURTS), "safety is told at once", seconds=60)

            assert datetime.now(UTC) - begun < FIVE, "too slow a machine to say anything"
            urgent = 2 * 2  # stopped and confirmed, of one case
            assert 1 + urgent // 2 == len(rig.mailbox.to("owen@"))
            assert 1 + urgent // 2 == len(await chat.kept("owen"))

            ahead = FIVE
            await until(lambda: _all_sent(rig), "all is sent", seconds=120)
            mails, messages = rig.mailbox.to("owen@"), await chat.kept("owen")

    assert 2 + urgent // 2 == len(mails) == len(messages)
    assert f"{2 * len(SKUS) - 1} notices of" in str(mails[-1]["Subject"])
    assert f"{2 * len(SKUS) - 1} notices of" in said(messages[-1])
    singly = Counter("KNIFE" in str(one["Subject"]) for one in mails)
    assert {True: 2, False: 2} == singly


async def _freeze_all(rig: Rig) -> datetime:
    """Have five customers complain of each item, in one batch; wait until all are stopped."""
    begun = datetime.now(UTC)
    lines = [rig.complaint(sku, f"{sku}-{one}") for sku in SKUS for one in range(5)]
    body = "\n".join(map(json.dumps, lines))
    answer = await rig.call(
        "POST", "/v1/signals", "source", data=body,
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert 202 == answer.status, answer.body

    async def frozen() -> bool:
        states = await _rows(rig, "SELECT count(*) AS n FROM cases WHERE state = 'frozen'")
        return states[0]["n"] == len(SKUS)

    await until(frozen, "all are frozen", seconds=240)
    return begun


async def _told(rig: Rig, sku: str) -> bool:
    found = await _rows(
        rig, "SELECT state, channel FROM notices WHERE sku = $1 AND recipient = 'person:owen'", sku)
    return len(found) == 4 and {one["state"] for one in found} == {"sent"}


async def _all_sent(rig: Rig) -> bool:
    waiting = await _rows(rig, "SELECT count(*) AS n FROM notices WHERE state = 'queued'")
    return waiting[0]["n"] == 0


async def _rows(rig: Rig, statement: str, *arguments: object) -> list:
    assert rig.service is not None
    return await rig.service.database.run(
        lambda tx: tx.connection.fetch(statement, *arguments)
    )
