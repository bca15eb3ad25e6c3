"""Any sequence of deliveries and faults: what was held when last heard is never sold."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from freezeguard.client.errors import ClientError
from freezeguard.client.events import Reader, understood
from freezeguard.client.gate import Gate
from freezeguard.client.heldset import Confirmed
from freezeguard.client.states import State, Why
from tests.client.told import Clocks, gate, hold, released, set_, sign, snapshot, take

SKUS = ("kettle", "toaster", "iron")
STALE_AFTER = 60.0


class Server:
    """The held set of one database, which may be restored from a backup of any moment."""

    def __init__(self) -> None:
        self.revision = 0
        self.in_force: dict[str, dict[str, Any]] = {}
        self.ledger: list[tuple[int, bytes]] = []
        self.backups = [(0, {}, 0)]
        self.released: set[str] = set()
        self.number = 0

    def change(self, facts: dict[str, Any], *, is_release: bool) -> None:
        self.revision += 1
        if is_release:
            del self.in_force[facts["id"]]
            self.released.add(facts["id"])
        else:
            self.in_force[facts["id"]] = facts
        text = (released if is_release else set_)(self.revision, facts)
        self.ledger.append((self.revision, text))
        self.backups.append((self.revision, dict(self.in_force), len(self.ledger)))

    def restore(self, backup: int) -> set[str]:
        """Go back; return the holds that are in force again."""
        self.revision, in_force, length = self.backups[backup]
        again = in_force.keys() - self.in_force.keys()
        self.in_force = dict(in_force)
        del self.ledger[length:]
        del self.backups[backup + 1 :]
        self.released -= again
        return set(again)

    def sign(self) -> bytes:
        return sign(self.revision, *self.in_force.values())

    def answer(self, last: int | None) -> list[bytes]:
        """Return what a connection begins with, as the service does it."""
        if last is None or last > self.revision:
            return [snapshot(self.revision, *self.in_force.values()), self.sign()]
        return [*(text for revision, text in self.ledger if revision > last), self.sign()]


class Following(RuleBasedStateMachine):
    """`told`: the holds that the client has heard of, whole, by SKU, each with its lot.

    `kept`: SKUs that were held for the client and for the server alike, when it last connected and
    ever since.
    """

    def __init__(self) -> None:
        super().__init__()
        self.server, self.clocks = Server(), Clocks()
        self.gate = self.begun()
        self.told: dict[str, set[tuple[str, str | None]]] = {sku: set() for sku in SKUS}
        self.kept: set[str] = set()
        self.queue: list[bytes] | None = None
        self.reader = Reader()
        self.confirmed_at = -float("inf")

    def begun(self) -> Gate:
        return gate(self.clocks, stale_after=STALE_AFTER)

    # ----------------------------------------------------------------------------- the server's

    @rule(sku=st.sampled_from(SKUS), lot=st.sampled_from([None, "L-1"]))
    def hold(self, sku: str, lot: str | None) -> None:
        self.server.number += 1
        narrowed = {} if lot is None else {"lot": lot}
        self.changed(hold(f"h-{self.server.number}", sku, **narrowed), is_release=False)

    @precondition(lambda self: self.server.in_force)
    @rule(data=st.data())
    def widen(self, data: st.DataObject) -> None:
        facts = data.draw(st.sampled_from(list(self.server.in_force.values())))
        self.changed({**facts, "scope": {"sku": facts["scope"]["sku"]}}, is_release=False)

    @precondition(lambda self: self.server.in_force)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        facts = data.draw(st.sampled_from(list(self.server.in_force.values())))
        self.changed(facts, is_release=True)

    def changed(self, facts: dict[str, Any], *, is_release: bool) -> None:
        self.server.change(facts, is_release=is_release)
        self.kept &= self.held_by_server()
        if self.queue is not None:
            self.queue += [self.server.ledger[-1][1], self.server.sign()]

    def held_by_server(self) -> set[str]:
        return {one["scope"]["sku"] for one in self.server.in_force.values()}

    @rule()
    def draw_a_number(self) -> None:
        self.server.revision += 1

    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        self.cut()
        again = self.server.restore(data.draw(st.integers(0, len(self.server.backups) - 1)))
        for sku, mine in self.told.items():  # of whose release the client did hear
            self.told[sku] = {one for one in mine if one[0] not in again}
        self.kept &= self.held_by_server()

    # -------------------------------------------------------------------------- the connection's

    @rule()
    def connect(self) -> None:
        held = self.gate.held
        self.kept = {one for one in self.held_by_server() if not self.gate.may_sell(one)}
        if held.revision is None:
            self.kept.clear()
        self.reader, self.queue = Reader(), self.server.answer(
            held.revision if held.is_complete else None
        )
        held.begin()

    @precondition(lambda self: self.queue)
    @rule(number=st.sampled_from([1, 1, 1, 2, 9]))
    def deliver(self, number: int) -> None:
        for _ in range(min(number, len(self.queue or []))):
            assert self.queue is not None
            if not self.piece(self.queue.pop(0)):
                break

    @precondition(lambda self: self.queue)
    @rule(share=st.floats(0.0, 0.99))
    def cut_in_mid_event(self, share: float) -> None:
        assert self.queue is not None
        text = self.queue.pop(0)
        if self.piece(text[: int(len(text) * share)]):
            self.cut()

    @precondition(lambda self: self.queue and len(self.queue) > 1)
    @rule(how=st.sampled_from(["lost", "twice", "swapped"]), data=st.data())
    def mangle(self, how: str, data: st.DataObject) -> None:
        assert self.queue is not None
        place = data.draw(st.integers(0, len(self.queue) - 2))
        mine = self.queue[place : place + 2]
        self.queue[place : place + 2] = {
            "lost": mine[1:], "twice": [mine[0], *mine], "swapped": mine[::-1],
        }[how]

    @rule()
    def cut(self) -> None:
        self.queue = None

    def piece(self, text: bytes) -> bool:
        """Let the client hear a piece; say whether the connection is still good."""
        for block in self.reader.feed(text):
            told = understood(block)
            self.note(told)
            try:
                result = take(self.gate, told)
            except ClientError:
                self.cut()
                return False
            if result is Confirmed.CURRENT:
                self.confirmed_at = self.clocks.now
            if result is Confirmed.DIFFERS:
                self.cut()
                return False
        return True

    def note(self, told: Any) -> None:
        holds = getattr(told, "holds", None)
        if hasattr(told, "is_release") and not told.is_release:
            holds = [told.hold]
        for one in holds if isinstance(holds, list) else []:
            if one.id in self.server.in_force or one.id not in self.server.released:
                self.told[one.sku].add((one.id, one.narrowed[-1]))

    # ------------------------------------------------------------------------------ the client's

    @rule(seconds=st.floats(0.0, 100.0))
    def wait(self, seconds: float) -> None:
        self.clocks.pass_(seconds)

    @rule(by=st.floats(-1e6, 1e6))
    def set_the_wall_clock(self, by: float) -> None:
        self.clocks.wall += by

    @rule(by=st.floats(-1e3, 0.0))
    def set_the_running_clock(self, by: float) -> None:
        """It should never go back; a virtual machine that is moved may see it do so."""
        self.clocks.now += by

    @rule(by=st.floats(-1e3, 1e3))
    def start_again(self, by: float) -> None:
        """From the copy on disk; the running clock of another start is another."""
        dumped = self.gate.dump()
        self.cut()
        self.clocks.now += by
        self.gate, self.confirmed_at = self.begun(), -float("inf")
        if dumped["revision"] is not None:
            self.gate.start_from(dumped)
            assert self.gate.state() is not State.READY

    @rule()
    def lose_the_copy(self) -> None:
        self.cut()
        self.gate, self.confirmed_at = self.begun(), -float("inf")
        self.gate.start_without(Why.COPY_CORRUPT)
        self.told = {sku: set() for sku in SKUS}
        self.kept = set()

    @rule()
    def come_to_rest(self) -> None:
        """Undisturbed, two connections at most lead to exactly what the server says."""
        for _ in range(2):
            self.connect()
            while self.queue:
                self.piece(self.queue.pop(0))
        held = self.held_by_server()
        carried = {one.sku for mine in self.gate.held._carried.values() for one in mine.values()}

        assert State.READY is self.gate.state()
        assert held | carried == {sku for sku in SKUS if not self.gate.may_sell(sku)}

    # --------------------------------------------------------------------------------- promises

    @invariant()
    def nothing_that_was_held_is_sold(self) -> None:
        """Unless a server has released it since, in the only history that the client knows."""
        for sku, mine in self.told.items():
            lots = {lot for id_, lot in mine if id_ not in self.server.released}
            if lots:
                assert not self.gate.may_sell(sku)
                assert not self.gate.check(sku, lot="L-1").sellable
            if None in lots:
                assert not self.gate.check(sku, lot="L-2").sellable

    @invariant()
    def a_release_that_is_not_all_there_is_counts_for_nothing(self) -> None:
        """Released and held anew in between: who hears only the first half goes on holding."""
        assert not any(self.gate.may_sell(sku) for sku in self.kept)

    @invariant()
    def who_knows_nothing_sells_nothing(self) -> None:
        if self.gate.held.revision is None:
            assert not any(self.gate.may_sell(sku) for sku in SKUS)

    @invariant()
    def ready_is_fresh(self) -> None:
        if self.gate.state() is State.READY:
            assert 0 <= self.clocks.now - self.confirmed_at < STALE_AFTER


TestFollowing = Following.TestCase
TestFollowing.settings = settings(max_examples=300, stateful_step_count=50, deadline=None)
