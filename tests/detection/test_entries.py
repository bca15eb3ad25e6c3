"""Entries under names: what a dictionary says, until room is short."""

from hypothesis import given
from hypothesis import strategies as st

from freezeguard.detection.entries import Entries

NAMES = st.one_of(
    st.sampled_from(["", "a", "aa", "b", "ä", "☕", "a☕", "x" * 200, "\x00", "\x01\x00a"]),
    st.text(st.characters(codec="utf-8"), max_size=8),
)
ENTRIES = st.one_of(st.binary(max_size=40), NAMES.map(str.encode), st.just(b"\xff" * 70_000))
STEPS = st.lists(st.tuples(st.sampled_from(["put", "put", "forget", "clear"]), NAMES, ENTRIES),
                 max_size=60)


@given(STEPS, st.sets(NAMES, max_size=10))
def test_it_says_what_a_dictionary_says(steps: list[tuple[str, str, bytes]], others: set[str]):
    """Any names and bytes, also such as look like another name, all on few shelves."""
    entries, plain = Entries(64), dict[str, bytes]()
    for what, name, entry in steps:
        match what:
            case "put":
                entries.put(name, entry)
                plain[name] = entry
            case "forget":
                entries.forget(name)
                plain.pop(name, None)
            case _:
                entries.clear()
                plain.clear()

        assert plain.get(name) == entries.get(name)
        assert len(plain) == len(entries)

    asked = plain.keys() | others
    assert {one: plain.get(one) for one in asked} == {one: entries.get(one) for one in asked}


@given(st.integers(0, 12), st.lists(st.tuples(NAMES, ENTRIES), max_size=60))
def test_beyond_its_capacity_it_forgets_others_and_never_errs(
    capacity: int, put: list[tuple[str, bytes]]
):
    """The newest is there, there are as many as fit, and each has the latest that it was given."""
    entries, plain = Entries(capacity), dict[str, bytes]()
    for name, entry in put:
        entries.put(name, entry)
        plain[name] = entry

        assert (entry if capacity else None) == entries.get(name)
    kept = {name for name in plain if entries.get(name) is not None}

    assert {name: plain[name] for name in kept} == {name: entries.get(name) for name in kept}
    assert min(len(plain), capacity) == len(kept) == len(entries)


def test_what_was_put_again_stays_longer():
    """On a shelf the one goes that was not put there again for longest."""
    entries = Entries(4)
    for name in "abcdae":
        entries.put(name, name.encode())

    assert [b"a", None, b"c", b"d", b"e"] == [entries.get(name) for name in "abcde"]
