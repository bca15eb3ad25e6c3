"""A signal as it is sent, and what becomes of it in the domain."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from freezeguard.api.models.fields import Country, Label, Moment, Money, Name, Sku, Text
from freezeguard.domain.likeness import Hash, is_new_account, mark_of_text, marks
from freezeguard.domain.masking import mask_own
from freezeguard.domain.signals import (
    DEFAULT_INTENT,
    Kind,
    Severity,
    Signal,
    fingerprint,
)

_SEVERITIES = {one.word: one for one in Severity}

MAX_EXTRA = 16 * 1024
NEED_A_RESULT = frozenset({Kind.INSPECTION, Kind.TELEMETRY})

EXAMPLE = {
    "id": "call-4711",
    "source": "helpdesk",
    "kind": "complaint",
    "sku": "KETTLE-17/blue",
    "occurred_at": "2026-11-21T09:30:00Z",
    "severity": "major",
    "intent": "defect",
    "customer": "c-2093",
    "text": "The handle broke off while pouring.",
    "contact_cost": "4.50",
}


def _need_a_result(schema: dict[str, Any]) -> None:
    kinds = sorted(kind.value for kind in NEED_A_RESULT)
    schema["if"] = {"properties": {"kind": {"enum": kinds}}, "required": ["kind"]}
    schema["then"] = {
        "properties": {"result": {"enum": ["pass", "fail"]}},
        "required": ["result"],
    }


class SignalIn(BaseModel):
    """One complaint, return, inspection, telemetry reading or recall.

    Counts once by `source` and `id`. Fields that are not listed here are kept under `extra`, up
    to 16 KiB of JSON.
    """

    model_config = ConfigDict(
        extra="allow",
        title="Signal",
        json_schema_extra=_need_a_result,
    )

    id: Name = Field(description="The sender's own identifier, unique within `source`.")
    source: Name = Field(description="Who sends; a source key is bound to one.")
    kind: Kind
    sku: Sku
    occurred_at: Moment = Field(
        description="When the complaint was made. Any age is accepted, more than 5 minutes "
        "ahead is not."
    )
    severity: Literal["minor", "major", "critical", "safety"]
    observed_at: Moment | None = Field(
        None, description="When the fault first showed; for diagnosis only."
    )
    intent: Label = Field(
        DEFAULT_INTENT,
        description="`delivery` and `change_of_mind` don't count against the item.",
    )
    result: Literal["pass", "fail"] | None = Field(
        None, description="For inspection and telemetry: `fail` counts, `pass` is exposure."
    )
    customer: Name | None = Field(
        None, description="Stored as a keyed hash only, in which letter case and Unicode form "
        "make no difference."
    )
    order: Name | None = None
    lot: Name | None = None
    seller: Name | None = None
    channel: Name | None = None
    country: Country | None = None
    text: Text | None = Field(
        None, description="Mail addresses, phone, card and postal addresses are masked on entry, "
        "and the signal's own `customer` and `order`."
    )
    contact_cost: Money | None = Field(None, description="What the contact cost the shop.")
    customer_since: Moment | None = Field(
        None, description="When the customer's account was opened. Accounts that were opened "
        "within the day before their complaint, and name no `order`, speak with one voice."
    )
    device: Name | None = Field(
        None, description="What the complaint was made from: a reference that two customers share "
        "where they use one device. Only a keyed hash is stored."
    )
    address: Name | None = Field(
        None, description="Where the customer lives, or a reference to that; as `device`."
    )

    @property
    def extra(self) -> dict[str, Any]:
        """Return the fields that the contract does not name."""
        return self.__pydantic_extra__ or {}

    @property
    def fingerprint(self) -> bytes:
        """Return 16 bytes that tell a repeat from another body under the same id."""
        return fingerprint(
            (
                self.source,
                self.id,
                self.kind,
                self.sku,
                self.occurred_at.isoformat(),
                self.severity,
                self.intent,
                None if self.observed_at is None else self.observed_at.isoformat(),
                self.result,
                self.customer,
                self.order,
                self.lot,
                self.seller,
                self.channel,
                self.country,
                self.text,
                self.contact_cost,
            ),
            self.__pydantic_extra__ if self._names_nothing_shared else self._with_shared,
        )

    @property
    def _names_nothing_shared(self) -> bool:
        return self.customer_since is None and self.device is None and self.address is None

    @property
    def _with_shared(self) -> dict[str, Any]:
        """Return the further fields, and those that were such before they got a meaning."""
        since = None if self.customer_since is None else self.customer_since.isoformat()
        fields = {"customer_since": since, "device": self.device, "address": self.address}
        return self.extra | {name: value for name, value in fields.items() if value is not None}

    @property
    def lacks_result(self) -> bool:
        """Say whether a result is missing without which the signal says nothing."""
        return self.result is None and self.kind in NEED_A_RESULT

    def masked_text(self, mask: Callable[[str], str]) -> str | None:
        """Return the text without what names a person."""
        return self.text and mask_own(mask(self.text), self.customer, self.order)

    def to_domain(
        self,
        *,
        hash_customer: Callable[[str], bytes],
        hash_mark: Hash,
        mask: Callable[[str], str],
        may_assert_safety: bool,
        acts_on_history: bool = False,
    ) -> Signal:
        """Return the signal as it is stored: customer hashed, text masked."""
        text = self.masked_text(mask)
        return Signal(
            source=self.source,
            id=self.id,
            kind=self.kind,
            sku=self.sku,
            occurred_at=self.occurred_at,
            severity=_SEVERITIES[self.severity],
            intent=self.intent,
            observed_at=self.observed_at,
            result=self.result,
            customer=None if self.customer is None else hash_customer(self.customer),
            order=self.order,
            lot=self.lot,
            seller=self.seller,
            channel=self.channel,
            country=self.country,
            text=text,
            contact_cost=None if self.contact_cost is None else Decimal(self.contact_cost),
            extra=self.extra,
            may_assert_safety=may_assert_safety,
            acts_on_history=acts_on_history,
            marks=self.marks(hash_mark, text),
        )

    def marks(self, hashed: Hash, text: str | None) -> bytes | None:
        """Return what the signal may have in common with others; `text` is the masked one."""
        if self._names_nothing_shared:  # as nearly all signals do
            return None if text is None else mark_of_text(hashed, text)
        return marks(
            hashed, text=text, device=self.device, address=self.address,
            is_new_account=is_new_account(self.customer_since, self.occurred_at, self.order),
        )
