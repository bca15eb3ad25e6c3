"""People, keys and views."""

from datetime import datetime

from pydantic import ConfigDict, Field

from freezeguard.api.models.answers.output import Output
from freezeguard.api.models.requests import ViewFilters


class PersonOut(Output):
    """A person."""

    model_config = ConfigDict(title="PersonRecord")

    id: str
    name: str
    roles: list[str]
    email: str | None
    vendor: str | None
    areas: list[str]
    language: str
    time_zone: str
    calendar: str | None
    deputy: str | None
    active: bool
    signed_in_at: datetime | None = Field(
        description="When they last signed in with a browser, as far back as is kept: 30 days."
    )


class PersonList(Output):
    """Everybody, those who may not sign in any more too."""

    items: list[PersonOut]
    next: str | None


class PersonWithToken(PersonOut):
    """A person as just registered, with a token where one was asked for; shown this once."""

    token: str | None


class KeyOut(Output):
    """A machine key or personal token, without its secret."""

    model_config = ConfigDict(title="KeyRecord")

    id: str
    name: str
    person: str | None
    rights: list[str]
    source: str | None
    freeze_budget: int
    created_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None


class NewKey(KeyOut):
    """A machine key with its secret, shown this once: null where the answer is repeated."""

    secret: str | None


class ViewOut(Output):
    """A view of the queue that somebody named."""

    model_config = ConfigDict(title="ViewRecord")

    id: str
    name: str
    filters: ViewFilters
    saved_at: datetime


class ViewList(Output):
    """Your views, the oldest first."""

    items: list[ViewOut]
    next: str | None


class KeyList(Output):
    """Every key and token."""

    items: list[KeyOut]
    next: str | None
