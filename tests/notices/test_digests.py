"""A storm of notices over real SMTP: few mails, nothing lost, in order, once."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from itertools import groupby
from random import Random
from typing import Any

import pytest

from freezeguard.domain.errors import Unavailable
from freezeguard.services.delivering.delivery import OFTEN
from tests.faults.test_delivery_faults import Interrupted
from tests.notices.outbox import DORA, OWEN, Outbox, body, refusing, told

FIVE = timedelta(minutes=5)
VENDOR = "quality@acme.example"


async def storm(
    outbox: Outbox, number: int, kind: str = "frozen_confirmed", **more: Any
) -> list[Any]:
    """Have so many cases opened at once, each with a notice to the owner."""
    cases = [await outbox.case(f"sku-{place}") for place in range(number)]
    await outbox.put(*(told(one, kind, **more) for one in cases))
    return cases


async def test_two_hundred_freezes_are_five_mails_and_a_digest(outbox: Outbox) -> None:
    """200 at once: the first five singly, then one mail after five minutes, with all the others."""
    cases = await storm(outbox, 200)
    await outbox.deliver()
    assert 5 == len(outbox.mailbox.messages)

    outbox.ahead = FIVE - timedelta(seconds=5)
    await outbox.deliver()
    assert 5 == len(outbox.mailbox.messages)

    outbox.ahead = FIVE
    await outbox.deliver()
    *_, digest = outbox.mailbox.messages
    text = body(digest)
    assert 6 == len(outbox.mailbox.messages)
    assert "195 notices of Example Shop" == digest["Subject"]
    assert str(digest["Message-ID"]).startswith("<digest.")
    places = [text.index(f"Case {one.number}: ") for one in cases[5:]]
    assert places == sorted(places)
    assert all(f"/v1/cases/{one.id}>" in text for one in cases[5:])
    assert {"sent"} == set(await outbox.states())
    [counted] = await outbox.rows(
        "SELECT count(DISTINCT digest) AS digests, count(digest) AS joined FROM notices")
    assert (1, 195) == tuple(counted)


async def test_a_storm_that_goes_on_is_one_mail_per_five_minutes(outbox: Outbox) -> None:
    """Twenty notices a minute for half an hour: five mails, and then one every five minutes."""
    case = await outbox.case("kettle")
    for minute in range(31):
        outbox.ahead = timedelta(minutes=minute)
        await outbox.put(*(told(case, "update") for _ in range(20)))
        await outbox.deliver()
    assert 5 + 5 == len(outbox.mailbox.messages)  # one collects from minute 30 on

    outbox.ahead += FIVE
    await outbox.deliver()
    assert {"sent"} == set(await outbox.states())
    assert 5 + 6 == len(outbox.mailbox.messages)


async def test_a_calm_after_the_storm_is_told_singly(outbox: Outbox) -> None:
    """Five quiet minutes later a notice goes at once and by itself again."""
    await storm(outbox, 8)
    await outbox.deliver()
    outbox.ahead = FIVE
    await outbox.deliver()
    outbox.ahead = 2 * FIVE + timedelta(seconds=1)
    await outbox.put(told(await outbox.case("late"), "update"))
    await outbox.deliver()

    assert "Where the case stands" in str(outbox.mailbox.messages[-1]["Subject"])


async def test_replicas_count_together(outbox: Outbox) -> None:
    """Three replicas that deliver at once send no more than one would."""
    await storm(outbox, 40)
    await asyncio.gather(*(outbox.deliver(outbox.replica()) for _ in range(3)))
    assert 5 == len(outbox.mailbox.messages)

    outbox.ahead = FIVE
    await asyncio.gather(*(outbox.deliver(outbox.replica()) for _ in range(3)))
    assert 6 == len(outbox.mailbox.messages)


async def test_readers_do_not_share_a_digest(outbox: Outbox) -> None:
    """Another person, who gets little, hears at once of what the first one hears in a digest."""
    cases = await storm(outbox, 9)
    await outbox.put(told(cases[8], "frozen_confirmed", DORA))
    await outbox.deliver()

    assert (5, 1) == (len(outbox.to("owen@")), len(outbox.to("dora@")))


async def test_safety_orders_and_statements_never_wait(outbox: Outbox) -> None:
    """In the storm each goes singly: to staff what is urgent, to a vendor each statement."""
    await outbox.put_vendor(VENDOR)
    cases = await storm(outbox, 12)
    await outbox.put(
        told(cases[0], "approval_requested", facts={"lane": "safety"}),
        told(cases[1], "order_registered", facts={"lane": "authority"}),
        *(told(one, "statement_of_reasons", VENDOR) for one in cases),
    )
    await outbox.deliver()

    assert 5 + 2 == len(outbox.to("owen@"))
    assert 12 == len(outbox.to(VENDOR))


async def test_a_statement_does_not_wait_behind_a_digest(outbox: Outbox) -> None:
    """A case is stopped again while its last notice waits in a digest: both leave now, in order.

    What comes after the statement waits again.
    """
    await outbox.put_vendor(VENDOR)
    others = await storm(outbox, 6, "update", to=VENDOR)
    case = await outbox.case("kettle")
    await outbox.put(told(case, "released", VENDOR))
    await outbox.deliver()
    assert 5 == len(outbox.to(VENDOR))

    await outbox.put(told(case, "refrozen", VENDOR), told(case, "frozen_confirmed", VENDOR))
    await outbox.deliver()
    *_, released, statement = outbox.to(VENDOR)
    assert 7 == len(outbox.to(VENDOR))
    assert "On sale again" in str(released["Subject"])
    assert "Sale stopped again" in str(statement["Subject"])

    outbox.ahead = FIVE
    await outbox.deliver()
    text = body(outbox.to(VENDOR)[-1])
    assert text.index(f"Case {others[5].number}: Where") < text.index(f"Case {case.number}: Stop")
    assert {"sent"} == set(await outbox.states())


async def test_one_batch_of_a_case_has_no_knot(outbox: Outbox) -> None:
    """What waits, what must not and what waits again arrive at once: nobody waits for ever."""
    await outbox.put_vendor(VENDOR)
    await storm(outbox, 5, "update", to=VENDOR)
    case = await outbox.case("kettle")
    kinds = ("released", "refrozen", "frozen_confirmed", "refrozen", "frozen_confirmed")
    await outbox.put(*(told(case, kind, VENDOR) for kind in kinds))
    await outbox.deliver()
    assert 5 + 4 == len(outbox.to(VENDOR))

    outbox.ahead = FIVE
    await outbox.deliver()
    assert {"sent"} == set(await outbox.states())
    assert 5 + 4 + 1 == len(outbox.to(VENDOR))


# ----------------------------------------------------------------------------- order and faults


@pytest.fixture
def faulty(outbox: Outbox) -> Callable[[str], None]:
    """Let the mail server answer every recipient in a way that a test chooses."""

    def answer(reply: str) -> None:
        outbox.mailbox.handle_RCPT = refusing(  # type: ignore[attr-defined]
            OWEN.email or "", VENDOR, reply=reply
        )

    return answer


async def test_the_order_within_a_case_survives_failures(
    outbox: Outbox, faulty: Callable[[str], None]
) -> None:
    """The first notice of a case is put off by 4xx: no digest overtakes it, nor a later notice."""
    faulty("451 4.3.0 later")
    case = await outbox.case("kettle")
    await outbox.put(told(case, "statement_of_reasons"))
    await outbox.deliver()
    await storm(outbox, 5)
    await outbox.put(told(case, "frozen_confirmed"), told(case, "released"))
    await outbox.deliver()
    outbox.ahead = timedelta(minutes=5)
    await outbox.deliver()
    assert [] == outbox.mailbox.messages

    del outbox.mailbox.handle_RCPT  # type: ignore[attr-defined]
    outbox.ahead = timedelta(minutes=10)
    await outbox.deliver()
    said = [body(one) for one in outbox.mailbox.messages]
    [at] = [n for n, one in enumerate(said) if "The vendor gets the statement of reasons" in one]
    later = [n for n, one in enumerate(said) if f"Case {case.number}: " in one]
    assert later, said
    assert at < min(later)
    text = said[later[0]]
    assert text.index(f"Case {case.number}: Stop confirmed") < text.index(
        f"Case {case.number}: On sale again"
    )


async def test_a_killed_replica_makes_one_duplicate_at_most(outbox: Outbox) -> None:
    """It is killed between the digest and its record: the next one sends the same mail once."""
    await storm(outbox, 9)
    await outbox.deliver()
    outbox.ahead = FIVE
    away = Interrupted(outbox.database)  # type: ignore[arg-type]
    doomed = outbox.replica(away)
    kept = outbox.mailbox.handle_DATA

    async def then_die(server: Any, session: Any, envelope: Any) -> str:
        away.fail(Unavailable("killed"))
        return await kept(server, session, envelope)

    outbox.mailbox.handle_DATA = then_die  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        await outbox.deliver(doomed)
    outbox.mailbox.handle_DATA = kept  # type: ignore[method-assign]
    await outbox.put(told(await outbox.case("late"), "update"))
    await outbox.leases_end()
    await outbox.deliver()

    first, second = [
        one for one in outbox.mailbox.messages if str(one["Message-ID"]).startswith("<digest.")
    ]
    assert first["Message-ID"] == second["Message-ID"]
    assert (first["Date"], body(first)) == (second["Date"], body(second))


async def test_a_digest_that_is_put_off_is_tried_again(
    outbox: Outbox, faulty: Callable[[str], None]
) -> None:
    """4xx: the same digest, by the same id, some minutes later; what is new goes with another."""
    await storm(outbox, 7)
    await outbox.deliver()
    faulty("451 4.3.0 later")
    outbox.ahead = FIVE
    await outbox.deliver()
    del outbox.mailbox.handle_RCPT  # type: ignore[attr-defined]
    outbox.ahead = FIVE + timedelta(seconds=OFTEN * 1.2)
    await outbox.deliver()

    *_, digest = outbox.mailbox.messages
    assert (6, "2 notices of Example Shop") == (len(outbox.mailbox.messages), digest["Subject"])


async def test_a_refused_digest_goes_to_the_deputy(
    outbox: Outbox, faulty: Callable[[str], None]
) -> None:
    """The owner's address is gone: the deputy gets all that the owner would have got, and why."""
    await outbox.put_people(DORA)
    await outbox.execute("UPDATE people SET deputy = 'dora' WHERE id = 'owen'")
    faulty("550 5.1.1 no such box")
    await storm(outbox, 9)
    outbox.ahead = FIVE
    await outbox.deliver()
    outbox.ahead = 3 * FIVE
    await outbox.deliver()

    mails = outbox.to("dora@")
    assert 9 == len(mails)
    assert all("mail to Owen did not arrive and you stand in" in body(one) for one in mails)


