"""The parts on their own: scopes, events, the copy on disk, what a caller must say."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezeguard.client import AsyncClient, Because, Choice, Policy, State, WhenUnsure, copyfile
from freezeguard.client.errors import CopyCorrupt, CopyMissing, NotUnderstood, StreamBroken
from freezeguard.client.events import LARGEST, Reader
from freezeguard.client.follower import Pace
from freezeguard.client.gate import Gate
from freezeguard.client.heldset import NARROWING, HeldSet, Hold
from freezeguard.domain import scope as domain
from freezeguard.services.enforcing.heldset import _hash_of
from tests.client.told import KEEP, Clocks, gate, hear, hold, released, set_, sign, snapshot

narrowings = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(["a", "b"]) for name in NARROWING}
)


@given(narrowings, narrowings)
def test_a_question_meets_a_hold_as_it_does_at_the_server(mine, asked):
    """Same fields, same meaning of an absent one."""
    theirs = domain.Scope.of("kettle", asked).overlaps(domain.Scope.of("kettle", mine))

    assert domain.NARROWING == NARROWING
    assert theirs is Hold.read(hold("h-1", "kettle", **mine)).concerns(asked)


@given(st.text(st.characters(codec="utf-8")), narrowings)
def test_the_checksum_is_the_servers(sku, narrowed):
    """Both sides count the same bits for a hold."""
    facts = hold("h-1", sku, **narrowed)

    assert _hash_of(facts) == Hold.read(facts).bits()


def test_narrow_questions_get_narrow_answers():
    """A lot that is held stops its own sale and any that names no lot, and no other."""
    facts = hold("h-1", "kettle", lot="L-7", country="DE")
    at = gate(Clocks())
    hear(at, snapshot(7, facts), sign(7, facts))
    asked = [{}, {"lot": "L-7"}, {"lot": "L-8"}, {"country": "FR"}, {"seller": "x"},
             {"lot": "L-7", "country": "FR"}]

    assert [False, False, True, True, False, True] == [
        at.check("kettle", **one).sellable for one in asked
    ]
    assert (True, False) == (at.may_sell("KETTLE"), at.may_sell("kettle"))
    assert (facts,) == at.check("kettle", lot="L-7").holds


def test_several_holds_of_a_sku_end_one_by_one():
    """The last one counts."""
    first, second = hold("h-1", "kettle"), hold("h-2", "kettle")
    at = gate(Clocks())
    hear(at, snapshot(7, first, second), sign(7, first, second))
    hear(at, released(8, first), sign(8, second))
    one = at.check("kettle")
    hear(at, released(9, second), sign(9))

    assert [False, "h-2"] == [one.sellable, one.holds[0]["id"]]
    assert at.may_sell("kettle")


def test_a_hold_that_only_a_lost_history_knew_is_carried():
    """Heard and never confirmed, and the next connection knows nothing of it: it stays held."""
    facts, later = hold("h-1", "kettle"), hold("h-2", "toaster")
    at = gate(Clocks())
    hear(at, snapshot(7, facts), sign(7, facts), set_(8, later))
    at.held.begin()
    hear(at, sign(7, facts))

    assert (1, 1) == (at.held.number_of_carried, at.counts["carried"])
    assert not at.may_sell("toaster")
    assert State.READY is at.state()
    hear(at, set_(9, later), sign(9, facts, later), released(10, later), sign(10, facts))
    assert (0, True) == (at.held.number_of_carried, at.may_sell("toaster"))


@pytest.mark.parametrize(("choice", "held", "free"), [
    (Choice.KEEP_LAST, Because.HELD_WHEN_LAST_HEARD, Because.NOT_HELD_WHEN_LAST_HEARD),
    (Choice.REFUSE, Because.REFUSED_WHEN_UNSURE, Because.REFUSED_WHEN_UNSURE),
    (Choice.ALLOW, Because.ALLOWED_WHEN_UNSURE, Because.ALLOWED_WHEN_UNSURE),
])
def test_each_choice_says_what_it_rests_on(choice, held, free):
    """Whatever the answer is, the holds that were last heard of are shown."""
    clocks, facts = Clocks(), hold("h-1", "kettle")
    at = gate(clocks, Policy(Choice.REFUSE, classes={"toys": WhenUnsure(choice, Choice.REFUSE)}))
    hear(at, snapshot(7, facts), sign(7, facts))
    clocks.pass_(60)
    answers = [at.check(sku, risk="toys") for sku in ("kettle", "toaster")]

    assert [held, free] == [one.why for one in answers]
    assert [(facts,), ()] == [one.holds for one in answers]
    assert [State.STALE] * 2 == [one.state for one in answers]


@pytest.mark.parametrize("wrong", ["keep_last", None, WhenUnsure])
def test_nobody_gets_by_without_saying_what_to_do(wrong):
    """A policy is a Policy of Choices; there is no default."""
    with pytest.raises(TypeError):
        AsyncClient("http://127.0.0.1", "key", copy=None)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Gate(wrong)
    with pytest.raises(TypeError):
        Policy(wrong)
    with pytest.raises(TypeError):
        Policy(Choice.REFUSE, classes={"toys": wrong})


@pytest.mark.parametrize("stale_after", [0, -1, float("inf"), float("nan")])
def test_something_must_become_stale(stale_after):
    """A copy that is fresh for ever, or never, is refused when the client is made."""
    with pytest.raises(ValueError, match="stale_after"):
        Gate(KEEP, stale_after=stale_after)


@given(st.data())
def test_events_may_come_in_any_pieces(data):
    """The same blocks, whole, wherever it was cut; what is not ended is none."""
    facts = hold("h-1", "kettle ☕")
    text = b"event: x\r\ndata: 1\r\ndata: 2\r\n\r\n" + set_(7, facts) + sign(7, facts)
    text += b"data: 3\n"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)))))
    reader = Reader()
    blocks = [
        block
        for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)
        for block in reader.feed(text[start:end])
    ]

    assert Reader().feed(text) == blocks
    assert ["x", "hold", ""] == [one.event for one in blocks]
    assert ["1", "2"] == blocks[0].data


def test_an_event_without_end_is_given_up():
    """Memory is not the sender's to fill."""
    reader = Reader()
    reader._seen = LARGEST
    reader._rest = bytearray(LARGEST)
    with pytest.raises(StreamBroken):
        reader.feed(b"x")


