"""Why something happened, as a value: shared by case, notice, log, metric and test."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from freezeguard.domain.scope import Scope


@dataclass(frozen=True, slots=True)
class SignalKey:
    """A signal's identity with the moment that orders it."""

    occurred_at: datetime
    source: str
    id: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a rule was crossed.

    `observed` and `bound` are in the unit of the rule's family: signals, customers, or defects
    per unit shipped, or odds. `exposure` is units shipped in the window, None where unknown.
    `counted` are the signals that made the crossing, in order; the last of them crossed the bound.
    `details` are the further figures of a family that learns what is usual, in JSON types.
    """

    family: str
    rule_id: str
    rule_version: int
    window: timedelta | None
    observed: float
    bound: float
    customers: int
    exposure: int | None
    counted: tuple[SignalKey, ...]
    sentence: str
    tightened: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the reason in JSON types, as cases and notices carry it."""
        return {
            **({"details": dict(self.details)} if self.details else {}),
            "family": self.family,
            "rule_id": self.rule_id,
            "rule_version": self.rule_version,
            "window": None if self.window is None else self.window.total_seconds(),
            "observed": self.observed,
            "bound": self.bound,
            "customers": self.customers,
            "exposure": self.exposure,
            "counted": [
                {"source": key.source, "id": key.id, "occurred_at": key.occurred_at.isoformat()}
                for key in self.counted
            ],
            "sentence": self.sentence,
            "tightened": self.tightened,
        }


@dataclass(frozen=True, slots=True)
class Crossing:
    """A bound that was crossed: by which signal, for which scope, and why.

    `bound_kind` is `freeze`, `look` where only the lower bound was reached, or `pattern` where
    many complaints turned out to be few voices.
    """

    scope: Scope
    rule_id: str
    rule_version: int
    lane: str
    mode: str
    bound_kind: str
    crossed_by: SignalKey
    reason: Reason

    @property
    def crossed_at(self) -> datetime:
        """Return the moment of the complaint that crossed the bound."""
        return self.crossed_by.occurred_at


PERSON_SENTENCES: Mapping[str, str] = {
    "defective": "was reported as defective",
    "wrong_item": "was reported as not being what was ordered",
    "mislabelled": "was reported as mislabelled",
    "safety_injury": "was reported to have injured somebody",
    "safety_hazard": "was reported as a safety hazard",
    "authority_order": "is subject to an order of an authority",
    "other": "was stopped by hand",
}
"""What each reason code of a person's pull says in words."""

SAFETY_REASON_CODES = frozenset({"safety_injury", "safety_hazard"})
AUTHORITY_REASON_CODE = "authority_order"


@dataclass(frozen=True, slots=True)
class PullReason:
    """Why a person or a catalogue system pulled the cord; `extra` stands in the reason as it is."""

    reason_code: str
    comment: str
    by: str
    document: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_safety(self) -> bool:
        """Say whether one associate alone may freeze for this reason."""
        return self.reason_code in SAFETY_REASON_CODES

    @property
    def lane(self) -> str:
        """Return the mildest lane that this reason allows: an injury is no matter of quality."""
        if self.reason_code == AUTHORITY_REASON_CODE:
            return "authority"
        return "safety" if self.is_safety else "quality"

    def as_dict(self, sku: str) -> dict[str, Any]:
        """Return the reason in JSON types."""
        words = PERSON_SENTENCES[self.reason_code]
        return {
            "family": "pull",
            "reason_code": self.reason_code,
            "comment": self.comment,
            "by": self.by,
            "document": self.document,
            "sentence": f"{sku} {words}.",
            **self.extra,
        }
