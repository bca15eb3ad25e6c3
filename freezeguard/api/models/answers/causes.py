"""What the complaints of a case have in common, and cases like it."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from freezeguard.api.models.answers.output import Output
from freezeguard.domain.transitions import State


class ShareOut(Output):
    """What some of the complaints say; null: they do not say."""

    model_config = ConfigDict(title="Share")

    value: str | None
    complaints: int
    customers: int
    share: float = Field(description="Of all complaints, 0 to 1.")
    cumulative: float = Field(description="The shares down to this one, together.")


class ParetoOut(Output):
    """The complaints by one field, the most first."""

    model_config = ConfigDict(title="Pareto")

    items: list[ShareOut] = Field(description="Up to 50.")
    more: int = Field(description="Further values.")


class CausesBy(Output):
    """What complaints are told apart by."""

    intent: ParetoOut
    lot: ParetoOut
    channel: ParetoOut
    seller: ParetoOut
    severity: ParetoOut


class FixOut(Output):
    """What was done about it, as the remedy of a closed case says."""

    model_config = ConfigDict(title="Fix")

    corrective_action: str
    preventive_action: str


class SimilarCase(Output):
    """A case like it: of the same SKU, vendor or category, the nearest first."""

    id: str
    number: int
    sku: str
    state: State
    outcome: str | None
    opened_at: datetime
    closed_at: datetime | None
    reason: str | None = Field(description="Why its sale was stopped, as a sentence.")
    cause: dict[str, Any] | None = Field(description="Where it is closed.")
    fix: FixOut | None = Field(description="Where it is closed.")


class CausesOut(Output):
    """Where the complaints of a case come from."""

    model_config = ConfigDict(title="CaseCauses")

    case: str
    complaints: int = Field(description="Those that count against the item.")
    customers: int
    by: CausesBy
    similar: list[SimilarCase]
