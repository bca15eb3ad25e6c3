"""Two people where two are needed: every way around that we could think of, tried over HTTP.

Each guard is first seen to let the right two through; then each attack is tried on it, and the
sale must still be stopped: by the database, and by the shop itself.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from freezeguard.domain.people import Person, Role
from tests.acceptance.pairs import LOT, MACHINES, Pair, enrol, pair_of
from tests.acceptance.rows import STOPPED, remote_id
from tests.acceptance.steps import attach, timeline
from tests.domain import design
from tests.rig import CATEGORY, Answer, Rig

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = {"seed": 400}

HERE = frozenset({CATEGORY})
DAY_OLD = """
UPDATE approvals SET cast_at = cast_at - interval '25 hours',
                     expires_at = expires_at - interval '25 hours' WHERE case_id = $1
"""


@dataclass(frozen=True)
class Guarded:
    """A command that takes two: where, by whom first and last, and with what."""

    name: str
    command: str
    state: str
    first: Role
    last: Role
    case: dict[str, Any]
    arguments: dict[str, Any] = field(default_factory=dict)


MANAGER, ANALYST, COMPLIANCE = Role.MANAGER, Role.ANALYST, Role.COMPLIANCE
AUTHORITY = {"lane": "authority", "revoked": True}
WHY = {"reason": "It breaks whatever is done."}
GUARDED = (
    Guarded("approve, safety", "approve", "awaiting_approval", ANALYST, MANAGER,
            {"lane": "safety"}),
    Guarded("approve, again", "approve", "awaiting_approval", COMPLIANCE, MANAGER,
            {"recurrence": 1}),
    Guarded("approve, degraded", "approve", "awaiting_approval", MANAGER, MANAGER,
            {"degraded": True}),
    Guarded("approve, authority", "approve", "frozen", COMPLIANCE, MANAGER, AUTHORITY),
    Guarded("approve, authority, asked", "approve", "awaiting_approval", MANAGER, COMPLIANCE,
            AUTHORITY),
    Guarded("delist", "delist", "diagnosing", ANALYST, MANAGER, {}, WHY),
    Guarded("narrow, safety", "narrow", "frozen", ANALYST, MANAGER, {"lane": "safety"},
            {"scope": LOT, "reason": "Only lot L-7 breaks."}),
    Guarded("narrow, again", "narrow", "diagnosing", MANAGER, COMPLIANCE, {"recurrence": 2},
            {"scope": LOT, "reason": "Only lot L-7 breaks."}),
    Guarded("false alarm, safety", "declare_false_alarm", "frozen", ANALYST, MANAGER,
            {"lane": "safety"}, {"reason_code": "rule_error"}),
)  # fmt: skip
EACH = pytest.mark.parametrize("guarded", GUARDED, ids=lambda one: one.name)
APPROVALS = pytest.mark.parametrize(
    "guarded", [one for one in GUARDED if one.command == "approve"], ids=lambda one: one.name
)
NUMBERS = count(1)


@pytest.fixture(scope="module")
def tried() -> list[str]:
    """Collect the attacks by name, to be counted at the end."""
    return []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def connection(rig: Rig) -> AsyncIterator[asyncpg.Connection]:
    """Look into the database as its owner."""
    assert rig.dsns is not None
    opened = await asyncpg.connect(rig.dsns.owner)
    yield opened
    await opened.close()


Hire = Callable[..., Awaitable[str]]


@pytest_asyncio.fixture(loop_scope="module")
async def hire(rig: Rig) -> AsyncIterator[Hire]:
    """Enrol people who leave again with the test."""
    hired: list[str] = []

    async def new(*roles: Role, areas: frozenset[str] = HERE) -> str:
        name = f"agent-{next(NUMBERS)}"
        hired.append(await enrol(rig, name, *roles, areas=areas if MANAGER in roles else HERE))
        return name

    yield new
    for name in hired:
        await dismiss(rig, name)


async def dismiss(rig: Rig, name: str) -> None:
    """Keep a person from signing in, as the command line does."""
    service = rig.service
    assert service is not None

    async def work(tx: Any) -> None:
        known, _ = await tx.people.person(name)
        await service.access.add_person(tx, known, "test", active=False)

    await service.database.run(work)
    await service.access.refresh()


class Attack:
    """A case that is stopped in the shop, a command that takes two, and two who may give it."""

    def __init__(self, guarded: Guarded, pair: Pair, one: str, two: str) -> None:
        self.guarded, self.pair, self.one, self.two = guarded, pair, one, two
        self.rig, self.id = pair.rig, str(pair.case.id)

    async def vote(self, who: str, **more: Any) -> Answer:
        """Agree, on the case as it is by now, unless told otherwise."""
        now = await self.rig.case(self.id, "audi")
        seen = {}
        if self.guarded.command in {"approve", "narrow"}:
            seen = {"evidence_revision": now["evidence_revision"]}
        body = {"version": now["version"], **self.guarded.arguments, **seen, **more}
        return await self.pair.give(who, **body)

    async def agrees(self, who: str, **more: Any) -> None:
        """Cast a first vote: it counts, and changes nothing yet."""
        answer = await self.vote(who, **more)
        assert 200 == answer.status, answer.body
        assert self.guarded.state == answer.body["state"]
        await self.failed()

    async def refused(self, who: str, *, status: int = 422, **more: Any) -> None:
        """Try to agree, in vain."""
        answer = await self.vote(who, **more)
        assert status == answer.status, answer.body
        await self.failed()

    async def does(self, who: str, command: str, **body: Any) -> None:
        """Give another command, which goes through."""
        now = await self.rig.case(self.id, "audi")
        answer = await self.pair.give(who, command, version=now["version"], **body)
        assert 200 == answer.status, answer.body

    async def failed(self) -> None:
        """See that all is as stopped as it was, in the tables and in the shop."""
        row = await self.pair.connection.fetchrow(
            "SELECT state, narrowing FROM cases WHERE id = $1", self.pair.case.id
        )
        holds = await self.pair.connection.fetch(
            "SELECT state, level FROM holds WHERE case_id = $1", self.pair.case.id
        )
        assert row["state"] in design.FROZEN_PHASE
        assert row["narrowing"] is None
        assert [("active", "hard")] == [tuple(one) for one in holds]
        assert not (await self.rig.shop.buy(self.pair.case.scope.sku)).ok

    async def put_person(self, who: str, *roles: Role, by: str = "root", **more: Any) -> Answer:
        """Change what is known of a person."""
        known: Person | None = None
        service = self.rig.service
        assert service is not None
        found = await service.database.run(lambda tx: tx.people.person(who))
        known = found[0] if found else None
        body = {
            "name": known.name if known else who, "roles": [one.value for one in roles],
            "areas": sorted(known.areas) if known else [CATEGORY], **more,
        }
        return await self.rig.call("PUT", f"/v1/people/{who}", by, json=body)


@pytest.fixture
def begin(rig: Rig, connection, sku: str, hire: Hire, tried: list[str], request) -> Any:
    """Return what builds the case of an attack."""

    async def build(guarded: Guarded, **changes: Any) -> Attack:
        one, two = await hire(guarded.first), await hire(guarded.last)
        owner = {"owner": two} if guarded.command == "declare_false_alarm" else {}
        pair = await pair_of(
            rig, connection, sku, guarded.state, guarded.command,
            **{**guarded.case, **owner, **changes},
        )
        await rig.shop.change(remote_id(sku), STOPPED)
        tried.append(request.node.name)
        return Attack(guarded, pair, one, two)

    return build


# ------------------------------------------------------------------------ the guards do open


@EACH
async def test_the_right_two_are_let_through(begin, tried: list[str], guarded: Guarded):
    """Two people with the right roles agree, and it is done: or no attack here would say much."""
    attack = await begin(guarded)
    tried.clear()  # not an attack
    await attack.agrees(attack.one)

    done = await attack.vote(attack.two)

    assert 200 == done.status, done.body
    if guarded.command == "narrow":
        holds = await attack.pair.connection.fetch(
            "SELECT lot FROM holds WHERE case_id = $1 AND state = 'active'", attack.pair.case.id
        )
        assert LOT["lot"] in {one["lot"] for one in holds}
        return
    given = [one for one in await timeline(attack.rig, {"id": attack.id}, "audi")
             if one["command"] == guarded.command]
    became = "delisted" if guarded.command == "delist" else "reinstating"
    assert [guarded.state, became] == [one["to_state"] for one in given]


# ----------------------------------------------------------------------- one person as two


@EACH
async def test_one_person_with_two_tokens(begin, guarded: Guarded):
    """Tokens are not people: a further one makes no second voice."""
    attack = await begin(guarded)
    service = attack.rig.service
    assert service is not None
    issued = await service.database.run(
        lambda tx: service.access.issue_token(tx, attack.one, "laptop", "test")
    )
    await service.access.refresh()
    attack.rig.secrets["laptop"] = issued.secret

    await attack.agrees(attack.one)
    await attack.refused("laptop")
    await attack.refused(attack.one)


@EACH
async def test_a_machine_key_is_nobody(begin, guarded: Guarded):
    """No key counts as a person, whatever it may do, first or last."""
    attack = await begin(guarded)
    for key in MACHINES:
        await attack.refused(key, status=403)
    await attack.agrees(attack.one)
    for key in (*MACHINES, "safety"):
        await attack.refused(key, status=403)


@EACH
async def test_a_renamed_account_is_the_same_person(begin, guarded: Guarded):
    """Another name, address and language on the account: the id stays, and so does the vote."""
    attack = await begin(guarded)
    await attack.agrees(attack.one)

    renamed = await attack.put_person(
        attack.one, guarded.first, name="Somebody Else", email="else@shop.example", language="de"
    )

    assert renamed.status in {200, 201}, renamed.body
    await attack.refused(attack.one)


@EACH
async def test_an_account_made_anew_votes_alone(begin, hire: Hire, guarded: Guarded):
    """Who has left has no voice: what they agreed to does not count beside their next account."""
    attack = await begin(guarded)
    await attack.agrees(attack.one)
    await dismiss(attack.rig, attack.one)
    anew = await hire(guarded.first)

    await attack.refused(attack.one, status=401)
    await attack.agrees(anew)
    await attack.refused(anew)
    back = await attack.put_person(attack.one, guarded.first)  # an admin's change lets nobody in
    assert (200, False) == (back.status, back.body["active"])
    await attack.refused(attack.one, status=401)


@EACH
async def test_two_connections_at_once(begin, guarded: Guarded):
    """The same person on eight connections at the same moment has one vote, or none."""
    attack = await begin(guarded)
    now = await attack.rig.case(attack.id, "audi")
    tries = [
        attack.vote(attack.one, version=now["version"] + ahead) for ahead in (0, 0, 0, 0, 1, 1, 1)
    ]

    answers = await asyncio.gather(*tries)

    assert 1 >= sum(one.status == 200 for one in answers)
    assert {one.status for one in answers} <= {200, 409, 422}
    await attack.failed()
    votes = await attack.pair.connection.fetchval(
        "SELECT count(*) FROM approvals WHERE case_id = $1 AND void_at IS NULL",
        attack.pair.case.id,
    )
    assert votes <= 1


@EACH
async def test_a_vote_is_not_replayed_into_two(begin, guarded: Guarded):
    """A retried request is answered from memory, and a new key makes it no second voice."""
    attack = await begin(guarded)
    now = await attack.rig.case(attack.id, "audi")
    seen = {"evidence_revision": 3} if guarded.command in {"approve", "narrow"} else {}
    body = {"command": guarded.command, "version": now["version"], **guarded.arguments, **seen}
    path = f"/v1/cases/{attack.id}/commands"

    answers = [
        await attack.rig.call(
            "POST", path, attack.one, json=body, headers={"Idempotency-Key": f"{attack.id}-{key}"}
        )
        for key in ("a", "a", "b")
    ]

    assert [200, 200, 409] == [one.status for one in answers]
    await attack.failed()
    await attack.refused(attack.one)


# ---------------------------------------------------------------------------- administrators


@EACH
async def test_an_administrator_alone(begin, guarded: Guarded):
    """Keeping the books of people gives no voice, and nobody gives one to themselves."""
    attack = await begin(guarded)
    await attack.refused("root", status=403)
    await attack.agrees(attack.one)
    await attack.refused("root", status=403)

    for roles in ([MANAGER], [Role.ADMIN, MANAGER, COMPLIANCE], [Role.ADMIN, ANALYST]):
        mine = await attack.put_person("root", *roles)
        assert (403, "not_allowed") == (mine.status, mine.body["code"])
        await attack.refused("root", status=403)
    wider = await attack.put_person(
        "root", Role.ADMIN, areas=[CATEGORY, "garden"], name="Rita Root"
    )
    assert 403 == wider.status
    key = {"name": "ghost", "rights": ["catalogue", "may_freeze"], "freeze_budget": 100}
    issued = await attack.rig.call("POST", "/v1/keys", "root", json=key)
    assert 201 == issued.status, issued.body
    attack.rig.secrets["ghost"] = issued.body["secret"]
    await attack.refused("ghost", status=403)


@EACH
async def test_a_ghost_has_no_token(begin, guarded: Guarded):
    """An administrator may invent a person, and has no token to be it: and it is on record."""
    attack = await begin(guarded)
    await attack.agrees(attack.one)
    ghost = f"ghost-{attack.id[:8]}"

    made = await attack.put_person(ghost, guarded.last)
    assert made.status in {200, 201}, made.body
    named = {"name": "x", "rights": ["catalogue"], "person": ghost}
    refused = await attack.rig.call("POST", "/v1/keys", "root", json=named)

    assert 422 == refused.status
    audit = await attack.pair.connection.fetchrow(
        "SELECT actor, action, details FROM audit WHERE subject = $1", f"person:{ghost}"
    )
    assert ("person:root", "put_person") == (audit["actor"], audit["action"])
    await attack.failed()


@EACH
async def test_two_administrators_leave_a_trace(begin, hire: Hire, guarded: Guarded):
    """What two administrators can do together for each other stands in the record, with roles.

    It takes two; one gives the other the role, and the vote is the other's first.
    """
    attack = await begin(guarded)
    other = await hire(Role.ADMIN)

    given = await attack.put_person(other, Role.ADMIN, guarded.first)
    assert 200 == given.status, given.body
    await attack.agrees(other)
    await attack.refused(other)

    traces = await attack.pair.connection.fetch(
        "SELECT actor, details FROM audit WHERE subject = $1 ORDER BY seq", f"person:{other}"
    )
    assert "person:root" == traces[-1]["actor"]
    assert guarded.first.value in str(traces[-1]["details"])


# -------------------------------------------------------------------- votes that count no more


@EACH
async def test_a_vote_of_yesterday(begin, guarded: Guarded):
    """A first vote older than a day has lapsed: the next one is the first."""
    attack = await begin(guarded)
    await attack.agrees(attack.one)
    await attack.pair.connection.execute(DAY_OLD, attack.pair.case.id)

    await attack.agrees(attack.two)
    await attack.refused(attack.two)


@EACH
@pytest.mark.parametrize("left", [Role.AUDITOR, Role.ASSOCIATE])
async def test_a_vote_of_somebody_whose_role_is_gone(begin, guarded: Guarded, left: Role):
    """Who may not vote any more has not voted, and can't vote again."""
    attack = await begin(guarded)
    await attack.agrees(attack.one)

    assert 200 == (await attack.put_person(attack.one, left)).status

    await attack.refused(attack.one, status=403)
    await attack.agrees(attack.two)
    await attack.refused(attack.two)


