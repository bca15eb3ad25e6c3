"""By which channels people and teams hear: `/v1/people/me`, and for admins everybody's chats."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from freezeguard.api.access import Access
from freezeguard.api.context import Context
from freezeguard.api.models.channels import (
    ChannelTestIn,
    ChatIn,
    ChatList,
    ChatOut,
    MeOut,
    MyNotice,
    MyNoticeList,
    QueuedNotice,
    QuietHoursIn,
    QuietHoursOut,
    TeamChatIn,
)
from freezeguard.api.models.fields import Name
from freezeguard.api.presenting import notice_out
from freezeguard.api.routing import AnyRoute, Call, Reply, Route
from freezeguard.domain.errors import NotFound
from freezeguard.domain.people import Role
from freezeguard.domain.quiet import QuietHours
from freezeguard.ports.chats import ChatAddress, ChatKind
from freezeguard.ports.rows import Notice
from freezeguard.services.delivering.channels import Hearing, Team

STAFF, ADMIN = Access.staff(), Access.staff(Role.ADMIN)
ME, TAG = "/v1/people/me", "How people hear"
KINDS: Mapping[str, ChatKind] = {"slack": "slack", "teams": "teams"}


class HowPeopleHear:
    """Handlers of channels."""

    def __init__(self, context: Context) -> None:
        self._context, self._channels = context, context.channels

    async def me(self, call: Call[None]) -> Reply:
        """Return who asks, and how they hear."""
        return Reply(_me(await self._channels.hearing(call.who)))

    async def notices(self, call: Call[None]) -> Reply:
        """Return the latest notices to whoever asks."""
        found = await self._channels.latest(call.who)
        return Reply(MyNoticeList(items=[_mine(one) for one in found], next=None))

    async def set_quiet(self, call: Call[None, QuietHoursIn]) -> Reply:
        """Set one's quiet hours."""
        hours = QuietHours.of(call.body.begins, call.body.ends)
        await self._channels.set_quiet_hours(call.who, hours)
        return Reply(_me(await self._channels.hearing(call.who)))

    async def end_quiet(self, call: Call[None]) -> Reply:
        """Remove one's quiet hours."""
        await self._channels.set_quiet_hours(call.who, None)
        return Reply(None, 204)

    async def test(self, call: Call[None, ChannelTestIn]) -> Reply:
        """Send a test on one of one's own channels."""
        channel = call.body.channel
        sent = await self._channels.test(call.who, None if channel == "mail" else channel)
        return Reply(QueuedNotice(id=str(sent)), 202)

    async def set_own(self, call: Call[None, ChatIn]) -> Reply:
        """Set one's own chat."""
        return Reply(_chat(await self._channels.set_chat(call.who, _kind(call), call.body.url)))

    async def remove_own(self, call: Call[None]) -> Reply:
        """Remove one's own chat."""
        await self._channels.remove_chat(call.who, _kind(call))
        return Reply(None, 204)

    # ----------------------------------------------------------------------------- for admins

    async def listed(self, call: Call[None]) -> Reply:
        """List everybody's chats."""
        found = await self._channels.addresses(call.who)
        return Reply(ChatList(items=[_chat(one) for one in found], next=None))

    async def set_persons(self, call: Call[None, ChatIn]) -> Reply:
        """Set somebody's chat."""
        return Reply(_chat(await self._channels.set_chat(
            call.who, _kind(call), call.body.url, call.path["id"]
        )))

    async def set_teams(self, call: Call[None, TeamChatIn]) -> Reply:
        """Set a team's chat."""
        sent = call.body
        self._context.languages.check(sent.language, pointer="/language")
        team = Team(
            call.path["team"], sent.name, tuple(sent.areas), sent.language, sent.time_zone
        )
        return Reply(_chat(await self._channels.set_chat(call.who, _kind(call), sent.url, team)))

    async def remove(self, call: Call[None]) -> Reply:
        """Remove somebody's or a team's chat."""
        await self._channels.remove_chat(call.who, _id(call))
        return Reply(None, 204)

    async def test_any(self, call: Call[None]) -> Reply:
        """Send a test to somebody's or a team's chat."""
        return Reply(QueuedNotice(id=str(await self._channels.test(call.who, _id(call)))), 202)


def _kind(call: Call[Any, Any]) -> ChatKind:
    text = call.path["kind"]
    if text not in KINDS:
        raise NotFound(f"There is no channel {text}: only {' and '.join(KINDS)}.")
    return KINDS[text]


