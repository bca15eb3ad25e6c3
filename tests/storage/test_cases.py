"""Cases on real PostgreSQL: whole, one open per scope, with history, votes, clocks and tasks."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from freezeguard.domain.errors import GuardFailed, VersionConflict
from freezeguard.domain.people import Role
from freezeguard.domain.record import Case, ProbationRecord, Vote
from freezeguard.domain.scope import Scope
from freezeguard.domain.signals import Kind, Severity
from freezeguard.domain.transitions import State
from freezeguard.ports.rows import CaseFilter, Feed, UnitsShipped
from freezeguard.ports.storage import Transaction
from freezeguard.storage.database import PostgresDatabase
from tests.storage.makers import (
    NOW,
    ago,
    case,
    open_case,
    person,
    put_people,
    signal,
    store,
    store_case,
)

FULL = Case(
    id=uuid4(), scope=Scope("Größe 5/€", "s", "web", "DE", "L1"), state=State.AWAITING_APPROVAL,
    lane="safety", opened_by="person:ann", opened_at=ago(days=9), reason={"sentence": "It leaks."},
    version=7, evidence_revision=3, recurrence=1, degraded=True, vendor="acme",
    vendor_status="notified", category="toys", owner="ann", outcome="false_alarm",
    frozen_at=ago(days=8), reinstated_at=ago(days=2), rule_id="r", rule_version=4,
    diagnosis={"a": 1}, remedy={"b": 2}, remedy_author="bob", remedy_rounds=2,
    verification={"c": 3}, approval_requested_at=ago(days=1), approval_requested_by="ann",
    approval_evidence=3, release_tries=1, probation={"d": 4}, known_evidence={"lots": ["L1"]},
    contact_cost=Decimal("12.5000"),
)  # fmt: skip


async def test_a_case_comes_back_whole(database: PostgresDatabase) -> None:
    """Every field survives storing and changing; the number is the database's."""
    stored = await store_case(database, FULL)
    changed = replace(
        stored, scope=Scope("Größe 5/€"), state=State.MERGED, closed_at=NOW, version=8,
        remedy=None, approval_evidence=None, contact_cost=Decimal("99.0000"),
    )  # fmt: skip

    assert stored == await database.run(lambda tx: tx.cases.get(FULL.id))
    assert stored == await database.run(lambda tx: tx.cases.get(FULL.id, lock=True))
    await database.run(lambda tx: tx.cases.update(changed))
    assert changed == await database.run(lambda tx: tx.cases.get(FULL.id))
    assert await database.run(lambda tx: tx.cases.get(uuid4())) is None


async def test_one_open_case_per_exact_scope(database: PostgresDatabase) -> None:
    """A second open case for the same scope is refused; a narrower one, or a later one, is not."""
    first = await open_case(database, scope=Scope("kettle"))

    with pytest.raises(VersionConflict):
        await open_case(database, scope=Scope("kettle"))
    await open_case(database, scope=Scope("kettle", lot="L1"))
    over = replace(first, state=State.CLOSED_REINSTATED, closed_at=NOW)
    await database.run(lambda tx: tx.cases.update(over))
    again = await open_case(database, scope=Scope("kettle"), opened_at=NOW + timedelta(hours=1))

    of_sku = await database.run(lambda tx: tx.cases.last_of_sku("kettle"))
    still_open = await database.run(lambda tx: tx.cases.open_of_sku("kettle", lock=True))
    skus = await database.run(lambda tx: tx.cases.skus_with_open_cases(["kettle", "pan"]))
    assert [again.id, first.id] == [one.id for one in of_sku if one.scope.lot is None]
    assert 3 == len(of_sku)
    assert first.id not in {one.id for one in still_open}
    assert 2 == len(still_open)
    assert {"kettle"} == skus


