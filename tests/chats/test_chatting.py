"""Notices in chats: over real HTTP, to another process, from a real outbox on a moved clock."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import aiohttp
import pytest
import structlog

from freezeguard.bootstrap.metrics import PrometheusMetrics
from freezeguard.domain.errors import GuardFailed, InvalidInput, NotAllowed, NotFound
from freezeguard.domain.people import Person, Role
from freezeguard.domain.quiet import QuietHours
from freezeguard.notices.chat import chat_body
from freezeguard.ports.notices import DigestTerms
from freezeguard.services.delivering.bounces import Bounces
from freezeguard.services.delivering.channels import Channels, Team
from freezeguard.services.delivering.chatting import ChatCarrier
from freezeguard.services.delivering.delivery import Delivery
from freezeguard.services.delivering.digests import Digests
from freezeguard.webhooks.addresses import AddressPolicy
from freezeguard.webhooks.post import HttpPost
from tests.bare import bare_casework
from tests.chats.chat import FarChat, a_chat, said
from tests.notices.outbox import OWEN, Outbox, body, now, told
from tests.rig import Mailbox

ROOT = Person("root", "Rita Root", frozenset({Role.ADMIN}), "root@shop.example")
MUTE = Person("mute", "Mute", frozenset({Role.MANAGER}))
VERA = Person("vera", "Vera", frozenset({Role.VENDOR}), "vera@acme.example", vendor="acme")
FIVE = timedelta(minutes=5)


@dataclass
class Stage:
    """An outbox whose notices also go to a chat."""

    outbox: Outbox
    chat: FarChat
    post: HttpPost

    @property
    def channels(self) -> Channels:
        return Channels(self.outbox.database, self.post, self.outbox.telling, now, uuid4)

    def chatting(self) -> Delivery:
        outbox, telling = self.outbox, self.outbox.telling
        carrier = ChatCarrier(
            outbox.database, self.post, chat_body, telling, now, outbox.moment
        )
        return Delivery(
            outbox.database, carrier, bare_casework(telling, now), Bounces(telling, now, uuid4),
            Digests(DigestTerms(after=5), "https://shop.example", uuid4), now, uuid4,
            lambda: 1.0, PrometheusMetrics(), outbox.moment,
        )

    async def deliver(self) -> None:
        """Send all that is due, by mail and into chats."""
        await self.outbox.deliver()
        await self.outbox.deliver(self.chatting())

    async def told_in(self, channel: str) -> list[tuple[str, str]]:
        rows = await self.outbox.rows(
            "SELECT kind, state FROM notices WHERE channel = $1 ORDER BY created_at, n", channel)
        return [(row["kind"], row["state"]) for row in rows]

    async def everything_stored(self) -> str:
        """Return what any table holds but the one for addresses, as text."""
        tables = await self.outbox.rows(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = "
            "'public'::regnamespace AND relname <> 'chat_addresses' "
            "AND has_table_privilege(oid, 'SELECT')")
        held = []
        for row in tables:
            found = await self.outbox.rows(f"SELECT t::text AS line FROM {row['relname']} t")
            held += [one["line"] for one in found]
        return "\n".join(held)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with a_chat() as listening:
        yield listening


@pytest.fixture
async def stage(database: Any, port: int) -> AsyncIterator[Stage]:
    mailbox = Mailbox()
    outbox = Outbox(database, mailbox, mailbox.start())
    await outbox.put_people(OWEN, ROOT, MUTE, VERA)
    await database.run(lambda tx: tx.people.set_default_owner("owen"))
    post = HttpPost(AddressPolicy(frozenset({port}), allow_private=True))
    async with aiohttp.ClientSession() as session:
        yield Stage(outbox, FarChat(port, session), post)
    await post.close()
    mailbox.stop()


async def test_a_person_reads_in_slack_and_teams_what_comes_by_mail(stage: Stage) -> None:
    """Each notice once per channel, in order, with a link to the case; a vendor's by mail only.

    What is secret of an address stands in one place, and in no log.
    """
    outbox, name = stage.outbox, uuid4().hex
    slack, teams = stage.chat.slack(name), stage.chat.teams(name)
    await stage.channels.set_chat(OWEN, "slack", slack)
    await stage.channels.set_chat(OWEN, "teams", teams)
    case = await outbox.case("kettle")
    kinds = "statement_of_reasons", "frozen_confirmed", "released"
    await outbox.put(*(told(case, kind) for kind in kinds))
    await outbox.put(told(case, "released", "quality@acme.example"))
    with structlog.testing.capture_logs() as logs:
        await stage.deliver()

    kept = await stage.chat.kept(name)
    link = f"https://shop.example/v1/cases/{case.id}"
    assert 6 == len(kept)
    assert all(link in said(one) for one in kept)
    for flavour in ("blocks", "attachments"):
        seen = [said(one) for one in kept if flavour in one]
        words = "Sale stopped", "Stop confirmed", "On sale again"
        assert [True] * 3 == [word in text for word, text in zip(words, seen, strict=True)]
    assert [(kind, "sent") for kind in kinds] == await stage.told_in("slack")
    assert 3 == len(outbox.to("owen@"))
    for secret in (name, "hush-hush"):
        assert secret not in await stage.everything_stored()
        assert secret not in str(logs)
    assert name not in repr((await stage.channels.hearing(OWEN)).chats)


async def test_an_address_is_left_alone_for_as_long_as_it_asks(stage: Stage) -> None:
    """429 with Retry-After holds back all that is for it, in order, and nobody else."""
    outbox, busy, other = stage.outbox, uuid4().hex, uuid4().hex
    await stage.channels.set_chat(OWEN, "slack", stage.chat.slack(busy))
    await stage.channels.set_chat(OWEN, "teams", stage.chat.teams(other))
    await stage.chat.does(busy, 429, "rate_limited", times=1, **{"Retry-After": "90"})
    for sku in ("kettle", "pan"):
        await outbox.put(told(await outbox.case(sku), "released"))
    await stage.deliver()
    assert [None] == await stage.chat.kept(busy)
    assert 2 == len(await stage.chat.kept(other))

    outbox.ahead = timedelta(seconds=85)
    await stage.deliver()
    assert 1 == len(await stage.chat.kept(busy))
    outbox.ahead = timedelta(seconds=95)
    await stage.deliver()

    assert ["kettle", "pan"] == sorted(
        sku for one in (await stage.chat.kept(busy))[1:] for sku in ("kettle", "pan")
        if sku in said(one)
    )
    assert {"sent"} == {state for _, state in await stage.told_in("slack")}


@pytest.mark.parametrize(
    ("whose", "reader"), [(OWEN, "owen@"), (MUTE, "root@"), (Team("k", "Kitchen"), "root@")],
    ids=["a person's", "of one without mail", "a team's"],
)
async def test_an_address_that_is_no_more_is_switched_off(
    stage: Stage, whose: Person | Team, reader: str
) -> None:
    """404 `no_team`: nothing more goes there, its owner hears by mail, and the mail has it all."""
    outbox, gone = stage.outbox, uuid4().hex
    target = whose if isinstance(whose, Team) else whose.id
    address = await stage.channels.set_chat(ROOT, "slack", stage.chat.slack(gone), target)
    await stage.chat.does(gone, 404, "no_team")
    case, team = await outbox.case("kettle"), "" if isinstance(whose, Team) else None
    to = OWEN if isinstance(whose, Team) else whose
    await outbox.put(*(replace(told(case, kind, to), team=team,
                               state="queued" if to.email else "silent")
                       for kind in ("statement_of_reasons", "released")))
    await stage.deliver()
    await stage.deliver()

    assert [None] == await stage.chat.kept(gone)
    assert ["bounced", "bounced"] == [state for _, state in await stage.told_in("slack")]
    told_of_it = [one for one in outbox.to(reader) if "No more notices" in str(one["Subject"])]
    assert 1 == len(told_of_it)
    assert "answered 404 (no_team)" in body(told_of_it[0])
    assert gone not in body(told_of_it[0])
    [known] = [one for one in await stage.channels.addresses(ROOT) if one.id == address.id]
    assert ("disabled", "127.0.0.1:") == (known.state, known.why[:10])
    if whose is MUTE:  # nobody would have heard of it: the default owner stands in
        assert 2 == len(outbox.to("owen@"))
    with pytest.raises(GuardFailed, match="switched off"):
        await stage.channels.test(ROOT, address.id)

    await stage.channels.set_chat(ROOT, "slack", stage.chat.slack(uuid4().hex), target)
    assert "active" == (await stage.channels.addresses(ROOT))[0].state


async def test_what_goes_wrong_for_a_while_is_tried_again(stage: Stage) -> None:
    """5xx, an older workflow that fails inside its 200, a port where nobody listens."""
    outbox, ill, inside = stage.outbox, uuid4().hex, uuid4().hex
    await stage.channels.set_chat(OWEN, "slack", stage.chat.slack(ill))
    await stage.channels.set_chat(OWEN, "teams", stage.chat.teams(inside))
    await stage.chat.does(ill, 500, "rollup_error", times=1)
    await stage.chat.does(
        inside, 200, "Webhook message delivery failed with error: HTTP error 429", times=1)
    await outbox.put(told(await outbox.case("kettle"), "released"))
    await stage.deliver()
    assert [("released", "queued")] * 2 == [
        *await stage.told_in("slack"), *await stage.told_in("teams")]
    outbox.ahead = timedelta(seconds=12)
    await stage.deliver()

    assert [("released", "sent")] * 2 == [
        *await stage.told_in("slack"), *await stage.told_in("teams")]
    assert [2, 2] == [len(await stage.chat.kept(one)) for one in (ill, inside)]


async def test_a_storm_is_few_messages_in_the_chat_too(stage: Stage) -> None:
    """Twenty at once: five and a digest with the other links; safety by itself at once."""
    outbox, name = stage.outbox, uuid4().hex
    await stage.channels.set_chat(OWEN, "slack", stage.chat.slack(name))
    cases = [await outbox.case(f"sku-{place}") for place in range(20)]
    await outbox.put(*(told(one, "frozen_confirmed") for one in cases))
    await outbox.put(told(cases[0], "degraded", facts={"lane": "safety"}))
    await stage.deliver()
    assert 6 == len(await stage.chat.kept(name))
    outbox.ahead = FIVE
    await stage.deliver()

    *_, digest = await stage.chat.kept(name)
    assert 7 == len(await stage.chat.kept(name))
    assert "15 notices of" in digest["text"]
    assert all(f"/cases/{one.id}|" in said(digest) for one in cases[5:])
    assert {"sent"} == {state for _, state in await stage.told_in("slack")}


async def test_quiet_hours_hold_back_mail_and_chat(stage: Stage) -> None:
    """What can wait comes when they are over: one message each; safety comes at once."""
    outbox, name = stage.outbox, uuid4().hex
    await stage.channels.set_chat(OWEN, "slack", stage.chat.slack(name))
    local = (now() - timedelta(minutes=1)).astimezone(ZoneInfo(OWEN.time_zone))
    begins = local.hour * 60 + local.minute
    hours = QuietHours(begins, (begins + 120) % 1440)
    await stage.channels.set_quiet_hours(OWEN, hours)
    calm, hot = await outbox.case("calm"), await outbox.case("hot")
    await outbox.put(
        told(calm, "statement_of_reasons"), told(calm, "frozen_confirmed"),
        told(hot, "statement_of_reasons", facts={"lane": "safety"}),
    )
    await stage.deliver()
    assert (1, 1) == (len(outbox.to("owen@")), len(await stage.chat.kept(name)))
    outbox.ahead = timedelta(hours=1)
    await stage.deliver()
    assert (1, 1) == (len(outbox.to("owen@")), len(await stage.chat.kept(name)))
    outbox.ahead = timedelta(hours=2)
    await stage.deliver()

    assert (2, 2) == (len(outbox.to("owen@")), len(await stage.chat.kept(name)))
    assert "2 notices of" in str(outbox.to("owen@")[1]["Subject"])
    await stage.channels.set_quiet_hours(OWEN, None)
    assert (await stage.channels.hearing(OWEN)).quiet is None


async def test_a_team_reads_of_its_own_cases(stage: Stage) -> None:
    """In its language and by its name, once for each notice; a team of other areas reads none."""
    outbox, kitchen, garden = stage.outbox, uuid4().hex, uuid4().hex
    team = Team("kitchen", "Küche", ("kitchen",), "de", "Europe/Berlin")
    await stage.channels.set_chat(ROOT, "teams", stage.chat.teams(kitchen), team)
    await stage.channels.set_chat(
        ROOT, "slack", stage.chat.slack(garden), Team("garden", "Garden", ("garden",)))
    case = await outbox.case("kettle")
    await outbox.put(replace(told(case, "released"), team="kitchen"), told(case, "released", ROOT))
    await stage.deliver()

    [message] = await stage.chat.kept(kitchen)
    assert "Wieder im Verkauf" in said(message)
    assert [] == await stage.chat.kept(garden)


async def test_who_may_set_what(stage: Stage) -> None:
    """Staff their own, admins everybody's; no vendor; nowhere that no socket may go to."""
    channels, url = stage.channels, stage.chat.slack("mine")
    own = await channels.set_chat(OWEN, "slack", url)
    refused: list[tuple[type[Exception], Callable[[], Any]]] = [
        (NotAllowed, lambda: channels.set_chat(OWEN, "slack", url, "root")),
        (NotAllowed, lambda: channels.set_chat(OWEN, "slack", url, Team("t", "T"))),
        (NotAllowed, lambda: channels.set_chat(VERA, "slack", url)),
        (NotAllowed, lambda: channels.hearing(VERA)),
        (NotAllowed, lambda: channels.remove_chat(OWEN, own.id)),
        (NotFound, lambda: channels.set_chat(ROOT, "slack", url, "vera")),
        (NotFound, lambda: channels.remove_chat(OWEN, "teams")),
        (NotFound, lambda: channels.test(ROOT, uuid4())),
        (GuardFailed, lambda: channels.test(MUTE, None)),
        (InvalidInput, lambda: channels.set_chat(OWEN, "slack", "https://169.254.1.1/x")),
        (InvalidInput, lambda: channels.set_chat(OWEN, "slack", "https://a:b@example.com/")),
        (InvalidInput, lambda: channels.set_chat(OWEN, "slack", "ftp://example.com/")),
        (InvalidInput, lambda: channels.set_quiet_hours(OWEN, QuietHours(60, 60))),
    ]
    for expected, attempt in refused:
        with pytest.raises(expected):
            await attempt()

    await channels.remove_chat(OWEN, "slack")
    [row] = await stage.outbox.rows("SELECT url FROM chat_addresses WHERE id = $1", own.id)
    assert "" == row["url"]
    record = await stage.outbox.rows("SELECT action FROM audit WHERE subject = 'person:owen'")
    assert ["set_chat", "remove_chat"] == [one["action"] for one in record]


async def test_a_test_says_whether_it_arrives(stage: Stage) -> None:
    """To one's mailbox or chat, at once, also in quiet hours; what came of it is listed."""
    name = uuid4().hex
    await stage.channels.set_chat(OWEN, "teams", stage.chat.teams(name))
    await stage.channels.set_quiet_hours(OWEN, QuietHours(0, 1439))
    sent: list[UUID] = [await stage.channels.test(OWEN, "teams"),
                        await stage.channels.test(OWEN, None)]
    await stage.deliver()

    latest = await stage.channels.latest(OWEN)
    assert {*sent} == {one.id for one in latest}
    assert {("teams", "sent"), ("mail", "sent")} == {(one.channel, one.state) for one in latest}
    assert "A test: notices reach Microsoft Teams" in said((await stage.chat.kept(name))[0])
    assert 1 == len(stage.outbox.to("owen@"))