def _id(call: Call[Any, Any]) -> UUID:
    text = call.path["id"]
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"There is no chat address {text}.") from None


def _me(one: Hearing) -> MeOut:
    person, quiet = one.person, None
    if one.quiet is not None:
        begins, ends = one.quiet.on_the_clock
        quiet = QuietHoursOut(begins=begins, ends=ends)
    return MeOut(
        id=person.id, name=person.name, email=person.email, language=person.language,
        time_zone=person.time_zone, quiet_hours=quiet, chats=[_chat(chat) for chat in one.chats],
    )


def _chat(one: ChatAddress) -> ChatOut:
    return ChatOut(
        id=str(one.id), whose=one.recipient, name=one.name, channel=one.kind, host=one.host,
        areas=list(one.areas), state=one.state, why=one.why, set_at=one.updated_at,
        set_by=one.created_by,
    )


def _mine(one: Notice) -> MyNotice:
    link = one.facts.get("link")
    return MyNotice(
        **notice_out(one).model_dump(), case=None if one.case_id is None else str(one.case_id),
        sku=one.sku, link=None if link is None else str(link),
    )


def routes(context: Context) -> list[AnyRoute]:
    """Return the routes of channels."""
    hear = HowPeopleHear(context)
    return [
        Route(
            method="GET", path=ME, handler=hear.me, tag=TAG, summary="Who asks, and how they hear",
            who=STAFF, result=MeOut,
        ),
        Route(
            method="GET", path=f"{ME}/notices", handler=hear.notices, tag=TAG,
            summary="The latest notices to you", who=STAFF, result=MyNoticeList,
            description="The latest 50, on every channel, with what became of each.",
        ),
        Route(
            method="PUT", path=f"{ME}/quiet-hours", handler=hear.set_quiet, tag=TAG,
            summary="Set your quiet hours", who=STAFF, body=QuietHoursIn, result=MeOut,
            description="What can wait comes when they are over, as one message. Safety, orders of "
            "authorities and their time limits, and a spent budget never wait.",
        ),
        Route(
            method="DELETE", path=f"{ME}/quiet-hours", handler=hear.end_quiet, tag=TAG,
            summary="Remove your quiet hours", who=STAFF, status=204,
        ),
        Route(
            method="POST", path=f"{ME}/test", handler=hear.test, tag=TAG,
            summary="Send yourself a test", who=STAFF, body=ChannelTestIn, result=QueuedNotice,
            status=202, errors=("not_found", "guard_failed"),
        ),
        Route(
            method="PUT", path=f"{ME}/chats/{{kind}}", handler=hear.set_own, tag=TAG,
            parts={"kind": Name},
            summary="Set your own chat", who=STAFF, body=ChatIn, result=ChatOut,
            errors=("not_found",),
            description="`kind` is `slack` or `teams`. Notices come there beside your mail.",
        ),
        Route(
            method="DELETE", path=f"{ME}/chats/{{kind}}", handler=hear.remove_own, tag=TAG,
            parts={"kind": Name},
            summary="Remove your own chat", who=STAFF, status=204, errors=("not_found",),
        ),
        Route(
            method="GET", path="/v1/chats", handler=hear.listed, tag=TAG,
            summary="List the chats of people and teams", who=ADMIN, result=ChatList,
        ),
        Route(
            method="PUT", path="/v1/people/{id}/chats/{kind}", handler=hear.set_persons, tag=TAG,
            parts={"kind": Name},
            summary="Set somebody's chat", who=ADMIN, body=ChatIn, result=ChatOut,
            errors=("not_found",),
        ),
        Route(
            method="PUT", path="/v1/teams/{team}/chats/{kind}", handler=hear.set_teams, tag=TAG,
            parts={"kind": Name, "team": Name},
            summary="Set a team's chat", who=ADMIN, body=TeamChatIn, result=ChatOut,
            errors=("not_found", "guard_failed"),
            description="A team reads what owners and approvers of cases in its areas read.",
        ),
        Route(
            method="DELETE", path="/v1/chats/{id}", handler=hear.remove, tag=TAG,
            summary="Remove a chat", who=ADMIN, status=204, errors=("not_found",),
        ),
        Route(
            method="POST", path="/v1/chats/{id}/test", handler=hear.test_any, tag=TAG,
            summary="Send a test to a chat", who=ADMIN, result=QueuedNotice, status=202,
            errors=("not_found", "guard_failed"),
        ),
    ]
