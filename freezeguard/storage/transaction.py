"""One transaction, by its parts."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from freezeguard.storage.auditchain import PostgresAuditChain
from freezeguard.storage.canaries import PostgresCanaries
from freezeguard.storage.cases import PostgresCases
from freezeguard.storage.causes import PostgresCauses
from freezeguard.storage.chats import PostgresChats
from freezeguard.storage.connection import Connection, is_lost
from freezeguard.storage.deferred import DeferredWrites, InOrder
from freezeguard.storage.detection import PostgresDetection
from freezeguard.storage.digests import PostgresDigests
from freezeguard.storage.emergencies import PostgresEmergencies
from freezeguard.storage.evidence import PostgresEvidence
from freezeguard.storage.holds import PostgresHolds
from freezeguard.storage.learning import PostgresLearning
from freezeguard.storage.mails import PostgresMails
from freezeguard.storage.masterdata import PostgresMasterData
from freezeguard.storage.notices import PostgresNotices
from freezeguard.storage.objects import PostgresObjects
from freezeguard.storage.orderlists import PostgresOrderLists
from freezeguard.storage.overview import PostgresOverview
from freezeguard.storage.past import PostgresPast
from freezeguard.storage.people import PostgresPeople
from freezeguard.storage.queries import queries
from freezeguard.storage.questions import PostgresQuestions
from freezeguard.storage.record import PostgresRecord
from freezeguard.storage.retention import PostgresRetention
from freezeguard.storage.sessions import PostgresSessions
from freezeguard.storage.signals import PostgresSignals
from freezeguard.storage.sources import PostgresSources
from freezeguard.storage.subjects import PostgresSubjects
from freezeguard.storage.views import PostgresViews
from freezeguard.storage.violations import reraise
from freezeguard.storage.webhooks import PostgresWebhooks

if TYPE_CHECKING:
    from freezeguard.ports.auditchain import AuditChain
    from freezeguard.ports.canaries import Canaries
    from freezeguard.ports.cases import Cases
    from freezeguard.ports.causes import Causes
    from freezeguard.ports.chats import Chats
    from freezeguard.ports.detection import Detection
    from freezeguard.ports.emergencies import Emergencies
    from freezeguard.ports.evidence import StoredEvidence
    from freezeguard.ports.holds import Holds
    from freezeguard.ports.learning import Learning
    from freezeguard.ports.masterdata import MasterData, People
    from freezeguard.ports.objects import Objects
    from freezeguard.ports.orderlists import OrderLists
    from freezeguard.ports.outbox import Digests, Mails, Notices
    from freezeguard.ports.overview import Overview
    from freezeguard.ports.past import Past
    from freezeguard.ports.privacy import Retention, Subjects
    from freezeguard.ports.questions import Questions
    from freezeguard.ports.record import Record
    from freezeguard.ports.sessions import Sessions
    from freezeguard.ports.signals import Signals
    from freezeguard.ports.sources import Sources
    from freezeguard.ports.views import Views
    from freezeguard.ports.webhooks import Webhooks

SQL = queries("transaction")

T = TypeVar("T")


class PostgresTransaction:
    """Implements `freezeguard.ports.storage.Transaction` on a connection that is inside one."""

    def __init__(self, connection: Connection) -> None:
        self.pooled = connection
        self._writes = writes = DeferredWrites(connection)
        self.connection = statements = InOrder(connection, writes)
        self.signals: Signals = PostgresSignals(statements)
        self.cases: Cases = PostgresCases(statements, writes)
        self._holds = PostgresHolds(statements, writes)
        self.holds: Holds = self._holds
        self.objects: Objects = PostgresObjects(statements, writes)
        self.detection: Detection = PostgresDetection(statements, writes)
        self.notices: Notices = PostgresNotices(statements, writes)
        self.digests: Digests = PostgresDigests(statements, writes)
        self.mails: Mails = PostgresMails(statements)
        people = PostgresPeople(statements)
        self.people: People = people
        self.sessions: Sessions = PostgresSessions(statements)
        self.views: Views = PostgresViews(statements)
        self.master: MasterData = PostgresMasterData(statements, writes, people)
        self.record: Record = PostgresRecord(statements, writes)
        self.subjects: Subjects = PostgresSubjects(statements, writes)
        self.retention: Retention = PostgresRetention(statements)
        self.learning: Learning = PostgresLearning(statements)
        self.evidence: StoredEvidence = PostgresEvidence(statements)
        self.chain: AuditChain = PostgresAuditChain(statements, writes)
        self.sources: Sources = PostgresSources(statements, writes)
        self.webhooks: Webhooks = PostgresWebhooks(statements, writes)
        self.overview: Overview = PostgresOverview(statements)
        self.chats: Chats = PostgresChats(statements, writes)
        self.past: Past = PostgresPast(statements)
        self.emergencies: Emergencies = PostgresEmergencies(statements)
        self.canaries: Canaries = PostgresCanaries(statements)
        self.order_lists: OrderLists = PostgresOrderLists(statements)
        self.questions: Questions = PostgresQuestions(statements)
        self.causes: Causes = PostgresCauses(statements)

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
