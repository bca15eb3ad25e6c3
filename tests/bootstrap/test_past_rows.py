"""Rows that are read without a detour give what the contract gives, and refuse nothing."""

import csv
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freezeguard.bootstrap.backtests import Past, read_past
from freezeguard.bootstrap.imports.files import Entry, ImportFile, open_file
from freezeguard.bootstrap.imports.mapping import ColumnMapping, read_mapping
from freezeguard.bootstrap.pastrows import SignalRows, UnitsRows

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
NAMES = st.sampled_from([
    "a", "K-1", "K-1 ", "Ä", "é" * 150, "x" * 200, "x" * 201, "", "a\tb", "line\u2028", "\x7f",
    "İ", "ß", "SS", "\u200b", "nul\0", "=1", "\ud800", "😀", '"', "\\",
])  # fmt: skip
MOMENTS = st.sampled_from([
    "2026-11-26", "2026-02-30", "2026-11-26T09:30:00Z", "2026-11-26T09:30:00z",
    "2026-11-26T09:30:00", "2026-11-26 09:30:00Z", "2026-11-26T24:00:00Z", "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+05:00", "2026-11-26T09:30:00.1234567Z", "2026-11-26T09:30:00.5+02:00",
    "2026-11-26T09:30:60Z", "2026-11-26T12:04:59Z", "2026-11-26T12:06:00Z", "2027-01-01",
    "2026-11-26T09:30:00+14:75", "2026-11-26T09:30:00-00:00", "never", "", "２０２６-11-26",
    "9999-12-31",
])  # fmt: skip
SOUND = {
    "id": "e-1", "source": "crm", "sku": "K-1", "occurred_at": "2026-11-01", "kind": "complaint",
    "severity": "minor", "units": "5", "shipped_at": "2026-11-01T10:00:00Z",
}
ODD: dict[str, st.SearchStrategy[str]] = {
    "id": NAMES | st.integers(1, 9).map(str),
    "source": NAMES,
    "sku": NAMES,
    "occurred_at": MOMENTS,
    "observed_at": MOMENTS,
    "kind": st.sampled_from(["complaint", "complaint", "return", "inspection", "Complaint", ""]),
    "severity": st.sampled_from(["minor", "major", "safety", "1", "", "bad"]),
    "intent": NAMES | st.just("i" * 65),
    "result": st.sampled_from(["", "", "pass", "fail", "maybe"]),
    "customer": NAMES,
    "order": NAMES,
    "seller": NAMES,
    "channel": NAMES,
    "country": st.sampled_from(["", "DE", "de", "DEU", "D\u0130"]),
    "lot": NAMES,
    "vendor": NAMES,
    "category": NAMES,
    "text": st.sampled_from(
        ["", "It broke.\nTwice.", "x" * 20_000, "x" * 20_001, "nul\0", "ü\u2028",
         "One two three four, five six seven! Eight nine ten."]
    ),
    "contact_cost": st.sampled_from(["", "4.50", "4,50", "-1", "1" * 13, "٤"]),
    "note": st.sampled_from(["", "seen", "x" * 1_990, "x" * 20_000, "\x01" * 3_000, "é" * 6_000]),
    "units": st.sampled_from(["", "1", "7", "007", "0", "1000000000", "1000000001", "1.0", "-3"]),
    "shipped_at": MOMENTS,
}
SIGNALS = [one for one in ODD if one not in {"units", "shipped_at"}]
NEEDED_FOR_UNITS = ["id", "source", "sku", "units", "shipped_at"]
NEEDED = ["id", "source", "sku", "occurred_at", "kind", "severity"]
UNITS = ["id", "source", "sku", "units", "shipped_at", "seller", "channel", "country", "lot"]
MAPPINGS = st.sampled_from([
    ColumnMapping(),
    read_mapping(None, ["occurred_at=observed_at", "observed_at=occurred_at"], ["kind=complaint"],
                 ["severity:1=minor,bad="]),
    read_mapping(None, ["customer=note"], ["source=crm", "intent=defect", "kind=complaint"],
                 ["severity:1=major", "note:seen=heard"]),
    read_mapping(None, ["id=order"], ["severity=", "source=crm"], []),
    read_mapping(None, [], ["source=crm", "severity=minor", "kind=complaint"], []),
])  # fmt: skip


def write(path: Path, header: list[str], rows: list[list[str]]) -> Path:
    """Write a CSV, of bytes that are no text where a cell holds half a character."""
    with path.open("w", newline="", encoding="utf-8", errors="surrogatepass") as file:
        out = csv.writer(file)
        out.writerows([header, *rows])
    return path


def both_ways(
    path: Path, read: Callable[[ImportFile, bool], Past]
) -> tuple[Past, Past]:
    """Read a file row by row, and by way of the contract alone."""
    found = []
    for quick in (True, False):
        with open_file(path, None, None) as file:
            found.append(read(file, quick))
    return found[0], found[1]


def told(past: Past) -> dict[str, Any]:
    """Return all that a past says."""
    return {
        "items": past.items, "counts": (past.signals, past.repeated, past.rejected),
        "samples": past.samples, "units": (past.units, past.units_rejected, past.units_samples),
        "span": (past.start, past.end),
    }  # fmt: skip


