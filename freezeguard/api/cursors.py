"""Cursors: where a page ended, opaque to the reader and stable under inserts.

Every text that has the form of a cursor is one, so that the schema says all there is to check.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT_DIGITS = 14  # microseconds in hexadecimal: up to the year 4253
_MICROSECOND = timedelta(microseconds=1)


def write_cursor(at: datetime, last: UUID | str) -> str:
    """Return a cursor after the entry of this moment and id."""
    return f"{(at - _EPOCH) // _MICROSECOND:0{_MOMENT_DIGITS}x}{UUID(str(last)).hex}"


def read_cursor(text: str | None) -> tuple[datetime, UUID] | None:
    """Return the moment and id of a cursor of the form `PlaceCursor`."""
    if text is None:
        return None
    moment, last = text[:_MOMENT_DIGITS], text[_MOMENT_DIGITS:]
    return _EPOCH + int(moment, 16) * _MICROSECOND, UUID(last)


def read_number(text: str | None) -> int | None:
    """Return the number of a cursor of the form `NumberCursor`."""
    return None if text is None else int(text)
