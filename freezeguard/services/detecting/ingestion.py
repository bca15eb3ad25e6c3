"""Takes signals in: durable before anybody hears "accepted", deduplicated, counted at once.

Requests that arrive together share a transaction. Small ones take the quick lane, where a crossing
is found and its hold committed in the very transaction that stores the complaint; large ones take
the bulk lane, which leaves a note in `pending_evaluations` and evaluates right after the commit.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import floor

import structlog

from freezeguard.detection.watch import Watch
from freezeguard.domain.errors import FreezeguardError, Unavailable
from freezeguard.domain.signals import Kind, Severity, Signal
from freezeguard.ports.clock import Now
from freezeguard.ports.metrics import Metrics
from freezeguard.ports.rows import Pending, StoredBatch, UnitsShipped
from freezeguard.ports.storage import Database, Transaction
from freezeguard.services.cases.aftermath import Aftermath
from freezeguard.services.detecting.courtesy import Courtesy
from freezeguard.services.detecting.evaluation import Evaluated, Evaluation
from freezeguard.services.detecting.exposure import Stored, store_units
from freezeguard.services.detecting.rulebook import RuleBook

log = structlog.get_logger()

QUICK_SIZE = 8
QUICK_GROUP = 64
BULK_GROUP = 1_000
QUEUE_LIMIT = 20_000


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of each signal of a submission, by position in it."""

    accepted: tuple[int, ...]
    duplicates: tuple[int, ...]
    conflicts: tuple[int, ...]


@dataclass(slots=True)
class _Submission:
    signals: Sequence[Signal]
    fingerprints: Sequence[bytes]
    done: "asyncio.Future[Receipt]"
    earlier: "frozenset[asyncio.Future[Receipt]]"

    def waits_for(self) -> "set[asyncio.Future[Receipt]]":
        """Return the earlier submissions of one of its identities that are still under way."""
        return {one for one in self.earlier if not one.done()}


class _Order:
    """Of several bodies under one identity the first that came counts, whatever lane they take."""

    def __init__(self) -> None:
        self._latest: dict[tuple[str, str], asyncio.Future[Receipt]] = {}

    def enter(
        self, signals: Sequence[Signal], done: "asyncio.Future[Receipt]"
    ) -> "frozenset[asyncio.Future[Receipt]]":
        """Take note of a submission; return those that must be done before it."""
        keys = {(one.source, one.id) for one in signals}
        earlier = frozenset(self._latest[key] for key in keys if key in self._latest)
        self._latest.update(dict.fromkeys(keys, done))
        done.add_done_callback(lambda _: self._leave(keys, done))
        return earlier

    def _leave(self, keys: set[tuple[str, str]], done: "asyncio.Future[Receipt]") -> None:
        for key in keys:
            if self._latest.get(key) is done:
                del self._latest[key]


@dataclass(slots=True)
class _Outcome:
    batch: StoredBatch
    evaluated: list[Evaluated] = field(default_factory=list)
    pending: list[Pending] = field(default_factory=list)


OWN_FAULTS = (FreezeguardError, ArithmeticError, LookupError, TypeError, ValueError)
"""What a fault in the evaluation itself looks like; the signals are not to blame."""


class EvaluationFailed(Exception):
    """An evaluation failed inside the transaction that was to store the signals."""

    def __init__(self, sku: str) -> None:
        super().__init__(sku)
        self.sku = sku


class _Lane:
    """One queue of submissions, emptied by one task: whatever waits goes into the next commit."""

    def __init__(self, group: int) -> None:
        self.group = group
        self.waiting: list[_Submission] = []
        self.arrived = asyncio.Event()
        self.size = 0

    def put(self, submission: _Submission) -> None:
        self.waiting.append(submission)
        self.size += len(submission.signals)
        self.arrived.set()

    async def take(self) -> list[_Submission]:
        """Wait for submissions; take as many as fit into one transaction."""
        await self._head_is_free()
        taken: list[_Submission] = []
        room = self.group
        while self.waiting and (not taken or self._fits(taken, room)):
            submission = self.waiting.pop(0)
            room -= len(submission.signals)
            taken.append(submission)
        self.size -= self.group - room
        if not self.waiting:
            self.arrived.clear()
        return taken

    def _fits(self, taken: Sequence[_Submission], room: int) -> bool:
        head = self.waiting[0]
        mine = {one.done for one in taken}
        return len(head.signals) <= room and head.waits_for() <= mine

    async def _head_is_free(self) -> None:
        """Wait until the first in the queue waits for nobody; each submission has a deadline."""
        while True:
            await self.arrived.wait()
            if not self.waiting:  # another task of this lane was quicker
                self.arrived.clear()
                continue
            under_way = self.waiting[0].waits_for()
            if not under_way:
                return
            await asyncio.wait(under_way)


