"""People, credentials, master data and the record on real PostgreSQL."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from freezeguard.domain.errors import InvalidInput
from freezeguard.domain.people import MachineKey, Person, Right, Role, System
from freezeguard.ports.rows import Credential, Feed, Pending, Prelude, Sku, Vendor
from freezeguard.ports.storage import Transaction
from freezeguard.storage.database import PostgresDatabase
from tests.conftest import CUSTOMER_KEY
from tests.storage.makers import NOW, ago, person, put_people

ANN = Person("ann", "Ann", frozenset({Role.MANAGER, Role.ADMIN}), "ann@shop.example", None,
             frozenset({"toys"}), "Europe/Berlin", "de", "DE-BY")  # fmt: skip
VERA = Person("vera", "Vera", frozenset({Role.VENDOR}), vendor="acme")


async def revision(database: PostgresDatabase) -> int:
    return await database.run(lambda tx: tx.people.access_revision())


async def test_the_shared_row_is_made_once(database: PostgresDatabase) -> None:
    """All replicas share one key for customers; the second to start does not change it."""
    again = await database.run(lambda tx: tx.people.create_instance(b"other", NOW))
    await put_people(database, ANN)
    await database.run(lambda tx: tx.people.set_default_owner("ann"))

    shared = await database.run(lambda tx: tx.people.instance())

    assert not again
    assert (CUSTOMER_KEY, "ann") == (shared["customer_key"], shared["default_owner"])
    with pytest.raises(InvalidInput):
        await database.run(lambda tx: tx.people.set_default_owner("nobody"))


async def test_people_are_kept_and_changed(database: PostgresDatabase) -> None:
    """A person comes back whole; changing replaces; who left is still known."""
    await put_people(database, ANN, VERA)
    moved = replace(ANN, roles=frozenset({Role.AUDITOR}), areas=frozenset(), email=None,
                    calendar=None, deputy="vera")
    before = await database.run(lambda tx: tx.people.person("ann"))
    await database.run(lambda tx: tx.people.put_person(moved, active=False, now=NOW))

    everybody = await database.run(lambda tx: tx.people.people())

    assert (ANN, True) == before
    assert [(moved, False), (VERA, True)] == everybody
    assert await database.run(lambda tx: tx.people.person("nobody")) is None


@pytest.mark.parametrize(
    "wrong",
    [
        Person("eve", "Eve", frozenset({Role.VENDOR})),
        Person("eve", "Eve", frozenset({Role.MANAGER}), vendor="acme"),
        Person("eve", "Eve", frozenset({Role.VENDOR, Role.MANAGER}), vendor="acme"),
    ],
)
async def test_a_vendor_is_a_vendor_only(wrong: Person, database: PostgresDatabase) -> None:
    """The database itself refuses who would be vendor and staff at once."""
    with pytest.raises(InvalidInput, match="role vendor"):
        await put_people(database, wrong)


async def test_only_valid_credentials_open_the_door(database: PostgresDatabase) -> None:
    """Revoked and expired ones, and those of people who left, are left out."""
    await put_people(database, ANN, VERA, person("gone"))
    soon = datetime.now(UTC) + timedelta(hours=1)
    past = datetime.now(UTC) - timedelta(hours=1)
    made = {
        "ann": Credential(uuid4(), "ann", "laptop", expires_at=soon),
        "key": Credential(uuid4(), None, "feed", ("source",), "shop", 3),
        "expired": Credential(uuid4(), "ann", "old", expires_at=past),
        "revoked": Credential(uuid4(), "vera", "lost"),
        "gone": Credential(uuid4(), "gone", "gone"),
    }
    for name, one in made.items():
        await database.run(
            lambda tx, one=one, name=name: tx.people.add_credential(one, name.encode(), NOW)
        )
    await database.run(
        lambda tx: tx.people.put_person(person("gone"), active=False, now=NOW)
    )
    lost = made["revoked"].id
    revoked = [
        await database.run(lambda tx: tx.people.revoke_credential(lost, NOW)) for _ in range(2)
    ]

    valid = await database.run(lambda tx: tx.people.everyone())
    listed = await database.run(lambda tx: tx.people.credentials())

    assert [True, False] == revoked
    assert {
        b"ann": (replace(made["ann"], created_at=NOW), ANN),
        b"key": (replace(made["key"], created_at=NOW), None),
    } == {secret: (credential, who) for secret, credential, who in valid}
    assert 5 == len(listed)
    assert [NOW] == [one.revoked_at for one in listed if one.id == lost]


async def test_every_change_of_access_is_told(database: PostgresDatabase) -> None:
    """The revision rises with people, credentials and revocations, so that caches notice."""
    seen = [await revision(database)]
    one = Credential(uuid4(), "ann", "laptop")

    async def step(work: object) -> None:
        await database.run(work)  # type: ignore[arg-type]  # three works of three result types
        seen.append(await revision(database))

    await step(lambda tx: tx.people.put_person(ANN, active=True, now=NOW))
    await step(lambda tx: tx.people.add_credential(one, b"s", NOW))
    await step(lambda tx: tx.people.revoke_credential(one.id, NOW))
    await step(lambda tx: tx.people.people())

    assert [0, 1, 2, 3, 3] == seen


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (Credential(uuid4(), "nobody", "x"), "no person"),
        (Credential(uuid4(), "ann", "x", ("catalogue",)), "no rights"),
        (Credential(uuid4(), None, "x", ("source",)), "names its source"),
    ],
)
async def test_a_wrong_credential_is_refused_in_words(
    wrong: Credential, why: str, database: PostgresDatabase
) -> None:
    """What the constraints forbid reaches users as a sentence."""
    await put_people(database, ANN)

    with pytest.raises(InvalidInput, match=why):
        await database.run(lambda tx: tx.people.add_credential(wrong, b"s", NOW))


# --------------------------------------------------------------------------------- master data


async def test_skus_are_stored_and_replaced(database: PostgresDatabase) -> None:
    """A SKU comes back whole, with its price as text; the last of two in a batch counts."""
    await put_people(database, ANN)
    whole = Sku("Größe 5/€", "Boot", "acme", "shoes", "123", "12.50", "ann")
    await database.run(lambda tx: tx.master.put_skus([Sku("a"), whole, Sku("a", "A")], NOW))
    await database.run(lambda tx: tx.master.put_skus([Sku("b", price="0.1234")], NOW))
    await database.run(lambda tx: tx.master.put_skus([], NOW))

    assert whole == await database.run(lambda tx: tx.master.sku("Größe 5/€"))
    assert Sku("a", "A") == await database.run(lambda tx: tx.master.sku("a"))
    assert "0.1234" == (await database.run(lambda tx: tx.master.sku("b"))).price
    assert await database.run(lambda tx: tx.master.sku("c")) is None
    with pytest.raises(InvalidInput, match="no person"):
        await database.run(lambda tx: tx.master.put_skus([Sku("a", owner="nobody")], NOW))


async def test_a_transaction_sees_the_sku_it_stored(database: PostgresDatabase) -> None:
    """What was read before a change is not what is read after it."""

    async def work(tx: Transaction) -> tuple[Sku | None, Sku | None]:
        before = await tx.master.sku("a")
        await tx.master.put_skus([Sku("a", "A")], NOW)
        return before, await tx.master.sku("a")

    assert (None, Sku("a", "A")) == await database.run(work)


async def test_changed_skus_are_followed_page_by_page(database: PostgresDatabase) -> None:
    """Whoever keeps the last place gets what changed since, each once."""
    for names, at in ((("b", "a"), ago(hours=2)), (("c",), ago(hours=1)), (("a",), NOW)):
        skus = [Sku(name) for name in names]
        await database.run(lambda tx, skus=skus, at=at: tx.master.put_skus(skus, at))

    first = await database.run(lambda tx: tx.master.skus_after(None, 2))
    rest = await database.run(lambda tx: tx.master.skus_after(first[-1], 9))

    assert [(ago(hours=2), "b"), (ago(hours=1), "c")] == first
    assert [(NOW, "a")] == rest


async def test_vendors_and_sources_are_kept(database: PostgresDatabase) -> None:
    """Contacts keep their order; a source keeps its false alarms when it is changed."""
    acme = Vendor("acme", "Acme", ({"channel": "mail", "address": "a@acme.example"},
                                   {"channel": "mail", "address": "b@acme.example"}), "de",
                  "Europe/Berlin", "CN")  # fmt: skip
    for one in (Vendor("acme", "Old"), acme):
        await database.run(lambda tx, one=one: tx.master.put_vendor(one, NOW))
    for trust in (1.0, 0.25):
        await database.run(lambda tx, t=trust: tx.master.put_source(Feed("shop", "Shop", t), NOW))

    assert acme == await database.run(lambda tx: tx.master.vendor("acme"))
    assert await database.run(lambda tx: tx.master.vendor("other")) is None
    assert [Feed("shop", "Shop", 0.25)] == await database.run(
        lambda tx: tx.sources.listed("shop")
    )


async def test_an_evaluation_starts_from_one_look(database: PostgresDatabase) -> None:
    """The prelude tells master data, the owner, and what is news; it takes the request."""
    await put_people(database, ANN, person("bob"), person("max", areas=frozenset({"tools"})))
    await database.run(lambda tx: tx.people.set_default_owner("bob"))
    skus = [Sku("own", owner="bob", category="toys"), Sku("toy", category="toys"),
            Sku("pan", vendor="acme", price="3.00")]  # fmt: skip
    await database.run(lambda tx: tx.master.put_skus(skus, NOW))
    await database.run(lambda tx: tx.master.put_vendor(Vendor("acme", "Acme"), NOW))
    await database.run(lambda tx: tx.signals.mark_pending([Pending("pan", 3, NOW)], NOW))

    async def prelude(sku: str) -> Prelude:
        return await database.run(lambda tx: tx.master.prelude(sku))

    assert Prelude(skus[0], "bob", None) == await prelude("own")
    assert Prelude(skus[1], "ann", None) == await prelude("toy")
    assert Prelude(skus[2], "bob", Pending("pan", 3, NOW)) == await prelude("pan")
    assert Prelude(skus[2], "bob", None) == await prelude("pan")
    assert Prelude(Sku("unknown"), "bob", None) == await prelude("unknown")


# -------------------------------------------------------------------------------------- record


async def test_the_record_names_who_did_what(database: PostgresDatabase) -> None:
    """Every actor stands under the same name as in history; the newest line comes first."""
    actors = [ANN, MachineKey("k1", "feed", frozenset({Right.SOURCE})), System.TIMER, "detector"]

    async def work(tx: Transaction) -> None:
        for n, actor in enumerate(actors):
            await tx.record.write(NOW, actor, "freeze", f"case:{n % 2}", why="broken",
                                  details={"n": n})  # fmt: skip

    await database.run(work)
    entries = await database.run(lambda tx: tx.record.entries(None, None, 9))
    page = await database.run(lambda tx: tx.record.entries(None, entries[1]["seq"], 1))
    mine = await database.run(lambda tx: tx.record.entries("case:1", None, 9))

    assert ["detector", "timer", "key:k1", "person:ann"] == [one["actor"] for one in entries]
    assert [entries[2]] == page
    assert [3, 1] == [one["details"]["n"] for one in mine]
    assert (NOW.isoformat(), "broken") == (entries[0]["at"], entries[0]["why"])
