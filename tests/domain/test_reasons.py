"""Reasons are values that cases, notices and logs share."""

import json
from datetime import timedelta

import pytest

from freezeguard.domain.reasons import (
    PERSON_SENTENCES,
    Crossing,
    PullReason,
    Reason,
    SignalKey,
)
from freezeguard.domain.scope import Scope
from tests.domain.casebook import NOW

KEYS = (SignalKey(NOW - timedelta(days=1), "shop", "1"), SignalKey(NOW, "shop", "2"))
REASON = Reason(
    "count", "r-1", 3, timedelta(days=30), 2.0, 2.0, 2, None, KEYS, "2 complaints were made."
)


def test_a_reason_is_kept_as_json_with_everything_it_rests_on():
    """Rule and version, window in seconds, figures, the counted signals in order, the sentence."""
    plain = json.loads(json.dumps(REASON.as_dict()))

    assert {
        "family": "count", "rule_id": "r-1", "rule_version": 3, "window": 2_592_000.0,
        "observed": 2.0, "bound": 2.0, "customers": 2, "exposure": None, "tightened": False,
        "counted": [
            {"source": "shop", "id": "1", "occurred_at": "2026-11-19T12:00:00+00:00"},
            {"source": "shop", "id": "2", "occurred_at": "2026-11-20T12:00:00+00:00"},
        ],
        "sentence": "2 complaints were made.",
    } == plain


def test_a_crossing_is_dated_by_the_complaint_that_made_it():
    """Not by when somebody noticed."""
    crossing = Crossing(Scope("K-1"), "r-1", 3, "quality", "armed", "freeze", KEYS[1], REASON)

    assert NOW == crossing.crossed_at


@pytest.mark.parametrize(
    "code",
    [
        "defective", "wrong_item", "mislabelled", "safety_injury", "safety_hazard",
        "authority_order", "other",
    ],
)
def test_each_reason_code_of_the_contract_has_words(code):
    """A pull says in one sentence what was reported; the two safety codes are safety reasons."""
    pull = PullReason(code, "smoke", "person:ann", "o.pdf")

    assert code.startswith("safety_") == pull.is_safety
    assert {
        "family": "pull", "reason_code": code, "comment": "smoke", "by": "person:ann",
        "document": "o.pdf", "sentence": f"K-1 {PERSON_SENTENCES[code]}.",
    } == pull.as_dict("K-1")


def test_there_are_no_other_reason_codes():
    """The contract's seven, no more."""
    assert 7 == len(PERSON_SENTENCES)
