"""What does not arrive finds another way: the next contact, a deputy, a person; and F22."""

from datetime import timedelta
from typing import Any

import pytest

from freezeguard.ports.rows import Vendor
from freezeguard.services.delivering.bounces import next_address
from freezeguard.services.delivering.delivery import GIVE_UP_AFTER, OFTEN, OFTEN_UNTIL, pause_after
from freezeguard.services.telling.readers import vendor_reader
from tests.notices.outbox import DORA, OWEN, Outbox, body, refusing, told
from tests.storage.makers import notice

FIRST, SECOND, THIRD = "first@acme.example", "second@acme.example", "third@acme.example"
BOSS = "boss@acme.example"


def refuse(outbox: Outbox, *addresses: str, **more: Any) -> None:
    outbox.mailbox.handle_RCPT = refusing(*addresses, **more)  # type: ignore[attr-defined]


def accept(outbox: Outbox) -> None:
    del outbox.mailbox.handle_RCPT  # type: ignore[attr-defined]


# ---------------------------------------------------------------------------------- vendors


async def test_a_vendors_notices_go_to_the_next_contact_in_order(outbox: Outbox) -> None:
    """The first address is gone: the next one gets each notice of the case, in its order, once."""
    await outbox.put_vendor(FIRST, SECOND, superior=BOSS)
    case = await outbox.case("kettle")
    await outbox.put(*(
        told(case, kind, FIRST) for kind in ("statement_of_reasons", "frozen_confirmed", "released")
    ))
    refuse(outbox, FIRST)
    await outbox.deliver()

    got = [str(one["Subject"]).partition("] ")[2] for one in outbox.to(SECOND)]
    assert 3 == len(outbox.mailbox.messages) == len(got)
    assert ["Sale stopped", "Stop confirmed in every catalogue", "On sale again"] == [
        one.partition(":")[0] for one in got
    ]
    assert ["sent"] * 3 == await outbox.states()
    recorded = await outbox.rows("SELECT details FROM audit WHERE action = 'notice_bounced'")
    assert [SECOND] * 3 == [row["details"]["next_address"] for row in recorded]


async def test_without_a_further_contact_the_owner_is_asked_at_once(outbox: Outbox) -> None:
    """Both addresses are gone: one task for the owner, at once; the superior is spared."""
    await outbox.put_vendor(FIRST, SECOND, superior=BOSS)
    case = await outbox.case("kettle")
    await outbox.put(
        told(case, "statement_of_reasons", FIRST), told(case, "frozen_confirmed", FIRST)
    )
    refuse(outbox, FIRST, SECOND)
    await outbox.deliver()

    [mail] = outbox.mailbox.messages
    assert OWEN.email == mail["To"]
    assert f"A mail to vendor acme at {SECOND} did not arrive" in body(mail)
    assert "550 5.1.1 no such box" in body(mail)
    assert ["bounced", "bounced", "sent"] == await outbox.states()


async def test_a_content_that_is_refused_is_not_tried_elsewhere(outbox: Outbox) -> None:
    """554 to the content: another address would not help, so the owner is asked at once."""
    await outbox.put_vendor(FIRST, SECOND)
    case = await outbox.case("kettle")
    await outbox.put(told(case, "statement_of_reasons", FIRST))
    kept = outbox.mailbox.handle_DATA

    async def refuse_content(server: Any, session: Any, envelope: Any) -> str:
        if FIRST in envelope.rcpt_tos:
            return "554 5.6.0 no"
        return await kept(server, session, envelope)

    outbox.mailbox.handle_DATA = refuse_content  # type: ignore[method-assign]
    await outbox.deliver()

    assert [OWEN.email] == [str(one["To"]) for one in outbox.mailbox.messages]


async def test_a_notice_given_up_goes_to_the_next_contact(outbox: Outbox) -> None:
    """4xx for three days is as good as no address."""
    await outbox.put_vendor(FIRST, SECOND)
    await outbox.put(told(await outbox.case("kettle"), "statement_of_reasons", FIRST))
    await outbox.execute("UPDATE notices SET attempts = $1", GIVE_UP_AFTER - 1)
    refuse(outbox, FIRST, reply="452 4.2.2 full")
    await outbox.deliver()

    assert [SECOND] == [str(one["To"]) for one in outbox.mailbox.messages]


@pytest.mark.parametrize(
    ("recipient", "tried", "address", "expected"),
    [
        ("vendor:acme", (), FIRST, SECOND),
        ("vendor:acme", (FIRST,), SECOND, THIRD),
        ("vendor:acme", (FIRST, SECOND), THIRD, None),
        ("vendor:acme", (), "former@acme.example", FIRST),
        ("vendor:acme/second", (), SECOND, FIRST),
        ("vendor:acme/superior", (), BOSS, None),
    ],
)
def test_the_next_address(
    recipient: str, tried: tuple[str, ...], address: str, expected: str | None
) -> None:
    """In the order of the contacts, none twice; a superior is nobody's substitute."""
    mails = ({"channel": "mail", "address": one} for one in (FIRST, SECOND, THIRD))
    boss = {"channel": "mail", "address": BOSS, "role": "superior"}
    vendor = Vendor("acme", "Acme", (boss, {"channel": "phone", "address": "1"}, *mails))
    one = notice(None, 1, recipient=recipient, address=address, tried=tried)

    assert expected == next_address(vendor, one)
    assert FIRST == vendor_reader(vendor).address


