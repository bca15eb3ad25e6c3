"""Reads CSV and newline-delimited JSON, gzipped or not, one entry at a time."""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from freezeguard.bootstrap.imports.mapping import ColumnMapping
from freezeguard.domain.errors import InvalidInput

Format = Literal["csv", "ndjson"]
MAX_LINE = 5 * 1024 * 1024
_GZIP = b"\x1f\x8b"
_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as JSON text on one line; or, with a `flaw` (code, detail), what was there."""

    line: bytes
    flaw: tuple[str, str] | None = None


class ImportFile:
    """An open file. `done` and `size` are bytes of the file as it lies on disk."""

    def __init__(self, name: str, raw: IO[bytes], size: int, form: Format, delimiter: str) -> None:
        self.name, self.size = name, size
        self._raw, self._form, self._delimiter = raw, form, delimiter
        packed = raw.peek(2)[:2] == _GZIP if isinstance(raw, io.BufferedReader) else False
        self._body: Any = gzip.GzipFile(fileobj=raw) if packed else raw

    @property
    def done(self) -> int:
        """Return how far reading has come."""
        return self._raw.tell()

    def entries(self, mapping: ColumnMapping) -> Iterator[Entry]:
        """Yield every entry, mapped. Raises InvalidInput where the file as a whole is of no use."""
        read = self._csv if self._form == "csv" else self._ndjson
        try:
            yield from read(mapping)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InvalidInput(f"{self.name} is cut off or no gzip: {error}") from None
        except csv.Error as error:
            raise InvalidInput(f"{self.name} is no CSV: {error}") from None

    def _csv(self, mapping: ColumnMapping) -> Iterator[Entry]:
        # Bytes that are not UTF-8 become half characters, which are refused with their entry.
        # It is kept, for it would close the file with itself and `done` could not look any more.
        self._body = io.TextIOWrapper(
            self._body, encoding="utf-8-sig", errors="surrogateescape", newline=""
        )
        csv.field_size_limit(MAX_LINE)
        rows = csv.reader(self._body, delimiter=self._delimiter, strict=True)
        header = next(rows, None)
        if not header:
            raise InvalidInput(f"{self.name} is empty.")
        mapping.check_columns(header)
        for row in rows:
            if row:
                yield _entry_of_row(header, row, mapping)

    def _ndjson(self, mapping: ColumnMapping) -> Iterator[Entry]:
        number = 0
        while line := self._body.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                raise InvalidInput(f"Line {number} of {self.name} is longer than 5 MiB.")
            line = line.removeprefix(_MARK).strip()
            if line:
                yield _entry_of_line(line, mapping)


def _entry_of_row(header: list[str], row: list[str], mapping: ColumnMapping) -> Entry:
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
def open_file(path: Path, form: Format | None, delimiter: str) -> Iterator[ImportFile]:
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
    raise InvalidInput(f"{path.name} does not end in .csv or .ndjson; say --format csv or ndjson.")
