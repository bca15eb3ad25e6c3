"""What a pair of a state and a command needs: who may give it, with what, and on what rows.

Nothing here knows the service's table. Who may is said by `tests.domain.design`; this page says
which words of the design each person answers to, and with which arguments and rows the guards of
a command are content.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg

from freezeguard.domain.people import Person, Role
from freezeguard.domain.record import Case
from freezeguard.domain.scope import Scope
from freezeguard.domain.transitions import State
from tests.acceptance.rows import (
    NEVER_FROZEN,
    REVOCATION,
    case_in,
    order,
    put,
    remote_id,
    snapshot,
)
from tests.domain import design
from tests.rig import REMEDY, VERIFICATION, Answer, Rig

IS = {
    "owen": {"owner", "manager", "approver", "reviewer", "staff"},
    "mara": {"manager", "approver", "reviewer", "staff"},
    "miro": {"manager", "reviewer", "staff"},
    "alba": {"associate", "staff"},
    "bert": {"associate", "staff"},
    "quin": {"analyst", "reviewer", "staff"},
    "cora": {"compliance", "reviewer", "staff"},
    "finn": {"staff"},
    "audi": {"staff"},
    "root": {"staff"},
    "vera": {"vendor"},
}
"""Which words of the design each person answers to, for a case of acme's owned by owen."""

MACHINES = ("freezer", "catalogue", "source")
SYSTEMS = frozenset({"detector", "timer", "reconciler", "courier"})

BEST = {
    "approve": "mara", "freeze": "mara", "propose_remedy": "vera", "narrow": "mara",
    "delist": "mara", "accept_hand_off": "quin", "reopen": "cora", "uphold": "cora",
}
"""Who gives a command where the first who may would meet a guard."""

LEGAL_CLOCK = "law_notice"
LOT = {"lot": "L-7"}

ARGUMENTS: dict[str, dict[str, Any]] = {
    "dismiss": {"reason": "A carton."},
    "freeze": {"reason_code": "defective"},
    "waive": {"catalogue": "shop", "reason": "The till has no plug."},
    "unwaive": {"catalogue": "shop", "reason": "It obeys by now."},
    "resolve_task": {"catalogue": "shop", "note": "Done."},
    "contest": {"reason": "The lot is not ours."},
    "answer_contest": {"reason": "The stamp on it is yours."},
    "propose_remedy": {"remedy": REMEDY},
    "return_remedy": {"missing": ["The tear test."]},
    "request_approval": {"verification": VERIFICATION},
    "reject_approval": {"reason": "The wrong lot was tested."},
    "approve": {"evidence_revision": 3},
    "declare_false_alarm": {"reason_code": "wrong_item"},
    "delist": {"reason": "It breaks whatever is done."},
    "appeal": {"new_facts": "Another lot was tested."},
    "reopen": {"reason": "The test convinces."},
    "uphold": {"reason": "The test is of another item."},
    "widen": {"scope": {}, "reason": "Lot L-8 breaks too."},
    "narrow": {"scope": LOT, "reason": "Only lot L-7 breaks.", "evidence_revision": 3},
    "register_order": {"authority": "The market surveillance", "document": "orders/9"},
    "register_revocation": {"document": "orders/10"},
    "record_action": {"clock": LEGAL_CLOCK, "action": "The authority was told."},
    "merge": {"reason": "The same seal."},
    "hand_off": {"to": "quin", "reason": "I am away."},
    "comment": {"comment": "Samples are on the way."},
    "extend_deadline": {"clock": "later_review", "reason": "A holiday."},
    "review": {"verdict": "right", "comment": "Five handles."},
}
"""Arguments that satisfy every guard, but for what only the case knows: see `Pair.arguments`."""

_NOTHING = {"catalogue": "shop", "remote_id": "nothing of this name"}
LACKING: dict[str, dict[str, Any]] = {
    **{name: {} for name in (
        "dismiss", "commit_date", "contest", "answer_contest", "propose_remedy", "return_remedy",
        "request_approval", "reject_approval", "approve", "declare_false_alarm", "delist",
        "appeal", "reopen", "uphold", "widen", "narrow", "register_order", "register_revocation",
        "record_action", "merge", "hand_off", "accept_hand_off", "attach_evidence",
        "extend_deadline", "review",
    )},
    "freeze": {"lane": "authority"},
    "waive": _NOTHING,
    "unwaive": _NOTHING,
    "resolve_task": _NOTHING,
}  # fmt: skip
"""Arguments that leave a guard unmet."""

WHO_LACKS = {"accept_hand_off": "audi"}
"""Who meets a guard, where it asks who it is."""

