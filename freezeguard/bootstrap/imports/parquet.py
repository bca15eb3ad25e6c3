"""Reads Parquet, a few thousand rows at a time, each cell as the text that a CSV would have.

Needs pyarrow, which the extra `analytics` brings. It has no types of its own, so that it is known
here as what it is at run time.
"""

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from math import isnan
from typing import IO, Any

from freezeguard.domain.errors import InvalidInput

BATCH = 8192
_RFC_3339 = "%Y-%m-%dT%H:%M:%SZ"


class ParquetTable:
    """The columns of a file that hold text, numbers, days or moments, and their rows.

    Others (lists, structs, durations) are left out. Moments without a zone are taken to be in UTC,
    whole numbers that pandas keeps as floats are whole, and nothing is an empty cell.
    """

    def __init__(self, name: str, raw: IO[bytes]) -> None:
        self._name = name
        self._arrow, self._parquet, self._compute = _pyarrow(name)
        try:
            self._file = self._parquet.ParquetFile(raw)
        except (self._arrow.ArrowException, OSError) as error:
            raise InvalidInput(f"{name} is no Parquet: {error}") from None
        readers = {one.name: self._reader(one.type) for one in self._file.schema_arrow}
        self._readers = {column: read for column, read in readers.items() if read is not None}
        self._rows_done = 0

    @property
    def header(self) -> list[str]:
        """Return the names of the columns."""
        return list(self._readers)

    @property
    def share_done(self) -> float:
        """Return how much has been read, from 0 to 1."""
        rows: int = self._file.metadata.num_rows
        return self._rows_done / max(1, rows)

    def rows(self) -> Iterator[Sequence[str]]:
        """Yield every row. Raises InvalidInput where the file is damaged."""
        try:
            for batch in self._file.iter_batches(batch_size=BATCH, columns=self.header):
                columns = [
                    read(batch.column(column)) for column, read in self._readers.items()
                ]
                yield from zip(*columns, strict=True)
                self._rows_done += batch.num_rows
        except (self._arrow.ArrowException, OSError) as error:
            raise InvalidInput(f"{self._name} is damaged: {error}") from None

    def _reader(self, kind: Any) -> Callable[[Any], list[str]] | None:
        """Return what turns a column of a type into text, None where it has none."""
        types = self._arrow.types
        if types.is_dictionary(kind):
            inner = self._reader(kind.value_type)
            return None if inner is None else lambda column: inner(column.dictionary_decode())
        if types.is_timestamp(kind):
            return self._moments
        if types.is_floating(kind):
            return lambda column: [_number(one) for one in column.to_pylist()]
        if types.is_binary(kind) or types.is_large_binary(kind):
            return lambda column: [_decoded(one) for one in column.to_pylist()]
        has_text = (
            types.is_string, types.is_large_string, types.is_string_view, types.is_integer,
            types.is_boolean, types.is_date, types.is_decimal, types.is_null,
        )
        return self._as_text if any(one(kind) for one in has_text) else None

    def _as_text(self, column: Any) -> list[str]:
        text = column.cast(self._arrow.string())
        return list(text.fill_null("").to_pylist())

    def _moments(self, column: Any) -> list[str]:
        """Write moments as RFC 3339 does, in UTC, which a zone says how to show and no more."""
        arrow = self._arrow
        plain = column.cast(arrow.int64()).cast(arrow.timestamp(column.type.unit))
        in_micros = plain.cast(arrow.timestamp("us"), safe=False)
        return self._as_text(self._compute.strftime(in_micros, format=_RFC_3339))


def _pyarrow(name: str) -> tuple[Any, Any, Any]:
    try:
        names = ("pyarrow", "pyarrow.parquet", "pyarrow.compute")
        arrow, parquet, compute = (import_module(one) for one in names)
    except ImportError:
        raise InvalidInput(
            f"{name} is Parquet, which needs the extra `analytics`: "
            "pip install 'freezeguard[analytics]'. CSV and NDJSON need nothing.",
            code="not_installed",
        ) from None
    return arrow, parquet, compute


def _number(value: float | None) -> str:
    if value is None or isnan(value):  # what pandas has in place of nothing
        return ""
    return f"{value:.0f}" if value.is_integer() else repr(value)


def _decoded(value: bytes | None) -> str:
    return "" if value is None else value.decode("utf-8", "surrogateescape")