def tables(columns: list[str]) -> st.SearchStrategy[tuple[list[str], list[list[str]]]]:
    """Return tables of sound rows with an odd cell or two; some are too short or too long."""
    def rows(header: list[str]) -> st.SearchStrategy[tuple[list[str], list[list[str]]]]:
        sound = [SOUND.get(one, "") for one in header]
        cell = st.integers(0, len(header) - 1).flatmap(
            lambda n: ODD[header[n]].map(lambda value: (n, value))
        )
        whole = st.lists(cell, min_size=1, max_size=2).map(
            lambda cells: [dict(cells).get(n, one) for n, one in enumerate(sound)]
        )
        odd = whole.map(lambda row: row[:-1]) | whole.map(lambda row: [*row, "more"])
        some = st.lists(whole | whole | whole | odd, min_size=1, max_size=12)
        return st.tuples(st.just(header), some)

    def with_some(some: list[str]) -> st.SearchStrategy[tuple[list[str], list[list[str]]]]:
        needed = NEEDED if "kind" in columns else NEEDED_FOR_UNITS
        return rows([one for one in columns if one in some or one in needed])

    return st.lists(st.sampled_from(columns), unique=True).flatmap(with_some)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tables(SIGNALS), MAPPINGS, st.booleans())
def test_signals_are_what_the_contract_makes_of_them(
    tmp_path_factory: pytest.TempPathFactory, table: tuple[list[str], list[list[str]]],
    mapping: ColumnMapping, trusted: bool,
) -> None:
    """Whatever a table holds: the same signals, refusals and repeats, each with the same words."""
    header, rows = table
    missing = [one for one in mapping.columns.values() if one not in header]
    path = write(
        tmp_path_factory.getbasetemp() / "rows.csv", [*header, *missing],
        [[*row, *("" for _ in missing)] for row in rows],
    )

    def read(file: ImportFile, quick: bool) -> Past:
        entries = file.read(mapping, lambda head: SignalRows(
            head, mapping, NOW, may_assert_safety=trusted
        ).take) if quick else file.entries(mapping)  # fmt: skip
        return read_past(entries, (), NOW, may_assert_safety=trusted)

    quick, slow = both_ways(path, read)

    assert told(slow) == told(quick)


@settings(max_examples=150, deadline=None)
@given(tables(UNITS), st.booleans())
def test_units_are_what_the_contract_makes_of_them(
    tmp_path_factory: pytest.TempPathFactory, table: tuple[list[str], list[list[str]]],
    extra: bool,
) -> None:
    """The same of units shipped, for which a column too many is a refusal."""
    header, rows = table
    named = [*header, "note"] if extra else header
    path = write(
        tmp_path_factory.getbasetemp() / "units.csv", named,
        [[*row, "seen"] if extra else row for row in rows],
    )
    signal = Entry(b'{"id": "1", "source": "crm", "kind": "complaint", "sku": "K-1", "severity": '
                   b'"minor", "occurred_at": "2026-11-01T00:00:00Z"}')  # fmt: skip

    def read(file: ImportFile, quick: bool) -> Past:
        mapping = ColumnMapping()
        entries = (
            file.read(mapping, lambda head: UnitsRows(head, mapping, NOW).take)
            if quick else file.entries(mapping)
        )
        return read_past([signal], entries, NOW)

    quick, slow = both_ways(path, read)

    assert told(slow) == told(quick)


def test_sound_rows_take_the_short_way(tmp_path: Path) -> None:
    """An ordinary table is read without one detour: that is what makes ten million rows minutes."""
    header = ["ticket", "sku", "created", "who", "brand", "severity", "note"]
    path = write(tmp_path / "c.csv", header, [
        ["1", "K-1", "2026-11-01T10:00:00+01:00", "Änn", "acme", "1", "a\nb"],
        ["2", "K-1", "2026-11-01", "", "", "2", ""],
    ])  # fmt: skip
    mapping = read_mapping(
        None, ["id=ticket", "occurred_at=created", "customer=who", "vendor=brand"],
        ["source=crm", "kind=complaint"], ["severity:1=minor,2=major"],
    )
    with open_file(path, None, None) as file:
        found = list(file.read(mapping, lambda head: SignalRows(
            head, mapping, NOW, may_assert_safety=False
        ).take))  # fmt: skip

    assert [] == [one for one in found if isinstance(one, Entry)]
    assert [("acme", None), (None, None)] == [one[1:] for one in found if isinstance(one, tuple)]


def test_one_customer_in_two_spellings_is_one(tmp_path: Path) -> None:
    """As live, neither case nor Unicode form makes another customer of somebody."""
    path = write(tmp_path / "c.csv", [*NEEDED, "customer"], [
        [str(n), "crm", "K-1", "2026-11-01", "complaint", "minor", name]
        for n, name in enumerate(["Ännchen", "A\u0308NNCHEN", "anna"])
    ])  # fmt: skip
    mapping = ColumnMapping()
    with open_file(path, None, None) as file:
        rows = file.read(mapping, lambda head: SignalRows(
            head, mapping, NOW, may_assert_safety=False
        ).take)  # fmt: skip
        past = read_past(rows, (), NOW)

    first, second, third = (one.customer for one in past.items["K-1"].signals)
    assert first == second != third
