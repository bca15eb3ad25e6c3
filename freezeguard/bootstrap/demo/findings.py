"""What the demonstration saw, as one document."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from freezeguard.bootstrap.demo.stage import Override


@dataclass(slots=True)
class FreezeSeen:
    """One freeze from the complaint that crossed to the purchase that was accepted again.

    `crossed_at` is when what crossed was sent, by our clock; `stop_received_at` is from the
    shop's own log; `confirmed_at` from the case's history.
    """

    sku: str
    rule: str
    crossed_at: datetime
    case: str = ""
    sentence: str = ""
    stop_received_at: datetime | None = None
    confirmed_at: datetime | None = None
    refused_purchases: list[dict[str, Any]] = field(default_factory=list)
    vendor_mail: dict[str, Any] = field(default_factory=dict)
    states: list[dict[str, Any]] = field(default_factory=list)
    purchase_after: dict[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Return how long it took until the shop had received the stop."""
        if self.stop_received_at is None:
            return float("inf")
        return (self.stop_received_at - self.crossed_at).total_seconds()

    def as_dict(self) -> dict[str, Any]:
        """Return it in JSON types."""
        return {
            "sku": self.sku,
            "rule": self.rule,
            "case": self.case,
            "sentence": self.sentence,
            "crossed_at": self.crossed_at.isoformat(),
            "stop_received_at": _text(self.stop_received_at),
            "confirmed_at": _text(self.confirmed_at),
            "seconds": None if self.stop_received_at is None else round(self.seconds, 4),
            "refused_purchases": self.refused_purchases,
            "vendor_mail": self.vendor_mail,
            "states": self.states,
            "purchase_after": self.purchase_after,
        }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


@dataclass(slots=True)
class Findings:
    """Everything that was seen.

    `broken` names a promise that was not kept; `kept` are budgets left at their defaults.
    """

    overrides: tuple[Override, ...] = ()
    kept: dict[str, int] = field(default_factory=dict)
    signals_accepted: int = 0
    mails: int = 0
    freezes: list[FreezeSeen] = field(default_factory=list)
    seconds: float = 0.0
    broken: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it in JSON types."""
        return {
            "ok": self.broken is None,
            "broken_promise": self.broken,
            "signals_accepted": self.signals_accepted,
            "freezes": [one.as_dict() for one in self.freezes],
            "mails_delivered": self.mails,
            "overrides": [
                {"setting": one.setting, "value": one.value, "default": one.default,
                 "why": one.why}
                for one in self.overrides
            ],
            "defaults_kept": self.kept,
            "seconds": round(self.seconds, 2),
        }