async def test_a_vendors_digest_goes_to_the_next_contact_whole(
    outbox: Outbox, faulty: Callable[[str], None]
) -> None:
    """The first address is gone: the second one gets the singles, and the digest as one mail."""
    await outbox.put_vendor(VENDOR, "second@acme.example")
    await storm(outbox, 9, "update", to=VENDOR)
    await outbox.deliver()
    faulty("550 5.1.1 no such box")
    outbox.ahead = FIVE
    await outbox.deliver()

    assert 5 == len(outbox.to(VENDOR))
    [digest] = outbox.to("second@acme.example")
    assert "4 notices of Example Shop" == digest["Subject"]
    assert {"sent"} == set(await outbox.states())


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_any_storm_is_told_whole_once_and_in_order(outbox: Outbox, seed: int) -> None:
    """Chance chooses cases, kinds, times and failures: nothing is lost, doubled or overtaken."""
    chance = Random(seed)
    await outbox.put_vendor(VENDOR)
    cases = [await outbox.case(f"sku-{place}") for place in range(4)]
    kinds = ["update", "released", "refrozen", "frozen_confirmed"]

    async def sometimes(_: Any, __: Any, envelope: Any, address: str, ___: Any) -> str:
        if chance.random() < 0.3:
            return "451 4.3.0 later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    outbox.mailbox.handle_RCPT = sometimes  # type: ignore[attr-defined]
    for _ in range(12):
        to = (VENDOR, OWEN)
        await outbox.put(*(
            told(chance.choice(cases), chance.choice(kinds), chance.choice(to))
            for _ in range(chance.randrange(6))
        ))
        outbox.ahead += timedelta(minutes=chance.choice([0, 0, 1, 4]))
        await outbox.deliver()
    for _ in range(20):
        outbox.ahead += timedelta(minutes=6)
        await outbox.deliver()

    assert {"sent"} == set(await outbox.states())
    ids = [str(one["Message-ID"]) for one in outbox.mailbox.messages]
    assert len(ids) == len(set(ids))
    rows = await outbox.rows("SELECT * FROM notices ORDER BY case_id, recipient, n")
    for _, mine in groupby(rows, key=lambda row: (row["case_id"], row["recipient"])):
        arrived = [_place(ids, row) for row in mine]
        assert arrived == sorted(arrived)


