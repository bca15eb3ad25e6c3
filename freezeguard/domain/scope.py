"""Scope: what a hold, a case or a rule covers. A SKU, optionally narrowed."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

NARROWING = ("seller", "channel", "country", "lot")
"""The fields beside `sku`; an absent one means "all"."""


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """A SKU, or the part of its sale that the given fields name. An absent field means "all"."""

    sku: str
    seller: str | None = None
    channel: str | None = None
    country: str | None = None
    lot: str | None = None

    @classmethod
    def of(cls, sku: str, narrowed: Mapping[str, str | None]) -> "Scope":
        """Build a scope from a SKU and any mapping that may hold narrowing fields."""
        return cls(sku, *(narrowed.get(name) for name in NARROWING))

    def narrowing(self) -> dict[str, str]:
        """Return the narrowing fields that are set."""
        return {name: value for name in NARROWING if (value := getattr(self, name)) is not None}

    def covers(self, other: "Scope") -> bool:
        """Say whether all that `other` names lies inside this scope."""
        return (
            self.sku == other.sku
            and (self.seller is None or self.seller == other.seller)
            and (self.channel is None or self.channel == other.channel)
            and (self.country is None or self.country == other.country)
            and (self.lot is None or self.lot == other.lot)
        )

    def overlaps(self, other: "Scope") -> bool:
        """Say whether some sale belongs to both."""
        return (
            self.sku == other.sku
            and _agree(self.seller, other.seller)
            and _agree(self.channel, other.channel)
            and _agree(self.country, other.country)
            and _agree(self.lot, other.lot)
        )

    def as_dict(self) -> dict[str, str]:
        """Return the scope as JSON users see it: absent fields are left out."""
        return {"sku": self.sku, **self.narrowing()}

    def __str__(self) -> str:
        narrowed = ", ".join(f"{name} {value}" for name, value in self.narrowing().items())
        return f"{self.sku} ({narrowed})" if narrowed else self.sku


def _agree(one: str | None, other: str | None) -> bool:
    return one is None or other is None or one == other


assert tuple(f.name for f in fields(Scope)) == ("sku", *NARROWING)  # noqa: S101 - order is relied on
