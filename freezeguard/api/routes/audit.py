"""The record: who changed what, when and why; and the chain that shows whether it is whole."""

from freezeguard.api.access import Access
from freezeguard.api.context import Context
from freezeguard.api.cursors import read_number
from freezeguard.api.models.answers.audit import (
    AuditEntry,
    AuditPage,
    ChainPage,
    FindingOut,
    HeadOut,
    LinkOut,
    UnchainedOut,
    Verdict,
)
from freezeguard.api.models.requests import AuditQuery, LinesQuery
from freezeguard.api.routing import AnyRoute, Call, Reply, Route
from freezeguard.domain.auditchain import Link, entry_of, moment
from freezeguard.domain.people import Role
from freezeguard.services.records.auditchain import Unchained

READERS = Access.staff(Role.AUDITOR, Role.ADMIN)


class Audit:
    """Handlers of the record."""

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

    async def chain(self, call: Call[LinesQuery]) -> Reply:
        """Return a page of the chain."""
        limit = call.query.limit
        page = await self._context.audit.page(read_number(call.query.cursor) or 0, limit + 1)
        items = [_link(link, content) for link, content in page.links[:limit]]
        after = str(items[-1].position) if len(page.links) > limit else None
        return Reply(ChainPage(instance=str(page.instance), items=items, next=after))

    async def waiting(self, call: Call[None]) -> Reply:
        """Return what is in no link."""
        del call
        return Reply(_unchained(await self._context.audit.unchained()))

    async def verify(self, call: Call[None]) -> Reply:
        """Verify the whole chain."""
        del call
        verified = await self._context.audit.verify()
        report, head = verified.report, verified.report.head
        return Reply(
            Verdict(
                ok=report.is_sound and verified.is_complete,
                complete=verified.is_complete,
                instance=str(verified.instance),
                checked=report.checked,
                head=None if head is None else HeadOut(
                    position=head.position, audit_seq=head.seq, hash=head.hash.hex()
                ),
                anchors=report.anchors,
                last_anchored=report.last_anchored,
                findings=[
                    FindingOut(what=one.what, position=one.position, audit_seq=one.seq,
                               detail=one.detail)
                    for one in report.findings
                ],
                more=report.more,
                unchained=_unchained(verified.waiting),
            )
        )  # fmt: skip


def _link(link: Link, content: str | None) -> LinkOut:
    at, seq = link.chained_at, link.seq
    return LinkOut(
        position=link.position, audit_seq=seq, chained_at=moment(at), salt=link.salt.hex(),
        digest=link.digest.hex(), hash=link.hash.hex(),
        entry=None if content is None else entry_of(link.position, at, seq, content),
    )


def _unchained(waiting: Unchained) -> UnchainedOut:
    return UnchainedOut(
        rows=waiting.rows, seqs=list(waiting.seqs), oldest_at=waiting.oldest_at, as_of=waiting.now
    )


def routes(context: Context) -> list[AnyRoute]:
    """Return the routes of the record."""
    audit = Audit(context)
    return [
        Route(
            method="GET", path="/v1/audit", handler=audit.listed, tag="Audit",
            summary="The record, newest first", who=READERS, query=AuditQuery, result=AuditPage,
        ),
        Route(
            method="GET", path="/v1/audit/verify", handler=audit.verify, tag="Audit",
            summary="Is the record whole?",
            description="Looks at every link, and at the anchors in this replica's own file. It "
            "is the service's word: `freezeguard audit verify` recomputes everything on the "
            "auditor's machine, with anchors that the auditor kept, however long it takes. Here "
            "after 20 seconds the answer says how far it came: `complete` is false, and so is "
            "`ok`, for nobody has looked at the rest.",
            who=READERS, result=Verdict,
        ),
        Route(
            method="GET", path="/v1/audit/chain", handler=audit.chain, tag="Audit",
            summary="The chain over the record, oldest first", who=READERS, query=LinesQuery,
            result=ChainPage,
        ),
        Route(
            method="GET", path="/v1/audit/unchained", handler=audit.waiting, tag="Audit",
            summary="What is in no link of the chain yet", who=READERS, result=UnchainedOut,
        ),
    ]
