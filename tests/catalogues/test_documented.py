"""What the pages show of catalogues is what the settings accept."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from freezeguard.catalogues import http_settings as tables
from freezeguard.catalogues.http import HttpCatalogue
from freezeguard.catalogues.registry import open_catalogues

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "catalogues.md").read_text("utf-8")
TOML = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = {
    f"{name}-{number}": block
    for name in ("catalogues.md", "try-it.md")
    for number, block in enumerate(TOML.findall((DOCS / name).read_text("utf-8")))
}
TABLES: tuple[type[BaseModel], ...] = (
    tables.HttpSettings,
    tables.RequestTable,
    tables.LookupTable,
    tables.WriteTable,
    tables.StopTable,
    tables.ReadBackTable,
    tables.FallbackTable,
)


def explained() -> set[str]:
    """Return every key that a row of the section "Every key" explains."""
    section = PAGE.partition("### Every key")[2]
    rows = re.findall(r"^\|(.*)\|$", section, re.MULTILINE)
    cells = [cell for row in rows for cell in row.split("|")[:2]]
    return set(re.findall(r"`([a-z_]+)(?:\.NAME)?`", " ".join(cells)))


def keys() -> Iterator[str]:
    """Yield every key that the settings know."""
    for table in TABLES:
        yield from table.model_fields


def test_each_page_has_an_example() -> None:
    """The test below looks at something."""
    assert {"catalogues.md-0", "try-it.md-0"} <= BLOCKS.keys()


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
def test_every_example_opens(block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block of TOML passes the real parser, and its catalogues are built as written."""
    for name in re.findall(r"\{env:([A-Z_]+)\}", block):
        monkeypatch.setenv(name, "secret-of-16-characters")
    given: dict[str, dict[str, Any]] = tomllib.loads(block)["catalogues"]

    opened = open_catalogues(given)

    assert given.keys() == opened.keys()
    for name, catalogue in opened.items():
        if given[name]["kind"] != "http":
            continue
        assert isinstance(catalogue, HttpCatalogue)
        assert tuple(given[name]["fallbacks"]) == catalogue.traits.fallbacks
        assert given[name]["level"] == catalogue.traits.level


def test_every_key_is_explained() -> None:
    """A key that the settings learn has its row; a row without a key is stale."""
    assert set(keys()) == explained()
