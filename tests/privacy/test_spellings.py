"""A person is found in whatever spelling, whoever wrote it; others who are only alike are not."""

import json
from pathlib import Path
from unicodedata import normalize

import pytest

from freezeguard.domain.people import Person
from freezeguard.services.masterdata.access import hash_customer, hash_spelling
from freezeguard.services.records.subjects import Asked, Subjects
from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from freezeguard.storage.journal import FileJournal
from freezeguard.storage.subjects import PLACES
from tests.privacy.conftest import FROZEN, PULLED, SOURCE, UNFROZEN, Traced, send, sql
from tests.privacy.leftovers import hashes, in_any_spelling, leftovers
from tests.rig import PEOPLE, Rig
from tests.storage.makers import NOW, put_people, signal, store

REFERENCE, ORDER = "Kunde/Jörg.Groß", "Auftrag-Ä55512"
TEXT = "Der Griff wurde heiß, und meine Hände sind verbrüht."
KEY = b"a key of a shop"
APART = normalize("NFD", REFERENCE)
SPELLINGS = (
    REFERENCE, APART, REFERENCE.upper(), APART.lower(), "KUNDE/JÖRG.Gross",
    normalize("NFD", "kunde/JÖRG.groß"),
)
NEEDLES = (REFERENCE, "jörg.groß", ORDER, TEXT, "verbrüht")


@pytest.fixture
async def spelled(rig: Rig) -> Traced:
    """Leave one person in every spelling: in signals, refusals, comments, notices and answers."""
    await rig.complain(FROZEN, 3)
    await send(rig, FROZEN, REFERENCE, text=TEXT, order=ORDER, note=f"von {APART}")
    await send(rig, FROZEN, REFERENCE.upper(), text=f"{ORDER.lower()}: noch einmal")
    await rig.complain(FROZEN, 2)
    frozen = await rig.in_state(FROZEN, "frozen")
    await send(rig, UNFROZEN, APART.lower(), text=TEXT)
    await send(rig, UNFROZEN, None, order=normalize("NFD", ORDER.upper()), text="Ohne Namen.")
    for n, one in enumerate(SPELLINGS):
        await send(rig, UNFROZEN, f"third-{n}", text=f"Mein Nachbar {one} sagt das auch.")
        broken = {"source": SOURCE, "customer": one, "order": "x"}
        for body in (json.dumps(broken), json.dumps(broken, ensure_ascii=False)[:-8]):
            await rig.call("POST", "/v1/signals", "source", data=body.encode(),
                           headers={"Content-Type": "application/json"})
    pull = {"scope": {"sku": PULLED}, "reason_code": "defective",
            "comment": f"{APART} rief an wegen {ORDER.upper()}: {normalize('NFD', TEXT.upper())}"}
    pulled = await rig.call("POST", "/v1/freezes", "mara", json=pull,
                            headers={"Idempotency-Key": "pull-1"})
    assert pulled.status == 201, pulled.body
    case = await rig.in_state(PULLED, "frozen")
    for one in SPELLINGS:
        await rig.done(case, "comment", "bert", comment=f"{one} hat angerufen.")
    return Traced(rig, frozen)


@pytest.mark.parametrize("asked", [REFERENCE, normalize("NFD", REFERENCE.upper())])
async def test_nothing_is_left_in_any_spelling(
    spelled: Traced, dsns: OwnerAndRuntimeDsns, asked: str
) -> None:
    """Whatever the spelling that is asked for: tables, outbox and what was refused hold no other.

    The export made before named all that was erased; one made afterwards names nothing.
    """
    needles = [*NEEDLES, *hashes(spelled.hash_of(REFERENCE))]
    before = {f"{table.partition('_20')[0]}.{column}"
              for table, column, _ in await leftovers(dsns.owner, needles, in_any_spelling)}
    held = await spelled.export(asked)
    erased = await spelled.erase(asked)
    after = [await spelled.export(one) for one in SPELLINGS]

    assert {
        "signals.customer", "signal_texts.text", "signal_texts.order_ref", "signal_texts.extra",
        "rejected_signals.body", "notices.facts", "cases.reason", "case_events.arguments",
        "idempotency_keys.body",
    } <= before
    assert set() == await leftovers(dsns.owner, needles, in_any_spelling)
    assert {name for name, items in held.items() if items} == {
        name for name, rows in erased.items() if rows
    }
    assert [0] * len(SPELLINGS) == [sum(map(len, one.values())) for one in after]


