"""Before-images of what several SKUs are sold as: whose fields tell how it was before any stop."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from freezeguard.domain.images import joined, without_stop, written_by_both

PLACES = st.dictionaries(st.sampled_from("abc"), st.sampled_from([None, "2024", "2025"]))
FIELDS = st.fixed_dictionaries({"on": PLACES, "stock": st.integers(1, 9), "title": st.text()})


def stop_of(fields: dict[str, Any]) -> dict[str, Any]:
    """Return what a stop writes there, by one switch and a further means."""
    return {"on": dict.fromkeys(fields["on"]), "stock": 0}


@given(FIELDS)
def test_what_was_read_during_a_stop_is_as_before_it(before: dict[str, Any]) -> None:
    """Whether it is known what the stop wrote or not."""
    written = stop_of(before)
    seen = {**before, **written}

    assert before == without_stop(seen, before, written)
    assert before == without_stop(seen, before, None)


@given(FIELDS, FIELDS)
def test_what_was_read_before_is_trusted(own: dict[str, Any], theirs: dict[str, Any]) -> None:
    """An image from before the other stop keeps what it knows, and learns what it does not."""
    written = stop_of(theirs)
    image = {name: theirs[name] for name in written}
    known = joined(own, image, written, trusted=True)

    assert own == {**known, "on": {one: known["on"][one] for one in own["on"]}}
    assert known["on"].keys() == own["on"].keys() | theirs["on"].keys()


@given(FIELDS)
def test_what_shows_the_stop_of_another_is_mended(before: dict[str, Any]) -> None:
    """An image that may have been read during that stop is as before it wherever it looks so."""
    written = stop_of(before)
    image = {name: before[name] for name in written}
    seen = {**before, **written}
    seen["on"] = {**written["on"], "d": "2026"}

    mended = joined(seen, image, written, trusted=False)

    assert {**before, "on": {**before["on"], "d": "2026"}} == mended


def test_what_two_stops_wrote() -> None:
    """Places of both, further means of both, and the last word where both wrote one."""
    first = {"on": {"a": None}, "stock": 0, "note": "x"}
    second = {"on": {"b": None}, "note": "y"}

    assert {"on": {"a": None, "b": None}, "stock": 0, "note": "y"} == written_by_both(first, second)


def test_a_field_that_nobody_knew_stays_away() -> None:
    """What a stop wrote and no image has is no part of any image: a person decides about it."""
    assert {"a": 1} == without_stop({"a": 1}, {}, {"b": 0})
    assert {"a": 1} == joined({"a": 1}, {}, {"b": 0}, trusted=False)