# ------------------------------------------------------------------------------------- staff


async def test_the_deputy_hears_what_somebody_misses(outbox: Outbox) -> None:
    """The owner's address is gone: the deputy gets the same notice, and is told for whom."""
    await outbox.put_people(DORA)
    await outbox.execute("UPDATE people SET deputy = 'dora' WHERE id = 'owen'")
    await outbox.put(told(await outbox.case("kettle"), "degraded"))
    refuse(outbox, OWEN.email or "")
    await outbox.deliver()

    [mail] = outbox.mailbox.messages
    assert (DORA.email, "Dear Dora,") == (mail["To"], body(mail)[:10])
    assert "You get this message because mail to Owen did not arrive" in body(mail)


async def test_without_a_deputy_the_default_owner_hears(outbox: Outbox) -> None:
    """Somebody always hears; and where that address is gone too it ends there, without a loop."""
    await outbox.put_people(DORA)
    await outbox.put(told(await outbox.case("kettle"), "degraded", DORA))
    refuse(outbox, DORA.email or "")
    await outbox.deliver()
    assert [OWEN.email] == [str(one["To"]) for one in outbox.mailbox.messages]

    refuse(outbox, DORA.email or "", OWEN.email or "")
    await outbox.execute("UPDATE people SET deputy = 'dora' WHERE id = 'owen'")
    await outbox.put(told(await outbox.case("pan"), "degraded", DORA))
    await outbox.deliver()
    assert 1 == len(outbox.mailbox.messages)
    assert {"sent", "bounced"} == set(await outbox.states())


# --------------------------------------------------------------------------------------- F22


def test_the_schedule_of_attempts() -> None:
    """Within five minutes of a server's return for twelve hours, with all jitter; three days."""
    pauses = [pause_after(number) for number in range(GIVE_UP_AFTER)]

    assert pauses == sorted(pauses)
    assert OFTEN * 1.2 < 300
    assert 11.5 * 3600 < sum(pauses[:OFTEN_UNTIL]) < 12.5 * 3600
    assert 2.5 * 86400 < sum(pauses) < 3.5 * 86400


async def _for_hours(outbox: Outbox, delivery: Any, hours: float) -> None:
    """Let time go by in steps of four minutes, trying what is due."""
    until = outbox.ahead + timedelta(hours=hours)
    while outbox.ahead < until:
        outbox.ahead += timedelta(minutes=4)
        await outbox.deliver(delivery)


async def _all_arrive_within_five_minutes(outbox: Outbox, number: int) -> None:
    for _ in range(5):
        outbox.ahead += timedelta(minutes=1)
        await outbox.deliver()
    assert number == len(outbox.mailbox.messages) == len(
        {one["Message-ID"] for one in outbox.mailbox.messages}
    )
    assert {"sent"} == set(await outbox.states())


async def _wait(outbox: Outbox) -> None:
    await outbox.put_vendor(FIRST)
    for sku in ("kettle", "pan"):
        case = await outbox.case(sku)
        await outbox.put(
            told(case, "statement_of_reasons", FIRST), told(case, "statement_of_reasons"),
            told(case, "frozen_confirmed", FIRST),
        )


async def test_a_mail_server_that_was_away_for_two_hours(outbox: Outbox) -> None:
    """Nothing listens for two hours; within five minutes of its return every notice is there."""
    await _wait(outbox)
    await _for_hours(outbox, outbox.replica(port=1), 2)
    await _all_arrive_within_five_minutes(outbox, 6)


async def test_a_mail_server_that_puts_off_for_two_hours(outbox: Outbox) -> None:
    """4xx to everybody for two hours: the same."""
    await _wait(outbox)
    refuse(outbox, FIRST, OWEN.email or "", reply="451 4.3.0 later")
    await _for_hours(outbox, outbox.replica(), 2)
    accept(outbox)
    await _all_arrive_within_five_minutes(outbox, 6)


async def test_a_mail_server_that_takes_and_hangs_up(outbox: Outbox) -> None:
    """It takes the content and breaks off without an answer: sent again, by the same id."""
    await _wait(outbox)
    kept = outbox.mailbox.handle_DATA

    async def take_and_hang_up(server: Any, _: Any, __: Any) -> str:
        server.transport.abort()
        return "250 never heard"

    outbox.mailbox.handle_DATA = take_and_hang_up  # type: ignore[method-assign]
    await _for_hours(outbox, outbox.replica(), 0.2)
    outbox.mailbox.handle_DATA = kept  # type: ignore[method-assign]
    await _all_arrive_within_five_minutes(outbox, 6)
