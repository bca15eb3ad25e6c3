"""What a shop gets that configures nothing. In a manager's words: docs/detection.md."""

from collections.abc import Mapping, Sequence
from typing import Any

from freezeguard.domain.rules import Rule, read_rule

BODIES: Sequence[Mapping[str, Any]] = (
    {"id": "safety", "family": "safety", "mode": "armed"},
    {"id": "risen", "family": "likelihood", "bound": 10_000, "look": 1_100, "mode": "armed"},
)
"""One safety signal of a trusted source is enough. A rise of 10,000 to one freezes, one of
1,100 to one is shown to a person: with units shipped that was 1 and 10 wrong ones in 1,000
SKU-years of a simulated shop, without units 8 and 16 of real products."""


def default_policy() -> tuple[Rule, ...]:
    """Return the rules of the default policy."""
    return tuple(read_rule(body, 1) for body in BODIES)