MANAGER, ANALYST = frozenset({Role.MANAGER}), frozenset({Role.ANALYST})


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (CaseFilter(), "edcba"),
        (CaseFilter(limit=2), "ed"),
        (CaseFilter(states=("frozen",)), "c"),
        (CaseFilter(sku="d"), "d"),
        (CaseFilter(vendor="acme"), "ba"),
        (CaseFilter(owner="ann"), "eb"),
        (CaseFilter(open_only=True), "dcb"),
        (CaseFilter(overdue_at=NOW), "d"),
        (CaseFilter(known_to_vendor=True), "edcb"),
        (CaseFilter(vendor="acme", owner="ann", open_only=True), "b"),
    ],
)
async def test_cases_are_listed_as_asked(
    asked: CaseFilter, expected: str, database: PostgresDatabase
) -> None:
    """Each condition narrows the list; the newest come first."""
    await list_of_five(database)

    found = await database.run(lambda tx: tx.cases.listed(asked))

    assert list(expected) == [one.scope.sku for one in found]


async def list_of_five(database: PostgresDatabase) -> None:
    more: dict[str, dict[str, Any]] = {
        "a": {"vendor": "acme", "state": State.EXPIRED, "closed_at": NOW, "frozen_at": None},
        "b": {"vendor": "acme", "owner": "ann"},
        "c": {"state": State.FROZEN},
        "d": {},
        "e": {"owner": "ann", "state": State.CLOSED_FALSE_ALARM, "closed_at": NOW},
    }
    for days, (sku, given) in enumerate(more.items()):
        opened = ago(days=10 - days)
        made = await open_case(database, sku, **({"opened_at": opened} | given))
        due = NOW + timedelta(hours=-1 if sku in "de" else 1)

        async def clocks(tx: Transaction, made: Case = made, due: datetime = due) -> None:
            await tx.cases.start_clock(uuid4(), made, "confirm", NOW, due)
            if made.scope.sku == "e":
                await tx.cases.stop_clocks(made.id, ("confirm",), NOW)

        await database.run(clocks)


async def test_a_list_is_read_page_by_page(database: PostgresDatabase) -> None:
    """The place of the last case shown leads to the next page, also among equal times."""
    made = [await open_case(database, f"sku-{n}") for n in range(5)]

    pages: list[Case] = []
    before: tuple[datetime, UUID] | None = None
    for _ in range(3):
        asked = CaseFilter(limit=2, before=before)
        page = await database.run(lambda tx, asked=asked: tx.cases.listed(asked))
        before = page[-1].opened_at, page[-1].id
        pages += page

    assert sorted((one.id for one in made), reverse=True) == [one.id for one in pages]


async def test_similar_cases_start_with_the_nearest(database: PostgresDatabase) -> None:
    """Same SKU before same vendor before same category; suspicions that came to nothing never."""
    mine = await open_case(database, "kettle", vendor="acme", category="kitchen")
    await open_case(database, "pan", category="kitchen", remedy={"cause": {"branch": "material"}})
    await open_case(database, "pot", vendor="acme")
    await open_case(database, "kettle", scope=Scope("kettle", lot="L"), opened_at=ago(days=99))
    await open_case(database, "toy")
    await open_case(database, "lid", vendor="acme", frozen_at=None)

    found = await database.run(lambda tx: tx.cases.similar(mine))

    assert ["kettle", "pot", "pan"] == [one["sku"] for one in found]
    assert {"branch": "material"} == found[2]["cause"]
    assert "5 customers complained." == found[0]["reason"]


async def test_history_is_numbered_in_order(database: PostgresDatabase) -> None:
    """Events are numbered from 1 per case and come back as they were written."""
    one, other = await open_case(database, "a"), await open_case(database, "b")

    async def work(tx: Transaction) -> None:
        await tx.cases.add_event(one, NOW, "detector", "freeze", None, {"x": [1]})
        await tx.cases.add_event(other, NOW, "detector", "freeze", None, {})
        later = replace(one, state=State.FROZEN, version=2)
        await tx.cases.add_event(later, NOW, "reconciler", "confirm_freeze", "freezing", {})

    await database.run(work)
    events = await database.run(lambda tx: tx.cases.events(one.id))

    assert [(1, "freeze", None, "freezing", 1, {"x": [1]}),
            (2, "confirm_freeze", "freezing", "frozen", 2, {})] == [
        (e.n, e.command, e.from_state, e.to_state, e.version, e.arguments) for e in events
    ]  # fmt: skip