class Ingestion:
    """Stores signals and finds what they cross.

    `on_frozen` is called right after a commit with what must now be stopped, `on_heard` with how
    many new signals came from each source.
    """

    def __init__(
        self,
        database: Database,
        rules: RuleBook,
        evaluation: Evaluation,
        watch: Watch,
        now: Now,
        on_frozen: Callable[[Iterable[Aftermath]], None],
        metrics: Metrics,
        on_heard: Callable[[Mapping[str, int]], None],
    ) -> None:
        self._database, self._rules, self._evaluation = database, rules, evaluation
        self._watch, self._now, self._on_frozen = watch, now, on_frozen
        self._metrics, self._on_heard = metrics, on_heard
        self._quick, self._bulk = _Lane(QUICK_GROUP), _Lane(BULK_GROUP)
        self._order = _Order()
        self.courtesy = Courtesy()
        self._to_evaluate: dict[str, None] = {}
        self._evaluate_now = asyncio.Event()
        rules.follow(watch.set_rules)

    async def submit(
        self, signals: Sequence[Signal], fingerprints: Sequence[bytes], *, deadline: float = 10.0
    ) -> Receipt:
        """Return once every signal is durable. Raises Unavailable where that can't be had."""
        if not signals:
            return Receipt((), (), ())
        lane = self._quick if len(signals) <= QUICK_SIZE else self._bulk
        if lane.size > QUEUE_LIMIT:
            raise Unavailable("More signals are waiting than can be stored soon.", retry_after=2)
        done: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        lane.put(_Submission(signals, fingerprints, done, self._order.enter(signals, done)))
        try:
            async with asyncio.timeout(deadline):
                return await done
        except TimeoutError:
            raise Unavailable("The signals were not stored in time; send them again.") from None

    # ------------------------------------------------------------------------------- lanes

    async def run_quick(self) -> None:
        """Work on the quick lane for ever."""
        await self._run(self._quick, evaluate=True)

    async def run_bulk(self) -> None:
        """Work on the bulk lane for ever."""
        await self._run(self._bulk, evaluate=False)

    async def _run(self, lane: _Lane, *, evaluate: bool) -> None:
        while True:
            group = await lane.take()
            try:
                if not evaluate:
                    await self.courtesy.give_way()
                await self._commit_or_refuse(group, evaluate=evaluate)
            except asyncio.CancelledError:
                _refuse(group, Unavailable("The service is stopping; send the signals again."))
                raise

    async def _commit_or_refuse(self, group: list[_Submission], *, evaluate: bool) -> None:
        """Commit a group; one poisoned submission must not take its neighbours along."""
        try:
            await self._commit(group, evaluate=evaluate)
        except Unavailable as error:
            _refuse(group, error)
        except Exception as error:  # noqa: BLE001 - tried again, and raised where it stays
            log.warning("group_failed", submissions=len(group), error=_words(error))
            for submission in group:
                await self._commit_alone(submission, evaluate=evaluate)

    async def _commit_alone(self, submission: _Submission, *, evaluate: bool) -> None:
        """Commit one submission, without its evaluation where that is what fails; else refuse it.

        An evaluation left out is the sweeper's, and fails there where others don't have to wait.
        """
        failure: Exception | None = None
        for inline in (True, False) if evaluate else (False,):
            try:
                await self._commit([submission], evaluate=inline)
            except Unavailable as error:
                _refuse([submission], error)
            except Exception as error:  # noqa: BLE001 - tried again, or raised to the sender
                log.warning("submission_failed", evaluated=inline, error=_words(error))
                failure = error
                continue
            return
        if failure is not None:
            _refuse([submission], failure)

    async def _commit(self, group: list[_Submission], *, evaluate: bool) -> None:
        signals = [one for submission in group for one in submission.signals]
        prints = [one for submission in group for one in submission.fingerprints]
        live = [one for one in group if not one.done.done()]
        if not live:
            return
        begun = self._now()

        try:
            outcome = await self._stored(signals, prints, evaluate=evaluate)
        except EvaluationFailed as error:
            # The signals are not to blame: store them, and let the sweeper try again.
            log.exception("evaluation_failed", sku=error.sku)
            outcome = await self._stored(signals, prints, evaluate=False)
        finally:
            if evaluate:
                self.courtesy.end()
        self._after_commit(outcome)
        self._on_heard(Counter(signals[position].source for position in outcome.batch.accepted))
        _answer(group, outcome.batch)
        self._measure(outcome.batch, "quick" if evaluate else "bulk", begun)

    def _measure(self, batch: StoredBatch, lane: str, begun: datetime) -> None:
        count = self._metrics.count
        count("signals_received", len(batch.accepted), result="accepted")
        count("signals_received", len(batch.duplicates), result="duplicate")
        count("signals_received", len(batch.conflicts), result="conflict")
        seconds = (self._now() - begun).total_seconds()
        self._metrics.time("commit_seconds", seconds, lane=lane)

    async def _stored(
        self, signals: Sequence[Signal], prints: Sequence[bytes], *, evaluate: bool
    ) -> _Outcome:
        tries = 0

        def forget() -> None:
            for sku in {one.sku for one in signals}:
                self._watch.forget(sku)

        async def work(tx: Transaction) -> _Outcome:
            nonlocal tries
            if tries:
                forget()
            tries += 1
            return await self._store(tx, signals, prints, evaluate=evaluate)

        # What was remembered of a transaction that came to nothing, or is repeated, is not true.
        try:
            return await self._database.run(work)
        except BaseException:
            forget()
            raise

    def _after_commit(self, outcome: _Outcome) -> None:
        for evaluated in outcome.evaluated:
            self._settle(evaluated)
        for pending in outcome.pending:
            self._to_evaluate[pending.sku] = None
        if outcome.pending:
            self._evaluate_now.set()

    def _settle(self, evaluated: Evaluated) -> None:
        self._on_frozen(evaluated.aftermaths)
        if evaluated.revision != self._rules.revision:  # what it spares rests on what was before
            self._watch.forget(evaluated.sku)
            return
        self._watch.learn(
            evaluated.sku, evaluated.moments, evaluated.floor, evaluated.total,
            evaluated.spares.least,
        )

    async def _store(
        self, tx: Transaction, signals: Sequence[Signal], prints: Sequence[bytes], *, evaluate: bool
    ) -> _Outcome:
        now = self._now()
        batch = await tx.signals.store(signals, prints, now)
        outcome = _Outcome(batch)
        accepted = [signals[position] for position in batch.accepted]
        worth_a_look = await self._worth_a_look(tx, accepted, batch)
        if evaluate:
            for pending in worth_a_look:
                outcome.evaluated.append(await self._evaluate_inline(tx, pending, batch))
        elif worth_a_look:
            outcome.pending = worth_a_look
            await tx.signals.mark_pending(worth_a_look, now)
        return outcome

    async def _worth_a_look(
        self, tx: Transaction, accepted: Sequence[Signal], batch: StoredBatch
    ) -> list[Pending]:
        """Return the SKUs of a batch that may have crossed something, in order."""
        by_sku: dict[str, list[Signal]] = {}
        for signal in accepted:
            by_sku.setdefault(signal.sku, []).append(signal)
        suspects = {one.sku for one in accepted if _is_urgent(one)} | {
            sku
            for sku, mine in by_sku.items()
            if self._watch.might_cross(sku, [_second(one) for one in mine], batch.totals[sku])
        }
        others = sorted(by_sku.keys() - suspects)
        if others:
            suspects |= await tx.cases.skus_with_open_cases(others)
        return [
            Pending(sku, batch.first_seq, min(one.occurred_at for one in by_sku[sku]))
            for sku in sorted(suspects)
        ]

    async def _evaluate_inline(
        self, tx: Transaction, pending: Pending, batch: StoredBatch
    ) -> Evaluated:
        """Evaluate in the storing transaction. Raises EvaluationFailed for any error of its own."""
        self.courtesy.begin()
        reach = self._rules.longest_window()
        prelude = await tx.master.prelude(pending.sku, since=pending.since_time, reach=reach)
        news = _merge(pending, prelude.pending)
        try:
            return await self._evaluation.evaluate(tx, prelude, news, batch.totals[pending.sku])
        except Unavailable:
            raise
        except OWN_FAULTS as error:
            raise EvaluationFailed(pending.sku) from error

    async def store_units(self, shipments: Sequence[UnitsShipped]) -> Stored:
        """Store units shipped, and evaluate what they may now say about earlier complaints."""
        stored, skus = await self._database.run(
            lambda tx: store_units(tx, self._rules, shipments, self._now())
        )
        for sku in skus:
            self._watch.forget(sku)
        if skus:
            self._to_evaluate.update(dict.fromkeys(skus))
            self._evaluate_now.set()
        return stored

    # -------------------------------------------------------------------- evaluation by itself

    async def run_evaluator(self) -> None:
        """Evaluate what the bulk lane has left, as soon as it has."""
        while True:
            await self._evaluate_now.wait()
            self._evaluate_now.clear()
            while self._to_evaluate:
                sku = next(iter(self._to_evaluate))
                del self._to_evaluate[sku]
                try:
                    await self.evaluate_pending(sku)
                except Unavailable as error:
                    log.warning("evaluation_postponed", sku=sku, error=str(error))

    async def evaluate_pending(self, sku: str, *, wait: bool = True) -> bool:
        """Evaluate a SKU if somebody asked for it; say whether there was anything to do.

        Without `wait` a SKU that somebody else works on right now is left to them. An evaluation
        that fails stays pending, with its error and the number of attempts.
        """

        async def work(tx: Transaction) -> Evaluated | None:
            total = await tx.signals.lock_pending(sku, wait=wait)
            if total is None:
                return None
            self._to_evaluate.pop(sku, None)
            prelude = await tx.master.prelude(sku, reach=self._rules.longest_window())
            if prelude.pending is None:
                return None
            return await self._evaluation.evaluate(tx, prelude, prelude.pending, total)

        try:
            evaluated = await self._database.run(work)
        except Exception as error:
            log.exception("evaluation_failed", sku=sku)
            words = _words(error)
            # Raises Unavailable where the database is away; else it was about this SKU.
            await self._database.run(lambda tx: tx.signals.note_failure(sku, words))
            return False
        if evaluated is None:
            return False
        self._settle(evaluated)
        return True


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _second(signal: Signal) -> int:
    """Return the whole second of a complaint, as the watch counts time."""
    return floor(signal.occurred_at.timestamp())


def _is_urgent(signal: Signal) -> bool:
    """One safety signal is enough: no memory of earlier ones is asked."""
    if not signal.may_assert_safety:
        return False
    return signal.severity is Severity.SAFETY or signal.kind is Kind.RECALL


def _merge(new: Pending, earlier: Pending | None) -> Pending:
    if earlier is None:
        return new
    return Pending(
        new.sku,
        min(new.since_seq, earlier.since_seq),
        min(new.since_time, earlier.since_time, datetime.max.replace(tzinfo=UTC)),
    )


def _answer(group: Iterable[_Submission], batch: StoredBatch) -> None:
    """Give every submission its own part of the batch's outcome."""
    kinds = [set(batch.accepted), set(batch.duplicates), set(batch.conflicts)]
    start = 0
    for submission in group:
        end = start + len(submission.signals)
        parts = [
            tuple(position - start for position in range(start, end) if position in kind)
            for kind in kinds
        ]
        if not submission.done.done():
            submission.done.set_result(Receipt(*parts))
        start = end


def _refuse(group: Iterable[_Submission], error: Exception) -> None:
    for submission in group:
        if not submission.done.done():
            submission.done.set_exception(error)