def _place(ids: list[str], row: Any) -> int:
    """Return when the mail came that a notice was told by."""
    kind, its_id = ("digest", row["digest"]) if row["digest"] else ("notice", row["id"])
    return ids.index(f"<{kind}.{its_id}@shop.example>")


async def _clock(outbox: Outbox, case: Any, kind: str, stopped: str | None) -> None:
    """Have a clock of a case that ran when its notices were made, and stopped since, or not."""
    await outbox.execute(
        f"""INSERT INTO clocks (id, case_id, sku, kind, started_at, due_at, stopped_at)
            SELECT gen_random_uuid(), $1, $2, $3, min(created_at), now() + interval '1 day',
                   {stopped or 'NULL'}
              FROM notices""",
        case.id, case.scope.sku, kind,
    )


async def test_what_was_answered_meanwhile_is_not_asked_for(outbox: Outbox) -> None:
    """A request whose clock stands still when the digest is closed is left out of it, and so kept.

    One that still waits stands there with the time by when it asks.
    """
    cases = await storm(outbox, 9, "remedy_proposed", facts={"due": "2025-11-28T16:00:00+00:00"})
    for case in cases[5:8]:
        await _clock(outbox, case, "judge", "now()" if case is cases[6] else None)
    await _clock(outbox, cases[8], "approve", "now()")  # not the clock that this one is about
    await outbox.deliver()
    outbox.ahead = FIVE
    await outbox.deliver()
    *_, digest = outbox.mailbox.messages
    text = body(digest)

    assert "3 notices of Example Shop" == digest["Subject"]
    assert [True, False, True, True] == [f"Case {one.number}: " in text for one in cases[5:]]
    assert "SKU sku-5, by 28 November, 16:00 (22 November, 13:05)" in text
    assert ["answered"] == [one for one in await outbox.states() if one != "sent"]


async def test_a_digest_of_which_everything_was_answered_is_not_sent(outbox: Outbox) -> None:
    """Nobody gets a mail that says nothing."""
    cases = await storm(outbox, 7, "remedy_proposed")
    for case in cases[5:]:
        await _clock(outbox, case, "judge", "now()")
    outbox.ahead = timedelta(0)
    await outbox.deliver()
    outbox.ahead = FIVE
    await outbox.deliver()

    assert 5 == len(outbox.mailbox.messages)
    assert ["answered", "answered"] == [one for one in await outbox.states() if one != "sent"]


async def test_a_decision_comes_by_itself_in_any_storm(outbox: Outbox) -> None:
    """What a person decided about one case is no line among others."""
    cases = await storm(outbox, 8)
    await outbox.put(told(cases[0], "delisted", VENDOR), told(cases[7], "appealed"))
    await outbox.deliver()

    subjects = [str(one["Subject"]) for one in outbox.mailbox.messages]
    assert 1 == sum("Taken off sale for good" in one for one in subjects)
    assert 1 == sum("An appeal waits for your judgement" in one for one in subjects)