async def test_by_any_spelling_of_an_order(spelled: Traced, dsns: OwnerAndRuntimeDsns) -> None:
    """An order leads to whoever placed it in any spelling; a later spelling is the same person."""
    await spelled.erase(ORDER.upper(), kind="order")

    left = await leftovers(
        dsns.owner, [ORDER, TEXT, *hashes(spelled.hash_of(REFERENCE))], in_any_spelling
    )
    assert set() == left


async def test_whoever_is_only_alike_keeps_it_all(rig: Rig) -> None:
    """Jose is not José, and no part of a longer name; nor does ue stand for ü."""
    alike = ("José-4711", "jose-4711-b", "xJose-4711", "Jôse-4711")
    for one in alike:
        await send(rig, UNFROZEN, one, text=f"Here is {one}.")
    traced = Traced(rig, {})
    await traced.erase("JOSE-4711")
    kept = [await traced.export(one) for one in alike]

    assert [1] * len(alike) == [len(one["signals"]) for one in kept]


async def test_two_spellings_are_one_customer(rig: Rig, dsns: OwnerAndRuntimeDsns) -> None:
    """Who is spelled otherwise by another desk is counted once."""
    for one in SPELLINGS:
        await send(rig, UNFROZEN, one, text="It broke.")

    [row] = await sql(
        dsns, "SELECT count(DISTINCT customer) AS one FROM signals WHERE sku = $1", UNFROZEN
    )
    assert row["one"] == 1


@pytest.mark.parametrize("asked", [REFERENCE, REFERENCE.lower(), APART])
async def test_hashes_of_earlier_versions_are_found(
    database: PostgresDatabase, dsns: OwnerAndRuntimeDsns, tmp_path: Path, asked: str
) -> None:
    """Earlier versions hashed a reference as it was given: the usual spellings are all found.

    Who was counted as two stays two: each freeze is recomputed with the same answer.
    """
    old = [hash_spelling(KEY, one) for one in (asked, REFERENCE.upper(), APART.lower())]
    new, other = hash_customer(KEY, REFERENCE), hash_customer(KEY, "somebody")
    for n, one in enumerate((*old, new, other)):
        await store(database, signal("a", str(n), customer=one, text=f"{TEXT} {n}"))
    await _subjects(database, tmp_path).erase(Asked(asked), "A letter.", await _cora(database))

    found = [trace for one in (*old, new) for trace in hashes(one)]
    assert set() == await leftovers(dsns.owner, found)
    counted = await sql(dsns, "SELECT count(DISTINCT customer) AS n FROM signals")
    assert len({*old, new, other}) == counted[0]["n"]
    assert [1] == [row["n"] for row in await sql(
        dsns, "SELECT count(*) AS n FROM signals WHERE customer = $1", other)]


async def test_the_answer_says_where_nobody_looked(
    database: PostgresDatabase, tmp_path: Path
) -> None:
    """What was looked for, what was found where, files and the record: export and erasure say it.

    A short reference, short complaints and an order alone leave gaps of their own, which are named.
    """
    customer = hash_customer(KEY, "k7")
    await store(database, signal("a", "1", customer=customer, text="It broke.", order="B-100"))
    subjects, cora = _subjects(database, tmp_path), await _cora(database)
    by_order = await subjects.export(Asked("b-100", "order"), cora)
    export = await subjects.export(Asked("K7"), cora)
    erased = await subjects.erase(Asked("K7"), "A letter.", cora)

    assert export.search == erased.search
    assert ["Signals under the keyed hash of 1 spelling", "The reference of the customer",
            "Orders that are theirs alone", "Complaints of theirs"] == [
        said.split(",")[0] for said in export.search.looked_for]
    gaps = " ".join(export.search.not_searched)
    for words in ("The reference within texts", "Complaints of fewer than 20", "files on cases",
                  "(audit)", "earlier versions", "Mails that were sent", "backups"):
        assert words in gaps
    assert "Mentions of the customer" in " ".join(by_order.search.not_searched)
    assert "Signals under whoever placed the order" in by_order.search.looked_for[0]
    assert {one.place.name for one in export.places} == set(erased.rows)
    assert {"signals": 1} == {name: n for name, n in erased.rows.items() if n}