@pytest.mark.parametrize("guarded", [GUARDED[2], GUARDED[7]], ids=lambda one: one.name)
async def test_a_vote_of_a_manager_who_was_moved(begin, guarded: Guarded):
    """A manager of the category must be there at the end, not only at the beginning."""
    attack = await begin(guarded)
    await attack.agrees(attack.one)

    moved = await attack.put_person(attack.one, guarded.first, areas=["garden"])

    assert 200 == moved.status
    await attack.refused("quin")
    await attack.refused("miro")


async def _attach_a_file(attack: Attack) -> None:
    now = await attack.rig.case(attack.id, "audi")
    assert 201 == (await attach(attack.rig, now, "alba")).status


async def _news_comes_in(attack: Attack) -> None:
    before = (await attack.rig.case(attack.id, "audi"))["evidence_revision"]
    sku = attack.pair.case.scope.sku
    await attack.rig.complain(sku, 1, lot="L-99", intent="fire", severity="major")
    case = await attack.rig.case(attack.id, "audi")
    for _ in range(200):
        if case["evidence_revision"] > before:
            return
        await asyncio.sleep(0.02)
        case = await attack.rig.case(attack.id, "audi")
    raise AssertionError(case)


async def _register_an_order(attack: Attack) -> None:
    await attack.does("cora", "register_order", authority="The customs", document="orders/12")