ILL_TYPED: dict[str, dict[str, Any]] = {
    "dismiss": {"reason": 7},
    "freeze": {"reason_code": "boredom"},
    "waive": {"reason": "No catalogue is named."},
    "unwaive": {},
    "accept_ownership": {"comment": []},
    "acknowledge": {"comment": {}},
    "commit_date": {"date": "soon"},
    "contest": {"reason": []},
    "answer_contest": {"reason": 1},
    "resolve_task": {},
    "propose_remedy": {"remedy": "a better kettle"},
    "return_remedy": {"missing": "all"},
    "request_approval": {"verification": 1},
    "reject_approval": {"reason": {}},
    "approve": {"evidence_revision": "three"},
    "declare_false_alarm": {"reason_code": 5},
    "delist": {"reason": False},
    "appeal": {"new_facts": ["none"]},
    "reopen": {"reason": 1},
    "uphold": {"reason": 1},
    "widen": {"scope": "all of it"},
    "narrow": {"scope": ["L-7"]},
    "register_order": {"document": 5},
    "register_revocation": {"document": []},
    "record_action": {"action": 1},
    "merge": {"into": 5},
    "hand_off": {"to": ["quin"]},
    "accept_hand_off": {"comment": 1},
    "comment": {},
    "attach_evidence": {"file": "report.pdf"},
    "extend_deadline": {"until": "later"},
    "review": {"verdict": 1},
}
"""Arguments of a wrong type, or none where one is required, or one that nobody knows."""

NEVER_MET = {
    ("suspected", "review"),
    ("remedy_proposed", "commit_date"),
    ("awaiting_approval", "commit_date"),
}
"""Pairs of the table whose guard no argument satisfies: nothing was stopped yet, or the ball is
with the shop."""

PAIRS = [(state, command) for state in design.EVERY_STATE for command in design.COMMANDS]


def given_by_people(command: str) -> bool:
    """Say whether anybody but the system gives a command; files have an address of their own."""
    return bool(design.who_may(command, "") - SYSTEMS) and command not in {
        "suspect", "attach_evidence",
    }


def legal_pairs(lane: str = "quality") -> list[tuple[str, str]]:
    """Return the pairs that people bring about by a command, in the order of the design."""
    return [
        (state, command)
        for state, command in PAIRS
        if given_by_people(command) and is_legal(command, state, lane)
        and (state, command) not in NEVER_MET
    ]


def is_legal(command: str, state: str, lane: str = "quality") -> bool:
    """Say whether the design has a line for a command here."""
    if lane == "authority" and command in design.ILLEGAL_IN_AUTHORITY_LANE:
        return False
    return design.line_of(command, state, lane) is not None


def may(who: str, command: str, state: str, lane: str = "quality") -> bool:
    """Say whether the design lets a person give a command here, or anywhere if it is illegal."""
    return bool(IS[who] & design.who_may(command, state, lane))


def sees(who: str, state: str) -> bool:
    """Say whether the case is any of a person's business: vendors know of no suspicion."""
    return who != "vera" or State(state) not in NEVER_FROZEN


def the_right_one(command: str, state: str, lane: str = "quality") -> str | None:
    """Return a person who may give a command, None for the system's own."""
    if (best := BEST.get(command)) and may(best, command, state, lane) and sees(best, state):
        return best
    return next((who for who in IS if may(who, command, state, lane)), None)


async def enrol(rig: Rig, name: str, *roles: Role, areas: frozenset[str] = frozenset()) -> str:
    """Register a person with a token, as the command line does; return the name."""
    service = rig.service
    assert service is not None
    person = Person(name, name.title(), frozenset(roles), f"{name}@shop.example", areas=areas)

    async def work(tx: Any) -> str:
        await service.access.add_person(tx, person, "test")
        return str((await service.access.issue_token(tx, name, "test", "test")).secret)

    rig.secrets[name] = await service.database.run(work)
    await service.access.refresh()
    return name


