"""`freezeguard chats` against a running service and a chat in a process of its own."""

from pathlib import Path

import aiohttp
import pytest

from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.chats.chat import FarChat, a_chat
from tests.cli.test_remote import shell_of
from tests.rig import shop_with_service


@pytest.mark.long
async def test_chats_are_led_from_a_terminal(dsns: OwnerAndRuntimeDsns, tmp_path: Path) -> None:
    """Set, list, test, remove, quiet hours; a team's by an admin; no address is ever shown."""
    file = tmp_path / "address.txt"
    with a_chat() as port:
        opened = {"allow_private": True, "ports": [port]}
        async with (
            aiohttp.ClientSession() as session,
            shop_with_service(dsns, tmp_path, seed=1, webhooks=opened) as rig,
        ):
            chat = FarChat(port, session)
            owen, root = shell_of(rig, "owen", tmp_path), shell_of(rig, "root", tmp_path)
            file.write_text(chat.slack("mine"))
            own = await owen.run("chats", "set", "slack", "--url-file", str(file))
            well = await owen.run("chats", "test", "slack", "--json")
            await chat.does("mine", 404, "no_team")
            ill = await owen.run("chats", "test", "slack")
            file.write_text(chat.teams("kitchen"))
            team = ("--team", "kitchen", "--area", "kitchen", "--url-file", str(file))
            await root.run("chats", "set", "teams", *team)
            every = await root.run("chats", "list", "--all", "--json")
            quiet = await owen.run("chats", "quiet", "22:00", "07:00")
            gone = await owen.run("chats", "remove", "slack")

    assert not [one for one in (own, every) if "mine" in one.out or "hush" in one.out]
    assert (0, "sent") == (well.code, well.document["state"])
    assert (1, True) == (ill.code, "answered 404 (no_team)" in ill.out)
    found = [(one["whose"], one["channel"], one["state"]) for one in every.document["items"]]
    assert [("person:owen", "slack", "disabled"), ("team:kitchen", "teams", "active")] == found
    assert (0, "Quiet from 22:00 to 07:00.\n", 0) == (quiet.code, quiet.out, gone.code)
