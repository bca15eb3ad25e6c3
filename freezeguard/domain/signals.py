"""Signals: complaints, returns, inspections, telemetry and recalls, each counted once."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, NamedTuple

from freezeguard.domain.scope import Scope

DEFAULT_INTENT = "defect"
NOT_THE_ITEMS_FAULT = frozenset({"delivery", "change_of_mind"})
"""Intents that do not count against a SKU unless a rule names them."""
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Kind(StrEnum):
    """What sort of evidence a signal is."""

    COMPLAINT = "complaint"
    RETURN = "return"
    INSPECTION = "inspection"
    TELEMETRY = "telemetry"
    RECALL = "recall"


MEASURED = frozenset({Kind.INSPECTION, Kind.TELEMETRY})
"""Kinds that carry a result: `fail` is evidence, `pass` is exposure."""


class Severity(IntEnum):
    """How bad; ordered."""

    MINOR = 1
    MAJOR = 2
    CRITICAL = 3
    SAFETY = 4

    @property
    def word(self) -> str:
        """Return the name used in the contract."""
        return self.name.lower()


class Signal(NamedTuple):
    """One signal as accepted: validated, its customer hashed, its text masked.

    A tuple, since signals arrive by the thousand: a frozen dataclass takes twice as long to make.
    `occurred_at` is the moment the complaint was made; `observed_at` the moment the fault first
    showed (for diagnosis only). `customer` is a keyed hash, `marks` are those of
    `freezeguard.domain.likeness`. `may_assert_safety` is True where the sender may assert safety.
    `acts_on_history` asks that a crossing far in the past acts too.
    """

    source: str
    id: str
    kind: Kind
    sku: str
    occurred_at: datetime
    severity: Severity
    intent: str = DEFAULT_INTENT
    observed_at: datetime | None = None
    result: str | None = None
    customer: bytes | None = None
    order: str | None = None
    lot: str | None = None
    seller: str | None = None
    channel: str | None = None
    country: str | None = None
    text: str | None = None
    contact_cost: Decimal | None = None
    extra: Mapping[str, Any] = _NOTHING
    may_assert_safety: bool = False
    acts_on_history: bool = False
    marks: bytes | None = None

    @property
    def scope(self) -> Scope:
        """Return the narrowest scope that this signal speaks about."""
        return Scope(self.sku, self.seller, self.channel, self.country, self.lot)


def counts_against_the_item(kind: Kind, intent: str, result: str | None) -> bool:
    """Say whether a signal speaks against the SKU where a rule names no intents.

    A `pass` of an inspection or of telemetry is exposure, never evidence; delivery faults and
    changes of mind are not the item's fault.
    """
    if kind in MEASURED:
        return result == "fail"
    return intent not in NOT_THE_ITEMS_FAULT


def fingerprint(values: Iterable[str | None], extra: Mapping[str, Any] | None = None) -> bytes:
    """Return 16 bytes that are equal for equal signals: tells a repeat from a conflict.

    `values` are the signal's fields as sent, in a fixed order, defaults filled in and times in
    UTC; `extra` holds the rest in JSON types. Keys may arrive in any order. The values hold no
    NUL (the contract refuses it), so joining them with it is unambiguous.
    """
    text = "\0".join([value or "" for value in values])
    if extra:
        text += "\0" + json.dumps(extra, sort_keys=True, separators=(",", ":"))
    return blake2b(text.encode(), digest_size=16).digest()
