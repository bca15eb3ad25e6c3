"""Erasing a person leaves no trace of them, and everybody else as they were."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from freezeguard.domain.likeness import each_mark
from freezeguard.domain.people import Person, Role
from freezeguard.ports.storage import Transaction
from freezeguard.services.records.subjects import Asked, Subjects
from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from freezeguard.storage.journal import FileJournal
from freezeguard.storage.subjects import PLACES
from tests.privacy.conftest import (
    ALIKE,
    AWAITING,
    FROZEN,
    ORDER,
    REFERENCE,
    SHORT,
    TEXT,
    UNFROZEN,
    Traced,
    send,
    sql,
)
from tests.privacy.leftovers import leftovers, rows_of_all_tables
from tests.rig import PEOPLE
from tests.storage.makers import NOW, put_people, signal, store

T = TypeVar("T")


def where(found: set[tuple[str, str, str]]) -> set[str]:
    """Return the columns in which something was found, partitions by their table."""
    return {f"{table.partition('_20')[0]}.{column}" for table, column, _ in found}


async def test_nothing_is_left_of_an_erased_person(
    traced: Traced, dsns: OwnerAndRuntimeDsns
) -> None:
    """Reference, hash, texts and orders stand in no column of any table, the record included.

    They did before, in every place that this test means to look at. The record tells who did it
    and why, and not to whom.
    """
    before = where(await leftovers(dsns.owner, traced.needles))
    assert {
        "signals.customer", "signal_texts.text", "signal_texts.order_ref", "signal_texts.extra",
        "rejected_signals.body", "notices.facts", "cases.reason", "cases.known_evidence",
        "case_events.arguments", "suppressions.cause", "idempotency_keys.body",
    } == before

    erased = await traced.erase()

    assert set() == await leftovers(dsns.owner, traced.needles)
    assert {"signals", "rejected_signals", "notices", "cases", "case_events", "suppressions",
            "idempotency_keys", "signal_texts"} == {name for name, n in erased.items() if n}
    lines = await sql(
        dsns, "SELECT actor, action, why FROM audit WHERE subject = $1 ORDER BY seq",
        f"subject:{traced.hash.hex()[:8]}",
    )
    assert [
        ("person:cora", "erase_subject", "Letter of [erased]."),
        ("person:cora", "subject_erased", "Letter of [erased]."),
    ] == [tuple(one) for one in lines]


async def test_the_freeze_is_still_explained_and_recomputed(
    traced: Traced, dsns: OwnerAndRuntimeDsns
) -> None:
    """Counts, distinct customers, the reason and its recomputation are what they were.

    Of the customers who are new to an approval none is lost: a pseudonym stands for the hash.
    """
    rig = traced.rig
    before, reasons = await rig.case(traced.frozen["id"]), await traced.recomputed()
    counted = "SELECT count(DISTINCT customer), count(*) FROM signals WHERE sku = $1"
    news = "SELECT known_evidence -> 'new_customers' AS new FROM cases WHERE sku = $1"
    counts, (new,) = await sql(dsns, counted, FROZEN), await sql(dsns, news, AWAITING)
    await traced.erase()
    after, (still_new,) = await rig.case(traced.frozen["id"]), await sql(dsns, news, AWAITING)
    (pseudonym,) = await sql(
        dsns, "SELECT customer FROM signals WHERE sku = $1 AND octet_length(customer) = 17",
        AWAITING,
    )

    assert reasons == await traced.recomputed()
    assert before["reason"] == after["reason"]
    assert counts == await sql(dsns, counted, FROZEN)
    assert before["evidence"]["customers"] == after["evidence"]["customers"]
    assert [traced.hash.hex()] == json.loads(new["new"])
    assert [pseudonym["customer"].hex()] == json.loads(still_new["new"])


async def test_others_are_untouched(traced: Traced, dsns: OwnerAndRuntimeDsns) -> None:
    """Somebody whose reference only begins alike, or whose complaint reads the same, keeps it all.

    A mention of the person goes.
    """

    async def of_others() -> list[Any]:
        texts = await sql(
            dsns,
            "SELECT source, id, text, order_ref, extra, customer FROM signals "
            "LEFT JOIN signal_texts USING (source, id) "
            "WHERE customer IS DISTINCT FROM $1 AND octet_length(customer) = 16 "
            "AND text NOT LIKE '%neighbour%' ORDER BY id",
            traced.hash,
        )
        refused = await sql(
            dsns, "SELECT body FROM rejected_signals WHERE body LIKE '%others%' ORDER BY id"
        )
        return [texts, refused]

    before = await of_others()
    await traced.erase()
    said = await sql(dsns, "SELECT text FROM signal_texts WHERE text LIKE '%neighbour%'")

    assert before == await of_others()
    kept = {one["text"] for one in before[0]}
    assert {"I am somebody else altogether.", ALIKE} <= kept
    assert ["My neighbour [erased] has the same."] == [one["text"] for one in said]


async def test_an_export_holds_all_that_would_be_erased(
    traced: Traced, dsns: OwnerAndRuntimeDsns
) -> None:
    """Every place that an erasure changes is in the export made before, and none afterwards.

    The export itself is not kept for a repeat of the request.
    """
    key, body = {"Idempotency-Key": "export-1"}, {"reference": REFERENCE}
    answers = [
        await traced.rig.call("POST", "/v1/subjects/export", "cora", json=body, headers=key)
        for _ in range(2)
    ]
    (kept,) = await sql(
        dsns, "SELECT convert_from(body, 'UTF8') AS body FROM idempotency_keys "
        "WHERE key = 'export-1'"
    )
    held = {one["place"]: one["items"] for one in answers[0].body["places"]}
    erased = await traced.erase()
    left = await traced.export()

    own = held["signals"]
    assert {TEXT, SHORT} <= {one["text"] for one in own}
    assert {"No name, but the order."} <= {one["text"] for one in own}
    assert {traced.hash.hex(), None} == {one["customer"] for one in own}
    assert not [one for one in own if one["text"] and "somebody else" in one["text"]]
    assert {name for name, number in erased.items() if number} == {
        name for name, items in held.items() if items
    }
    assert {name: [] for name in left} == left
    assert (None, []) == (
        answers[1].body["places"], [one for one in (REFERENCE, TEXT) if one in kept["body"]]
    )


async def test_by_order_the_same_person_is_found(
    traced: Traced, dsns: OwnerAndRuntimeDsns
) -> None:
    """An order leads to whoever placed it: to all their signals, whatever the order of those."""
    await traced.erase(ORDER, kind="order")

    found = await leftovers(
        dsns.owner, [ORDER, *traced.needles[4:6], "handle broke off", SHORT]
    )
    assert set() == found


async def test_an_order_of_several_customers_names_nobody(traced: Traced) -> None:
    """An order reference that many share ("none") is refused, and shields nobody's own data."""
    rig = traced.rig
    await send(rig, UNFROZEN, "fourth", order="none", text="Mine is broken.")
    await send(rig, UNFROZEN, REFERENCE, order="none", text="Mine is broken as well.")
    body = {"reference": "none", "kind": "order", "reason": "x"}
    refused = await rig.call("POST", "/v1/subjects/erase", "cora", json=body)
    await traced.erase()
    theirs = await traced.export("fourth")

    assert (422, "/reference") == (refused.status, refused.body["errors"][0]["pointer"])
    assert ["none"] == [one["order_ref"] for one in theirs["signals"]]


