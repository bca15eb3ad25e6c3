"""Who may see a case, who manages what, and under which names actors stand in history."""

from dataclasses import replace

import pytest

from freezeguard.domain.authority import accepts, may_see
from freezeguard.domain.people import System, actor_name
from freezeguard.domain.transitions import Row, Who
from tests.domain.casebook import NOW, case_in
from tests.domain.cast import (
    ADA,
    ANA,
    ANN,
    COL,
    DESKTOP,
    EVERYBODY,
    FAY,
    IS,
    MIA,
    READER,
    STAFF,
    TILL,
    TOM,
    ULF,
    VERA,
    VIC,
)

_WORDS = {Who.FREEZING_KEY: "key"}


@pytest.mark.parametrize("actor", EVERYBODY, ids=actor_name)
def test_each_actor_answers_to_the_right_words(actor):
    """A person is what his roles, the case's owner and vendor make him; a key is no person."""
    case = case_in("frozen")

    answered = {
        _WORDS.get(who, who.value)
        for who in Who
        if accepts(Row(None, frozenset(), None, frozenset({who})), case, actor)
    }

    assert IS[actor] == answered


def test_whoever_owns_the_case_is_its_owner():
    """Ownership is the case's to say, of those who may own one: no vendor, associate or auditor."""
    owner = Row(None, frozenset(), None, frozenset({Who.OWNER}))

    for one in (ANA, MIA, COL, ADA):
        assert accepts(owner, case_in("frozen", owner=one.id), one)
        assert not accepts(owner, case_in("frozen", owner=None), one)
    for one in (ANN, FAY, ULF, VERA):
        assert not accepts(owner, case_in("frozen", owner=one.id), one)


def test_vendors_see_their_own_cases_once_they_were_told():
    """A rival sees nothing, and a suspicion stays inside the shop."""
    told, suspected = case_in("frozen"), case_in("suspected")

    assert may_see(told, VERA)
    assert not may_see(suspected, VERA)
    assert not may_see(told, VIC)
    assert not may_see(case_in("frozen", vendor=None), VERA)
    assert may_see(case_in("probation"), VERA)
    assert not may_see(case_in("frozen", frozen_at=None), VERA)


def test_staff_and_catalogues_see_cases_and_sources_do_not():
    """All staff, the system and keys that may read; a source only sends."""
    case = case_in("suspected", opened_at=NOW)

    assert all(may_see(case, one) for one in (*STAFF, *System, TILL, READER))
    assert not may_see(case, DESKTOP)


def test_a_manager_s_areas():
    """A manager answers for his areas, for all where he has none; an admin for nothing."""
    everywhere = replace(MIA, areas=frozenset())

    assert MIA.manages("kettles")
    assert not MIA.manages("toys")
    assert not MIA.manages(None)
    assert TOM.manages("toys")
    assert not ADA.manages("kettles")
    assert everywhere.manages("toys")
    assert everywhere.manages(None)


def test_names_in_history():
    """People, keys and the system are told apart by their names."""
    assert ["person:ann", "key:till", "detector"] == [
        actor_name(one) for one in (ANN, TILL, System.DETECTOR)
    ]
