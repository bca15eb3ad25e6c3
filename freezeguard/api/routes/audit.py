"""The record: who changed what, when and why."""

from freezeguard.api.access import Access
from freezeguard.api.context import Context
from freezeguard.api.cursors import read_number
from freezeguard.api.models.answers import AuditEntry, AuditPage
from freezeguard.api.models.requests import AuditQuery
from freezeguard.api.routing import AnyRoute, Call, Reply, Route
from freezeguard.domain.people import Role


class Audit:
    """The handler of the record."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def listed(self, call: Call[AuditQuery]) -> Reply:
        """List entries, newest first."""
        query = call.query
        before = read_number(query.cursor)
        rows = await self._context.database.run(
            lambda tx: tx.record.entries(query.subject, before, query.limit + 1)
        )
        page = [AuditEntry.model_validate(row) for row in rows[: query.limit]]
        after = str(page[-1].seq) if len(rows) > len(page) else None
        return Reply(AuditPage(items=page, next=after))


def routes(context: Context) -> list[AnyRoute]:
    """Return the route of the record."""
    return [
        Route(
            method="GET", path="/v1/audit", handler=Audit(context).listed, tag="Audit",
            summary="The record, newest first", who=Access.staff(Role.AUDITOR, Role.ADMIN),
            query=AuditQuery, result=AuditPage,
        ),
    ]
