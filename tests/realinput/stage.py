"""A shop that sells the SKUs of a file, a replica, and the command line that imports the file."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from freezeguard.detection.evaluation import Evidence, crossings
from freezeguard.domain.reasons import SignalKey
from freezeguard.ports.storage import Transaction
from freezeguard.sampleshop.client import Purchase
from freezeguard.services.detecting.recomputing import recompute
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.realinput.recount import Complaint
from tests.rig import FIVE_CUSTOMERS, Rig, fast_settings, shop_with_service

OPEN = 1_000_000
"""A budget that nothing here can spend."""
BUDGET_SECONDS = 60
DEADLINE = 110.0
AT_A_TIME = 16

Figures = Callable[[str, object], None]
"""Takes what is printed at the end of a test run; pytest's `record_property`."""


@dataclass(frozen=True)
class Imported:
    """What `freezeguard signals import --json` said, its exit status, and how long it took."""

    answer: Mapping[str, Any]
    status: int
    seconds: float

    @property
    def counts(self) -> tuple[int, int, int]:
        """Return the numbers of rows accepted, repeated and rejected."""
        answer = self.answer
        return answer["accepted"], answer["duplicates"], answer["rejected"]

    def figure(self, what: str) -> str:
        """Say in one line how fast it was; `seconds` run until all is stopped and read back."""
        return (
            f"{what}: {self.answer['entries']:,} rows, {self.answer['per_second']:,.0f} "
            f"signals/s stored, {self.seconds:.1f} s from start to end of the import with all "
            f"stops read back (budget {BUDGET_SECONDS} s)"
        )


@dataclass
class Stage:
    """One shop, one running replica, and the environment of further ones."""

    rig: Rig
    place: Path
    environment: Mapping[str, str]

    async def import_file(self, file: Path, *options: str) -> Imported:
        """Import a file as a user would; the importer is a replica of its own meanwhile."""
        log = self.place / f"{file.name}.log"
        begun = time.monotonic()
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "freezeguard", "signals", "import", str(file),
                "--act-on-history", "--json", *options,
                stdout=asyncio.subprocess.PIPE, stderr=errors, env={**self.environment},
            )
        try:
            async with asyncio.timeout(DEADLINE):
                output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert output, log.read_text()[-3000:]
        status = process.returncode
        assert status is not None
        return Imported(json.loads(output), status, time.monotonic() - begun)

    # -------------------------------------------------------------------------- what it sees

    async def cases(self) -> list[dict[str, Any]]:
        """Return every case."""
        found: list[dict[str, Any]] = []
        query: dict[str, str] = {"limit": "200"}
        while True:
            answer = await self.rig.call("GET", "/v1/cases", "quin", params=query)
            assert answer.status == 200, answer.body
            found += answer.body["items"]
            if answer.body["next"] is None:
                return found
            query["cursor"] = answer.body["next"]

    async def held(self) -> set[str]:
        """Return the SKUs that readers are told not to sell."""
        answer = await self.rig.call("GET", "/v1/holds", "catalogue")
        assert answer.status == 200, answer.body
        return {hold["scope"]["sku"] for hold in answer.body["items"]}

    async def recomputed(self, skus: Iterable[str]) -> dict[str, SignalKey]:
        """Return the complaint at which the rule is first crossed, from all that is stored."""
        service = self.rig.service
        assert service is not None

        async def work(tx: Transaction) -> dict[str, SignalKey]:
            rule = await tx.detection.rule_version(FIVE_CUSTOMERS["id"], 1)
            assert rule is not None
            found = {}
            for sku in skus:
                seen = crossings(rule, Evidence(await tx.signals.observed(sku, None)))
                found |= {one.scope.sku: one.crossed_by for one in seen}
            return found

        return await service.database.run(work, deadline=60)

    async def differing(self, cases: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Recompute each case from what was known when it froze; return those that differ."""
        service = self.rig.service
        assert service is not None
        found = [
            await recompute(service.database, UUID(one["id"]), datetime.now(UTC)) for one in cases
        ]
        return [one.as_dict() for one in found if not one.is_same or len(one.freezes) != 1]

    async def rejected(self) -> list[dict[str, Any]]:
        """Return what was kept of rows that were not accepted."""
        service = self.rig.service
        assert service is not None
        return await service.database.run(lambda tx: tx.signals.rejected(None, None, OPEN))

    # --------------------------------------------------------------------------- as a buyer

    async def carts(self, skus: Sequence[str]) -> list[str]:
        """Open a cart with each SKU; the sale is still on."""
        opened = await self._each(skus, self.rig.shop.open_cart)
        assert all(one.ok for one in opened)
        return [one.cart for one in opened]

    async def bought(self, skus: Sequence[str]) -> set[str]:
        """Try to buy each SKU with a new cart; return those that were sold."""
        tries = await self._each(skus, self.rig.shop.buy)
        return {sku for sku, one in zip(skus, tries, strict=True) if one.ok}

    async def paid(self, carts: Sequence[str]) -> set[str]:
        """Try to pay for carts that are open; return those that were sold."""
        tries = await self._each(carts, self.rig.shop.checkout)
        return {cart for cart, one in zip(carts, tries, strict=True) if one.ok}

    @staticmethod
    async def _each(what: Sequence[str], step: Any) -> list[Purchase]:
        room = asyncio.Semaphore(AT_A_TIME)

        async def one(name: str) -> Purchase:
            async with room:
                return await step(name)

        return list(await asyncio.gather(*map(one, what)))


@asynccontextmanager
async def stage(
    dsns: OwnerAndRuntimeDsns, place: Path, skus: Sequence[str]
) -> AsyncIterator[Stage]:
    """Open a shop that sells these SKUs and nothing else; its governor stops nothing."""
    more: dict[str, Any] = {
        "budget": {
            **dict.fromkeys(("per_source", "per_category", "per_vendor", "shop"), OPEN),
            "vendor_skus": 0,
        },
        "pace": {"verify_every": 30, "relist_every": 30},
    }
    async with shop_with_service(
        dsns, place, skus=tuple(skus), seed=0, register=False, **more
    ) as rig:
        assert rig.service is not None
        mail_port = rig.service.settings.mail.port
        settings = fast_settings(dsns, place, rig.shop, mail_port, **more)
        yield Stage(rig, place, {**os.environ, **_as_variables(settings, place)})


def _as_variables(settings: Mapping[str, Any], place: Path) -> dict[str, str]:
    shown = {
        f"FREEZEGUARD_{name.upper()}": json.dumps(value) if isinstance(value, dict) else str(value)
        for name, value in settings.items()
    }
    return {**shown, "FREEZEGUARD_CONFIG": os.devnull, "NO_COLOR": "1"}


def keys(complaints: Mapping[str, Complaint]) -> dict[str, SignalKey]:
    """Return complaints as the program names them."""
    return {
        sku: SignalKey(one.occurred_at, one.source, one.id) for sku, one in complaints.items()
    }
