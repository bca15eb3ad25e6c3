"""The pack of one case, to hand out."""

import asyncio

from aiohttp import web

from freezeguard.api.access import Access
from freezeguard.api.context import Context
from freezeguard.api.models.requests import PackQuery
from freezeguard.api.packing import packed
from freezeguard.api.routes.cases import case_id_of
from freezeguard.api.routing import AnyRoute, Call, Media, Route
from freezeguard.domain.people import Role, actor_name

ZIP = "application/zip"
READERS = Access.staff(Role.MANAGER, Role.COMPLIANCE, Role.AUDITOR, Role.ADMIN, Role.VENDOR)


class CasePacksOut:
    """The handler of packs."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def one(self, call: Call[PackQuery]) -> web.Response:
        """Make a pack, note that it was made, and return it."""
        case_id, reader, packs = case_id_of(call.path["id"]), call.query.reader, self._context.packs
        pack = await packs.gather(case_id, reader, call.who)
        archive, manifest = await asyncio.to_thread(packed, pack, actor_name(call.who))
        await packs.note(case_id, reader, call.who, manifest)
        name = f"case-{pack.file.case.number}-{reader}.zip"
        return web.Response(
            body=archive, content_type=ZIP,
            headers={"Content-Disposition": f'attachment; filename="{name}"',
                     "Cache-Control": "private, no-store"},
        )  # fmt: skip


def routes(context: Context) -> list[AnyRoute]:
    """Return the route of packs."""
    return [
        Route(
            method="GET", path="/v1/cases/{id}/pack", handler=CasePacksOut(context).one,
            tag="Cases", summary="Everything about a case, to hand out",
            description="A zip file: the record as JSON and as a page to print, the notices with "
            "their texts, the audit entries with the part of the hash chain that proves them, and "
            "how to verify it (docs/audit.md). `vendor` holds what the vendor may see, whoever "
            "asks; vendors get only that one, of their own cases. That a pack was made is noted "
            "in the record.",
            who=READERS, query=PackQuery,
            result=Media(ZIP, "The pack.", {"type": "string", "format": "binary"}),
            errors=("not_found",),
        ),
    ]
