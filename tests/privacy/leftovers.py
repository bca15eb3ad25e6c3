"""Looks for traces of a person in every column of every table, whatever it is for."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterable
from typing import Any
from unicodedata import normalize

import asyncpg

TABLES = """
    SELECT quote_ident(table_name) FROM information_schema.tables
     WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name <> ALL ($1)
     ORDER BY table_name
"""
COLUMNS = "SELECT to_jsonb(one)::text FROM {} AS one"


async def rows_of_all_tables(dsn: str, *, leave_out: Iterable[str] = ()) -> dict[str, list[Any]]:
    """Return every row of every table as JSON types."""
    connection = await asyncpg.connect(dsn)
    try:
        names = [row[0] for row in await connection.fetch(TABLES, list(leave_out))]
        return {
            name: [json.loads(row[0]) for row in await connection.fetch(COLUMNS.format(name))]
            for name in names
        }
    finally:
        await connection.close()


def texts_of(value: Any) -> list[str]:
    """Return every text within a value, and what a bytea holds as hex, base64 and UTF-8."""
    match value:
        case dict():
            return [text for pair in value.items() for one in pair for text in texts_of(one)]
        case list():
            return [text for one in value for text in texts_of(one)]
        case str() if value.startswith("\\x"):
            raw = bytes.fromhex(value[2:])
            text = raw.decode("utf-8", "replace")
            return [value, b64encode(raw).decode(), text, *_within_json(text)]
        case str():
            return [value, *_within_json(value)]
        case None:
            return []
        case _:
            return [str(value)]


def _within_json(text: str) -> list[str]:
    try:
        inner = json.loads(text)
    except ValueError:
        return []
    return texts_of(inner) if isinstance(inner, dict | list) else []


def as_given(text: str) -> str:
    """Return a text as it is."""
    return text


def in_any_spelling(text: str) -> str:
    """Return what letter case and Unicode form leave of a text; written apart from the service."""
    return normalize("NFKD", text.casefold())


async def leftovers(
    dsn: str, traces: Iterable[str], spelled: Callable[[str], str] = as_given
) -> set[tuple[str, str, str]]:
    """Return table, column and trace wherever one of the traces still stands."""
    wanted = list(map(spelled, traces))
    return {
        (table, column, trace)
        for table, rows in (await rows_of_all_tables(dsn)).items()
        for row in rows
        for column, value in row.items()
        for text in texts_of(value)
        for trace in wanted
        if trace in spelled(text)
    }


def hashes(customer: bytes) -> list[str]:
    """Return a keyed hash in the ways in which it might stand somewhere."""
    return [customer.hex(), b64encode(customer).decode().rstrip("=")]
