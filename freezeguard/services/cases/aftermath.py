"""What a command brought about, and what is left to do once it is committed."""

from dataclasses import dataclass, field
from datetime import datetime

from freezeguard.domain.record import Case
from freezeguard.ports.rows import AttachedSignals, CatalogueRow, Prelude


@dataclass(slots=True)
class Aftermath:
    """A command's outcome, and the catalogue objects to work on once it is committed.

    `stops_sale` says that a hold was set that does not lapse by itself.
    `evidence` and `rows` are what the command has seen of the case's signals and objects, so that
    notices need not look again; `due` by when the clocks that it started are due; `told` who has
    been told what.
    """

    case: Case
    claims: list[CatalogueRow] = field(default_factory=list)
    stops_sale: bool = False
    evidence: AttachedSignals | None = None
    rows: list[CatalogueRow] | None = None
    due: dict[str, datetime] = field(default_factory=dict)
    told: set[tuple[str, str]] = field(default_factory=set)
    prelude: Prelude | None = None