def test_a_copy_is_private_and_whole(tmp_path):
    """Readable by its owner alone; a write that fails leaves the old one."""
    path = tmp_path / "held"
    copyfile.save(path, {"a": "☕"})
    path.with_name("held.new").mkdir()
    with pytest.raises(OSError, match=r"held\.new"):
        copyfile.save(path, {"a": 2})

    assert {"a": "☕"} == copyfile.load(path)
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


def test_what_is_missing_is_not_what_is_damaged(tmp_path):
    """No copy is a first start; one that can't be read is an alarm."""
    with pytest.raises(CopyMissing):
        copyfile.load(tmp_path / "held")
    with pytest.raises(CopyCorrupt):
        copyfile.load(tmp_path)


@pytest.mark.parametrize("dumped", [
    {}, {"revision": 1},
    {"revision": "1", "highest": 1, "doubted": False, "in_force": [], "heard": [], "carried": []},
    {"revision": 1, "highest": 1, "doubted": False, "in_force": [{}], "heard": [], "carried": []},
    {"revision": 1, "highest": 1, "doubted": False, "in_force": [], "heard": [], "carried": [None]},
])
def test_a_held_set_without_its_parts_is_none(dumped):
    """Whole by its checksum and yet not ours: not trusted either."""
    with pytest.raises(NotUnderstood):
        HeldSet.read(dumped)


def test_pauses_grow_to_a_limit():
    """Doubling from the first, however often it failed."""
    pace = Pace(first_retry=0.5, longest_retry=30)

    assert [0.5, 1.0, 2.0, 30.0, 30.0] == [pace.retry(one) for one in (1, 2, 3, 9, 10_000)]


ALONE = """
import sys
import aiohttp
allowed = {name.partition(".")[0] for name in sys.modules} | set(sys.stdlib_module_names)
import freezeguard.client
for name in sys.modules:
    top = name.partition(".")[0]
    if top == "freezeguard":
        assert name == top or name.startswith("freezeguard.client"), name
    else:
        assert top in allowed, name
print("alone")
"""


def test_the_client_needs_aiohttp_and_nothing_else():
    """No other part of freezeguard is loaded with it, and no library that aiohttp does not load."""
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True,
                          cwd=Path(__file__).parents[2], timeout=60, check=False)

    assert ("alone\n", "") == (done.stdout, done.stderr)
