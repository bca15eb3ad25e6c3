"""Who is refused what, in which order: for every state, command and kind of actor."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from freezeguard.domain.case import decide, open_case, possible_commands, unmet_guards
from freezeguard.domain.errors import (
    FreezeguardError,
    GuardFailed,
    IllegalTransition,
    NotAllowed,
    VersionConflict,
)
from freezeguard.domain.people import Actor, System, actor_name
from freezeguard.domain.record import Case, Facts
from freezeguard.domain.transitions import Command, State
from tests.domain import design
from tests.domain.casebook import NOW, PENDING, case_in
from tests.domain.cast import ANA, ANN, EVERYBODY, IS, OWEN, READER, TILL, VIC

UNMET = Facts(objects=(PENDING,), other=case_in(State.PROBATION, id=UUID(int=8)))
"""Facts that satisfy no guard."""

BARE = {"since": NOW.isoformat(), "due": NOW.isoformat()}
"""What the system's own commands always bring along, and no person's does."""

GUARDED = frozenset(
    {
        "dismiss", "confirm_freeze", "resolve_task", "propose_remedy", "return_remedy",
        "request_approval", "reject_approval", "approve", "confirm_release", "complete_probation",
        "declare_false_alarm", "delist", "waive", "unwaive", "commit_date", "miss_date",
        "contest",
        "answer_contest", "attach_evidence", "appeal", "reopen", "uphold", "widen", "narrow",
        "confirm_narrow",
        "register_order", "register_revocation", "record_action", "merge", "hand_off",
        "accept_hand_off", "lapse_hand_off", "replace_owner", "extend_deadline", "review",
    }
)
"""Commands that lack something when given without arguments and with `UNMET` facts."""


def _refusal(case: Case, command: Command, actor: Actor, version: int | None) -> str:
    try:
        decide(
            case, command, arguments=BARE, actor=actor, now=NOW, facts=UNMET, version=version
        )
    except FreezeguardError as error:
        return type(error).__name__
    return "done"


def _expected(case: Case, command: Command, actor: Actor, *, seen: bool) -> str:
    """Say by the design alone what becomes of a command without arguments."""
    name, state = command.value, case.state.value
    if not IS[actor] & design.who_may(name, state, case.lane):
        return "NotAllowed"
    if not seen and name not in design.NEEDS_NO_VERSION:
        return "VersionConflict"
    authority = case.lane == "authority" and name in design.ILLEGAL_IN_AUTHORITY_LANE
    if design.line_of(name, state, case.lane) is None or authority:
        return "IllegalTransition"
    return "GuardFailed" if _lacks_something(case, name, actor) else "done"


def _lacks_something(case: Case, name: str, actor: Actor) -> bool:
    if name != "freeze":
        return name in GUARDED
    # A suspicion without a puller is the detector's: any associate is the second opinion.
    return case.state is not State.SUSPECTED and actor == TILL


@pytest.mark.parametrize("lane", ["quality", "safety", "authority"])
@pytest.mark.parametrize("state", State)
def test_refusals_come_in_the_contract_s_order(state, lane):
    """Not allowed, then version conflict, then illegal, then unmet guards."""
    case = case_in(state, lane=lane)
    trials = [
        (command, actor, version)
        for command in Command
        for actor in EVERYBODY
        for version in (case.version, case.version - 1, None)
    ]

    expected = {
        (command.value, actor_name(actor), version): _expected(
            case, command, actor, seen=version != case.version - 1
        )
        for command, actor, version in trials
    }
    actual = {
        (command.value, actor_name(actor), version): _refusal(case, command, actor, version)
        for command, actor, version in trials
    }

    assert expected == actual


def test_a_refused_command_changes_nothing():
    """After a refusal of any kind the case and the arguments are what they were."""
    refused = 0
    for state in State:
        case, arguments = case_in(state), {**BARE, "reason": " ", "remedy": {"cause": {}}}
        before = (replace(case), {**arguments})
        for command in Command:
            for actor in EVERYBODY:
                try:
                    decide(
                        case, command, arguments=arguments, actor=actor, now=NOW, facts=UNMET,
                        version=case.version,
                    )
                except FreezeguardError:
                    refused += 1
                assert before == (case, arguments)

    assert refused > 9_000


@pytest.mark.parametrize("command", Command)
@pytest.mark.parametrize("actor", EVERYBODY, ids=actor_name)
def test_a_case_is_opened_by_suspect_and_freeze_only(command, actor):
    """Nobody opens a case by another command, and nobody but those whom the design names."""
    arguments: dict[str, Any] = {
        "quiet_after": NOW.isoformat(), "reason_code": "safety_hazard", "reason": {}
    }
    seed = case_in(State.SUSPECTED, version=1, evidence_revision=1)
    line = design.LINES.get((command.value, None))
    if line is None or not IS[actor] & line.who:
        with pytest.raises(NotAllowed):
            open_case(seed, command, arguments=arguments, actor=actor, now=NOW, facts=Facts())
        return

    opened = open_case(seed, command, arguments=arguments, actor=actor, now=NOW, facts=Facts())

    assert line.targets == (opened.case.state,)
    assert opened.from_state is None
    assert (1, 1, 0) == (
        opened.case.version, opened.case.evidence_revision, opened.case.recurrence
    )


def test_a_refusal_says_who_may():
    """Whoever is refused learns whom to ask."""
    with pytest.raises(NotAllowed, match="approve is for: analyst, approver, compliance, manager"):
        decide(
            case_in(State.AWAITING_APPROVAL), Command.APPROVE, arguments={}, actor=ANN, now=NOW,
            facts=Facts(), version=4,
        )


def test_a_conflict_says_where_the_case_stands():
    """Whoever lost a race learns the version and the state that won."""
    with pytest.raises(VersionConflict, match=r"version 4 \(frozen\), not 3"):
        decide(
            case_in(State.FROZEN), Command.ACCEPT_OWNERSHIP, arguments={}, actor=OWEN, now=NOW,
            facts=Facts(), version=3,
        )


def test_unmet_guards_are_all_told_at_once():
    """A proposal that lacks everything is told everything that it lacks, in one answer."""
    with pytest.raises(GuardFailed) as refused:
        decide(
            case_in(State.DIAGNOSING), Command.PROPOSE_REMEDY, arguments={}, actor=OWEN, now=NOW,
            facts=Facts(), version=4,
        )

    assert 8 == len(refused.value.missing)


def test_the_system_needs_no_version_and_people_can_t_pose_as_it():
    """System commands are refused to every person and key, whatever their roles."""
    own = {"expire", "confirm_freeze", "void_approval", "confirm_release", "refuse_release",
           "complete_probation", "refused", "unreachable", "drifted", "confirmed"}

    for command in (Command(name) for name in own):
        for actor in EVERYBODY:
            if not isinstance(actor, System):
                with pytest.raises(NotAllowed):
                    decide(
                        case_in(State.FREEZING), command, arguments={}, actor=actor, now=NOW,
                        facts=Facts(), version=4,
                    )


@pytest.mark.parametrize("lane", ["quality", "authority"])
@pytest.mark.parametrize("state", State)
def test_what_is_offered_is_what_the_design_allows(state, lane):
    """A caller is offered exactly the commands that the design gives him here."""
    case = case_in(state, lane=lane)
    forbidden = design.ILLEGAL_IN_AUTHORITY_LANE if lane == "authority" else frozenset()
    expected = {
        actor_name(actor): {
            name
            for name in design.COMMANDS
            if (line := design.line_of(name, state.value, lane)) is not None
            and IS[actor] & line.who
            and name not in forbidden
            and not isinstance(actor, System)
        }
        for actor in EVERYBODY
    }

    actual = {
        actor_name(actor): {one.value for one in possible_commands(case, actor)}
        for actor in EVERYBODY
    }

    assert expected == actual


def test_an_offer_says_what_is_still_missing():
    """Beside each offered command stands what a bare one would be told."""
    missing = unmet_guards(
        case_in(State.REMEDY_PROPOSED), Command.REQUEST_APPROVAL, OWEN, NOW, Facts()
    )

    assert ("`verification`: what was checked, and with what result",) == missing
    assert () == unmet_guards(case_in(State.FROZEN), Command.FREEZE, ANA, NOW, Facts())


def test_strangers_are_offered_nothing():
    """Another vendor and a reading key have nothing to say in any state."""
    for actor in (VIC, READER):
        offered = [one for state in State for one in possible_commands(case_in(state), actor)]
        assert [] == offered


def test_what_is_illegal_answers_so_before_any_guard():
    """A command that has no row here says so, not that something is missing."""
    with pytest.raises(GuardFailed, match="it must cover K-1, and more"):
        decide(
            case_in(State.FROZEN), Command.WIDEN, arguments={}, actor=OWEN, now=NOW,
            facts=Facts(), version=4,
        )
    with pytest.raises(IllegalTransition, match="while a case is suspected"):
        decide(
            case_in(State.SUSPECTED), Command.WIDEN, arguments={}, actor=OWEN, now=NOW,
            facts=Facts(), version=4,
        )
