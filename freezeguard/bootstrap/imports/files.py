"""Reads CSV, newline-delimited JSON (gzipped or not) and Parquet, one entry at a time."""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any, Literal, TypeVar

from freezeguard.bootstrap.imports.mapping import ColumnMapping
from freezeguard.bootstrap.imports.parquet import ParquetTable
from freezeguard.domain.errors import InvalidInput

Format = Literal["csv", "ndjson", "parquet"]
MAX_LINE = 5 * 1024 * 1024
DELIMITERS = ",;\t|"
"""What may stand between the cells of a CSV: the first one, unless its first line has another."""
PARQUET = frozenset({".parquet", ".pq"})
_GZIP = b"\x1f\x8b"
_MARK = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")

T = TypeVar("T")
Row = Sequence[str]
RowReader = Callable[[Row], T | None]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as JSON text on one line; or, with a `flaw` (code, detail), what was there."""

    line: bytes
    flaw: tuple[str, str] | None = None


class ImportFile:
    """An open file. `done` and `size` are bytes of the file as it lies on disk.

    Without a `delimiter` the first line of a CSV says what stands between its cells.
    """

    def __init__(
        self, name: str, raw: IO[bytes], size: int, form: Format, delimiter: str | None
    ) -> None:
        self.name, self.size = name, size
        self._raw, self._form, self._delimiter = raw, form, delimiter
        packed = raw.peek(2)[:2] == _GZIP if isinstance(raw, io.BufferedReader) else False
        self._body: Any = gzip.GzipFile(fileobj=raw) if packed else raw
        self._parquet: ParquetTable | None = None

    @property
    def done(self) -> int:
        """Return how far reading has come."""
        if self._parquet is not None:
            return round(self.size * self._parquet.share_done)
        return self._raw.tell()

    def entries(self, mapping: ColumnMapping) -> Iterator[Entry]:
        """Yield every entry, mapped. Raises InvalidInput where the file as a whole is of no use."""
        return self.read(mapping, lambda _: _take_none)

    def read(
        self, mapping: ColumnMapping, reader_for: Callable[[Row], RowReader[T]]
    ) -> Iterator[T | Entry]:
        """Yield every entry; in its place, what a reader for the columns of a table makes of it.

        The reader is told the columns, and returns None for a row that it leaves to the contract.
        Raises InvalidInput where the file as a whole is of no use.
        """
        with self.saying_what_is_wrong():
            if self._form == "ndjson":
                yield from self._ndjson(mapping)
                return
            header, rows = self.table()
            mapping.check_columns(header)
            take = reader_for(header)
            for row in rows:
                if row:
                    made = take(row)
                    yield _entry_of_row(header, row, mapping) if made is None else made

    @contextmanager
    def saying_what_is_wrong(self) -> Iterator[None]:
        """Turn what the libraries say of a damaged file into InvalidInput."""
        try:
            yield
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InvalidInput(f"{self.name} is cut off or no gzip: {error}") from None
        except csv.Error as error:
            raise InvalidInput(f"{self.name} is no CSV: {error}") from None

    def table(self) -> tuple[list[str], Iterator[Row]]:
        """Return the columns of a CSV or Parquet and its rows, in which nothing is an empty cell.

        Raises InvalidInput where the file is of no use; see also `saying_what_is_wrong`.
        """
        if self._form == "parquet":
            self._parquet = ParquetTable(self.name, self._body)
            return self._parquet.header, self._parquet.rows()
        return self._csv()

    def _csv(self) -> tuple[list[str], Iterator[Row]]:
        self._refuse_utf_16()
        # Bytes that are not UTF-8 become half characters, which are refused with their entry.
        # It is kept, for it would close the file with itself and `done` could not look any more.
        self._body = io.TextIOWrapper(
            self._body, encoding="utf-8-sig", errors="surrogateescape", newline=""
        )
        csv.field_size_limit(MAX_LINE)
        first = self._body.readline()
        delimiter = self._delimiter or max(DELIMITERS, key=first.count)
        rows = csv.reader(chain([first], self._body), delimiter=delimiter, strict=True)
        header = next(rows, None)
        if not header:
            raise InvalidInput(f"{self.name} is empty.")
        return header, rows

    def _refuse_utf_16(self) -> None:
        """Say what to do with what spreadsheets call Unicode; its letters have a zero each."""
        head = self._body.peek(4)[:4]
        if head.startswith(_UTF_16) or b"\0" in head:
            raise InvalidInput(
                f"{self.name} is UTF-16, not UTF-8. In a spreadsheet, save it as “CSV UTF-8”; or "
                "turn it into UTF-8 with `iconv -f UTF-16 -t UTF-8`."
            )

    def _ndjson(self, mapping: ColumnMapping) -> Iterator[Entry]:
        self._refuse_utf_16()
        number = 0
        while line := self._body.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                raise InvalidInput(f"Line {number} of {self.name} is longer than 5 MiB.")
            line = line.removeprefix(_MARK).strip()
            if line:
                yield _entry_of_line(line, mapping)


def _take_none(_: Row) -> None:
    """Leave every row to the contract."""


def _entry_of_row(header: Sequence[str], row: Row, mapping: ColumnMapping) -> Entry:
    if len(row) > len(header):
        detail = f"{len(row)} cells under {len(header)} headings"
        return Entry(_shown(json.dumps(row).encode()), ("too_many_cells", detail))
    cells = {name: cell for name, cell in zip(header, row, strict=False) if cell}
    text = json.dumps(mapping.apply(cells), ensure_ascii=False)
    try:
        return Entry(text.encode())
    except UnicodeEncodeError:
        shown = text.encode("utf-8", "backslashreplace")
        return Entry(shown, ("invalid_utf8", "A cell holds bytes that are not UTF-8."))


def _entry_of_line(line: bytes, mapping: ColumnMapping) -> Entry:
    if b"\0" in line:
        return Entry(_shown(line), ("nul_character", "The line holds U+0000."))
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        detail = f"The byte at offset {error.start} is not UTF-8."
        return Entry(_shown(line), ("invalid_utf8", detail))
    if mapping.is_empty:
        return Entry(line)
    try:
        parsed = json.loads(text)
        if not isinstance(parsed, dict):
            return Entry(line)
        return Entry(json.dumps(mapping.apply(parsed)).encode())
    except (ValueError, RecursionError):
        return Entry(line)  # whoever reads it next says what is wrong


def _shown(line: bytes) -> bytes:
    return line.decode("utf-8", "backslashreplace").replace("\0", "\\0").encode()


@contextmanager
def open_file(path: Path, form: Format | None, delimiter: str | None) -> Iterator[ImportFile]:
    """Open a file by its path; its name says what it holds unless `form` does.

    Raises OSError, or InvalidInput for a name that says nothing.
    """
    named = _form_of(path) if form is None else form
    with path.open("rb") as raw:
        yield ImportFile(path.name, raw, path.stat().st_size, named, delimiter)


def _form_of(path: Path) -> Format:
    endings = {one.lower() for one in path.suffixes}
    if endings & {".ndjson", ".jsonl"}:
        return "ndjson"
    if endings & {".csv", ".tsv"}:
        return "csv"
    if endings & PARQUET:
        return "parquet"
    raise InvalidInput(
        f"{path.name} does not end in .csv, .ndjson or .parquet; say --format csv, ndjson or "
        "parquet."
    )
