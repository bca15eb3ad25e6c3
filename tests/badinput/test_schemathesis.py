"""An independent tester, drawn from the published document, against a replica of its own process.

It checks each answer: no 5xx, documented status, content type, headers and body by their schemas;
bad data refused, good data accepted, unknown methods refused, tokens not ignored, what was deleted
gone. No check is switched off; what JSON Schema can't say is listed in `beyond_schema`. NUL is kept
out of generated texts, since no schema can forbid it at any depth of an open object;
`test_bodies` and `test_skus` send it everywhere.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from freezeguard.storage.embedded import EmbeddedServer
from tests.acceptance.conftest import fresh_database
from tests.badinput.conftest import let_in_further
from tests.badinput.operations import ask
from tests.rig import SOURCE, Rig, ServiceProcess, fast_settings, shop_with_service

pytestmark = pytest.mark.asyncio(loop_scope="package")

SEEDS = (20261121, 17, 4711)
MIB = 1024 * 1024
GROWTH = 50 * MIB
DEADLINE = 1200
FEEDS = "^/v1/(signals|units)"
SHOPS = "^/v1/(sale-status|holds|skus|cases|freezes)"
OF_SHOPS = "^/v1/(sale-status|holds|skus|freezes)"
NEITHER = "^/v1/(signals|units|sale-status|holds|skus|freezes)"
CONFIGURATION = """\
request-timeout = 10.0
suppress-health-check = ["all"]  # how hard generating was says nothing about the service
[generation]
allow-x00 = false
database = "none"
[dictionaries.cases]
values = [{cases}]
[dictionaries.suppressions]
values = [{suppressions}]
[dictionaries.skus]
values = ["SKU-000001", "SKU-000003", "a//b///"]
[parameters]
"path.sku" = {{ dictionary = "skus", probability = 0.5 }}
[[operations]]
include-path-regex = "^/v1/cases/.id."
parameters = {{ "path.id" = {{ dictionary = "cases", probability = 0.7 }} }}
[[operations]]
include-path-regex = "^/v1/suppressions/.id."
parameters = {{ "path.id" = {{ dictionary = "suppressions", probability = 0.7 }} }}
[[operations]]
include-path-regex = "/stream$"
max-stream-events = 1
"""


@dataclass(frozen=True, slots=True)
class Examiner:
    """Runs schemathesis as somebody against one replica."""

    rig: Rig
    url: str
    process: psutil.Process
    place: Path

    async def run(self, who: str, seed: int, *options: str) -> int:
        """Run it; return the number of cases, all of which passed."""
        report = self.place / f"{who}-{seed}.json"
        tester = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("schemathesis"), "run", f"{self.url}/openapi.json",
            "--no-color", "--header", f"Authorization: Bearer {self.rig.secrets[who]}",
            "--seed", str(seed), "--continue-on-failure", "--report", "json",
            "--report-json-path", str(report), *options,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=self.place,
            env={**os.environ, **await self._environment()},
        )  # fmt: skip
        try:
            async with asyncio.timeout(DEADLINE):
                output, _ = await tester.communicate()
        finally:
            if tester.returncode is None:
                tester.kill()
        assert 0 == tester.returncode, output.decode()
        return int(json.loads(report.read_text())["test_cases"]["generated"])

    async def _environment(self) -> dict[str, str]:
        keys = await ask(self.rig, "GET", "/v1/keys", "root")
        keep = [*self.rig.secrets, *(one["id"] for one in keys.body["items"])]
        return {
            "SCHEMATHESIS_HOOKS": str(Path(__file__).with_name("beyond_schema.py")),
            "FREEZEGUARD_TEST_KEEP": " ".join(one for one in keep if " " not in one),
            "FREEZEGUARD_TEST_SOURCE": SOURCE,
        }

    def memory(self) -> int:
        """Return the resident memory of the replica in bytes."""
        return int(self.process.memory_info().rss)


@pytest_asyncio.fixture(loop_scope="package")
async def tester(postgres: EmbeddedServer) -> AsyncIterator[Examiner]:
    """A shop of the tester's own, for it changes rules; a replica in a process of its own."""
    async with AsyncExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fg-s-")))
        dsns = await stack.enter_async_context(fresh_database(postgres))
        rig = await stack.enter_async_context(shop_with_service(dsns, place, seed=3))
        await let_in_further(rig)
        await configure(rig, place)
        assert rig.service is not None
        settings = fast_settings(dsns, place, rig.shop, rig.service.settings.mail.port)
        replica = await ServiceProcess.start(settings, place, "replica")
        stack.push_async_callback(replica.stop)
        yield Examiner(rig, replica.url, psutil.Process(replica.process.pid), place)
        log = (place / "replica.log").read_text()
        assert "request_failed" not in log
        assert "Traceback" not in log


async def configure(rig: Rig, place: Path) -> None:
    """Make two cases and three suppressions, and tell the tester of them."""
    waiting, frozen = await rig.to_awaiting_approval("SKU-000001"), "SKU-000002"
    await rig.complain(frozen, 5)
    cases = [waiting["id"], (await rig.in_state(frozen, "frozen"))["id"]]
    body = {"sku": "a", "cause": "a trial",
            "expires_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}
    suppressions = [
        (await ask(rig, "POST", "/v1/suppressions", "quin", json=body)).body["id"]
        for _ in range(3)
    ]
    text = CONFIGURATION.format(cases=quoted(cases), suppressions=quoted(suppressions))
    (place / "schemathesis.toml").write_text(text)


def quoted(texts: list[str]) -> str:
    """Return texts as the inside of a TOML list."""
    return ", ".join(json.dumps(one) for one in texts)


Report = Callable[[str, object], None]


def reported(record_property: Report, tester: Examiner, number: int, before: int) -> int:
    """Print what was found out; return by how much the memory grew, in bytes."""
    grown = tester.memory() - before
    figures = f"{number} cases, memory {before / MIB:.0f} MiB, grown by {grown / MIB:.1f} MiB"
    record_property("figure", f"schemathesis: {figures}")
    return grown


@pytest.mark.timeout(400)
async def test_schemathesis_finds_nothing(tester: Examiner, record_property: Report):
    """At least 2,000 cases over 3 seeds: nothing; warmed up, the replica keeps no memory.

    The feeds as a source, the shop's part as a catalogue that may freeze, the rest as staff.
    """
    both = ("--phases", "coverage,fuzzing", "--max-examples")
    number = await tester.run("source", SEEDS[0], *both, "3", "--include-path-regex", FEEDS)
    before = tester.memory()
    number += await tester.run("omni", SEEDS[1], *both, "2", "--exclude-path-regex", NEITHER)
    number += await tester.run("freezer", SEEDS[2], *both, "2", "--include-path-regex", OF_SHOPS)

    assert reported(record_property, tester, number, before) < GROWTH
    assert number >= 2000


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_schemathesis_finds_nothing_for_long(tester: Examiner, record_property: Report):
    """Many thousand cases over 3 seeds, warmed up before: nothing, and no memory is kept."""
    full = ("--phases", "examples,coverage,fuzzing,stateful", "--max-examples")
    part = ("--phases", "fuzzing", "--include-path-regex", SHOPS, "--max-examples")
    await tester.run("omni", 1, *full, "1")
    before, number = tester.memory(), 0
    for seed in SEEDS:
        number += await tester.run("omni", seed, *full, "8")
        number += await tester.run("source", seed, *full, "20", "--include-path-regex", FEEDS)
        for who in ("catalogue", "freezer", "vera"):
            number += await tester.run(who, seed, *part, "8")

    assert reported(record_property, tester, number, before) < GROWTH
    assert number >= 10_000
