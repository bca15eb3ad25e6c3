"""The examples of the help texts are run, against a shop with five cases."""

import asyncio
import gzip
import json
import logging
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from typer.testing import CliRunner

from freezeguard.cli.main import app
from freezeguard.sampleshop.client import sample_configuration
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.cli.examples import of_help, words_of
from tests.files import PDF, jpeg
from tests.rig import REMEDY, Rig, shop_with_service

OF_THEIR_OWN = {"serve", "demo", "migrate", "mail receive"}
"""Two that run until they are stopped; one with an address to fill in; one that reads a mail."""
SKUS = ("LAMP-9", "TOASTER-5", "MIXER-2", "PAN-28", "KETTLE-17", "KETTLE-18")
FINE = {0, 1}
REFUSED_BY_THE_CASE = {"illegal_transition", "guard_failed", "not_found", "not_allowed"}
"""It was understood, and is not for this case or person, or names the id of an example."""
AT = "2026-11-21T09:30:00Z"
HEADS = "id,source,kind,sku,occurred_at,severity,customer"
CONTENTS = {
    "calls.ndjson": {"id": "t-1", "source": "helpdesk", "kind": "complaint", "sku": "LAMP-9",
                     "occurred_at": AT, "severity": "minor"},
    "events.csv": f"{HEADS}\nt-2,helpdesk,complaint,LAMP-9,{AT},minor,c-1\n",
    "caers.toml": '[set]\nsource = "caers"\n',
    "shipments.csv": f"id,sku,units,shipped_at\nu-1,LAMP-9,5,{AT}\n",
    "skus.csv": "article,name\nVASE-1,Vase\n",
    "skus.ndjson": {"sku": "VASE-2", "title": "Vase"},
    "rule.toml": 'family = "count"\nwindow = "30d"\nbound = 9\n',
    "remedy.json": {"remedy": REMEDY},
    "complaints.ndjson": {"id": "t-3", "source": "helpdesk", "kind": "complaint",
                          "sku": "LAMP-9", "occurred_at": AT, "severity": "minor"},
    "ticket.json": {"ticket": 1},
    "five.toml": 'family = "distinct_customers"\nbound = 5\n',
    "contract.toml": 'family = "all_of"\n[[parts]]\nfamily = "distinct_customers"\nbound = 5\n'
                     '[[parts]]\nfamily = "rate"\nbound = 0.02\nmin_units = 200\n',
    "ann.txt": "https://hooks.example/services/T/B/x\n",
    "kitchen.txt": "https://hooks.example/services/T/B/y\n",
    "risen.toml": 'family = "likelihood"\n',
    "recalls.csv": "sku,alert_date\nLAMP-9,2026-11-25\n",
    "shipped.csv": f"id,source,sku,units,shipped_at\nu-3,warehouse,LAMP-9,5,{AT}\n",
}
PACKED = {
    "events.csv.gz": "event_id,case_id,received_at,severity,sku\n"
                     "1,c-1,2026-11-21T09:30:00Z,1,LAMP-9\n",
    "complaints.csv.gz": "ticket,created,brand,sku,severity\n"
                         "1,2026-01-02,acme,LAMP-9,minor\n2,2026-11-21,acme,PAN-28,minor\n",
    "shipped.csv.gz": "id,source,sku,qty,day\nu-2,warehouse,LAMP-9,5,2026-11-21\n",
}
ELSEWHERE = (
    "There is a person", "example is not found", "helpdesk is not configured", "mailed.ndjson",
)
"""What this shop has already, or is without: people, names on the internet, a help desk."""
WHO = {"signals": "source", "subjects": "cora", "webhooks": "root", "audit": "audi",
       "chats": "root", "sources": "root",
       "cases command": "owen", "suppressions": "quin", "rules": "quin"}


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """Set logging up again as it was: a command in this process sets it up for its own stream."""
    root, saved = logging.getLogger(), structlog.get_config()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.configure(**saved)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
async def rig(dsns: OwnerAndRuntimeDsns, tmp_path: Path) -> AsyncIterator[Rig]:
    """Run a shop with five cases, the last of which is that of the kettle."""
    async with shop_with_service(dsns, tmp_path, skus=SKUS) as running:
        for sku in SKUS[:5]:
            await running.complain(sku)
            await running.in_state(sku, "frozen")
        yield running


def furnish(place: Path) -> None:
    """Put a file of each name there that an example reads."""
    for name, content in CONTENTS.items():
        (place / name).write_text(content if isinstance(content, str) else json.dumps(content))
    for name, packed in PACKED.items():
        (place / name).write_bytes(gzip.compress(packed.encode()))
    (place / "crack.jpg").write_bytes(jpeg())
    (place / "tear-test.pdf").write_bytes(PDF)


def code_of(out: str) -> str | None:
    """Return the stable word of a refusal."""
    last = out.strip().splitlines()[-1:] or ["{}"]
    try:
        found = json.loads(last[0])
    except ValueError:
        return None
    return found.get("error", {}).get("code") if isinstance(found, dict) else None


def run(words: list[str], environment: dict[str, str]) -> tuple[int, str, str]:
    """Run a command in this process, with its answer as a document."""
    given = words if "--json" in words else [*words, "--json"]
    stdin = json.dumps(CONTENTS["complaints.ndjson"])
    ended = CliRunner().invoke(app, given, env=environment, input=stdin)
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return ended.exit_code, ended.stdout, ended.stderr


async def test_the_examples_of_the_help_run(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None is wrong usage, none does not fit; a case may refuse a command that is not its turn."""
    assert rig.dsns is not None
    furnish(tmp_path)
    monkeypatch.chdir(tmp_path)
    shop = sample_configuration(rig.shop.url, rig.shop.admin_token)
    base = {
        "FREEZEGUARD_CATALOGUES": json.dumps({"shop": shop}),
        "FREEZEGUARD_URL": rig.url, "FREEZEGUARD_DATABASE_URL": rig.dsns.runtime,
        "FREEZEGUARD_CONFIG": os.devnull, "FREEZEGUARD_DATA_DIR": str(tmp_path / "data"),
    }
    bad: list[Any] = []
    for name, line in of_help():
        words = words_of(line)
        if words is None or name in OF_THEIR_OWN:
            continue
        who = WHO.get(name) or WHO.get(name.split()[0]) or "owen"
        who = "safety" if "lab" in words else who
        environment = {**base, "FREEZEGUARD_TOKEN": rig.secrets[who]}
        code, out, err = await asyncio.to_thread(run, words, environment)
        understood = code in FINE or code_of(out) in REFUSED_BY_THE_CASE
        if not understood and not any(one in err for one in ELSEWHERE):
            bad.append((line, code, out[-300:], err[-300:]))

    assert not bad, "\n".join(map(str, bad))
