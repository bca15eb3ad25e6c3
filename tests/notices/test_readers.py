"""Whom a notice goes to: contacts of the vendor, people by their role, deputies."""

from typing import Any, get_args

import pytest

from freezeguard.domain.effects import FOR_COMPLIANCE, Notify, Reader
from freezeguard.domain.people import Person, Role
from freezeguard.notices.wording import _words, languages
from freezeguard.ports.storage import Transaction
from freezeguard.services.telling.telling import NEXT_STEPS
from tests.notices.outbox import DORA, OWEN, Outbox, body
from tests.storage.makers import NOW

PEOPLE = (
    DORA,
    Person("gabe", "Gabe", frozenset({Role.MANAGER}), "gabe@shop.example",
           areas=frozenset({"garden"})),
    Person("cora", "Cora", frozenset({Role.COMPLIANCE}), "cora@shop.example"),
    Person("root", "Root", frozenset({Role.ADMIN}), "root@shop.example"),
    Person("ali", "Ali", frozenset({Role.ASSOCIATE}), "ali@shop.example", language="de"),
)
FACTS: dict[str, Any] = {
    "due": "2026-12-01T09:00:00+00:00", "clock": "judge", "person": "ali", "decided_by": ["owen"],
}


async def recipients(outbox: Outbox, reader: Reader, **more: Any) -> list[tuple[str, str | None]]:
    """Tell one kind to a reader; return the recipients with their addresses."""
    case = await outbox.case("kettle", category="kitchen")

    async def work(tx: Transaction) -> list[tuple[str, str | None]]:
        notify = Notify("clock_warning", reader, {**FACTS, **more})
        await outbox.telling.tell(tx, case, notify, NOW)
        found = await tx.notices.of_case(case.id)
        return [(one.recipient, one.address) for one in found]

    return await outbox.database.run(work)


@pytest.mark.parametrize(
    ("reader", "expected"),
    [
        ("vendor", [("vendor:acme", "a@acme.example")]),
        ("vendor_second", [("vendor:acme/second", "b@acme.example")]),
        ("vendor_superior", [("vendor:acme/superior", "boss@acme.example")]),
        ("owner", [("person:owen", OWEN.email)]),
        ("deputy", [("person:dora", DORA.email)]),
        ("managers", [("person:dora", DORA.email), ("person:owen", OWEN.email)]),
        ("reviewers", [("person:dora", DORA.email)]),
        ("compliance", [("person:cora", "cora@shop.example")]),
        ("admins", [("person:root", "root@shop.example")]),
        ("person", [("person:ali", "ali@shop.example")]),
    ],
)
async def test_each_reader(outbox: Outbox, reader: Reader, expected: list[Any]) -> None:
    """Every reader is somebody, in the order of contacts, and of the case's own category."""
    await outbox.put_people(*PEOPLE)
    await outbox.put_vendor("a@acme.example", "b@acme.example", superior="boss@acme.example")
    await outbox.execute("UPDATE people SET deputy = 'dora' WHERE id = 'owen'")

    assert expected == await recipients(outbox, reader)


@pytest.mark.parametrize(
    ("reader", "expected"),
    [
        ("vendor_second", []),
        ("vendor_superior", []),
        ("compliance", [("person:owen", OWEN.email)]),
        ("admins", [("person:owen", OWEN.email)]),
        ("person", []),
        ("deputy", []),
    ],
)
async def test_who_hears_where_there_is_nobody(
    outbox: Outbox, reader: Reader, expected: list[Any]
) -> None:
    """A role that nobody has falls to the default owner; a contact that is not there, to nobody."""
    await outbox.put_vendor("a@acme.example")

    assert expected == await recipients(outbox, reader)


def test_every_reader_is_known() -> None:
    """The effects name no reader that nothing is told to."""
    named = {"vendor", "vendor_second", "vendor_superior", "owner", "deputy", "approvers",
             "pullers", "everyone_told", "managers", "reviewers", "compliance", "admins", "person"}

    assert named == set(get_args(Reader))


async def test_a_notice_comes_in_its_readers_language(outbox: Outbox) -> None:
    """A person who reads German gets German, with the address for answers to the case."""
    await outbox.put_people(*PEOPLE)
    case = await outbox.case("kettle")
    notify = Notify("clock_warning", "person", FACTS)
    await outbox.database.run(lambda tx: outbox.telling.tell(tx, case, notify, NOW))
    await outbox.deliver()

    [mail] = outbox.mailbox.messages
    assert "eine Frist fast abgelaufen" in body(mail)
    assert f"Quality <quality+{case.number}@shop.example>" == str(mail["Reply-To"]).replace('"', "")
    assert f"(quality+{case.number}@shop.example)" in body(mail)


async def test_an_owner_of_compliance_is_told_once(outbox: Outbox) -> None:
    """Who gets the words as the owner does not get them for compliance as well."""
    await outbox.put_people(
        Person("owen", "Owen", frozenset({Role.COMPLIANCE}), OWEN.email), PEOPLE[2]
    )
    case = await outbox.case("kettle", lane="safety")

    async def work(tx: Transaction) -> list[tuple[str, list[Any]]]:
        notify = Notify("statement_of_reasons", "compliance", FOR_COMPLIANCE)
        await outbox.telling.tell(tx, case, notify, NOW)
        found = await tx.notices.of_case(case.id)
        return [(one.recipient, [step["step"] for step in one.facts["steps"]]) for one in found]

    assert [("person:cora", ["confirm_stop"])] == await outbox.database.run(work)
    await outbox.deliver()
    [mail] = outbox.mailbox.messages
    assert "You get this for compliance." in body(mail)


def test_every_step_has_words_and_every_word_a_step() -> None:
    """What a notice asks for is told in every language, and no step is kept that none asks for."""
    steps = {step for them in NEXT_STEPS.values() for step, _ in them}

    for language in languages():
        assert steps == set(_words(language)["step"])


async def test_an_order_asks_for_no_remedy(outbox: Outbox) -> None:
    """No remedy lifts what an authority has ordered, so the vendor is not asked for one."""
    await outbox.put_vendor("a@acme.example")
    case = await outbox.case("kettle", lane="authority")

    async def work(tx: Transaction) -> list[list[str]]:
        await outbox.telling.tell(tx, case, Notify("statement_of_reasons", "vendor"), NOW)
        found = await tx.notices.of_case(case.id)
        return [[step["step"] for step in one.facts["steps"]] for one in found]

    assert [["confirm_stop"]] == await outbox.database.run(work)
