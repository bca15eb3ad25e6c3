"""Load the named queries of sql/queries/: the only SQL that the service speaks.

A file holds statements of one noun, each under `-- name: <name>` and a comment of one line that
says what it is for. Parameters are $1, $2, …
"""

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from freezeguard.storage.sqlfiles import sql_directory

_HEAD = re.compile(r"-- name: ([a-z][a-z0-9_]*)")


class QueryFileWrong(Exception):
    """A query file breaks a rule of the format."""


@cache
def queries(noun: str) -> Mapping[str, str]:
    """Return the statements of sql/queries/<noun>.sql by their names."""
    text = (sql_directory() / "queries" / f"{noun}.sql").read_text(encoding="utf-8")
    return MappingProxyType(parse(text, noun))


def parse(text: str, noun: str) -> dict[str, str]:
    """Split a query file. Raises `QueryFileWrong` for a statement without name or purpose."""
    found: dict[str, str] = {}
    before, *parts = re.split(r"^(?=-- name:)", text, flags=re.MULTILINE)
    if any(line and not line.startswith("--") for line in before.splitlines()):
        raise QueryFileWrong(f"{noun}.sql begins with a statement that has no name")
    for part in parts:
        head, _, rest = part.partition("\n")
        match = _HEAD.fullmatch(head.rstrip())
        if match is None:
            raise QueryFileWrong(f"{noun}.sql: {head!r} is no name of small letters")
        purpose, _, statement = rest.partition("\n")
        statement = statement.strip()
        if not purpose.startswith("-- ") or not statement.endswith(";") or ";\n" in statement:
            raise QueryFileWrong(f"{noun}.sql: {match[1]} needs a purpose, then one statement")
        if match[1] in found:
            raise QueryFileWrong(f"{noun}.sql: {match[1]} is there twice")
        found[match[1]] = statement.removesuffix(";")
    return found
