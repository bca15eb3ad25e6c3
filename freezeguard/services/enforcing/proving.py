"""Proves a catalogue on one SKU: stops its sale for a moment, tries to buy, puts all back."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from freezeguard.domain.enforcement import Wanted
from freezeguard.ports.catalogues import Catalogue, CatalogueError, Found, Shopfront
from freezeguard.ports.journal import Journal

PATIENCE = 30.0
PAUSE = 0.5
"""Seconds between two looks."""


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


class Proving:
    """Proves one catalogue on one SKU, `called` so there.

    Before anything is written the images are in the journal: a proof that is killed is put right by
    the next one, and not before. `patience` is how many seconds a stop, or its end, may take to be
    seen.
    """

    def __init__(
        self, catalogue: Catalogue, sku: str, called: str, journal: Journal, deadline: float,
        *, patience: float = PATIENCE,
    ) -> None:
        self._catalogue, self._held_as, self._sku = catalogue, sku, called
        self._journal, self._deadline, self._patience = journal, deadline, patience
        self.proof = Proof()

    async def dry_run(self) -> bool:
        """Look up and read back, and change nothing; say whether all is ready for a proof."""
        proof = self.proof
        if await self.left():
            reason = "an earlier proof was killed; --prove puts right what it left"
            return proof.add("nothing is left", reason, ok=False)
        found = await self._try("look up", self._look_up)
        if not found:
            return False
        proof.images = {one.remote_id: dict(one.fields) for one in found}
        siblings = sorted({sku for one in found for sku in one.takes_along})
        detail = f"{len(found)} found" + (f"; takes along {', '.join(siblings)}" * bool(siblings))
        proof.add("before-image", detail)
        return bool(await self._try("is on sale", self._is_on_sale))

    async def left(self) -> set[str]:
        """Return the SKUs that a proof of this catalogue, which was killed, has left stopped."""
        return {line["sku"] for line in await self._mine()}

    async def recover(self) -> bool:
        """Put right what a killed proof has left; the caller knows that nothing of it is held."""
        return bool(await self._try("put right what an earlier proof left", self._recover))

    async def prove(self) -> bool:
        """Stop, try to buy, restore, compare. Whatever happens in between, it is put back."""
        await self._remember()
        written: dict[str, Mapping[str, Any]] = {}
        try:
            if await self._try("stop", lambda: self._stop(written)):
                await self._try("read back as stopped", lambda: self._reads(stopped=True))
                await self._try("try to buy", lambda: self._buys(wanted=False))
        finally:
            restored = await self._try("restore", lambda: self._restore(written))
            if restored and await self._try("compare with the before-image", self._compare):
                await self._journal.drop(await self._mine())
        await self._try("read back as on sale", lambda: self._reads(stopped=False))
        await self._try("buy", lambda: self._buys(wanted=True))
        return self.proof.passed

    # ---------------------------------------------------------------------------------- steps

    async def _try(self, name: str, step: Callable[[], Awaitable[Any]]) -> Any:
        """Take one step; a failure is noted with what it said."""
        try:
            result = await step()
        except CatalogueError as error:
            self.proof.add(name, error.detail, ok=False)
            return None
        if isinstance(result, Step):
            self.proof.add(name, result.detail, ok=result.ok)
            return result.ok
        self.proof.add(name)
        return result

    async def _look_up(self) -> Sequence[Found]:
        found = await self._catalogue.lookup(self._sku, deadline=self._deadline)
        if not found:
            raise CatalogueError(f"it lists no SKU {self._sku}", recoverable=False)
        return found

    async def _is_on_sale(self) -> Step:
        for remote_id in self.proof.images:
            seen = await self._catalogue.read_back(
                self._sku, remote_id, deadline=self._deadline)
            if not seen.sellable:
                return Step("", ok=False, detail=f"{remote_id} is not on sale: {seen.detail}")
        return Step("", ok=True)

    async def _stop(self, written: dict[str, Mapping[str, Any]]) -> bool:
        for remote_id, image in self.proof.images.items():
            written[remote_id] = image  # should the answer be lost, all of it may be written
            written[remote_id] = await self._catalogue.stop(
                self._sku, remote_id, self._level, revision=1, deadline=self._deadline)
        return True

    @property
    def _level(self) -> Any:
        return self._catalogue.traits.level

    async def _reads(self, *, stopped: bool) -> Step:
        """Read back until all are as wanted: some systems accept first and obey later."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience
        while True:
            wrong = ""
            for remote_id in self.proof.images:
                seen = await self._catalogue.read_back(
                    self._sku, remote_id, deadline=self._deadline)
                if (seen.stopped(self._level) if stopped else seen.sellable) is False:
                    wrong = f"{remote_id}: {seen.detail or 'not so'}"
            if not wrong or loop.time() > until:
                return Step("", ok=not wrong, detail=wrong)
            await asyncio.sleep(PAUSE)

    async def _buys(self, *, wanted: bool) -> Step:
        shop = self._catalogue
        if not isinstance(shop, Shopfront):
            return Step("", ok=True, detail="this kind can't buy; its read-back was asked instead")
        said = []
        for remote_id in self.proof.images:
            attempt = await shop.try_to_buy(self._sku, remote_id, deadline=self._deadline)
            said.append(attempt.detail)
            if attempt.sold is not wanted:
                return Step("", ok=False, detail=f"{remote_id}: {attempt.detail}")
        return Step("", ok=True, detail="; ".join(said))

    async def _restore(self, written: Mapping[str, Mapping[str, Any]]) -> bool:
        for remote_id, fields in written.items():
            image = self.proof.images[remote_id]
            await self._catalogue.restore(
                self._sku, remote_id, {key: image[key] for key in fields if key in image},
                revision=2, deadline=self._deadline)
        return True

    async def _compare(self) -> Step:
        found = await self._catalogue.lookup(self._sku, deadline=self._deadline)
        now = {one.remote_id: dict(one.fields) for one in found}
        differing = [
            f"{remote_id} {key}: {now.get(remote_id, {}).get(key)!r} for {value!r}"
            for remote_id, image in self.proof.images.items()
            for key, value in image.items() if now.get(remote_id, {}).get(key) != value
        ]
        return Step("", ok=not differing, detail="; ".join(differing))

    # -------------------------------------------------------------------------------- journal

    async def _remember(self) -> None:
        for remote_id, fields in self.proof.images.items():
            await self._journal.append({
                "what": "check", "catalogue": self._catalogue.name, "sku": self._held_as,
                "called": self._sku, "remote_id": remote_id, "fields": dict(fields),
            })

    async def _mine(self) -> list[Mapping[str, Any]]:
        mine = ("check", self._catalogue.name)
        return [one for one in await self._journal.lines()
                if (one["what"], one["catalogue"]) == mine]

    async def _recover(self) -> bool:
        """Put back what a proof that was killed has stopped; of several images the first counts."""
        lines = await self._mine()
        for line in reversed(lines):
            await self._catalogue.restore(
                line["called"], line["remote_id"], line["fields"], revision=2,
                deadline=self._deadline)
        await self._journal.drop(lines)
        return True


def may_be_proved(wanted: Sequence[tuple[str, str, Wanted]], catalogue: str) -> bool:
    """Say whether nothing of a SKU is stopped in a catalogue: a proof would put it back on sale."""
    return all(one == "sellable" for _, name, one in wanted if name == catalogue)
