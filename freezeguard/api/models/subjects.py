"""Requests of data subjects, and the answers."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from freezeguard.api.models.fields import Input, Name, Title

Meant = Literal["customer", "order"]


class SubjectIn(Input):
    """Who is meant."""

    model_config = ConfigDict(title="Subject")

    reference: Name = Field(
        description="As the source sends it; letter case and Unicode form make no difference."
    )
    kind: Meant = Field(
        "customer", description="`order`: whoever placed the order of this reference."
    )


class ErasureIn(SubjectIn):
    """Who is to be erased, and why."""

    model_config = ConfigDict(title="Erasure")

    reason: Title = Field(
        description="For the record. The reference is taken out of it, should it stand there."
    )


class HeldOut(BaseModel):
    """What one place holds about a person."""

    model_config = ConfigDict(title="HeldInOnePlace")

    place: str
    holds: str = Field(description="What stands there, and why.")
    kept: str = Field(description="For how long.")
    items: list[dict[str, Any]]


class Searched(BaseModel):
    """How a person was looked for."""

    looked_for: list[str] = Field(
        description="What names the person, and was looked for in every place."
    )
    not_searched: list[str] = Field(description="Where the person may stand all the same.")


class FileToReadOut(BaseModel):
    """A file on a case that the person complained about."""

    model_config = ConfigDict(title="FileToRead")

    case: UUID
    number: int = Field(description="Of the case.")
    file: UUID
    name: str


class SubjectExport(Searched):
    """Everything that is held about a person. Other people's data is left out."""

    reference: str
    kind: Meant
    made_at: datetime
    found: dict[str, int] = Field(
        description="Entries, by place that was searched; 0 where nothing was found."
    )
    files: list[FileToReadOut] = Field(
        description="Files that may name or show the person: somebody has to look into them. They "
        "are no part of the export."
    )
    places: list[HeldOut] | None = Field(
        description="null where a request is repeated: exports are not kept."
    )


class ErasureOut(Searched):
    """What was erased."""

    model_config = ConfigDict(title="Erased")

    erased: dict[str, int] = Field(
        description="Rows that were changed, by place that was searched; 0 where nothing was found."
    )
    files: list[FileToReadOut] = Field(
        description="Files that may name or show the person: somebody has to look into them."
    )
    erased_at: datetime
