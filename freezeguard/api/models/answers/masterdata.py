"""Items and vendors, and what is known of them."""

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from freezeguard.api.models.answers.output import Output, ScopeOut
from freezeguard.domain.knownissue import IssueState


class SkuOut(Output):
    """Master data of a SKU."""

    model_config = ConfigDict(title="SkuRecord")

    sku: str
    title: str | None
    vendor: str | None
    category: str | None
    gtin: str | None
    price: str | None
    owner: str | None


class SkuList(Output):
    """SKUs that were looked up, in the order of their names."""

    items: list[SkuOut]
    next: str | None


class KnownIssueOut(Output):
    """What a contact centre may say of an item. Of what is not known all but `sku` is null."""

    model_config = ConfigDict(title="KnownIssue")

    sku: str
    known: bool
    state: IssueState | None = Field(
        description="`stopped`; `fixed`: on sale again, and what was sold before may be affected; "
        "`off_sale` for good; `suspected` only where the shop tells of suspicions."
    )
    scope: ScopeOut | None = Field(description="What is affected: ask for the lot it names.")
    since: datetime | None
    words: dict[str, str] | None = Field(description="What may be said, by language.")
    offer: dict[str, str] | None = Field(
        description="What may be offered, by language; null where the shop has not said."
    )
    fix_by: datetime | None = Field(
        description="The date that the vendor has set itself: expected, never promised."
    )
    case: int | None = Field(description="The number of the case; for staff only.")


class VendorOut(Output):
    """Master data of a vendor."""

    model_config = ConfigDict(title="VendorRecord")

    vendor: str
    name: str
    contacts: dict[str, list[str]]
    language: str
    time_zone: str
    calendar: str | None


class AnswersOut(Output):
    """How long a vendor took to answer, and how often it was late."""

    model_config = ConfigDict(title="AnswerTimes")

    answered: int
    late: int
    median_seconds: float


class VendorStandingOut(Output):
    """How a vendor does.

    Dates that it named since a year ago: `kept`, `broken`, `moved`, `waiting`. `answers` are by
    what was waited for. Contacts are told by GET /v1/vendors/{vendor}.
    """

    model_config = ConfigDict(title="VendorStanding")

    vendor: str
    name: str
    language: str
    contacts: int
    open_cases: int
    oldest_case_at: datetime | None
    kept: int
    broken: int
    moved: int
    waiting: int
    answers: dict[Literal["vendor_ack", "vendor_plan"], AnswersOut]
    endpoints: int
    endpoints_failing: int
    endpoints_disabled: int


class VendorList(Output):
    """Vendors in the order of their names."""

    items: list[VendorStandingOut]
    next: str | None
