"""What `doctor` looks at of the audit record: whether it is chained, and anchored."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from freezeguard.bootstrap.settings import Settings
from freezeguard.bootstrap.surroundings import utc_now
from freezeguard.domain.auditchain import Anchor, Link
from freezeguard.ports.storage import Database, Transaction
from freezeguard.services.records.auditchain import read_anchors
from freezeguard.storage.journal import FileJournal

LAGS_AFTER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """One check. `remedy` is empty where all is well."""

    name: str
    detail: str
    remedy: str = ""


async def check_audit(database: Database, settings: Settings) -> list[AuditCheck]:
    """Look at the chain and at the anchors of this machine."""

    async def work(tx: Transaction) -> tuple[int, datetime | None, Link | None, str]:
        rows, oldest = await tx.chain.backlog()
        return rows, oldest, await tx.chain.head(), str(await tx.chain.instance())

    rows, oldest, head, instance = await database.run(work)
    anchors, _ = read_anchors(await FileJournal(settings.anchor_file).lines())
    own = [one for one in anchors if str(one.instance) == instance]
    return [_chain(rows, oldest), *_anchors(settings, head, own)]


def _chain(rows: int, oldest: datetime | None) -> AuditCheck:
    if oldest is None:
        return AuditCheck("audit chain", "every row is chained")
    age = utc_now() - oldest
    words = f"{rows} rows are not chained yet, the oldest for {age.total_seconds():.0f} s"
    if age <= LAGS_AFTER:
        return AuditCheck("audit chain", words)
    return AuditCheck("audit chain", words,
                      "start the service, which chains them; if it runs, see its log")


def _anchors(
    settings: Settings, head: Link | None, anchors: Sequence[Anchor]
) -> Iterator[AuditCheck]:
    if head is None:
        return
    file = settings.anchor_file
    if not anchors:
        yield AuditCheck("audit anchors", f"there are none of this chain in {file}",
                         "look on the machine where the service runs, or mend [audit] anchor_file")
        return
    last = max(anchors, key=lambda one: one.position)
    words = f"the last is of position {last.position} of {head.position}"
    if last.position > head.position:
        yield AuditCheck("audit anchors", f"{words}: the chain was cut",
                         "freezeguard audit verify --anchors " + str(file))
    elif last.position < head.position and utc_now() - last.at > 2 * settings.audit.every:
        yield AuditCheck("audit anchors", f"{words}, of {last.at:%Y-%m-%d %H:%M} UTC",
                         f"start the service; if it runs, see why it can't write {file}")
    else:
        yield AuditCheck("audit anchors", words)
