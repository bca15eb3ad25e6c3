"""Answers by mail on real PostgreSQL: comments in the right name, bounces, and nothing else."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from freezeguard.domain.authority import accepts
from freezeguard.domain.errors import IllegalTransition, NotAllowed, NotFound
from freezeguard.domain.people import Correspondent, Person, Role
from freezeguard.domain.record import Case
from freezeguard.domain.transitions import TABLE, Command, State
from freezeguard.notices.inbound import read_mail
from freezeguard.services.delivering.bounces import Bounces
from freezeguard.services.delivering.receiving import Outcome, Receiving, Taken
from tests.bare import bare_casework
from tests.notices.outbox import DORA, OWEN, SENDER, Outbox, body, now, told
from tests.notices.test_inbound import mail, report
from tests.storage.makers import case

FIRST, SECOND = "first@acme.example", "second@acme.example"
VERA = Person("vera", "Vera", frozenset({Role.VENDOR}), "vera@acme.example", vendor="acme")


@pytest.fixture
async def shop(outbox: Outbox) -> Outbox:
    """A shop with a vendor of two contacts and one registered person."""
    await outbox.put_vendor(FIRST, SECOND)
    await outbox.put_people(VERA, DORA)
    return outbox


async def take(shop: Outbox, raw: bytes, recipient: str | None = None) -> Taken:
    casework = bare_casework(shop.telling, now)
    bounces = Bounces(shop.telling, now, uuid4)
    receiving = Receiving(shop.database, casework, bounces, SENDER, now)
    return await receiving.take(read_mail(raw, recipient))


async def comments(shop: Outbox, of: Case) -> list[tuple[str, str]]:
    """Return who commented, and the beginning of what."""
    events = await shop.database.run(lambda tx: tx.cases.events(of.id))
    return [
        (one.actor, str(one.arguments["comment"]).partition("\n")[0])
        for one in events if one.command == "comment"
    ]


@pytest.mark.parametrize(
    ("sender", "actor"),
    [("vera@acme.example", "person:vera"), ("OWEN@shop.example", "person:owen"),
     (FIRST, "vendor:acme"), (SECOND, "vendor:acme")],
)
async def test_an_answer_becomes_a_comment_in_its_writers_name(
    shop: Outbox, sender: str, actor: str
) -> None:
    """By the number in the address: a registered person's, or the vendor's for a mere contact.

    The vendor's counts as heard, and the owner reads it; nobody gets a mail in answer.
    """
    of = await shop.case("kettle")
    sent = mail(From=sender, To=f"quality+{of.number}@shop.example").as_bytes()

    assert Taken(Outcome.COMMENTED, of.number) == await take(shop, sent)
    assert [(actor, "Samples are on the way.")] == await comments(shop, of)
    after = await shop.database.run(lambda tx: tx.cases.get(of.id))
    heard = actor != "person:owen"
    assert replace(of, vendor_status="acknowledged" if heard else "unreached") == after
    told = await shop.database.run(lambda tx: tx.notices.of_case(of.id))
    assert [("vendor_commented", "person:owen")] * heard == [
        (one.kind, one.recipient) for one in told
    ]


async def test_an_answer_finds_its_case_by_the_notice(shop: Outbox) -> None:
    """Without a number in the address: by the message id of the notice that it answers."""
    of = await shop.case("kettle")
    await shop.put(told(of, "statement_of_reasons", FIRST))
    await shop.deliver()
    [notice] = shop.mailbox.messages
    sent = mail(From=FIRST, To="shop@shop.example", In_Reply_To=str(notice["Message-ID"]))
    await take(shop, sent.as_bytes())

    assert [("vendor:acme", "Samples are on the way.")] == await comments(shop, of)


async def test_attachments_are_hinted_at(shop: Outbox) -> None:
    """The comment says what was left out, and where it can be attached."""
    of = await shop.case("kettle")
    sent = mail(To=f"quality+{of.number}@shop.example")
    sent.add_attachment(b"\xff", maintype="image", subtype="jpeg", filename="a.jpg")
    await take(shop, sent.as_bytes())
    [event] = await shop.database.run(lambda tx: tx.cases.events(of.id))

    assert event.arguments["comment"].endswith(
        "[By mail from vera@acme.example. Attachments are not stored: a.jpg. "
        "Attach evidence on the case itself.]"
    )


async def test_a_mail_is_taken_once(shop: Outbox) -> None:
    """A mail server that hands it over again makes no second comment."""
    of = await shop.case("kettle")
    sent = mail(To=f"quality+{of.number}@shop.example").as_bytes()
    outcomes = [(await take(shop, sent)).outcome for _ in range(3)]

    assert [Outcome.COMMENTED, Outcome.REPEATED, Outcome.REPEATED] == outcomes
    assert 1 == len(await comments(shop, of))


@pytest.mark.parametrize(
    "sender", ["mallory@evil.example", "vito@rival.example", "a@acme.example, b@acme.example"]
)
async def test_a_stranger_is_refused(shop: Outbox, sender: str) -> None:
    """Nobody, another vendor's person, and two authors may not write to a case."""
    await shop.put_people(
        Person("vito", "V", frozenset({Role.VENDOR}), "vito@rival.example", vendor="rival")
    )
    of = await shop.case("kettle")
    sent = mail(From=sender, To=f"quality+{of.number}@shop.example").as_bytes()

    with pytest.raises(NotAllowed):
        await take(shop, sent)
    assert [] == await comments(shop, of)


