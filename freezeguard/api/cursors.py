"""Cursors: where a page ended, opaque to the reader and stable under inserts.

Every text that has the form of a cursor is one, so that the schema says all there is to check.
"""

import struct
from datetime import UTC, datetime, timedelta
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT_DIGITS = 14  # microseconds in hexadecimal: up to the year 4253
_MICROSECOND = timedelta(microseconds=1)
_MINUTE_DIGITS = 6  # in hexadecimal: 31 years of them
_MINUTES_BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)


def write_cursor(at: datetime, last: UUID | str) -> str:
    """Return a cursor after the entry of this moment and id."""
    return f"{(at - _EPOCH) // _MICROSECOND:0{_MOMENT_DIGITS}x}{UUID(str(last)).hex}"


def read_cursor(text: str | None) -> tuple[datetime, UUID] | None:
    """Return the moment and id of a cursor of the form `PlaceCursor`."""
    if text is None:
        return None
    moment, last = text[:_MOMENT_DIGITS], text[_MOMENT_DIGITS:]
    return _EPOCH + int(moment, 16) * _MICROSECOND, UUID(last)


def whole_minute(at: datetime) -> datetime:
    """Return the minute in which a moment lies: all that a cursor of a ranked list keeps of it."""
    return _MINUTES_BEGIN + (at - _MINUTES_BEGIN) // _MINUTE * _MINUTE


def write_ranked_cursor(at: datetime, rank: float, last: UUID) -> str:
    """Return a cursor after an entry, in a list that is ranked as of a whole minute.

    It has the form of every other: the minute and the rank (of single precision) stand where
    others have a moment.
    """
    minutes = (at - _MINUTES_BEGIN) // _MINUTE
    return f"{minutes:0{_MINUTE_DIGITS}x}{struct.pack('>f', rank).hex()}{last.hex}"


def read_ranked_cursor(text: str) -> tuple[datetime, float, UUID]:
    """Return the minute, the rank and the id of a cursor of the form `PlaceCursor`."""
    minutes, last = text[:_MINUTE_DIGITS], text[_MOMENT_DIGITS:]
    [rank] = struct.unpack(">f", bytes.fromhex(text[_MINUTE_DIGITS:_MOMENT_DIGITS]))
    return _MINUTES_BEGIN + int(minutes, 16) * _MINUTE, rank, UUID(last)


def read_number(text: str | None) -> int | None:
    """Return the number of a cursor of the form `NumberCursor`."""
    return None if text is None else int(text)
