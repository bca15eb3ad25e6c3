"""Proves a catalogue on one SKU: stops its sale for a moment, tries to buy, puts all back.

A proof holds the lease of the SKU's objects, as whoever stops or releases them does, and notes in
their rows how they were and what it wrote. So nothing is read ahead from a SKU that a proof has
stopped, a freeze that comes meanwhile takes the objects over with their images, and what a proof
leaves behind that is killed is released like anything else: by a replica, or by the next proof.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

import structlog

from freezeguard.domain.enforcement import Status, Wanted
from freezeguard.domain.errors import GuardFailed, Unavailable
from freezeguard.ports.catalogues import Catalogue, CatalogueError, Found, Shopfront
from freezeguard.ports.clock import NewId
from freezeguard.ports.rows import CatalogueRow
from freezeguard.ports.storage import Transaction
from freezeguard.services.cases.holding import LEASE
from freezeguard.services.directory import Outlet
from freezeguard.services.enforcing.claims import Calls, Claim, LeaseLost, Paused
from freezeguard.services.enforcing.releasing import NOT_RESTORED, Releasing
from freezeguard.services.topics import TOPIC_OBJECTS

log = structlog.get_logger()

PATIENCE = 30.0
PAUSE = 0.5
"""Seconds between two looks."""
IN_HAND = "it is stopped for a moment, to prove the catalogue"
TAKEN_OVER = (
    "something has come to want it stopped, or another worker has it in hand: it was not put "
    "back on sale, and is left to them as it is"
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a proof: what was done, and what came of it."""

    name: str
    ok: bool
    detail: str = ""


