"""What a SKU is called in a catalogue that has names of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from freezeguard.catalogues.configuration import CatalogueConfigurationError

KEYS = ("called", "called_as")
"""The keys of `[catalogues.<name>]` that say so; a kind does not see them."""


@dataclass(frozen=True, slots=True)
class Names:
    """`called` names single SKUs, `pattern` all others: `DE-{sku}`."""

    called: Mapping[str, str] = field(default_factory=dict)
    pattern: str = "{sku}"

    def of(self, sku: str) -> str:
        """Return what a SKU is called there."""
        return self.called.get(sku) or self.pattern.replace("{sku}", sku)


def names_in(name: str, table: Mapping[str, Any]) -> Names:
    """Read the names of `[catalogues.<name>]`. Raises `CatalogueConfigurationError`."""
    called, pattern = table.get("called", {}), table.get("called_as", "{sku}")
    problems = []
    if not isinstance(called, Mapping) or not all(_is_name(one) for one in called.values()):
        problems.append((f"catalogues.{name}.called", "is a table from SKUs to their names there"))
    elif len(set(called.values())) < len(called):
        problems.append((f"catalogues.{name}.called", "gives one name to two SKUs"))
    if not isinstance(pattern, str) or pattern.count("{sku}") != 1:
        problems.append((f"catalogues.{name}.called_as", "is a text with {sku} in it, once"))
    if problems:
        raise CatalogueConfigurationError(problems)
    return Names(called, pattern)


def without_names(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the table as its kind is to see it."""
    return {key: value for key, value in table.items() if key not in KEYS}


def _is_name(text: object) -> bool:
    return isinstance(text, str) and 0 < len(text) <= 200 and text.isprintable()
