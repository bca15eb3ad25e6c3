"""What goes over the wire: one shape, small, without what is nobody's business."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from freezeguard.webhooks.payload import MOST_BYTES, body_of
from tests.notices.samples import SAMPLES
from tests.webhooks.farm import a_message

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=4000)),
    lambda inner: st.lists(inner, max_size=6)
    | st.dictionaries(st.text(max_size=20), inner, max_size=6),
    max_leaves=30,
)


def payload(data: Any, **more: Any) -> dict[str, Any]:
    return dict(json.loads(body_of(a_message(data=data, **more))))


def test_it_has_type_time_and_data() -> None:
    """Facts of a notice arrive as they are, but for whom a letter greets."""
    facts = SAMPLES["remedy_returned"]
    sent = payload(facts, type="case.remedy_returned")

    assert {"type", "timestamp", "data"} == set(sent)
    assert ("case.remedy_returned", "2026-11-21T12:00:00+00:00") == (
        sent["type"], sent["timestamp"]
    )  # fmt: skip
    assert {**facts, "audience": 0, "recipient": 0} == {
        **sent["data"], "audience": 0, "recipient": 0
    }  # fmt: skip
    assert not {"audience", "recipient"} & sent["data"].keys()


def test_excerpts_go_first() -> None:
    """What is too long loses its excerpts, and says so; all else stays whole."""
    facts = {"case": "7", "missing": ["proof"] * 40, "evidence": {
        "complaints": 5, "excerpts": ["The handle broke. " * 700] * 3}}  # fmt: skip
    sent = payload(facts)["data"]

    assert {"complaints": 5, "excerpts": []} == sent["evidence"]
    assert (["proof"] * 40, True) == (sent["missing"], sent["truncated"])


def test_excerpts_are_masked_once_more() -> None:
    """An address that slipped through when it was stored does not leave."""
    facts = {"evidence": {"excerpts": ["Write to erika@example.com at once."]}}

    assert ["Write to [email] at once."] == payload(facts)["data"]["evidence"]["excerpts"]


@given(st.dictionaries(st.text(max_size=10), JSON, max_size=8))
def test_it_is_never_too_long_and_always_the_same(data: dict[str, Any]) -> None:
    """Under 20 kB whatever the facts, valid JSON, and the same bytes for each attempt."""
    message = a_message(data=data)
    body = body_of(message)

    assert len(body) < MOST_BYTES
    assert message.type == json.loads(body)["type"]
    assert body == body_of(message)


def test_even_the_most_stubborn_facts_fit() -> None:
    """Where cutting is not enough the case is named, and that there was more."""
    wide = {f"k{n}": "x" * 400 for n in range(200)}

    assert {"truncated": True, "case": "7"} == payload({**wide, "case": "7"})["data"]
