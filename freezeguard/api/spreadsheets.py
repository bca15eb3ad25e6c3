"""Tables as CSV, for spreadsheets: UTF-8, one heading, cells that no spreadsheet computes."""

import csv
import io
from collections.abc import Iterable, Sequence

CSV = "text/csv"
_COMPUTED = ("=", "+", "-", "@", "\t", "\r")
"""What a cell begins with that a spreadsheet takes for a formula."""


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return a table. Cells that might be computed get an apostrophe in front; None is empty."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_cell(one) for one in row] for row in rows)
    return text.getvalue().encode()


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_COMPUTED) else text


def prefers_csv(accept: str) -> bool:
    """Say whether an `Accept` header names CSV, and not JSON before it."""
    wanted = [one.partition(";")[0].strip().lower() for one in accept.split(",")]
    named = [one for one in wanted if one in {CSV, "application/json"}]
    return named[:1] == [CSV]
