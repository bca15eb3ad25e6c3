"""Bodies and answers of the diagnosis of a case."""

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from freezeguard.api.models.answers.output import Output
from freezeguard.api.models.fields import Input, Name, Revision, Text

Branch = Literal["people", "method", "machine", "material", "measurement", "environment"]
StandingWord = Literal["open", "supported", "ruled_out", "confirmed"]


class SuggestIn(Input):
    """A cause that somebody suggests."""

    model_config = ConfigDict(title="SuggestCause")

    branch: Branch
    description: Text
    whys: list[Text] = Field([], max_length=10, description="From what was seen to the root.")


class JudgeIn(Input):
    """What is to be otherwise of a cause; what is absent stays."""

    model_config = ConfigDict(title="ChangeCause")

    version: Revision = Field(description="That of the cause as you read it.")
    branch: Branch | None = None
    description: Text | None = None
    state: StandingWord | None = None
    whys: list[Text] | None = Field(None, max_length=10)


class ArgueIn(Input):
    """What speaks for or against a cause."""

    model_config = ConfigDict(title="ArgueCause")

    speaks: Literal["for", "against"]
    text: Text
    file: Name | None = Field(None, description="Id of a file of the case that shows it.")


class StatementOut(Output):
    """Something that speaks for or against a cause."""

    model_config = ConfigDict(title="CauseEvidence")

    speaks: Literal["for", "against"]
    text: str
    by: str
    at: datetime
    file: str | None
    file_name: str | None


class SuggestedOut(Output):
    """A suggested cause."""

    model_config = ConfigDict(title="SuggestedCause")

    id: str
    branch: Branch
    description: str
    state: StandingWord
    whys: list[str]
    evidence: list[StatementOut]
    by_vendor: bool
    made_by: str
    made_at: datetime
    changed_by: str
    changed_at: datetime
    version: int
    may_change: bool


class AlikeOut(Output):
    """A case like this one, with why it is taken to be."""

    model_config = ConfigDict(title="AlikeCase")

    id: str
    number: int
    sku: str
    state: str
    outcome: str | None
    opened_at: datetime
    closed_at: datetime | None
    same: list[Literal["sku", "vendor", "category"]]
    intents: list[str] = Field(description="Complained of in both.")
    lots: list[str] = Field(description="Named in both.")
    cause: dict[str, Any] | None = Field(description="The cause that was confirmed in it.")
    corrective_action: str | None = Field(description="Of its remedy, once it is closed.")


class BesideOut(Output):
    """A related item: of the same vendor, and of the same category or with the same lot."""

    model_config = ConfigDict(title="RelatedItem")

    sku: str
    title: str | None
    owner: str | None
    complaints: int = Field(description="Of the last 90 days, as far as they count.")
    customers: int
    lots: list[str] = Field(description="Lots that both are complained of with.")
    case: str | None = Field(description="Its open case.")
    state: str | None


class BesideList(Output):
    """Related items, those with the most complaints first."""

    items: list[BesideOut]
    next: str | None


class DiagnosisOut(Output):
    """The diagnosis of a case, as the caller may see it."""

    model_config = ConfigDict(title="Diagnosis")

    case: str
    may_suggest: bool
    causes: list[SuggestedOut] = Field(
        description="Confirmed, supported, open, ruled out. A vendor sees its own, and one that is "
        "confirmed."
    )
    root_cause: dict[str, Any] | None = Field(
        description="The confirmed cause as the root cause of a remedy: branch, description, "
        "proof, whys."
    )
    similar: list[AlikeOut] = Field(description="The likest first, of those that you may see.")
