"""What is held, and whether an item may be sold."""

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from freezeguard.api.models.answers.output import Lane, Output, ScopeOut


class HoldOut(Output):
    """One hold as readers see it."""

    model_config = ConfigDict(title="Hold")

    id: str
    case: str
    lane: Lane
    scope: ScopeOut
    level: Literal["hide", "hard"]
    reason: str
    since: datetime
    revision: int


class SaleStatus(Output):
    """Whether a SKU may be sold."""

    sku: str
    known: bool
    status: Literal["sellable", "frozen"]
    revision: int = Field(description="Revision of the held set that this answer is from.")
    as_of: datetime = Field(description="When this replica last heard from the database.")
    holds: list[HoldOut]


class SaleStatuses(Output):
    """The same for a cart or a page."""

    items: list[SaleStatus]


class HeldSetOut(Output):
    """The whole held set."""

    model_config = ConfigDict(title="HeldSet")

    revision: int
    as_of: datetime
    items: list[HoldOut]
