"""The named queries: complete, used, and understood by the migrated schema."""

import ast
import re
from pathlib import Path

import asyncpg
import pytest

import freezeguard.storage
from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from freezeguard.storage.queries import QueryFileWrong, parse, queries
from freezeguard.storage.sqlfiles import sql_directory

NOUNS = sorted(path.stem for path in (sql_directory() / "queries").glob("*.sql"))
MODULES = sorted(Path(freezeguard.storage.__file__).parent.glob("*.py"))
SQL_WORDS = re.compile(r"\b(SELECT .* FROM|INSERT INTO|UPDATE .* SET|DELETE FROM)\b", re.DOTALL)


def names_used(module: Path) -> dict[str, set[str]]:
    """Which names of which query file a module uses: `SQL = queries("noun")`, then `SQL["name"]`.

    Where a name is given to a method (`SQL[query]`), every text of the module that is one counts.
    """
    tree = ast.parse(module.read_text())
    texts = {one.value for one in ast.walk(tree) if isinstance(one, ast.Constant)}
    nouns = {
        node.targets[0].id: node.value.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        if getattr(node.value.func, "id", "") == "queries"
    }
    used: dict[str, set[str]] = {noun: set() for noun in nouns.values()}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Subscript) or getattr(node.value, "id", "") not in nouns:
            continue
        noun = nouns[node.value.id]
        exact = isinstance(node.slice, ast.Constant)
        used[noun] |= {node.slice.value} if exact else texts & set(queries(noun))
    return used


@pytest.mark.parametrize("noun", NOUNS)
async def test_every_query_prepares(
    noun: str, database: PostgresDatabase, migrated_dsns: OwnerAndRuntimeDsns
) -> None:
    """The runtime role can prepare every query against the migrated schema."""
    connection = await asyncpg.connect(migrated_dsns.runtime)

    refused = {}
    for name, text in queries(noun).items():
        try:
            await connection.prepare(text)
        except asyncpg.PostgresError as error:
            refused[name] = str(error)
    await connection.close()

    assert {} == refused


def test_every_query_is_used_and_every_used_one_is_there() -> None:
    """No query lies about unused, and no code asks for one that does not exist."""
    used: dict[str, set[str]] = {}
    for module in MODULES:
        for noun, names in names_used(module).items():
            used.setdefault(noun, set()).update(names)

    assert {noun: set(queries(noun)) for noun in NOUNS} == used


def test_no_module_speaks_sql_of_its_own() -> None:
    """SQL of the service stands in sql/queries/ and nowhere else; migrating has its own words."""
    found = {
        module.name
        for module in MODULES
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if SQL_WORDS.search(node.value)
    }

    assert {"migrations.py"} == found


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("-- name: a\n-- Why.\nSELECT 1;\n\n-- name: a\n-- Why.\nSELECT 2;\n", "twice"),
        ("SELECT 1;\n", "no name"),
        ("-- name: a\nSELECT 1;\n", "purpose"),
        ("-- name: a\n-- Why.\nSELECT 1\n", "one statement"),
        ("-- name: a\n-- Why.\nSELECT 1;\nSELECT 2;\n", "one statement"),
        ("-- name: Not small\n-- Why.\nSELECT 1;\n", "no name"),
    ],
)
def test_a_wrong_file_is_refused(text: str, why: str) -> None:
    """A query without name or purpose, or named twice, is refused with the reason."""
    with pytest.raises(QueryFileWrong, match=why):
        parse(text, "some")
