"""`freezeguard chats` against a running service and a chat in a process of its own."""

import asyncio
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from typer.testing import CliRunner

from freezeguard.cli.main import app
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.chats.chat import FarChat, a_chat
from tests.rig import Rig, shop_with_service, until


@dataclass
class Ran:
    """What a command said, and its exit code."""

    code: int
    out: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass
class Shell:
    """Runs commands in this process, as somebody."""

    rig: Rig
    who: str

    async def run(self, *words: str) -> Ran:
        environment = {
            "FREEZEGUARD_URL": self.rig.url, "FREEZEGUARD_TOKEN": self.rig.secrets[self.who],
            "FREEZEGUARD_CONFIG": os.devnull,
        }
        ended = await asyncio.to_thread(CliRunner().invoke, app, list(words), env=environment)
        return Ran(ended.exit_code, ended.stdout)


async def test_chats_are_led_from_a_terminal(dsns: OwnerAndRuntimeDsns, tmp_path: Path) -> None:
    """Set, list, test, remove, quiet hours; a team's by an admin; no address is ever shown."""
    with a_chat() as port:
        opened = {"allow_private": True, "ports": [port]}
        file = tmp_path / "address.txt"
        async with (
            aiohttp.ClientSession() as session,
            shop_with_service(dsns, tmp_path, seed=1, webhooks=opened) as rig,
        ):
            chat = FarChat(port, session)
            owen, root = Shell(rig, "owen"), Shell(rig, "root")
            file.write_text(chat.slack("mine"))
            said = [await owen.run("chats", "set", "slack", "--url-file", str(file))]
            said.append(await owen.run("chats", "list"))
            well = await owen.run("chats", "test", "slack", "--json")
            await chat.does("mine", 404, "no_team")
            ill = await owen.run("chats", "test", "slack")
            file.write_text(chat.teams("kitchen"))
            team = ("--team", "kitchen", "--area", "kitchen", "--url-file", str(file))
            refused = await owen.run("chats", "set", "teams", *team)
            said.append(await root.run("chats", "set", "teams", *team))
            every = await root.run("chats", "list", "--all", "--json")
            await rig.complain("SKU-000001")
            await rig.in_state("SKU-000001", "frozen")
            quiet = await owen.run("chats", "quiet", "22:00", "07:00")
            loud = await owen.run("chats", "quiet", "--off")
            wrong = await owen.run("chats", "quiet", "22:00", "22:00")
            gone = await owen.run("chats", "remove", "slack")
            missing = await owen.run("chats", "set", "slack", "--url-file", "no-such-file")

            async def told() -> list[Any]:
                return await chat.kept("kitchen")

            await until(told, "the team is told")

    assert [0, 0, 0] == [one.code for one in said]
    assert not [one for one in (*said, every) if "mine" in one.out or "hush" in one.out]
    assert (0, "sent") == (well.code, well.document["state"])
    assert (1, True) == (ill.code, "answered 404 (no_team)" in ill.out)
    assert (4, 2) == (refused.code, missing.code)
    found = [(one["whose"], one["channel"], one["state"]) for one in every.document["items"]]
    assert [("person:owen", "slack", "disabled"), ("team:kitchen", "teams", "active")] == found
    assert ["Quiet from 22:00 to 07:00.\n", "No quiet hours.\n"] == [quiet.out, loud.out]
    assert (4, 0) == (wrong.code, gone.code)
