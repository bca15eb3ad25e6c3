"""Tables as CSV, for spreadsheets: UTF-8, one heading, cells that no spreadsheet computes."""

import csv
import io
import re
from collections.abc import Iterable, Sequence

CSV = "text/csv"
_SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20"
_COMPUTED = re.compile(f'^(?=[\t\r\n])|(^|[;\t\r\n][ "]*)(?=[{_SIGNS}])')
"""Where a spreadsheet takes what follows for a formula: at the beginning of a cell.

Also of what becomes a cell where a table is read as separated by semicolons or tabs, as it is in
half of Europe. Wide forms of the signs count like the narrow ones.
"""


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return a table. Cells that might be computed get an apostrophe in front; None is empty."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_cell(one) for one in row] for row in rows)
    return text.getvalue().encode()


def _cell(value: object) -> str:
    return "" if value is None else _COMPUTED.sub(_as_text, str(value))


def _as_text(found: re.Match[str]) -> str:
    return f"{found[1] or ''}'"


def prefers_csv(accept: str) -> bool:
    """Say whether an `Accept` header names CSV, and not JSON before it."""
    wanted = [one.partition(";")[0].strip().lower() for one in accept.split(",")]
    named = [one for one in wanted if one in {CSV, "application/json"}]
    return named[:1] == [CSV]