NEWS = {
    "a file": _attach_a_file,
    "a complaint": _news_comes_in,
    "an order": _register_an_order,
}


@EACH
@pytest.mark.parametrize("news", NEWS)
async def test_a_vote_on_older_evidence(begin, guarded: Guarded, news: str):
    """Whoever agreed before the news has agreed to something else: the vote is void."""
    attack = await begin(guarded)
    await attack.agrees(attack.one)
    await NEWS[news](attack)
    await attack.failed()

    for seen in ({"evidence_revision": 3}, {}):
        answer = await attack.vote(attack.two, **seen)
        # At the most it is the first vote on the new evidence.
        assert answer.status in {200, 409, 422}, answer.body
        await attack.failed()


@EACH
async def test_a_vote_before_the_scope_was_widened(begin, rig: Rig, guarded: Guarded):
    """Two agree to the same scope: what was widened in between is another matter."""
    attack = await begin(guarded)
    if guarded.command == "narrow":
        await attack.agrees(attack.one)
        other = {"scope": {"lot": "L-8"}, "reason": "No, only L-8."}
        await attack.agrees(attack.two, **other)
        await attack.refused(attack.one)
        await attack.refused(attack.two, **other)
        return
    owner = attack.pair.case.owner
    assert owner is not None
    await attack.pair.connection.execute(
        "UPDATE cases SET lot = 'L-7' WHERE id = $1", attack.pair.case.id
    )
    await attack.pair.connection.execute(
        "UPDATE holds SET lot = 'L-7' WHERE case_id = $1", attack.pair.case.id
    )
    await attack.agrees(attack.one)
    await attack.does(owner, "widen", scope={}, reason="Lot L-8 breaks too.")
    for seen in ({"evidence_revision": 3}, {}):
        sent = seen if guarded.command == "approve" else {}
        answer = await attack.vote(attack.two, **sent)
        assert answer.status in {200, 409, 422}, answer.body
        await attack.failed()


