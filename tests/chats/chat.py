"""The chat that tests talk to: another process, started and ended with the test."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp


@dataclass
class FarChat:
    """A chat in another process."""

    port: int
    session: aiohttp.ClientSession

    def slack(self, name: str) -> str:
        """Return the address of an incoming webhook."""
        return f"http://127.0.0.1:{self.port}/services/T/B/{name}"

    def teams(self, name: str) -> str:
        """Return the address of a workflow, with the signature that makes it secret."""
        return (f"http://127.0.0.1:{self.port}/workflows/{name}/triggers/manual/paths/invoke"
                "?api-version=2016-06-01&sig=hush-hush")

    async def does(
        self, name: str, status: int, text: str = "", times: int = 1_000_000, **headers: str
    ) -> None:
        """Have an address answer so, so many times."""
        told = {"status": status, "text": text, "times": times, "headers": headers}
        async with self.session.put(
            f"http://127.0.0.1:{self.port}/does/{name}", json=told
        ) as answer:
            assert 204 == answer.status

    async def kept(self, name: str) -> list[Any]:
        """Return the bodies that came to an address; None for one that was refused."""
        async with self.session.get(f"http://127.0.0.1:{self.port}/kept") as answer:
            return [one["body"] for one in await answer.json() if one["to"] == name]


@contextmanager
def a_chat() -> Iterator[int]:
    """Run a chat; yield its port."""
    command = [sys.executable, "-m", "tests.chats.chatserver"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())  # leaving closes its input, and it ends


def said(body: Any) -> str:
    """Return all text of a message or card."""
    found: list[str] = []

    def collect(value: Any) -> None:
        match value:
            case dict():
                for name, one in value.items():
                    if name in {"text", "title", "url"} and isinstance(one, str):
                        found.append(one)
                    collect(one)
            case list():
                for one in value:
                    collect(one)

    collect(body)
    return "\n".join(found)
