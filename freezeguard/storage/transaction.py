"""One transaction, by its parts."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from freezeguard.storage.auditchain import PostgresAuditChain
from freezeguard.storage.cases import PostgresCases
from freezeguard.storage.connection import Connection, is_lost
from freezeguard.storage.deferred import DeferredWrites, InOrder
from freezeguard.storage.detection import PostgresDetection
from freezeguard.storage.digests import PostgresDigests
from freezeguard.storage.evidence import PostgresEvidence
from freezeguard.storage.holds import PostgresHolds
from freezeguard.storage.learning import PostgresLearning
from freezeguard.storage.mails import PostgresMails
from freezeguard.storage.masterdata import PostgresMasterData
from freezeguard.storage.notices import PostgresNotices
from freezeguard.storage.objects import PostgresObjects
from freezeguard.storage.people import PostgresPeople
from freezeguard.storage.queries import queries
from freezeguard.storage.record import PostgresRecord
from freezeguard.storage.retention import PostgresRetention
from freezeguard.storage.signals import PostgresSignals
from freezeguard.storage.sources import PostgresSources
from freezeguard.storage.subjects import PostgresSubjects
from freezeguard.storage.violations import reraise
from freezeguard.storage.webhooks import PostgresWebhooks

if TYPE_CHECKING:
    from freezeguard.ports import evidence as evidence_port
    from freezeguard.ports import privacy
    from freezeguard.ports import storage as port
    from freezeguard.ports.auditchain import AuditChain
    from freezeguard.ports.learning import Learning
    from freezeguard.ports.webhooks import Webhooks

SQL = queries("transaction")

T = TypeVar("T")


class PostgresTransaction:
    """Implements `freezeguard.ports.storage.Transaction` on a connection that is inside one."""

    def __init__(self, connection: Connection) -> None:
        self.pooled = connection
        self._writes = writes = DeferredWrites(connection)
        self.connection = statements = InOrder(connection, writes)
        self.signals: port.Signals = PostgresSignals(statements)
        self.cases: port.Cases = PostgresCases(statements, writes)
        self._holds = PostgresHolds(statements, writes)
        self.holds: port.Holds = self._holds
        self.objects: port.Objects = PostgresObjects(statements, writes)
        self.detection: port.Detection = PostgresDetection(statements, writes)
        self.notices: port.Notices = PostgresNotices(statements, writes)
        self.digests: port.Digests = PostgresDigests(statements, writes)
        self.mails: port.Mails = PostgresMails(statements)
        people = PostgresPeople(statements)
        self.people: port.People = people
        self.master: port.MasterData = PostgresMasterData(statements, writes, people)
        self.record: port.Record = PostgresRecord(statements, writes)
        self.subjects: privacy.Subjects = PostgresSubjects(statements, writes)
        self.retention: privacy.Retention = PostgresRetention(statements)
        self.learning: Learning = PostgresLearning(statements)
        self.evidence: evidence_port.StoredEvidence = PostgresEvidence(statements)
        self.chain: AuditChain = PostgresAuditChain(statements, writes)
        self.sources: port.Sources = PostgresSources(statements, writes)
        self.webhooks: Webhooks = PostgresWebhooks(statements, writes)

    async def notify(self, topic: str) -> None:
        self._writes.notify(topic)

    async def one_moment(self) -> None:
        await self.connection.execute(SQL["one_moment"])

    async def finish(self) -> None:
        """Write what is still deferred; the commit comes next."""
        await self._writes.flush()

    async def guarded(self, work: Callable[[], Awaitable[T]]) -> T:
        await self.finish()
        savepoint = self.connection.transaction()
        await savepoint.start()
        try:
            result = await work()
            await self.finish()
        except Exception as error:  # noqa: BLE001 - whatever went wrong is undone, and raised
            self._writes.discard()
            self._holds.forget_reserved()
            if not is_lost(self.pooled):
                await savepoint.rollback()
            reraise(error)
        await savepoint.commit()
        return result