# ------------------------------------------------------------------------- authors and askers


@APPROVALS
@pytest.mark.parametrize("part", ["remedy_author", "approval_requested_by"])
async def test_nobody_approves_their_own(begin, guarded: Guarded, part: str):
    """Who proposed the remedy, or asked for the approval, is neither the first nor the last."""
    attack = await begin(guarded)
    await attack.pair.connection.execute(
        f"UPDATE cases SET {part} = $2 WHERE id = $1", attack.pair.case.id, attack.two
    )

    await attack.refused(attack.two)
    await attack.agrees(attack.one)
    await attack.refused(attack.two)
    await attack.does("owen", "hand_off", to="mara", reason="So that nobody notices.")
    await attack.does("mara", "accept_hand_off")
    await attack.refused(attack.two)


async def test_a_waiver_takes_a_second_voice(begin, hire: Hire):
    """Who waives what still sells, and approves, is one person: before the waiver and after it."""
    plain = Guarded("approve, waived", "approve", "awaiting_approval", MANAGER, MANAGER, {})
    attack = await begin(plain)
    sku = attack.pair.case.scope.sku
    where = {"catalogue": "shop", "remote_id": remote_id(sku)}
    await attack.pair.connection.execute(
        "UPDATE catalogue_objects SET status = 'refused', seen_sellable = true WHERE sku = $1", sku
    )
    await attack.rig.shop.faults(refuse=403, skus=[sku])
    named = {"unconfirmed": [f"shop/{where['remote_id']}"]}

    await attack.refused(attack.one)  # nobody approves past what is not named
    await attack.agrees(attack.one, **named)
    until = "2099-01-01T00:00:00Z"
    late = await attack.pair.give(
        attack.one, "waive", until=until, reason="x", **where,
        version=(await attack.rig.case(attack.id, "audi"))["version"],
    )
    assert 422 == late.status  # not for ever either
    soon = (await attack.pair.connection.fetchval("SELECT now() + interval '2 days'")).isoformat()
    await attack.does(attack.one, "waive", until=soon, reason="The till has no plug.", **where)
    await attack.agrees(attack.one, **named)  # the vote before the waiver is void; this is a first
    await attack.refused(attack.one, **named)
    await attack.refused(attack.one)

    await attack.pair.connection.execute(DAY_OLD, attack.pair.case.id)
    await attack.agrees(attack.one, **named)  # that one is gone as well
    await attack.refused(attack.one, **named)


