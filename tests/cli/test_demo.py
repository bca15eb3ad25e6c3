"""`freezeguard demo` shows the main job, and says so where a promise is broken."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from freezeguard.bootstrap.demo import run as demonstration
from freezeguard.bootstrap.demo.mailbox import open_mailbox
from freezeguard.bootstrap.demo.stage import BrokenPromise, eventually
from freezeguard.bootstrap.surroundings import utc_now
from freezeguard.cli.main import app
from freezeguard.notices.mail import MailServer, MailTransport
from freezeguard.ports.notices import Message
from tests.cli.shell import Shell, bare_environment


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what one whole demonstration reported."""
    place = tmp_path_factory.mktemp("demo")
    shell = Shell(place, bare_environment(place))
    ran = asyncio.run(shell.run("demo", "--once", "--json"))
    assert ran.code == 0, ran.err
    return dict(ran.document)


def test_the_demonstration_reports_every_freeze_whole(document: dict[str, Any]) -> None:
    """Each freeze has its rule, its moments, its refusals, its mail and the purchase afterwards."""
    freezes = document["freezes"]

    assert {"five-customers", "defect-rate", "safety", "two associates"} == {
        one["rule"] for one in freezes
    }
    for one in freezes:
        assert one["crossed_at"] < one["stop_received_at"] < one["confirmed_at"]
        assert 0 < one["seconds"] < 10
        attempts = [(each["attempt"], each["refused"]) for each in one["refused_purchases"]]
        assert [("new cart", True), ("cart open before", True)] == attempts
        assert one["sku"] in one["vendor_mail"]["subject"]
        assert one["purchase_after"]["accepted"]


def test_the_demonstration_reports_who_did_what(document: dict[str, Any]) -> None:
    """Every state has its actor; the safety case was approved by two, nobody approves alone."""
    by_rule = {one["rule"]: one["states"] for one in document["freezes"]}
    first = [(one["state"], one["actor"]) for one in by_rule["five-customers"]]
    expected = [
        ("freezing", "detector"), ("frozen", "reconciler"), ("diagnosing", "person:owen"),
        ("remedy_proposed", "person:vera"), ("diagnosing", "person:owen"),
        ("remedy_proposed", "person:vera"), ("awaiting_approval", "person:owen"),
        ("reinstating", "person:mara"), ("probation", "reconciler"),
        ("closed_reinstated", "timer"),
    ]

    assert expected == first
    assert ("reinstating", "person:quin") in [
        (one["state"], one["actor"]) for one in by_rule["safety"]
    ]


def test_the_demonstration_reports_what_it_overrides(document: dict[str, Any]) -> None:
    """Every setting that is not at its default is listed with its default; budgets are kept."""
    overrides = {one["setting"]: one for one in document["overrides"]}

    assert "14d" == overrides["policy.probation_time"]["default"]
    assert 20 == document["defaults_kept"]["budget.per_source"]
    assert 15 < document["signals_accepted"] + 1


@asynccontextmanager
async def _no_stage() -> AsyncIterator[Any]:
    class Stage:
        overrides, kept = (), {}

    yield Stage()


def test_a_broken_promise_is_named_and_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong in the story is an exit code and a sentence, not a traceback."""

    async def play(*_: object) -> bool:
        raise BrokenPromise("no purchase succeeds while frozen")

    monkeypatch.setattr(demonstration, "open_stage", _no_stage)
    monkeypatch.setattr(demonstration, "play", play)
    result = CliRunner().invoke(app, ["demo", "--once"])

    assert 1 == result.exit_code
    assert "BROKEN PROMISE: no purchase succeeds while frozen" in result.stdout


async def test_what_does_not_happen_in_time_is_a_broken_promise() -> None:
    """Waiting has a deadline, and the promise is named."""

    async def never() -> None:
        return None

    with pytest.raises(BrokenPromise, match="the shop receives a stop"):
        await eventually(never, "the shop receives a stop", seconds=0.05)


async def test_the_mail_server_takes_what_our_transport_sends(tmp_path: Path) -> None:
    """Dots at the beginning of lines, and letters beyond ASCII, arrive as they were sent."""
    text = "First line\n.hidden line\n…and Größe\n"
    async with open_mailbox(utc_now) as mailbox:
        transport = MailTransport(MailServer("127.0.0.1", mailbox.port, "none"))
        message = Message(
            sender="a@shop.example", recipient="b@vendor.example", subject="Größe", text=text,
            html="<p>x</p>", message_id="<1@x>", date=utc_now(),
        )
        await transport.send(message, deadline=5.0)
        await transport.close()
    [mail] = mailbox.mails

    assert ("b@vendor.example",) == mail.to
    assert "Größe" == mail.subject
    assert text.strip() == mail.text.strip().replace("\r\n", "\n")