async def test_the_record_holds_no_words_of_people(
    traced: Traced, dsns: OwnerAndRuntimeDsns
) -> None:
    """What people write into commands stands in the history of the case and not in the record.

    The record can't be erased, so what it says of a case is ours. Nobody but compliance reads or
    erases a person, neither an admin nor an owner.
    """
    rows = await rows_of_all_tables(dsns.owner)
    of_cases = [one for one in rows["audit"] if one["subject"].startswith("case:")]
    whys = {one["why"] for one in of_cases}

    assert set() == {one for one in whys if REFERENCE in one or "handle" in one}
    assert "in the history of the case" in whys
    assert any("customers" in one for one in whys), "the detector's reason is ours"
    assert REFERENCE not in str(rows["audit"])
    assert {403} == {
        (await traced.rig.call("POST", f"/v1/subjects/{what}", who, json=body)).status
        for who in ("owen", "root", "audi", "quin", "vera", "source")
        for what, body in (("export", {"reference": REFERENCE}),
                           ("erase", {"reference": REFERENCE, "reason": "x"}))
    }


async def test_a_repeat_of_an_erased_signal_is_a_duplicate(traced: Traced) -> None:
    """The identity stays: what a source sends again neither counts nor is kept as a conflict."""
    rig = traced.rig
    sent = rig.complaint(UNFROZEN, REFERENCE, text=TEXT)
    first = await rig.call("POST", "/v1/signals", "source", json=sent)
    await traced.erase()
    again = await rig.call("POST", "/v1/signals", "source", json=sent)
    refused = (await rig.call("GET", "/v1/signals/rejected", "source")).body["items"]

    assert (1, 1) == (first.body["accepted"], again.body["duplicates"])
    assert ["", "", ""] == [one["body"] for one in refused if "others" not in one["body"]]


