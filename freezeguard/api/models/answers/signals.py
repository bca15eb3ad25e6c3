"""What became of what was sent, and how the sources of signals stand."""

from datetime import datetime

from pydantic import ConfigDict, Field

from freezeguard.api.models.answers.output import Output


class RejectedItem(Output):
    """One item of a batch that was not accepted."""

    index: int = Field(description="Position in the batch, from 0; the line in NDJSON.")
    code: str
    detail: str
    pointer: str | None = Field(None, description="JSON pointer into the item.")


class Accepted(Output):
    """What became of a batch. Everything accepted is durable."""

    accepted: int
    duplicates: int
    rejected: list[RejectedItem]


class Delivered(Output):
    """What became of a signed delivery. Everything accepted is durable, everything rejected kept.

    `ignored` counts what the conditions of the endpoint's map leave out.
    """

    accepted: int
    duplicates: int
    ignored: int
    rejected: list[RejectedItem]


class Heeded(Output):
    """What a tip brings about: `looked_at` counts the stopped objects that are read back for it."""

    looked_at: int


class RejectedSignalOut(Output):
    """A signal that was not accepted, kept as it came (masked)."""

    id: str
    received_at: datetime
    source: str | None
    index: int
    code: str
    detail: str
    body: str


class RejectedSignals(Output):
    """A page of rejected signals, newest first."""

    items: list[RejectedSignalOut]
    next: str | None


class StandingOut(Output):
    """How far a feed is trusted, by what became of the cases that its signals opened."""

    model_config = ConfigDict(title="Standing")

    trust: float = Field(description="0 to 1: the given trust, weighed with its cases.")
    confirmed: float = Field(description="Cases that proved right; one 90 days old counts half.")
    false_alarms: float = Field(
        description="Those by abuse, doubles or a wrong item, counted in the same way."
    )


class SourceOut(Output):
    """A feed."""

    model_config = ConfigDict(title="SourceRecord")

    source: str
    name: str
    trust: float = Field(description="As an admin gave it.")
    false_alarms: int = Field(description="All that were ever declared, whatever the cause.")
    standing: StandingOut
    max_silence: str | None
    last_heard_at: datetime | None = Field(description="When it last sent a new signal.")
    usual_per_day: float | None = Field(
        description="New signals a day, in the 28 days before it was last heard."
    )
    silent_since: datetime | None = Field(
        description="Silent for longer than chance allows, or than `max_silence`; null: it is not."
    )


class SourceList(Output):
    """Every feed that is registered or was heard."""

    items: list[SourceOut]
    next: str | None
