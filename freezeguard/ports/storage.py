"""What the services ask of the database. One method per named query, or per small set of them.

Everything happens inside a transaction: `Database.run` gives the work a `Transaction`, commits
when it returns, and runs it again where the database asks for that (serialisation, deadlock). The
work must therefore have no effect beside the transaction. Statements see what is committed when
they start (READ COMMITTED): lock first, then look, in separate calls.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

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

T = TypeVar("T")


class Transaction(Protocol):
    """One transaction, by its parts."""

    signals: Signals
    cases: Cases
    holds: Holds
    objects: Objects
    detection: Detection
    notices: Notices
    digests: Digests
    mails: Mails
    people: People
    sessions: Sessions
    views: Views
    master: MasterData
    record: Record
    subjects: Subjects
    retention: Retention
    learning: Learning
    evidence: StoredEvidence
    chain: AuditChain
    webhooks: Webhooks
    chats: Chats
    sources: Sources
    past: Past
    overview: Overview
    emergencies: Emergencies
    canaries: Canaries
    order_lists: OrderLists
    questions: Questions
    causes: Causes

    async def notify(self, topic: str) -> None:
        """Wake whoever listens, at commit. A wake-up only: the tables tell."""
        ...

    async def one_moment(self) -> None:
        """Have all that follows read the same moment, and nothing written. Comes first."""
        ...

    async def guarded(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run work inside a savepoint: where it raises, only the work is undone."""
        ...


class Database(Protocol):
    """Runs work in transactions, with deadlines, and again where the database asks for it."""

    async def run(
        self,
        work: Callable[[Transaction], Awaitable[T]],
        *,
        deadline: float = 5.0,
        urgent: bool = False,
    ) -> T:
        """Run work in one transaction within `deadline` seconds.

        `urgent` work (a freeze by hand) has connections of its own and queues behind nobody else.

        Raises `freezeguard.domain.errors.Unavailable` where the database can't be reached, does
        not answer in time, or kept asking for a repetition.
        """
        ...