async def test_signals_of_the_moment_and_a_second_erasure(
    traced: Traced, dsns: OwnerAndRuntimeDsns
) -> None:
    """Two erasures at once, with complaints arriving: each signal is whole or erased.

    A further erasure then leaves nothing.
    """
    rig = traced.rig

    async def complain() -> None:
        for n in range(20):
            await send(rig, UNFROZEN, REFERENCE, text=f"{TEXT} ({n})", order=ORDER)

    await asyncio.gather(traced.erase(), complain(), traced.erase())
    halves = await sql(
        dsns,
        "SELECT FROM signals JOIN signal_texts USING (source, id) "
        "WHERE signals.sku = $1 AND (customer = $2) <> (text IS NOT NULL) "
        "AND (customer = $2 OR octet_length(customer) = 17)",
        UNFROZEN, traced.hash,
    )  # fmt: skip
    await traced.erase()

    assert [] == halves
    assert set() == await leftovers(dsns.owner, traced.needles)
    assert 0 == sum((await traced.erase()).values())


@pytest.mark.parametrize("by", ["customer", "order"])
async def test_where_a_person_complained_from_is_forgotten(
    traced: Traced, dsns: OwnerAndRuntimeDsns, by: str
) -> None:
    """Hashes of device and address go; that a text was like others stays, and says nothing of it.

    By the order too, where the signal names no customer.
    """
    rig = traced.rig
    sent = rig.complaint(
        UNFROZEN, REFERENCE, order=ORDER, device="phone-1", address="Elm Street 1",
        text="One word after the other, until there are enough of them here.",
    )
    if by == "order":
        del sent["customer"]
    answer = await rig.call("POST", "/v1/signals", "source", json=sent)
    assert answer.status == 202, answer.body
    read = "SELECT marks FROM signals WHERE source = $1 AND id = $2"
    [(before,)] = await sql(dsns, read, sent["source"], sent["id"])

    await (traced.erase(ORDER, kind="order") if by == "order" else traced.erase())

    [(after,)] = await sql(dsns, read, sent["source"], sent["id"])
    kinds = [bytes(one[:1]) for one in each_mark(before)]
    assert [b"t", b"d", b"a"] == kinds
    assert before[:8] == after


class Killed(Exception):
    """Stands for the end of the process."""


class Mortal:
    """A database whose process dies before its n-th transaction."""

    def __init__(self, database: PostgresDatabase, lives: int) -> None:
        self._database, self._lives = database, lives

    async def run(
        self, work: Callable[[Transaction], Awaitable[T]], *, deadline: float = 5.0,
        urgent: bool = False,
    ) -> T:
        """Run work, or die."""
        if not self._lives:
            raise Killed
        self._lives -= 1
        return await self._database.run(work, deadline=deadline, urgent=urgent)


CORA = Person("cora", "Cora", frozenset({Role.COMPLIANCE}))


@pytest.mark.parametrize("kind", ["customer", "order"])
async def test_killed_anywhere_the_next_erasure_ends_it(
    database: PostgresDatabase, dsns: OwnerAndRuntimeDsns, tmp_path: Path, kind: Any
) -> None:
    """Before whichever of its transactions an erasure is killed, a second one leaves nothing."""
    await put_people(database, PEOPLE["cora"])
    journal = FileJournal(tmp_path / "journal.ndjson")
    lives, died = 0, True
    while died:
        lives += 1
        reference, order = f"person-{lives:03}", f"order-{lives:03}"
        customer = f"{lives:016}".encode()
        text = f"Complaint {lives:03}, with words enough to be known again."
        own = {"customer": customer, "text": text}
        await store(
            database, signal("a", **own, order=order), signal("b", **own), signal("c", **own)
        )
        asked = Asked(order if kind == "order" else reference, kind)

        def subjects(database: Any, customer: bytes = customer) -> Subjects:
            return Subjects(database, PLACES, journal, lambda _: customer, lambda: NOW)

        try:
            await subjects(Mortal(database, lives)).erase(asked, "a request", CORA)
            died = False
        except Killed:
            await subjects(database).erase(asked, "a request", CORA)
        traces = [customer.hex(), text, order]
        assert set() == await leftovers(dsns.owner, traces), f"killed after {lives}"
    assert lives > len(PLACES)


async def test_the_journal_on_disk_is_cleaned_too(
    database: PostgresDatabase, tmp_path: Path
) -> None:
    """Lines that wait on this machine for the database lose the person, and only that."""
    await put_people(database, PEOPLE["cora"])
    path = tmp_path / "journal.ndjson"
    journal = FileJournal(path)
    await journal.append({"what": "freeze", "sku": "a", "comment": "kunde/4711 called"})
    await journal.append({"what": "freeze", "sku": "b", "comment": "kunde/4712 called"})
    subjects = Subjects(database, PLACES, journal, lambda _: b"x" * 16, lambda: NOW)
    held = await subjects.export(Asked("kunde/4711"), CORA)
    await subjects.erase(Asked("kunde/4711"), "a request", CORA)

    assert [1] == [len(one.items) for one in held.places if one.place.name == "journal"]
    assert ["[erased] called", "kunde/4712 called"] == sorted(
        str(one["comment"]) for one in await journal.lines()
    )
    assert "kunde/4711" not in path.read_text()
