"""How hard hypothesis searches: the same examples on every run, or a long search on demand."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("search", deadline=None, max_examples=3_000)


def load_profile() -> None:
    """Load the profile named by FREEZEGUARD_HYPOTHESIS, `repeatable` where there is none."""
    settings.load_profile(os.environ.get("FREEZEGUARD_HYPOTHESIS", "repeatable"))
