"""What a SKU is called in a catalogue that has names of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from freezeguard.catalogues.configuration import CatalogueConfigurationError

KEYS = ("called", "called_as")
"""The keys of `[catalogues.<name>]` that say so; a kind does not see them."""
PLAIN = "{sku}"
"""The pattern of a catalogue that calls SKUs as we do."""


@dataclass(frozen=True, slots=True)
class Names:
    """`called` names single SKUs, `pattern` all others: `DE-{sku}`."""

    called: Mapping[str, str] = field(default_factory=dict)
    pattern: str = PLAIN

    def of(self, sku: str) -> str:
        """Return what a SKU is called there."""
        return self.called.get(sku) or self.pattern.replace("{sku}", sku)

    def borrowed(self) -> dict[str, str]:
        """Return SKUs whose name in `called` is what the pattern makes of another SKU, with that.

        If there is such a SKU, both are one object there: who releases one puts both on sale.
        """
        found = {sku: self._by_pattern(name) for sku, name in self.called.items()}
        return {
            sku: other for sku, other in found.items()
            if other and other != sku and other not in self.called
        }

    def _by_pattern(self, name: str) -> str:
        """Return the SKU of which the pattern makes a name, empty where there is none."""
        before, _, after = self.pattern.partition("{sku}")
        fits = name.startswith(before) and name.endswith(after)
        return name[len(before):len(name) - len(after)] if fits else ""


def names_in(name: str, table: Mapping[str, Any]) -> Names:
    """Read the names of `[catalogues.<name>]`. Raises `CatalogueConfigurationError`."""
    called, pattern = table.get("called", {}), table.get("called_as", PLAIN)
    problems = []
    if not isinstance(called, Mapping) or not all(_is_name(one) for one in called.values()):
        problems.append((f"catalogues.{name}.called", "is a table from SKUs to their names there"))
    elif len(set(called.values())) < len(called):
        problems.append((f"catalogues.{name}.called", "gives one name to two SKUs"))
    if not isinstance(pattern, str) or pattern.count("{sku}") != 1:
        problems.append((f"catalogues.{name}.called_as", "is a text with {sku} in it, once"))
    names = Names(called, pattern) if not problems else Names()
    if names.pattern != PLAIN:  # any name at all may be a SKU of its own where it is plain
        problems += [
            (f"catalogues.{name}.called", _borrowed(sku, other, names.of(other)))
            for sku, other in names.borrowed().items()
        ]
    if problems:
        raise CatalogueConfigurationError(problems)
    return names


def _borrowed(sku: str, other: str, theirs: str) -> str:
    return (
        f"calls {sku} {theirs!r}, as called_as calls {other}: a stop or a release of one would be "
        f"that of both; if there is a SKU {other}, give it its own name in called"
    )


def without_names(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the table as its kind is to see it."""
    return {key: value for key, value in table.items() if key not in KEYS}


def _is_name(text: object) -> bool:
    return isinstance(text, str) and 0 < len(text) <= 200 and text.isprintable()