async def test_pullers_are_the_people_of_the_latest_stop(database: PostgresDatabase) -> None:
    """Whoever pulled or seconded counts, once; machines and later commands do not.

    Who stops the sale of a reinstated SKU again answers for that stop, whoever pulled first for
    theirs. Those of a case that is merged into this one come along. Decisions read them alike.
    """
    pulled = await open_case(database, state=State.SUSPECTED)

    async def tells(actor: str, command: str, from_: str | None, to: State, **said: Any) -> None:
        at = replace(pulled, state=to)
        await database.run(
            lambda tx: tx.cases.add_event(at, NOW, actor, command, from_, said)
        )

    async def who(*, of_every_stop: bool = False) -> tuple[str, ...]:
        async def read(tx: Transaction) -> tuple[str, ...]:
            if not of_every_stop:
                around = await tx.master.surroundings(pulled)
                assert around.pullers == await tx.cases.pullers(pulled.id)
            return await tx.cases.pullers(pulled.id, of_every_stop=of_every_stop)

        return await database.run(read)

    await tells("person:zoe", "suspect", None, State.SUSPECTED)
    await tells("person:ann", "comment", "suspected", State.SUSPECTED)
    await tells("key:1", "freeze", "suspected", State.FREEZING)
    await tells("person:bob", "freeze", "suspected", State.FREEZING)
    await tells("person:zoe", "freeze", "suspected", State.FREEZING)
    await tells("person:col", "register_order", "frozen", State.FROZEN)
    assert ("zoe", "bob") == await who()

    await tells("reconciler", "absorb", "frozen", State.DIAGNOSING, pullers=["max", "zoe"])
    assert ("zoe", "bob", "max") == await who()

    await tells("person:eve", "freeze", "probation", State.FREEZING)
    assert ("eve",) == await who()
    assert ("zoe", "bob", "max", "eve") == await who(of_every_stop=True)

    await tells("detector", "freeze", "probation", State.FREEZING)
    assert () == await who()

    for command, from_ in (("register_order", "reinstating"), ("reopen", "appealed")):
        await tells("person:col", command, from_, State.FREEZING)
        assert ("col",) == await who()


async def test_votes_count_until_they_expire_or_are_void(database: PostgresDatabase) -> None:
    """A vote says whether its voter manages the category; voting again renews, voiding ends it."""
    voted = await open_case(database, category="toys")
    await put_people(database, person("ann"), person("bob", areas=frozenset({"tools"})),
                     person("eve", Role.ANALYST))  # fmt: skip
    end = NOW + timedelta(hours=24)

    async def vote(name: str, until: datetime = end, evidence: int = 1) -> None:
        of = replace(voted, evidence_revision=evidence)
        await database.run(
            lambda tx: tx.cases.add_vote(uuid4(), of, "approve", name, {"n": 1}, NOW, until)
        )

    for name in ("ann", "bob", "eve"):
        await vote(name)
    await vote("eve", evidence=2)
    counted = await database.run(lambda tx: tx.cases.votes(voted.id, NOW))
    expired = await database.run(lambda tx: tx.cases.votes(voted.id, end))
    await database.run(lambda tx: tx.cases.void_votes(voted.id, "used", NOW))
    void = await database.run(lambda tx: tx.cases.votes(voted.id, NOW))
    await vote("ann")
    every = await database.run(lambda tx: tx.cases.every_vote(voted.id))

    assert [
        (Vote("approve", "ann", True, 1, end, roles=MANAGER), {"n": 1}),
        (Vote("approve", "bob", False, 1, end, roles=MANAGER), {"n": 1}),
        (Vote("approve", "eve", False, 2, end, roles=ANALYST), {"n": 1}),
    ] == sorted(counted, key=lambda pair: pair[0].person)
    assert ([], []) == (expired, void)
    assert 1 == len(await database.run(lambda tx: tx.cases.votes(voted.id, NOW)))
    assert {("ann", None), ("ann", "used"), ("bob", "used"), ("eve", "used")} == {
        (one["person"], one["void_why"]) for one in every
    }
    assert 4 == len(every)
    with pytest.raises(GuardFailed):
        await vote("nobody")


