"""By which channels people and teams hear: chats, quiet hours, tests."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from freezeguard.api.models.answers.cases import NoticeOut
from freezeguard.api.models.answers.output import Output
from freezeguard.api.models.fields import CLOCK_PATTERN, Input, Language, Name
from freezeguard.api.models.masterdata import TimeZone

Channel = Literal["mail", "slack", "teams"]
ChatUrl = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2000, pattern=r"^[\x20-\x7e]+$"),
    Field(
        description="Address of an incoming webhook (Slack) or of a workflow (Teams). A secret: "
        "no answer shows it.",
        examples=["https://hooks.slack.com/services/T0/B0/x"],
    ),
]
ClockTime = Annotated[
    str, StringConstraints(pattern=CLOCK_PATTERN), Field(examples=["22:00"])
]


class ChatIn(Input):
    """Where notices shall go; it takes the place of the address before."""

    model_config = ConfigDict(title="ChatAddress")

    url: ChatUrl


class TeamChatIn(Input):
    """Where a team reads what owners and approvers of its cases read."""

    model_config = ConfigDict(title="TeamChatAddress")

    url: ChatUrl
    name: Name = Field(description="What the team is called.")
    areas: list[Name] = Field(
        default_factory=list, max_length=100, description="Categories; empty: all."
    )
    language: Language = "en"
    time_zone: TimeZone = "UTC"


class QuietHoursIn(Input):
    """When nothing is to come that can wait, by your own clock; they may reach over midnight."""

    model_config = ConfigDict(title="QuietHours")

    begins: ClockTime
    ends: ClockTime


class ChannelTestIn(Input):
    """Where a test shall go."""

    model_config = ConfigDict(title="ChannelTest")

    channel: Channel


class ChatOut(Output):
    """An address, without what is secret of it. `disabled`: nothing goes there, `why` says why."""

    model_config = ConfigDict(title="Chat")

    id: str
    whose: str
    name: str
    channel: Literal["slack", "teams"]
    host: str
    areas: list[str]
    state: Literal["active", "disabled"]
    why: str
    set_at: datetime | None
    set_by: str


class ChatList(Output):
    """Every chat of people and teams."""

    items: list[ChatOut]
    next: str | None


class QuietHoursOut(Output):
    """Quiet hours, by the clock of the person's time zone."""

    begins: str
    ends: str


class MeOut(Output):
    """Who asks, and how they hear."""

    model_config = ConfigDict(title="Me")

    id: str
    name: str
    email: str | None
    language: str
    time_zone: str
    quiet_hours: QuietHoursOut | None
    chats: list[ChatOut]


class MyNotice(NoticeOut):
    """A notice to whoever asks; `case` and `link` where it is about one."""

    case: str | None
    sku: str | None
    link: str | None


class MyNoticeList(Output):
    """The latest notices to whoever asks, newest first."""

    items: list[MyNotice]
    next: str | None


class QueuedNotice(Output):
    """A test is on its way; the notices say what came of it."""

    id: str
