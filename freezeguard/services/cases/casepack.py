"""Everything that is kept of one case, for somebody outside: an authority, its vendor, ourselves.

What a vendor gets is what `casefile` shows a vendor, whoever asks for it. The audit rows of the
case come with their links, and with as much of the chain as leads to the nearest anchor.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from freezeguard.domain.auditchain import Anchor, AuditRow, Link, origin_hash
from freezeguard.domain.authority import may_see
from freezeguard.domain.errors import NotAllowed
from freezeguard.domain.history import TWO_PERSON, without_first_votes
from freezeguard.domain.people import Actor, Person, Role, is_vendor
from freezeguard.domain.record import SOME_AUTHORITY, Case, order_identity
from freezeguard.domain.transitions import Command
from freezeguard.ports.clock import Now
from freezeguard.ports.notices import NoticeError, Rendered, Renderer
from freezeguard.ports.rows import CaseEvent, Json, Notice, Sku, Vendor
from freezeguard.ports.storage import Database, Transaction
from freezeguard.services.cases.casefile import Casefile, Casefiles, visible_case
from freezeguard.services.vendorsview import history_for

PackReader = Literal["authority", "vendor", "internal"]
FARTHEST = 10_000
"""Links between a row and its anchor, at most: one farther away is left out."""
ENDED_BY_DECISIONS = frozenset({"used", "the scope is narrowed"})
"""Why votes are void that a decision has ended, the one that they were cast for or another."""


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


Words = Callable[[str, str], str]
"""Returns the words for a code of a table (`state`, `lane`, …); the code where there are none."""


@dataclass(frozen=True, slots=True)
class CasePack:
    """What is kept of a case, as its `viewpoint` may see it. `texts` are notices in words.

    `votes` are first votes and those that decided, `orders` what authorities ordered and revoked,
    `names` what staff is called, by id: all three are never a vendor's to see.
    """

    reader: PackReader
    viewpoint: Actor
    made_at: datetime
    file: Casefile
    events: tuple[CaseEvent, ...]
    votes: tuple[Json, ...]
    orders: tuple[Json, ...]
    names: Mapping[str, str]
    words: Words
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
        words: Words,
    ) -> None:
        self._database, self._casefiles, self._render = database, casefiles, render
        self._anchors, self._now, self._files, self._words = anchors, now, files, words

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
        events = await tx.cases.events(case.id)
        first_votes = [] if for_vendor else await tx.cases.every_vote(case.id)
        staff = [] if for_vendor else await tx.people.people()
        return CasePack(
            reader=reader,
            viewpoint=viewpoint,
            made_at=self._now(),
            file=file,
            events=tuple(history_for(events, viewpoint)),
            votes=() if for_vendor else tuple(_votes(first_votes, events)),
            orders=() if for_vendor else tuple(_orders(case, events)),
            names={one.id: one.name for one, _ in staff},
            words=self._words,
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


def _votes(first: Sequence[Json], events: Sequence[CaseEvent]) -> list[Json]:
    """Return every vote in the order in which it was cast: a last one decides, and is no row."""
    last = [
        {
            "command": one.command, "person": person_of(one.actor),
            "evidence_revision": one.arguments.get("evidence_revision", one.evidence_revision),
            "cast_at": one.at.isoformat(), "expires_at": None, "void_at": None, "void_why": None,
            "outcome": "decided",
        }
        for one in without_first_votes(events) if one.command in TWO_PERSON
    ]
    votes = [{**one, "outcome": _outcome(one, last)} for one in first]
    return sorted([*votes, *last], key=_cast_at)


def _outcome(vote: Json, decisions: Sequence[Json]) -> str:
    """Say what became of a first vote; a decision on something else ends it too."""
    if vote["void_at"] is None:
        return "first"
    later = (one for one in decisions if _cast_at(one) >= _cast_at(vote))
    ended_by = next(later, None) if vote["void_why"] in ENDED_BY_DECISIONS else None
    is_counted = ended_by is not None and ended_by["command"] == vote["command"]
    return "counted" if is_counted else "void"


def _cast_at(vote: Json) -> datetime:
    return datetime.fromisoformat(vote["cast_at"])


def _orders(case: Case, events: Iterable[CaseEvent]) -> Iterator[Json]:
    """Yield what authorities ordered and revoked, the oldest first, with who wrote it down."""
    in_force = {order_identity(one) for one in case.orders_in_force}
    for event in events:
        is_revocation = event.command == Command.REGISTER_REVOCATION
        if not is_revocation and not _gives_an_order(event):
            continue
        given = event.arguments
        # who stops a sale by an order names the authority in the comment
        named = given.get("comment") if event.command == Command.FREEZE else None
        order = {
            "authority": given.get("authority") or named or SOME_AUTHORITY,
            "document": given.get("document"),
            "jurisdiction": str(given.get("jurisdiction") or "").upper() or None,
        }
        yield {
            "what": "revocation" if is_revocation else "order", **order,
            "revokes": given.get("order") if is_revocation else None,
            "in_force": None if is_revocation else order_identity(order) in in_force,
            "registered_at": event.at.isoformat(), "registered_by": person_of(event.actor),
        }


def _gives_an_order(event: CaseEvent) -> bool:
    stops_by_order = event.command == Command.FREEZE and event.arguments.get("lane") == "authority"
    return stops_by_order or event.command == Command.REGISTER_ORDER


def person_of(actor: str) -> str:
    """Return the id of the person who acted; who is none stays as they are written."""
    return actor.removeprefix("person:")


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