@dataclass
class Pair:
    """One case in one state as it was built, and one command on it."""

    rig: Rig
    connection: asyncpg.Connection
    case: Case
    command: str
    before: dict[str, Any]
    other: Case | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """Return arguments that satisfy the guards of the command."""
        given = dict(ARGUMENTS.get(self.command, {}))
        now = datetime.now(UTC)
        match self.command:
            case "waive" | "unwaive" | "resolve_task":
                given["remote_id"] = remote_id(self.case.scope.sku)
        match self.command:
            case "waive" | "commit_date":
                key = "until" if self.command == "waive" else "date"
                given[key] = (now + timedelta(days=5)).isoformat()
            case "extend_deadline":
                given["until"] = (now + timedelta(days=9)).isoformat()
            case "merge" if self.other is not None:
                given["into"] = str(self.other.id)
        return given

    async def give(self, who: str, command: str | None = None, **body: Any) -> Answer:
        """Send the command, or another one."""
        path = f"/v1/cases/{self.case.id}/commands"
        sent = {"command": command or self.command, **body}
        return await self.rig.call("POST", path, who, json=sent)

    async def refused(self, expected: tuple[int, str], who: str, **body: Any) -> Answer:
        """Send a command that must be refused in one way."""
        answer = await self.give(who, **body)

        assert expected == (answer.status, answer.body["code"]), (who, body, answer.body)
        return answer

    async def is_unchanged(self) -> None:
        """See that not one row of the case, or number of rows about it, has changed."""
        assert self.before == await snapshot(self.connection, self.case.id)


async def pair_of(
    rig: Rig, connection: Any, sku: str, state: str, command: str, **changes: Any
) -> Pair:
    """Build a case by rows, with what its guards look at, and take a command in hand."""
    if changes.get("lane") == "authority":
        revoked = {"revocation": REVOCATION} if changes.pop("revoked", False) else {}
        changes["authority_order"] = order(**revoked)
    if (state, command) == ("appealed", "freeze"):
        # What is delisted stays stopped, and only `reopen` and `uphold` answer its appeal.
        changes.setdefault("outcome", "false_alarm")
    case = case_in(sku, State(state), **_looked_at(command, sku), **changes)
    await put(rig, case)
    other = await _furnish(rig, connection, case, command)
    return Pair(rig, connection, case, command, await snapshot(connection, case.id), other)


def _looked_at(command: str, sku: str) -> dict[str, Any]:
    """Return the fields of a case that the guards of a command look at."""
    now = datetime.now(UTC)
    match command:
        case "accept_hand_off":
            return {"hand_off": {"to": "quin", "by": "owen", "at": now.isoformat(), "reason": ""}}
        case "answer_contest":
            answer_by = (now + timedelta(days=2)).isoformat()
            return {"contest": {"at": now.isoformat(), "by": "vera", "reason": "Not ours.",
                                "answer_by": answer_by}}
        case "widen":
            return {"scope": Scope(sku, **LOT)}
        case _:
            return {}


async def _furnish(rig: Rig, connection: Any, case: Case, command: str) -> Case | None:
    """Store the rows beside a case that the guards of a command look at."""
    soon = datetime.now(UTC) + timedelta(days=2)
    where = (case.scope.sku, remote_id(case.scope.sku))
    match command:
        case "extend_deadline":
            await _start_clock(rig, case, "later_review", soon, {})
        case "record_action":
            law = {"law": "Art. 20", "jurisdiction": "EU", "sentence": "Tell it.", "warn_at": []}
            await _start_clock(rig, case, LEGAL_CLOCK, soon, law)
        case "waive":
            await connection.execute(
                "UPDATE catalogue_objects SET status = 'refused', seen_sellable = true"
                " WHERE sku = $1 AND remote_id = $2", *where,
            )
        case "unwaive":
            # While it is freezing only the clock is left of the waiver: what is waived counts as
            # stopped, and the sweep would call the case frozen under the test's eyes.
            until = None if case.state is State.FREEZING else soon
            await connection.execute(
                "UPDATE catalogue_objects SET status = 'refused', seen_sellable = true"
                " WHERE sku = $1 AND remote_id = $2", *where,
            )
            if until is not None:
                await connection.execute(
                    "INSERT INTO waivers (case_id, sku, catalogue, remote_id, waived_by, waived_at,"
                    " until, why) VALUES ($1, $2, 'shop', $3, 'mara', now(), $4, 'A test.')",
                    case.id, *where, until,
                )
            await _start_clock(rig, case, f"waiver:shop/{where[1]}", soon, {})
        case "merge" if case.state in {State.SUSPECTED, *map(State, design.FROZEN_PHASE)}:
            older = case_in(
                case.scope.sku, State.SUSPECTED if case.state is State.SUSPECTED else State.FROZEN,
                scope=Scope(case.scope.sku, **LOT), opened_at=case.opened_at - timedelta(days=1),
            )
            await put(rig, older)
            return older
    return None


async def _start_clock(
    rig: Rig, case: Case, kind: str, due: datetime, details: dict[str, Any]
) -> None:
    assert rig.service is not None
    await rig.service.database.run(
        lambda tx: tx.cases.start_clock(
            uuid4(), case, kind, datetime.now(UTC), due, next_at=due, details=details
        )
    )