ODD = ("100%", "a_b_", "back\\slash\\", 'quo"te"', "it's'", "😀😀😀😀", "İİİİ", "ẞßſK", "豈豈豈豈",
       "ŉŉŉŉ", "%%%%", "\\\\\\\\", "{$1}", "a\u0308\u0323b1", "ﬁﬂﬃ4", "Yıldız İşi")


@pytest.mark.parametrize("reference", ODD)
async def test_whatever_a_reference_is_made_of(
    database: PostgresDatabase, dsns: OwnerAndRuntimeDsns, tmp_path: Path, reference: str
) -> None:
    """No sign of a reference means anything to the search: it finds the person and nobody else."""
    customer = hash_customer(KEY, reference)
    others = "Nobody is named: 100 a-b- back slash \\ % _ ' \" 😁."
    mention = f"They call me {reference.upper()}, on the phone."
    await store(
        database, signal("a", "1", customer=customer, order=reference, text="Broken.", extra={
            "note": reference, reference: 1}),
        signal("a", "2", text=mention), signal("a", "3", text=others),
    )
    export = await _subjects(database, tmp_path).export(Asked(reference), await _cora(database))
    by_order = await _subjects(database, tmp_path).export(
        Asked(reference.swapcase(), "order"), PEOPLE["cora"])
    await _subjects(database, tmp_path).erase(Asked(reference), "A letter.", PEOPLE["cora"])
    left = await sql(dsns, "SELECT id, text, extra FROM signal_texts ORDER BY id")

    found = {one.place.name: len(one.items) for one in export.places if one.items}
    assert {"signals": 1, "signal_texts": 3} == found
    assert [1] == [len(one.items) for one in by_order.places if one.place.name == "signals"]
    assert [("1", None, None), ("2", "They call me [erased], on the phone.", None),
            ("3", others, None)] == [tuple(one) for one in left]


def _subjects(database: PostgresDatabase, folder: Path) -> Subjects:
    def hashed(spelling: str) -> bytes:
        return hash_spelling(KEY, spelling)

    journal = FileJournal(folder / "journal.ndjson")
    return Subjects(database, PLACES, journal, hashed, lambda: NOW)


async def _cora(database: PostgresDatabase) -> Person:
    await put_people(database, PEOPLE["cora"])
    return PEOPLE["cora"]


OWN = {"customer": "Kunde-Ö4711", "order": "ORD-2026-55"}


async def test_a_complaint_does_not_name_who_made_it(rig: Rig, dsns: OwnerAndRuntimeDsns) -> None:
    """In the stored text and in excerpts stand marks where customer and order stood."""
    await rig.complain(FROZEN, 5)
    text = "KUNDE-Ö4711 here; my order ord-2026-55 melted, as ORD-2026-551 did."
    await send(rig, FROZEN, OWN["customer"], order=OWN["order"], text=text, severity="critical")
    await rig.in_state(FROZEN, "frozen")

    [row] = await sql(dsns, "SELECT text FROM signal_texts WHERE order_ref = $1", OWN["order"])
    masked = "[customer] here; my order [order] melted, as ORD-2026-551 did."
    assert masked == row["text"]
    assert set() == await leftovers(dsns.owner, [OWN["customer"]], in_any_spelling)
    found = await leftovers(dsns.owner, ["ord-2026-55 melted", "ORD-2026-55 melted"])
    assert set() == found
