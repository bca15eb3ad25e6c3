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

    reference: Name = Field(description="As the source sends it, to the letter.")
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


class SubjectExport(BaseModel):
    """Everything that is held about a person. Other people's data is left out."""

    reference: str
    kind: Meant
    made_at: datetime
    places: list[HeldOut] | None = Field(
        description="null where a request is repeated: exports are not kept."
    )


class FileToReadOut(BaseModel):
    """A file on a case that the person complained about."""

    model_config = ConfigDict(title="FileToRead")

    case: UUID
    number: int = Field(description="Of the case.")
    file: UUID
    name: str


class ErasureOut(BaseModel):
    """What was erased."""

    model_config = ConfigDict(title="Erased")

    erased: dict[str, int] = Field(description="Rows that were changed, by place.")
    files: list[FileToReadOut] = Field(
        description="Files that may name or show the person: somebody has to look into them."
    )
    erased_at: datetime
