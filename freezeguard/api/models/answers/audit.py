"""The audit record, and whether it is whole."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from freezeguard.api.models.answers.output import Output
from freezeguard.domain.auditverification import What


class AuditEntry(Output):
    """One line of the record."""

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    why: str
    details: dict[str, Any]


class AuditPage(Output):
    """A page of the record, newest first."""

    items: list[AuditEntry]
    next: str | None


class LinkOut(Output):
    """One link of the chain over the record; docs/audit.md says what is hashed."""

    model_config = ConfigDict(title="AuditLink")

    position: int
    audit_seq: int
    chained_at: str = Field(description="In UTC with six decimals, as it is hashed.")
    salt: str = Field(description="16 bytes in hexadecimal.")
    digest: str = Field(description="SHA-256 in hexadecimal.")
    hash: str = Field(description="SHA-256 in hexadecimal.")
    entry: str | None = Field(
        description="The row as it is now, in the form that is hashed; null where it is gone."
    )


class ChainPage(Output):
    """A page of the chain, oldest first."""

    instance: str = Field(description="Which chain this is; anchors name it.")
    items: list[LinkOut]
    next: str | None


class FindingOut(Output):
    """One thing that is wrong with the record."""

    model_config = ConfigDict(title="AuditFinding")

    what: What
    position: int | None
    audit_seq: int | None
    detail: str


class HeadOut(Output):
    """The last link."""

    model_config = ConfigDict(title="AuditHead")

    position: int
    audit_seq: int
    hash: str


class UnchainedOut(Output):
    """What is in no link."""

    model_config = ConfigDict(title="AuditUnchained")

    rows: int = Field(description="How many; counted up to 10,000.")
    seqs: list[int] = Field(description="Those below the highest that is chained; at most 100.")
    oldest_at: datetime | None
    as_of: datetime


class Verdict(Output):
    """Whether the record is what it was."""

    model_config = ConfigDict(title="AuditVerdict")

    ok: bool = Field(description="Everything was looked at, and nothing is wrong.")
    complete: bool = Field(
        description="False where the time was up: the links up to `head` were looked at, and not "
        "those behind it."
    )
    instance: str
    checked: int = Field(description="Links that were looked at.")
    head: HeadOut | None
    anchors: int = Field(description="Anchors that were compared: those in this replica's file.")
    last_anchored: int | None = Field(
        description="Up to this position an anchor vouches for the chain."
    )
    findings: list[FindingOut]
    more: int = Field(description="Findings beyond the first hundred.")
    unchained: UnchainedOut