async def test_clocks_run_once_per_kind(database: PostgresDatabase) -> None:
    """Starting a clock again moves it; stopping it by its kind ends it."""
    of = await open_case(database)

    async def start(kind: str, due: datetime) -> None:
        await database.run(lambda tx: tx.cases.start_clock(uuid4(), of, kind, NOW, due))

    await start("confirm", NOW)
    await start("probation", ago(hours=1))
    await start("confirm", ago(hours=2))
    running = await database.run(lambda tx: tx.cases.clocks(of.id))
    await database.run(lambda tx: tx.cases.stop_clocks(of.id, ("confirm",), NOW))
    due = await database.run(lambda tx: tx.cases.claim_due_clocks(NOW, timedelta(0), 9))
    await database.run(lambda tx: tx.cases.stop_clocks(of.id, ("probation", "other"), NOW))
    after = await database.run(lambda tx: tx.cases.clocks(of.id))

    assert {("confirm", ago(hours=2)), ("probation", ago(hours=1))} == {
        (one.kind, one.due_at) for one in running
    }
    assert ["probation"] == [one.kind for one in due]
    assert [NOW, NOW] == [one.stopped_at for one in after]


async def test_a_pause_gives_time_but_takes_no_delay_back(database: PostgresDatabase) -> None:
    """What was left of a clock is left after a pause; one that had run out keeps its due time."""
    of = await open_case(database)
    for kind, due in (("vendor_date", ago(hours=-2)), ("diagnosis", ago(hours=2))):
        await database.run(
            lambda tx, k=kind, d=due: tx.cases.start_clock(uuid4(), of, k, ago(hours=3), d)
        )
    both = ("vendor_date", "diagnosis")
    await database.run(lambda tx: tx.cases.pause_clocks(of.id, both, NOW))
    await database.run(lambda tx: tx.cases.resume_clocks(of.id, both, ago(hours=-8)))

    clocks = {one.kind: one for one in await database.run(lambda tx: tx.cases.clocks(of.id))}
    assert (ago(hours=-10), ago(hours=2)) == tuple(clocks[one].due_at for one in both)
    assert (ago(hours=-10), ago(hours=-6)) == tuple(clocks[one].next_at for one in both)


async def test_a_due_clock_is_claimed_by_one(database: PostgresDatabase) -> None:
    """A claimed clock is nobody else's until its lease ends, and none's once it is done."""
    of = await open_case(database)
    for kind, due in (("late", ago(hours=2)), ("later", ago(hours=1)), ("not yet", NOW)):
        await database.run(
            lambda tx, k=kind, d=due: tx.cases.start_clock(uuid4(), of, k, ago(hours=3), d)
        )
    at, hour = ago(seconds=1), timedelta(hours=1)

    first = await database.run(lambda tx: tx.cases.claim_due_clocks(at, hour, 1))
    second = await database.run(lambda tx: tx.cases.claim_due_clocks(at, timedelta(0), 9))
    ended = await database.run(lambda tx: tx.cases.claim_due_clocks(at, hour, 9))
    await database.run(lambda tx: tx.cases.pass_stage(second[0].id, next_at=None, level=1))
    fired = await database.run(lambda tx: tx.cases.claim_due_clocks(at, hour, 9))
    await database.run(lambda tx: tx.cases.start_clock(uuid4(), of, "later", NOW, ago(hours=1)))
    started = await database.run(lambda tx: tx.cases.claim_due_clocks(at, hour, 9))

    assert [["late"], ["later"], ["later"], [], ["later"]] == [
        [one.kind for one in found] for found in (first, second, ended, fired, started)
    ]


