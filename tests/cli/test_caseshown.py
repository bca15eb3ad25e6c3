"""What `freezeguard cases show` says beside the figures of a rule."""

from typing import Any

import pytest

from freezeguard.cli.caseshown import beside_the_figures

WAVE = {"vendor": "acme", "number": 3, "skus": ["MUG-1", "MUG-2", "POT-7"], "days": 30.0}
DOUBTED = [{"source": "forum", "trust": 0.42, "confirmed": 0.0, "false_alarms": 3.0}]


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ({"sentence": "5 complaints."}, {}),
        ({"budget": "per_source"}, {"held back": "the budget per_source was spent"}),
        (
            {"budget": "vendor_skus", "wave": WAVE},
            {"held back": "3 other items of acme were stopped within 30 days: MUG-1, MUG-2, POT-7"},
        ),
        ({"doubted": DOUBTED}, {"doubted": "only forum (42%) said so"}),
        (
            {"sibling": {"sku": "MUG-2", "case": "1042"}},
            {"related to": "MUG-2 (case 1042), in which a defect was found: the lower bound was "
             "enough"},
        ),
    ],
)  # fmt: skip
def test_a_person_sees_what_held_a_stop_back(reason: dict[str, Any], said: dict[str, str]) -> None:
    """A suspicion that could have been a stop says why it is none, and a stop why so little did."""
    assert said == beside_the_figures(reason)
