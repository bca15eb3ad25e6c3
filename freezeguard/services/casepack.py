"""Everything that is kept of one case, for somebody outside: an authority, its vendor, ourselves.

What a vendor gets is what `casefile` shows a vendor, whoever asks for it. The audit rows of the
case come with their links, and with as much of the chain as leads to the nearest anchor.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from freezeguard.domain.auditchain import Anchor, AuditRow, Link, origin_hash
from freezeguard.domain.authority import may_see
from freezeguard.domain.errors import NotAllowed
from freezeguard.domain.people import Actor, Person, Role, is_vendor
from freezeguard.domain.record import Case
from freezeguard.ports.clock import Now
from freezeguard.ports.notices import NoticeError, Rendered, Renderer
from freezeguard.ports.storage import (
    CaseEvent,
    Database,
    Json,
    Notice,
    Sku,
    Transaction,
    Vendor,
)
from freezeguard.services.casefile import Casefile, Casefiles, visible_case
from freezeguard.services.vendorsview import history_for

PackReader = Literal["authority", "vendor", "internal"]
FARTHEST = 10_000
"""Links between a row and its anchor, at most: one farther away is left out."""


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """A file that somebody added to a case; the pack names it and does not hold it.

    `shared` where the vendor may see it.
    """

    name: str
    sha256: str
    bytes: int
    added_by: str
    added_at: datetime
    shared: bool


FilesOf = Callable[[Transaction, UUID], Awaitable[Sequence[AttachedFile]]]
"""Returns the files of a case."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Links that follow one another, and the hash before the first of them."""

    before: bytes
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Trail:
    """The audit rows of a case, and what proves them. Rows that are not chained have no link."""

    instance: UUID
    rows: tuple[tuple[AuditRow, Link | None], ...]
    stretches: tuple[Stretch, ...]
    anchors: tuple[Anchor, ...]


@dataclass(frozen=True, slots=True)
class CasePack:
    """What is kept of a case, as its `viewpoint` may see it. `texts` are notices in words."""

    reader: PackReader
    viewpoint: Actor
    made_at: datetime
    file: Casefile
    events: tuple[CaseEvent, ...]
    votes: tuple[Json, ...]
    texts: tuple[tuple[Notice, Rendered | None], ...]
    sku: Sku | None
    vendor: Vendor | None
    files: tuple[AttachedFile, ...]
    trail: Trail


class CasePacks:
    """Puts packs together."""

    def __init__(
        self,
        database: Database,
        casefiles: Casefiles,
        render: Renderer,
        anchors: Callable[[], Awaitable[list[Anchor]]],
        now: Now,
        files: FilesOf,
    ) -> None:
        self._database, self._casefiles, self._render = database, casefiles, render
        self._anchors, self._now, self._files = anchors, now, files

    async def gather(self, case_id: UUID, reader: PackReader, actor: Actor) -> CasePack:
        """Read everything, in one moment. Raises NotFound, NotAllowed."""
        anchors = await self._anchors()
        return await self._database.run(
            lambda tx: self._gather(tx, case_id, reader, actor, anchors)
        )

    async def _gather(
        self, tx: Transaction, case_id: UUID, reader: PackReader, actor: Actor,
        anchors: Sequence[Anchor],
    ) -> CasePack:
        await tx.one_moment()
        case = await visible_case(tx, case_id, actor)
        viewpoint = _viewpoint(case, reader, actor)
        for_vendor = reader == "vendor"
        file = await self._casefiles.open(tx, case, viewpoint)
        return CasePack(
            reader=reader,
            viewpoint=viewpoint,
            made_at=self._now(),
            file=file,
            events=tuple(history_for(await tx.cases.events(case.id), viewpoint)),
            votes=() if for_vendor else tuple(await tx.cases.every_vote(case.id)),
            texts=tuple((one, self._text(one)) for one in file.notices),
            sku=await tx.master.sku(case.scope.sku),
            vendor=None if case.vendor is None else await tx.master.vendor(case.vendor),
            files=tuple(
                one for one in await self._files(tx, case.id) if one.shared or not for_vendor
            ),
            trail=await _trail(tx, case.id, anchors),
        )

    def _text(self, notice: Notice) -> Rendered | None:
        try:
            return self._render(
                notice.kind, notice.facts, language=notice.language, time_zone=notice.time_zone
            )
        except NoticeError:
            return None  # of an older release, whose words are gone

    async def note(
        self, case_id: UUID, reader: PackReader, actor: Actor, manifest: str
    ) -> None:
        """Write down who took a pack, for whom, and the SHA-256 of its manifest."""
        await self._database.run(
            lambda tx: tx.record.write(
                self._now(), actor, "export_pack", f"case:{case_id}",
                details={"for": reader, "manifest_sha256": manifest},
            )
        )


def _viewpoint(case: Case, reader: PackReader, actor: Actor) -> Actor:
    """Return through whose eyes the case is seen. Raises NotAllowed."""
    if reader != "vendor":
        if is_vendor(actor):
            raise NotAllowed("A vendor gets the pack for vendors: ask with for=vendor.")
        return actor
    eyes = Person("", "the vendor", frozenset({Role.VENDOR}), vendor=case.vendor)
    if case.vendor is None or not may_see(case, eyes):
        raise NotAllowed("No vendor knows of this case, so there is no pack for one.")
    return actor if is_vendor(actor) else eyes


async def _trail(tx: Transaction, case_id: UUID, anchors: Sequence[Anchor]) -> Trail:
    instance = await tx.chain.instance()
    own = [one for one in anchors if one.instance == instance]
    rows = await tx.chain.of_subject(f"case:{case_id}")
    ranges = list(_ranges((link.position for _, link in rows if link), own))
    stretches = []
    for first, last in ranges:
        links = await tx.chain.stretch(first - 1, last)
        before = origin_hash(instance) if first == 1 else links.pop(0).hash
        stretches.append(Stretch(before, tuple(links)))
    ends = {last for _, last in ranges}
    return Trail(
        instance, tuple(rows), tuple(stretches),
        tuple(one for one in own if one.position in ends),
    )  # fmt: skip


def _ranges(positions: Iterable[int], anchors: Sequence[Anchor]) -> Iterator[tuple[int, int]]:
    """Return which links lead from each position to its nearest anchor, without doubles."""
    ends = sorted({one.position for one in anchors})
    begun: tuple[int, int] | None = None
    for position in sorted(positions):
        if begun is not None and position <= begun[1]:
            continue
        end = next((one for one in ends if one >= position), position)
        if end - position > FARTHEST:
            end = position
        if begun is not None:
            yield begun
        begun = position, end
    if begun is not None:
        yield begun


def facts_of(file: AttachedFile) -> dict[str, Any]:
    """Return a file in JSON types."""
    return {
        "name": file.name, "sha256": file.sha256, "bytes": file.bytes,
        "added_by": file.added_by, "added_at": file.added_at.isoformat(),
    }  # fmt: skip