# ---------------------------------------------------------------------------- the wrong two


@pytest.mark.parametrize(
    ("guarded", "first", "last"),
    [
        (GUARDED[0], (ANALYST,), (ANALYST,)),
        (GUARDED[0], (COMPLIANCE,), (ANALYST,)),
        (GUARDED[0], (MANAGER, "garden"), (COMPLIANCE,)),
        (GUARDED[0], (MANAGER, "garden"), (MANAGER, "garden")),
        (GUARDED[1], (COMPLIANCE,), (COMPLIANCE,)),
        (GUARDED[3], (MANAGER,), (MANAGER,)),
        (GUARDED[3], (COMPLIANCE,), (COMPLIANCE,)),
        (GUARDED[4], (MANAGER,), (MANAGER,)),
        (GUARDED[4], (COMPLIANCE,), (COMPLIANCE,)),
        (GUARDED[5], (ANALYST,), (COMPLIANCE,)),
        (GUARDED[6], (ANALYST,), (ANALYST,)),
        (GUARDED[7], (COMPLIANCE,), (ANALYST,)),
        (GUARDED[8], (ANALYST,), (COMPLIANCE,)),
    ],
    ids=str,
)
async def test_two_who_are_not_the_right_two(begin, hire: Hire, guarded: Guarded, first, last):
    """A manager of the category, the owner, compliance and a manager: one of the two must be."""
    attack = await begin(guarded)
    one, two = [
        await hire(role, areas=frozenset(elsewhere) or HERE) for role, *elsewhere in (first, last)
    ]

    await attack.agrees(one)
    await attack.refused(two)
    await attack.refused(one)


