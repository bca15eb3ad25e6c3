"""What all answers have in common."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Lane = Literal["quality", "safety", "authority"]


class Output(BaseModel):
    """An answer: never changed once it was made."""

    model_config = ConfigDict(frozen=True)


class ScopeOut(Output):
    """A SKU, optionally narrowed; an absent field means "all"."""

    model_config = ConfigDict(title="Scope")

    sku: str
    seller: str | None = None
    channel: str | None = None
    country: str | None = None
    lot: str | None = None
