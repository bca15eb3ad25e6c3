"""Views of the queue that people named, each their own."""

from typing import Final
from uuid import UUID

from freezeguard.api.access import Access
from freezeguard.api.context import Context
from freezeguard.api.models.answers.people import ViewList, ViewOut
from freezeguard.api.models.requests import ViewFilters, ViewIn
from freezeguard.api.routing import AnyRoute, Call, Reply, Route
from freezeguard.domain.errors import GuardFailed, NotFound
from freezeguard.domain.people import Actor, Person
from freezeguard.ports.storage import Transaction
from freezeguard.ports.views import SavedView

MOST: Final = 20
"""So many views has one person at most."""


class Views:
    """Handlers of views."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def listed(self, call: Call[None]) -> Reply:
        """List the caller's views."""
        me = _id_of(call.who)
        found = await self._context.database.run(lambda tx: tx.views.of(me))
        return Reply(ViewList(items=[_view(one) for one in found], next=None))

    async def save(self, call: Call[None, ViewIn]) -> Reply:
        """Save a view."""
        me, sent = _id_of(call.who), call.body
        filters = sent.filters.model_dump(mode="json", exclude_none=True)
        view = SavedView(self._context.new_id(), sent.name, filters, self._context.now())

        async def work(tx: Transaction) -> None:
            await tx.views.lock(me)
            if len(await tx.views.of(me)) >= MOST:
                raise GuardFailed([f"one person has at most {MOST} views: delete one first"])
            await tx.views.add(me, view)

        await self._context.database.run(work)
        return Reply(_view(view), 201)

    async def delete(self, call: Call[None]) -> Reply:
        """Delete a view of the caller's own."""
        me, text = _id_of(call.who), call.path["id"]
        try:
            view_id = UUID(text)
        except ValueError:
            raise NotFound(f"There is no view {text}.") from None
        if not await self._context.database.run(lambda tx: tx.views.delete(me, view_id)):
            raise NotFound(f"There is no view {text}.")
        return Reply(None, 204)


def _id_of(actor: Actor) -> str:
    if not isinstance(actor, Person):
        raise TypeError("views are people's")
    return actor.id


def _view(one: SavedView) -> ViewOut:
    return ViewOut(
        id=str(one.id), name=one.name, filters=ViewFilters(**one.filters), saved_at=one.saved_at
    )


def routes(context: Context) -> list[AnyRoute]:
    """Return the routes of views."""
    views, staff = Views(context), Access.staff()
    return [
        Route(
            method="GET", path="/v1/views", handler=views.listed, tag="Cases",
            summary="Your views of the queue", who=staff, result=ViewList,
        ),
        Route(
            method="POST", path="/v1/views", handler=views.save, tag="Cases",
            summary="Save a view of the queue",
            description="A name for filters that `GET /v1/cases` takes. It is yours alone; names "
            f"may repeat. One person has at most {MOST}.",
            who=staff, body=ViewIn, result=ViewOut, status=201, errors=("guard_failed",),
            examples={"overdue": {
                "name": "Overdue in the kitchen",
                "filters": {"category": "kitchen", "overdue": True},
            }},
        ),
        Route(
            method="DELETE", path="/v1/views/{id}", handler=views.delete, tag="Cases",
            summary="Delete a view of the queue", who=staff, status=204, errors=("not_found",),
        ),
    ]