@dataclass(slots=True)
class Proof:
    """What a proof has shown so far; `images` are the fields before, by remote id."""

    steps: list[Step] = field(default_factory=list)
    images: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Say whether everything that was tried went well."""
        return bool(self.steps) and all(one.ok for one in self.steps)

    def add(self, name: str, detail: str = "", *, ok: bool = True) -> bool:
        """Note a step; return whether it went well."""
        self.steps.append(Step(name, ok, detail))
        return ok

    async def take(self, name: str, step: Callable[[], Awaitable[Any]]) -> Any:
        """Take one step and return its result; None for a failure, noted with what it said."""
        try:
            result = await step()
        except (CatalogueError, Unavailable) as error:
            self.add(name, str(error), ok=False)
            return None
        except Paused as pause:
            self.add(name, f"the catalogue has asked for {pause.seconds:.0f} s of rest", ok=False)
            return None
        if isinstance(result, Step):
            self.add(name, result.detail, ok=result.ok)
            return result.ok
        self.add(name)
        return result


class Looking:
    """Looks whether all is ready for a proof on a SKU, `called` so there, and changes nothing."""

    def __init__(self, catalogue: Catalogue, called: str, deadline: float) -> None:
        self._catalogue, self._called, self._deadline = catalogue, called, deadline
        self.proof = Proof()
        self.found: Sequence[Found] = ()

    async def look(self) -> bool:
        """Look up and read back; say whether all is ready."""
        proof = self.proof
        self.found = await proof.take("look up", self._look_up) or ()
        if not self.found:
            return False
        proof.images = {one.remote_id: dict(one.fields) for one in self.found}
        siblings = sorted({sku for one in self.found for sku in one.takes_along})
        along = f"; takes along {', '.join(siblings)}" if siblings else ""
        proof.add("before-image", f"{len(self.found)} found{along}")
        return bool(await proof.take("is on sale", self._is_on_sale))

    async def _look_up(self) -> Sequence[Found]:
        found = await self._catalogue.lookup(self._called, deadline=self._deadline)
        if not found:
            raise CatalogueError(f"it lists no SKU {self._called}", recoverable=False)
        return found

    async def _is_on_sale(self) -> Step:
        for one in self.found:
            seen = await self._catalogue.read_back(
                self._called, one.remote_id, deadline=self._deadline)
            if not seen.sellable:
                return Step("", ok=False, detail=f"{one.remote_id} is not on sale: {seen.detail}")
        return Step("", ok=True)


class Proving:
    """Proves one catalogue on one SKU. `patience`: seconds until a stop, or its end, must be seen.

    Every call goes out only while the lease is ours and nothing newer is wanted of the objects.
    """

    def __init__(
        self, calls: Calls, releasing: Releasing, outlet: Outlet, sku: str, new_id: NewId,
        *, patience: float = PATIENCE,
    ) -> None:
        self._calls, self._releasing, self._outlet, self._sku = calls, releasing, outlet, sku
        self._database, self._deadline = calls.database, calls.pace.call_deadline
        self._new_id, self._patience = new_id, patience
        self._looking = Looking(outlet.catalogue, outlet.called(sku), self._deadline)
        self._claims: list[Claim] = []

    @property
    def proof(self) -> Proof:
        """Return what has been shown so far."""
        return self._looking.proof

    # -------------------------------------------------------------------------------- the proof

    async def prove(self) -> bool:
        """Stop, try to buy, restore, compare. Whatever happens in between, it is put back.

        Raises GuardFailed where the SKU is held, or somebody else has its objects in hand.
        """
        await self._database.run(self._check_free)
        revision = await self._database.run(lambda tx: tx.holds.current_revision())
        if not await self._looking.look():
            return False
        first = await self._database.run(lambda tx: self._reserve(tx, revision))
        restored = False
        try:
            await self._stop_and_buy(first)
        except LeaseLost:
            log.warning("proof_overtaken", sku=self._sku, catalogue=self._outlet.name)
        finally:
            restored = await self.proof.take("restore", self._restore)
        if restored:
            await self.proof.take("compare with the before-image", self._compare)
            await self.proof.take("read back as on sale", lambda: self._reads(stopped=False))
            await self.proof.take("buy", lambda: self._buys(wanted=True))
        return self.proof.passed

    async def _check_free(self, tx: Transaction) -> None:
        wanted = await tx.objects.wanted_of([self._sku])
        holds = await tx.holds.in_force(self._sku)
        is_held = any(self._outlet.concerns(one.scope) for one in holds)
        if is_held or not may_be_proved(wanted, self._outlet.name):
            raise GuardFailed([f"{self._sku} is held: a proof would put it back on sale."])

    async def _reserve(self, tx: Transaction, revision: int) -> int:
        """Take the objects in hand; return the revision of the stop. Raises GuardFailed."""
        await tx.signals.lock_sku(self._sku)
        await self._check_free(tx)
        first, last = await tx.holds.next_revision(), await tx.holds.next_revision()
        asked_at, token = asyncio.get_running_loop().time(), self._new_id()
        found = [(one.remote_id, one.fields, one.takes_along) for one in self._looking.found]
        rows = await tx.objects.reserve(
            self._sku, self._outlet.name, found, self._calls.now(), lease=LEASE, token=token,
            revision=last, unchanged_since=revision, detail=IN_HAND,
        )
        if len(rows) < len(found):
            where = f"{self._sku} in {self._outlet.name}"
            raise GuardFailed([f"Somebody works on {where}; try again in a minute."])
        until = asked_at + LEASE.total_seconds()
        self._claims = [Claim(self._outlet, row, row, until) for row in rows]
        return first

    async def _stop_and_buy(self, revision: int) -> None:
        proof = self.proof
        if await proof.take("stop", lambda: self._stop(revision)):
            await proof.take("read back as stopped", lambda: self._reads(stopped=True))
            await proof.take("try to buy", lambda: self._buys(wanted=False))

    async def _stop(self, revision: int) -> bool:
        for claim in self._claims:
            claim.has_sent = True
            written = await self._ask(claim, partial(
                self._outlet.catalogue.stop, claim.sku, claim.row.remote_id,
                self._outlet.full_level, revision=revision, deadline=self._deadline))
            claim.learn(written=dict(written))
            if not await self._database.run(partial(_note_written, claim.row)):
                raise LeaseLost
        return True

    async def _reads(self, *, stopped: bool) -> Step:
        """Read back until all are as wanted: some systems accept first and obey later."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience
        while True:
            wrong = ""
            for claim in self._claims:
                seen = await self._look(claim, partial(
                    self._outlet.catalogue.read_back, claim.sku, claim.row.remote_id,
                    deadline=self._deadline), in_hand=stopped)
                level = self._outlet.full_level
                if (seen.stopped(level) if stopped else seen.sellable) is False:
                    wrong = f"{claim.row.remote_id}: {seen.detail or 'not so'}"
            if not wrong or loop.time() > until:
                return Step("", ok=not wrong, detail=wrong)
            await asyncio.sleep(PAUSE)

    async def _buys(self, *, wanted: bool) -> Step:
        shop = self._outlet.catalogue
        if not isinstance(shop, Shopfront):
            return Step("", ok=True, detail="this kind can't buy; its read-back was asked instead")
        said = []
        for claim in self._claims:
            attempt = await self._look(claim, partial(
                shop.try_to_buy, claim.sku, claim.row.remote_id, deadline=self._deadline,
            ), in_hand=not wanted)
            said.append(attempt.detail)
            if attempt.sold is not wanted:
                return Step("", ok=False, detail=f"{claim.row.remote_id}: {attempt.detail}")
        return Step("", ok=True, detail="; ".join(said))

    async def _compare(self) -> Step:
        found = await self._outlet.catalogue.lookup(
            self._outlet.called(self._sku), deadline=self._deadline)
        now = {one.remote_id: dict(one.fields) for one in found}
        differing = [
            f"{remote_id} {key}: {now.get(remote_id, {}).get(key)!r} for {value!r}"
            for remote_id, image in self.proof.images.items()
            for key, value in image.items() if now.get(remote_id, {}).get(key) != value
        ]
        return Step("", ok=not differing, detail="; ".join(differing))

    async def _look(
        self, claim: Claim, call: Callable[[], Awaitable[T]], *, in_hand: bool
    ) -> T:
        """Make a call that changes nothing, holding on to the lease while we have one."""
        return await (self._ask(claim, call) if in_hand else call())

    async def _ask(self, claim: Claim, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call while all the objects are ours. Raises LeaseLost and CatalogueError."""
        for other in self._claims:
            if other is not claim:
                await self._calls.renew(other, restores=True)
        return await self._calls.ask(claim, call, restores=True)

    # ------------------------------------------------------------------------------ putting back

    async def recover(self) -> bool:
        """Put right what a proof of this catalogue has left stopped that was killed.

        What is held by now is not touched, nor what a replica has in hand. Returns False where a
        person has to look, who is told.
        """
        keys = await self._database.run(lambda tx: tx.objects.left_behind(self._outlet.name))
        if not keys:
            return True
        name = "put right what an earlier proof left"
        return bool(await self.proof.take(name, lambda: self._put_back(keys, ())))

    async def _restore(self) -> Step:
        keys = [claim.row.key for claim in self._claims]
        return await self._put_back(keys, self._claims)

    async def _put_back(
        self, keys: Sequence[tuple[str, str, str]], claims: Sequence[Claim]
    ) -> Step:
        """Release objects, those first that we have in hand, until each is where it belongs."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience
        for claim in claims:
            await self._release(claim)
        open_keys, said = list(keys), list[str]()
        while open_keys:
            for key in list(open_keys):
                told = await self._how_it_went(key, is_late=loop.time() > until)
                if told is not None:
                    open_keys.remove(key)
                    said += [told] * bool(told)
            if open_keys:
                await asyncio.sleep(PAUSE)
                for key in open_keys:
                    await self._take_up(key)
        return Step("", ok=not said, detail="; ".join(said))

    async def _release(self, claim: Claim) -> None:
        """Take one turn of its release; whoever has it in hand by now is left to it."""
        try:
            await self._releasing.work(claim)
        except LeaseLost:
            await self._hand_over(claim)
        except (Unavailable, Paused):
            return  # it is tried again, until we are late

    async def _hand_over(self, claim: Claim) -> None:
        """Leave a note of what we may have written, and have the object looked at."""
        stopped: Wanted = self._outlet.full_level
        row = replace(claim.row, wanted=stopped)

        async def work(tx: Transaction) -> None:
            await tx.objects.overtaken(row)
            await tx.notify(TOPIC_OBJECTS)

        if claim.has_sent:
            await self._database.run(work)

    async def _take_up(self, key: tuple[str, str, str]) -> None:
        asked_at, token = asyncio.get_running_loop().time(), self._new_id()
        row = await self._database.run(lambda tx: tx.objects.take_up(key, LEASE, token))
        if row is not None:
            outlet, until = self._outlet, asked_at + LEASE.total_seconds()
            await self._release(Claim(outlet, row, row, until, has_sent=True))

    async def _how_it_went(self, key: tuple[str, str, str], *, is_late: bool) -> str | None:
        """Return what is amiss with an object: empty where nothing is, None where it is not over.

        What others have changed since the stop stays as they left it, and a person is told.
        """
        rows = await self._database.run(lambda tx: tx.objects.of_sku(key[0]))
        row = next((one for one in rows if one.key == key), None)
        if row is None or (row.wanted, row.status) == ("sellable", Status.IDLE):
            return ""
        where = f"{row.sku} ({row.remote_id})"
        if row.wanted != "sellable":
            return f"{where}: {TAKEN_OVER}"
        if row.status is Status.REFUSED and row.detail != NOT_RESTORED:
            await self._leave_to_a_person(row)
            before = dict(row.before_image or {})
            return f"{where} was left as it is: {row.detail}; before the proof it was {before}"
        if is_late:
            return f"{where} is not put back yet: {row.detail}; a replica, or the next proof, does"
        return None

    async def _leave_to_a_person(self, row: CatalogueRow) -> None:
        """Nothing more is to be restored: whoever is told decides."""
        token = self._new_id()

        async def work(tx: Transaction) -> None:
            mine = await tx.objects.take_up(row.key, LEASE, token)
            if mine is not None:
                at_rest = replace(mine, status=Status.IDLE, written=None, sent_at=None,
                                  attempts=0, failing_since=None)
                await tx.objects.settle(at_rest, next_in=None, now=self._calls.now())

        await self._database.run(work)


async def _note_written(row: CatalogueRow, tx: Transaction) -> bool:
    return await tx.objects.note_written(row)


def may_be_proved(wanted: Sequence[tuple[str, str, Wanted]], catalogue: str) -> bool:
    """Say whether nothing of a SKU is stopped in a catalogue: a proof would put it back on sale."""
    return all(one == "sellable" for _, name, one in wanted if name == catalogue)