async def test_what_a_stranger_has_sent_is_not_even_read(shop: Outbox) -> None:
    """Who wrote it and about what is looked at first; the rest is read for somebody known alone."""
    of = await shop.case("kettle")
    opened: list[str] = []

    def content(sender: str, to: str) -> Any:
        found = read_mail(mail(From=sender, To=to).as_bytes())
        return replace(found, read=lambda: opened.append(sender) or found.read())

    casework = bare_casework(shop.telling, now)
    receiving = Receiving(shop.database, casework, Bounces(shop.telling, now, uuid4), SENDER, now)
    to = f"quality+{of.number}@shop.example"
    with pytest.raises(NotAllowed):
        await receiving.take(content("mallory@evil.example", to))
    with pytest.raises(NotFound):
        await receiving.take(content(FIRST, "shop@shop.example"))
    taken = await receiving.take(content(SECOND, to))

    assert (Outcome.COMMENTED, [SECOND]) == (taken.outcome, opened)


async def test_a_vendor_can_not_write_to_a_suspicion(shop: Outbox) -> None:
    """Suspicions stay inside the shop: the vendor does not learn by a mail that there is one."""
    of = await shop.case("kettle", state=State.SUSPECTED, frozen_at=None)
    for sender in (FIRST, "vera@acme.example"):
        with pytest.raises(NotAllowed):
            await take(shop, mail(From=sender, To=f"quality+{of.number}@shop.example").as_bytes())


async def test_a_closed_case_takes_no_comment(shop: Outbox) -> None:
    """Its mail is returned, so that the writer knows."""
    of = await shop.case("kettle", state=State.EXPIRED, closed_at=now())
    with pytest.raises(IllegalTransition):
        await take(shop, mail(To=f"quality+{of.number}@shop.example").as_bytes())

    assert [] == await shop.rows("SELECT FROM mails_received")


@pytest.mark.parametrize("to", ["quality+999@shop.example", "shop@shop.example",
                                "quality+x@shop.example", "quality+1@evil.example"])
async def test_without_a_case_a_mail_is_refused(shop: Outbox, to: str) -> None:
    """No number, one of no case, a foreign address or a foreign message id."""
    await shop.case("kettle")
    foreign = f"<notice.{uuid4()}@elsewhere.example>"
    with pytest.raises(NotFound):
        await take(shop, mail(To=to, References=foreign).as_bytes())


