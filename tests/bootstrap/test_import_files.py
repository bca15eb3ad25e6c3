"""Files as people have them: with semicolons, from spreadsheets, as Parquet."""

import gzip
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from freezeguard.bootstrap.backtests import read_alerts
from freezeguard.bootstrap.imports.files import open_file
from freezeguard.bootstrap.imports.mapping import ColumnMapping
from freezeguard.domain.errors import InvalidInput

MOMENT = datetime(2024, 1, 1, 9, 0, 0, 123456)  # noqa: DTZ001 - Parquet has moments without zone
WHOLE = MOMENT.replace(microsecond=0)


def cells(path: Path) -> list[dict[str, str]]:
    """Read all rows of a table."""
    with open_file(path, None, None) as file:
        header, rows = file.table()
        return [dict(zip(header, row, strict=True)) for row in rows]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_first_line_says_what_stands_between_cells(tmp_path: Path, delimiter: str) -> None:
    """A table from a spreadsheet of another country needs no option; texts may hold any of them."""
    path = tmp_path / "a.csv"
    path.write_text(delimiter.join(["id", "sku", "text"]) + "\n"
                    + delimiter.join(["1", "K-1", '"Broke, at once; fully | then\t"']) + "\n")

    assert [{"id": "1", "sku": "K-1", "text": "Broke, at once; fully | then\t"}] == cells(path)


def test_one_column_is_one_column(tmp_path: Path) -> None:
    """Where nothing stands between cells, there is one."""
    path = tmp_path / "a.csv"
    path.write_text("sku\nK;1\n")

    assert [{"sku": "K;1"}] == cells(path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.ndjson"])
def test_what_spreadsheets_call_unicode_is_named(
    tmp_path: Path, name: str, encoding: str
) -> None:
    """UTF-16 is refused as a whole, with what to do, whatever the file is."""
    path = tmp_path / name
    content = "id;sku\n1;K-1\n".encode(encoding)
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)

    with (
        pytest.raises(InvalidInput, match=r"is UTF-16.*iconv"),
        open_file(path, None, None) as file,
    ):
        list(file.entries(ColumnMapping()))


def write(path: Path, **columns: Any) -> Path:
    """Write a Parquet file in groups of two rows."""
    pq.write_table(pa.table(columns), path, row_group_size=2)
    return path


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([MOMENT]), "2024-01-01T09:00:00.123456Z"),
        (pa.array([MOMENT], pa.timestamp("ns", "Europe/Berlin")), "2024-01-01T09:00:00.123456Z"),
        (pa.array([WHOLE], pa.timestamp("s")), "2024-01-01T09:00:00.000000Z"),
        (pa.array([MOMENT, MOMENT]).dictionary_encode()[:1], "2024-01-01T09:00:00.123456Z"),
        (pa.array([date(2024, 1, 1)]), "2024-01-01"),
        (pa.array(["é", "é"]).dictionary_encode()[:1], "é"),
        (pa.array(["é"], pa.large_string()), "é"),
        (pa.array(["é"], pa.string_view()), "é"),
        (pa.array(["é".encode()]), "é"),
        (pa.array([4711], pa.uint64()), "4711"),
        (pa.array([4711.0]), "4711"),
        (pa.array([0.25]), "0.25"),
        (pa.array([float("nan")]), ""),
        (pa.array([True]), "true"),
        (pa.array([Decimal("4.50")]), "4.50"),
    ],
)
def test_cells_of_parquet_are_what_a_csv_would_have(
    tmp_path: Path, column: pa.Array, expected: str
) -> None:
    """Moments in UTC, days, whole numbers without a point; nothing is an empty cell."""
    whole = pa.concat_arrays([column, pa.nulls(1, column.type)])
    path = write(tmp_path / "a.parquet", sku=["K-1", None], x=whole)

    assert [{"sku": "K-1", "x": expected}, {"sku": "", "x": ""}] == cells(path)


def test_columns_without_text_are_left_out(tmp_path: Path) -> None:
    """Lists and structs have no cell; whoever maps one is told which columns there are."""
    path = write(tmp_path / "a.parquet", sku=["K-1"], tags=[["a"]], more=[{"x": 1}])

    assert [{"sku": "K-1"}] == cells(path)
    with pytest.raises(InvalidInput, match="the file has sku"), open_file(path, None, None) as file:
        list(file.entries(ColumnMapping(columns={"lot": "tags"})))


def test_parquet_is_read_group_by_group(tmp_path: Path) -> None:
    """Rows come in order; how far it has come is known on the way."""
    path = write(tmp_path / "a.parquet", n=list(range(20_001)))
    with open_file(path, None, None) as file:
        _, rows = file.table()
        seen, shares = [], set()
        for row in rows:
            seen.append(int(row[0]))
            shares.add(file.done)

    assert list(range(20_001)) == seen
    assert [0, *sorted(shares)[1:]] == sorted(shares)
    assert len(shares) > 2
    assert max(shares) < file.size == file.done


@pytest.mark.parametrize("content", [b"", b"PAR1 no parquet", b"id,sku\n"])
def test_what_is_no_parquet_is_said(tmp_path: Path, content: bytes) -> None:
    """A wrong file is wrong usage."""
    path = tmp_path / "a.parquet"
    path.write_bytes(content)

    with pytest.raises(InvalidInput, match=r"a\.parquet is no Parquet"):
        cells(path)


def test_a_damaged_parquet_is_said(tmp_path: Path) -> None:
    """Whose footer is whole and whose pages are not is damaged."""
    path = write(tmp_path / "a.parquet", n=[f"row {n}" for n in range(5_000)])
    whole = bytearray(path.read_bytes())
    whole[100:900] = bytes(800)
    path.write_bytes(whole)

    with pytest.raises(InvalidInput, match=r"a\.parquet is damaged"):
        cells(path)


def test_moments_in_utc_stay_what_they_are(tmp_path: Path) -> None:
    """A zone says how a moment is shown, and does not move it."""
    at = datetime(2026, 7, 1, 23, 30, tzinfo=UTC)
    path = write(tmp_path / "a.pq", x=pa.array([at], pa.timestamp("ms", "America/New_York")))

    assert at == datetime.fromisoformat(cells(path)[0]["x"])


@pytest.mark.parametrize("name", ["recalls.csv", "recalls.txt", "recalls.csv.gz"])
def test_known_defects_are_a_table_of_any_make(tmp_path: Path, name: str) -> None:
    """Semicolons, a name that says nothing, gzip; of several days of one SKU the first counts."""
    path = tmp_path / name
    content = b"sku;recall_date\nK-1;2026-07-01\nK-1;2026-06-01\n;\n"
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)

    assert {"K-1": datetime(2026, 6, 1, tzinfo=UTC)} == read_alerts(path, None)


def test_known_defects_that_are_cut_off_are_said(tmp_path: Path) -> None:
    """A download that broke off is named, and no half of it is taken."""
    path = tmp_path / "recalls.csv.gz"
    path.write_bytes(gzip.compress(b"sku,date\n" + b"K-1,2026-07-01\n" * 50)[:-12])

    with pytest.raises(InvalidInput, match="is cut off or no gzip"):
        read_alerts(path, None)