@pytest.mark.parametrize("guarded", [GUARDED[3], GUARDED[4]], ids=lambda one: one.name)
async def test_compliance_and_manager_in_one_person(begin, hire: Hire, guarded: Guarded):
    """Who has both roles is one person all the same, before an order is lifted as after."""
    attack = await begin(guarded)
    both = await hire(COMPLIANCE, MANAGER)

    await attack.agrees(both)
    await attack.refused(both)
    await attack.put_person(both, COMPLIANCE)
    await attack.refused(both)
    await attack.put_person(both, MANAGER)
    await attack.refused(both)


@EACH
async def test_vendors_have_no_voice(begin, guarded: Guarded):
    """A vendor's person neither begins nor completes it; a rival does not even see the case."""
    attack = await begin(guarded)
    await attack.refused("vera", status=403)
    await attack.refused("vito", status=404)
    await attack.agrees(attack.one)
    await attack.refused("vera", status=403)
    await attack.refused("vito", status=404)

    mixed = await attack.put_person("vera", Role.VENDOR, MANAGER, vendor="acme")
    assert 422 == mixed.status
    for command in ("freeze", "accept_ownership", "request_approval", "narrow", "merge",
                    "register_revocation", "review", "extend_deadline", "unwaive"):
        answer = await attack.pair.give("vera", command, version=4)
        assert (403, "not_allowed") == (answer.status, answer.body["code"])
    await attack.failed()


async def test_so_many_were_tried(tried: list[str], record_property):
    """Every attack ends with a look at the case, its hold and the shop; none got through."""
    record_property(
        "figure", f"{len(tried)} attacks on two-person guards, 0 succeeded"
    )
    assert tried