async def test_tasks_are_open_once_and_closed_by_somebody(database: PostgresDatabase) -> None:
    """The same task is asked once; closing takes one object, one sort, or all."""
    of = await open_case(database, owner="ann")

    async def ask(task: str, remote_id: str, words: str = "please") -> None:
        await database.run(
            lambda tx: tx.cases.open_task(uuid4(), of, task, "shop", remote_id, words, NOW)
        )

    await ask("stop", "1")
    await ask("stop", "1", "again, please")
    await ask("release", "1")
    await ask("stop", "2")
    await ask("release", "2")

    async def close(task: str | None, where: tuple[str, str] | None) -> int:
        await database.run(
            lambda tx: tx.cases.close_tasks(of.id, task, where, "person:ann", "done", NOW)
        )
        tasks = await database.run(lambda tx: tx.cases.tasks(of.id))
        return sum(one.resolved_at is None for one in tasks)

    tasks = await database.run(lambda tx: tx.cases.tasks(of.id))
    left = [await close(None, ("shop", "2")), await close("release", None), await close(None, None)]
    done = await database.run(lambda tx: tx.cases.tasks(of.id))

    assert 4 == len(tasks)
    assert {("again, please", "ann"), ("please", "ann")} == {
        (one.instruction, one.assigned_to) for one in tasks
    }
    assert [2, 1, 0] == left
    assert {("person:ann", "done", NOW)} == {(t.resolved_by, t.note, t.resolved_at) for t in done}


async def attach_all(
    database: PostgresDatabase, of: Case, counted: set[str] | None = None
) -> None:
    """Attach every signal of the SKU."""

    async def work(tx: Transaction) -> None:
        seen = await tx.signals.observed(of.scope.sku, None)
        keys = frozenset((s.source, s.id) for s in seen if counted is None or s.id in counted)
        await tx.cases.attach(of, seen, keys, NOW)

    await database.run(work)


async def excerpts_at_opening(database: PostgresDatabase, sku: str) -> tuple[str, ...]:
    """Open another case on a SKU's signals; return the excerpts that came with its number."""

    async def work(tx: Transaction) -> tuple[str, ...]:
        seen = await tx.signals.observed(sku, None)
        announced = await tx.cases.announce(seen, 2)
        await tx.cases.insert(case(scope=Scope(sku, lot="L9"), number=announced.number))
        return announced.excerpts

    return await database.run(work)


async def test_attached_signals_are_told_as_aggregates(database: PostgresDatabase) -> None:
    """A statement of reasons gets numbers and masked beginnings, never who the customers are."""
    of = await open_case(database)
    await store(
        database,
        signal(one_id="1", customer=b"x", lot="L1", text="minor", severity=Severity.MINOR,
               occurred_at=ago(days=3)),
        signal(one_id="2", customer=b"x", lot="L1", text="w" * 400, severity=Severity.SAFETY),
        signal(one_id="3", customer=b"y", intent="leak", occurred_at=ago(days=1)),
        signal(one_id="4", text="nobody knows whose", source="other"),
        signal("pan", text="of another SKU"),
    )  # fmt: skip

    await attach_all(database, of, {"2"})
    await attach_all(database, of)
    seen = await database.run(lambda tx: tx.cases.attached(of.id, excerpts=2))
    listed = await database.run(lambda tx: tx.cases.attached_signals(of.id, 3))
    customers = await database.run(lambda tx: tx.cases.attached_customers(of.id))

    assert await excerpts_at_opening(database, of.scope.sku) == seen.excerpts
    assert (4, 3, ago(days=3), NOW) == (seen.total, seen.customers, seen.first_at, seen.last_at)
    assert {"defect": 3, "leak": 1} == seen.by_intent
    assert {"minor": 1, "major": 2, "safety": 1} == seen.by_severity
    assert {"L1": 2} == seen.by_lot
    assert ("w" * 300, "nobody knows whose") == seen.excerpts
    assert [("2", True), ("4", False), ("3", False)] == [(o["id"], o["counted"]) for o in listed]
    assert all("customer" not in one for one in listed)
    assert {b"x", b"y"} == customers


