"""The truth table: collected while tests run, written into the docs when they have passed."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "connectors" / "truth.md"
COLUMNS = ("new cart", "open cart", "cart at payment")
VERSIONS = {"vendure": "Vendure 3.7.3", "medusa": "Medusa 2.21.2"}
HEAD = """# What a stop holds back

Written by `make test-real`, which buys in running systems: frozen by complaints, each cart below is
tried; reinstated, each of them is bought, and every field and stock figure is as it was before.
"""

_SEEN: dict[str, dict[str, Mapping[str, bool]]] = defaultdict(dict)


def note(kind: str, variety: str, cells: Mapping[str, bool]) -> None:
    """Remember which carts were held back."""
    _SEEN[kind][variety] = dict(cells)


def write() -> None:
    """Write the page where every kind was tried whole; leave it as it is otherwise."""
    if _SEEN.keys() == VERSIONS.keys():
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text("\n".join([HEAD, *map(_table, VERSIONS)]), "utf-8")


def _table(kind: str) -> str:
    lines = [f"## {VERSIONS[kind]}", "", f"| how the SKU is listed | {' | '.join(COLUMNS)} |",
             "|---|---|---|---|"]
    for variety, cells in _SEEN[kind].items():
        words = ["refused" if cells[name] else "**sold**" for name in COLUMNS]
        lines.append(f"| {variety} | {' | '.join(words)} |")
    return "\n".join([*lines, ""])
