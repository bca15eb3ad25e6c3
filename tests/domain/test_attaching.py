"""A file is new evidence: revision, votes, who is told, and how the history replays."""

import pytest

from freezeguard.domain import effects as fx
from freezeguard.domain.errors import GuardFailed
from freezeguard.domain.history import BrokenHistory, Replayed, replay
from freezeguard.domain.transitions import OPEN, Command, State
from tests.domain.casebook import Line, case_in, give, kinds
from tests.domain.cast import ANA, OWEN, VERA

FILE = {"file": "f-1", "media_type": "application/pdf", "size": 90, "shared": False}
SHARED = {**FILE, "shared": True}


@pytest.mark.parametrize("state", sorted(OPEN))
def test_a_file_raises_version_and_evidence_revision(state):
    """In every open state; the state stays, and agreement to the older evidence is void."""
    decision = give(case_in(state), Command.ATTACH_EVIDENCE, ANA, FILE)

    after = decision.case
    assert (state, 5, 4) == (after.state, after.version, after.evidence_revision)
    assert [fx.VoidVotes("the evidence has changed")] == list(decision.effects)


def test_each_side_is_told_of_the_files_of_the_other():
    """The owner of a vendor's file, the vendor of one that staff shares, nobody of the rest."""
    case = case_in(State.FROZEN)

    told = {
        name: kinds(give(case, Command.ATTACH_EVIDENCE, actor, arguments))
        for name, actor, arguments in (
            ("vendor", VERA, SHARED), ("shared", OWEN, SHARED), ("kept", OWEN, FILE),
        )
    }

    assert {
        "vendor": [("evidence_attached", "owner")],
        "shared": [("evidence_attached", "vendor")],
        "kept": [],
    } == told


def test_the_command_alone_attaches_nothing():
    """Without the file the guard says where to send it."""
    with pytest.raises(GuardFailed, match=r"POST /v1/cases/\{id\}/evidence"):
        give(case_in(State.FROZEN), Command.ATTACH_EVIDENCE, OWEN)


def test_a_suspicion_is_shared_with_no_vendor():
    """What the vendor may not know of it isn't told by a file either."""
    with pytest.raises(GuardFailed, match="suspicion"):
        give(case_in(State.SUSPECTED), Command.ATTACH_EVIDENCE, OWEN, SHARED)


def test_a_file_replays_as_new_evidence():
    """Version and evidence revision rise by one; a history that says otherwise is broken."""
    life = (
        Line("freeze", None, "freezing", 1, 1),
        Line("attach_evidence", "freezing", "freezing", 2, 2),
        Line("confirm_freeze", "freezing", "frozen", 3, 2),
        Line("attach_evidence", "frozen", "frozen", 4, 3),
    )

    assert Replayed(State.FROZEN, 4, 3, 0) == replay(life)
    for version, revision in ((4, 2), (3, 3), (5, 3)):
        with pytest.raises(BrokenHistory):
            replay((*life[:3], Line("attach_evidence", "frozen", "frozen", version, revision)))