async def test_a_case_without_signals_has_empty_aggregates(database: PostgresDatabase) -> None:
    """A person's pull has no signals yet: nothing to count is no error."""
    of = await open_case(database)

    seen = await database.run(lambda tx: tx.cases.attached(of.id, excerpts=3))

    assert (0, 0, None, None, {}, ()) == (
        seen.total, seen.customers, seen.first_at, seen.last_at, seen.by_intent, seen.excerpts
    )  # fmt: skip


async def test_a_false_alarm_is_scored_once_per_source(database: PostgresDatabase) -> None:
    """Sources whose signals made the crossing are scored; those that were only attached are not."""
    of = await open_case(database)
    await database.run(lambda tx: tx.master.put_source(Feed("shop", "The shop", 0.5), NOW))
    await store(database, signal(one_id="1"), signal(one_id="2"), signal(one_id="3", source="mail"),
                signal(one_id="4", source="idle"))  # fmt: skip
    await attach_all(database, of, {"1", "2", "3"})

    await database.run(lambda tx: tx.cases.score_false_alarm(of.id, NOW))

    for source, alarms, name in (("shop", 1, "The shop"), ("mail", 1, "mail")):
        [found] = await database.run(lambda tx, s=source: tx.sources.listed(s))
        assert (alarms, name) == (found.false_alarms, found.name)
    assert [] == await database.run(lambda tx: tx.sources.listed("idle"))


async def test_probation_is_judged_by_what_came_after_the_fix(database: PostgresDatabase) -> None:
    """Only complaints and units after the reinstatement count, against the time long before."""
    back = ago(days=10)
    of = await open_case(
        database, scope=Scope("kettle", country="DE"), frozen_at=ago(days=40), reinstated_at=back,
        state=State.PROBATION, remedy={"affected_lots": ["bad"]},
    )  # fmt: skip
    none = await database.run(lambda tx: tx.cases.probation_record(of, NOW))
    judged = signal(one_id="judged")
    after = [
        judged, signal(), signal(country="DE"), signal(lot="good"), signal(kind=Kind.RETURN),
        signal(kind=Kind.TELEMETRY, result="fail"),
    ]  # fmt: skip
    not_counted = [
        signal(country="FR"), signal(lot="bad"), signal(intent="delivery"), signal("pan"),
        signal(kind=Kind.INSPECTION, result="pass"), signal(occurred_at=back),
    ]  # fmt: skip
    baseline = [signal(occurred_at=ago(days=days)) for days in (160, 159, 100, 70)]
    await store(database, *after, *not_counted, *baseline)
    await database.run(
        lambda tx: tx.connection.execute(
            "UPDATE signals SET judged_by = $1 WHERE id = 'judged'", uuid4()
        )
    )
    shipped = [
        UnitsShipped("wms", str(n), b"", "kettle", units, at, lot=lot, country=country)
        for n, (units, at, lot, country) in enumerate([
            (10, NOW, None, "DE"), (5, ago(days=1), "good", None), (100, NOW, "bad", "DE"),
            (100, NOW, None, "FR"), (100, back, None, "DE"), (7, ago(days=80), None, "DE"),
        ])
    ]  # fmt: skip
    await database.run(lambda tx: tx.signals.store_shipments(shipped, NOW))

    record = await database.run(lambda tx: tx.cases.probation_record(of, NOW))

    assert ProbationRecord(0, 0, 0, None) == none
    assert ProbationRecord(5, 15, 3, 7) == record


def test_the_maker_makes_open_cases() -> None:
    """The values that tests store are what they seem: open, in the frozen phase."""
    assert case().is_open
    assert case().in_frozen_phase
