"""The catalogues of this shop: what each sells, how strictly it can be stopped, what it must do."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from freezeguard.domain.enforcement import Wanted, strictest
from freezeguard.domain.scope import NARROWING, Scope
from freezeguard.ports.catalogues import Catalogue, Level
from freezeguard.ports.rows import Hold


@dataclass(frozen=True, slots=True)
class Outlet:
    """A catalogue as configured: the connector, and the part of the shop's sales that it makes.

    `sells` holds the scope fields that are fixed for this catalogue (a German shop:
    `{"country": "DE"}`); a hold that does not overlap them is none of its business. `level` is
    how strictly a full hold stops here. `called` turns a SKU into its name
    there. `fingerprint` names the configuration; a catalogue that `needs_check` is off until this
    configuration was proved.
    """

    catalogue: Catalogue
    level: Level = "hard"
    sells: Mapping[str, str] = field(default_factory=dict)
    image_max_age: timedelta = timedelta(hours=1)
    called: Callable[[str], str] = str
    fingerprint: str = ""
    needs_check: bool = False

    @property
    def name(self) -> str:
        """Return the name under which the catalogue is configured."""
        return self.catalogue.name

    @property
    def full_level(self) -> Level:
        """Return how strictly a full hold stops here, as far as the catalogue can."""
        levels = self.catalogue.traits.levels
        return self.level if self.level in levels else levels[0]

    def concerns(self, scope: Scope) -> bool:
        """Say whether some sale of this catalogue lies in the scope."""
        return scope.overlaps(Scope.of(scope.sku, self.sells))

    def wanted(self, holds: Iterable[Hold]) -> Wanted:
        """Return the union of what active holds want of an object here, as far as it can obey."""
        return strictest(
            self._feasible(hold.level)
            for hold in holds
            if hold.state == "active" and self.concerns(hold.scope)
        )

    def _feasible(self, level: Wanted) -> Wanted:
        if level == "hard" and self.level == "hard" and "hard" in self.catalogue.traits.levels:
            return "hard"
        return "hide" if level != "sellable" else "sellable"

    def widened(self, scope: Scope) -> Scope | None:
        """Return the wider scope that a hold is enforced on here, None where it fits exactly."""
        told_apart = {*self.catalogue.traits.narrowest, *self.sells}
        kept = {
            name: getattr(scope, name) if name in told_apart else None for name in NARROWING
        }
        wider = Scope.of(scope.sku, kept)
        return None if wider == scope else wider


class Directory:
    """Every configured catalogue, by name."""

    def __init__(self, outlets: Iterable[Outlet] = ()) -> None:
        self.outlets: Mapping[str, Outlet] = {one.name: one for one in outlets}

    def concerned(self, scope: Scope) -> list[Outlet]:
        """Return the catalogues that sell something of a scope."""
        return [one for one in self.outlets.values() if one.concerns(scope)]

    def get(self, name: str) -> Outlet | None:
        """Return a catalogue by name, None where it is configured no longer."""
        return self.outlets.get(name)
