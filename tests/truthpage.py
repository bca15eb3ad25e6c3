"""The page of what a stop holds back, written by the tests that try it, system by system."""

from collections.abc import Mapping
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "connectors" / "truth.md"
COLUMNS = ("new cart", "open cart", "cart at payment")
VARIETIES = ("tracked", "untracked", "back-ordered", "multi-variant")
"""How a shop may list a SKU; a stop that holds for one need not hold for another."""
WORDS = {True: "refused", False: "**sold**", None: "not shown"}

Cells = Mapping[str, bool | None]
"""Whether each cart was held back; None where what was tried has no such cart."""


def section(title: str, remark: str, rows: Mapping[str, Cells]) -> str:
    """Return the section of one system."""
    lines = [f"## {title}", "", *([remark, ""] if remark else []),
             f"| how the SKU is listed | {' | '.join(COLUMNS)} |", "|---|---|---|---|"]
    for variety, cells in rows.items():
        lines.append(f"| {variety} | {' | '.join(WORDS[cells[name]] for name in COLUMNS)} |")
    return "\n".join([*lines, ""])


def sections() -> dict[str, str]:
    """Return the sections of the page by title; what stands before them has the title ''."""
    head, *rest = PAGE.read_text("utf-8").split("\n## ")
    return {"": head.rstrip() + "\n", **{
        one.partition("\n")[0]: f"## {one.rstrip()}\n" for one in rest
    }}


def put(title: str, text: str) -> None:
    """Write one section, in the place of the one with its title, or last."""
    PAGE.write_text("\n".join({**sections(), title: text}.values()), "utf-8")
