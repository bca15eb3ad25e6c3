"""Time and identifiers as arguments: nothing below the composition root reads a clock."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

Now = Callable[[], datetime]
"""Returns the present moment, in UTC, with its zone."""

NewId = Callable[[], UUID]
"""Returns a fresh identifier that sorts by time."""

Moment = Callable[[], datetime | None]
"""Returns the moment by which something is due; None where the database's clock says it."""


def no_moment() -> None:
    """Leave the moment to the database's clock."""
