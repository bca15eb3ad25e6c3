"""Scope: what a hold, a case or a rule covers. A SKU, optionally narrowed."""

from collections.abc import Iterator, Mapping
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
        return self.sku == other.sku and all(
            mine is None or mine == theirs for mine, theirs in _pairs(self, other)
        )

    def overlaps(self, other: "Scope") -> bool:
        """Say whether some sale belongs to both."""
        return self.sku == other.sku and all(
            mine is None or theirs is None or mine == theirs for mine, theirs in _pairs(self, other)
        )

    def as_dict(self) -> dict[str, str]:
        """Return the scope as JSON users see it: absent fields are left out."""
        return {"sku": self.sku, **self.narrowing()}

    def __str__(self) -> str:
        narrowed = ", ".join(f"{name} {value}" for name, value in self.narrowing().items())
        return f"{self.sku} ({narrowed})" if narrowed else self.sku


def _pairs(one: Scope, other: Scope) -> Iterator[tuple[str | None, str | None]]:
    return ((getattr(one, name), getattr(other, name)) for name in NARROWING)


assert tuple(f.name for f in fields(Scope)) == ("sku", *NARROWING)  # noqa: S101 - order is relied on