@pytest.mark.parametrize(
    "headers",
    [{"Auto_Submitted": "auto-replied"}, {"Precedence": "bulk"}, {"From": "shop@shop.example"}],
)
async def test_machines_are_ignored(shop: Outbox, headers: dict[str, str]) -> None:
    """An absence note, bulk mail, and our own mail that came round: neither stored nor answered."""
    of = await shop.case("kettle")
    to = f"quality+{of.number}@shop.example"

    assert Outcome.IGNORED == (await take(shop, mail(**{"To": to, **headers}).as_bytes())).outcome
    assert [] == await comments(shop, of)


# ------------------------------------------------------------------------------------ reports


async def sent_to_vendor(shop: Outbox) -> str:
    """Send a statement of reasons to the vendor; return its message id."""
    await shop.put(told(await shop.case("kettle"), "statement_of_reasons", FIRST))
    await shop.deliver()
    return str(shop.mailbox.messages[-1]["Message-ID"])


async def test_a_report_sends_the_notice_to_the_next_contact(shop: Outbox) -> None:
    """Taken over first, returned later: the next contact gets it, then the owner is asked."""
    about = await sent_to_vendor(shop)
    assert Outcome.BOUNCED == (await take(shop, report(about=about, to=FIRST))).outcome
    await shop.deliver()
    assert (SECOND, about) == tuple(
        shop.mailbox.messages[-1][name] for name in ("To", "Message-ID")
    )

    late = report(about=about, to=SECOND).replace(b"<r1@", b"<r2@")
    await take(shop, late)
    await shop.deliver()
    assert OWEN.email == shop.mailbox.messages[-1]["To"]
    assert f"at {SECOND} did not arrive" in body(shop.mailbox.messages[-1])


async def test_a_report_is_taken_once_and_only_about_the_last_address(shop: Outbox) -> None:
    """The same report again, and one about an address that was given up, change nothing."""
    about = await sent_to_vendor(shop)
    await take(shop, report(about=about, to=FIRST))
    await shop.deliver()
    again = await take(shop, report(about=about, to=FIRST))
    stale = await take(shop, report(about=about, to=FIRST).replace(b"<r1@", b"<r2@"))

    assert (Outcome.REPEATED, Outcome.IGNORED) == (again.outcome, stale.outcome)
    assert ["sent"] == await shop.states()


async def test_a_delay_changes_nothing_and_a_strangers_report_is_refused(shop: Outbox) -> None:
    """The far server still tries; and a report about no mail of ours is returned."""
    about = await sent_to_vendor(shop)

    assert Outcome.IGNORED == (await take(shop, report("delayed", "4.4.1", about=about))).outcome
    assert ["sent"] == await shop.states()
    with pytest.raises(NotFound):
        await take(shop, report(about="<x@elsewhere.example>"))


async def test_a_report_about_a_person_reaches_the_deputy(shop: Outbox) -> None:
    """The same way as a bounce in the dialogue."""
    await shop.put(told(await shop.case("kettle"), "degraded", DORA))
    await shop.deliver()
    about = str(shop.mailbox.messages[-1]["Message-ID"])
    await take(shop, report(about=about, to=DORA.email or ""))
    await shop.deliver()

    assert OWEN.email == shop.mailbox.messages[-1]["To"]


# -------------------------------------------------------------------------------- no commands


@pytest.mark.parametrize("command", list(Command))
def test_whoever_is_known_by_mail_alone_may_only_comment(command: Command) -> None:
    """A sender's address proves nothing: the domain itself accepts no command by mail."""
    of: Any = case(vendor="acme")
    rows = [row for row in TABLE if row.command is command]
    accepted = any(accepts(row, of, Correspondent("acme")) for row in rows)

    assert accepted is (command is Command.COMMENT)
    assert not any(accepts(row, of, Correspondent("rival")) for row in rows)
