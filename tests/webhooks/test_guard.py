"""No webhook reaches what is not public: a listener on loopback hears nothing, by any disguise."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from freezeguard.webhooks.addresses import AddressPolicy
from freezeguard.webhooks.post import HttpPost
from tests.webhooks.farm import NOW, Receiver, a_message, endpoint_at, posting_to, receiving

DISGUISES = [
    "127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0.0.0.0", "[::]",
    "public.example@127.0.0.1", "user:word@127.0.0.1", "①②⑦.⓪.⓪.①", "１２７.0.0.1", "2130706433",
    "0x7f000001", "0x7f.1", "017700000001", "0177.0.0.1", "127.1", "127.0.0.1.", "127.255.255.254",
    "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]",
    "[::7f00:1]", "[fe80::1%25lo]", "[fec0::1]", "169.254.169.254", "100.64.0.1", "10.0.0.1",
    "172.16.0.1", "192.168.0.1", "224.0.0.1", "255.255.255.255", "127.0.0.1%00.public.example",
    "public.example\\@127.0.0.1", "localhost%23.public.example",
]  # fmt: skip


@dataclass
class Trap:
    """Counts who connects to loopback, on one port of IPv4 and IPv6."""

    port: int = 0
    connections: list[object] = field(default_factory=list)

    async def accept(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer.get_extra_info("peername"))
        writer.close()


@pytest.fixture
async def trap() -> AsyncIterator[Trap]:
    """A listener on all of this machine's addresses."""
    caught = Trap()
    server = await asyncio.start_server(caught.accept, "0.0.0.0", 0)
    caught.port = server.sockets[0].getsockname()[1]
    six = await asyncio.start_server(caught.accept, "::1", caught.port)
    yield caught
    for one in (server, six):
        one.close()
        await one.wait_closed()


class Names(AbstractResolver):
    """A name server that gives one answer after the other; the last one for ever."""

    def __init__(self, *answers: str) -> None:
        self.answers, self.asked = list(answers), 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(
                hostname=host, host=one, port=port, proto=0, flags=socket.AI_NUMERICHOST,
                family=socket.AF_INET6 if ":" in one else socket.AF_INET,
            )
            for one in answer.split()
        ]

    async def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("host", DISGUISES)
async def test_no_disguise_reaches_loopback(host: str, scheme: str, trap: Trap) -> None:
    """Refused when it is saved, and when it is sent; the listener sees no connection."""
    url = f"{scheme}://{host}:{trap.port}/"
    post = HttpPost(AddressPolicy(frozenset({trap.port})))

    refusal = await post.refusal(url, deadline=5)
    answered = await post.send(endpoint_at(url), a_message(), now=NOW, deadline=5)
    await post.close()

    assert refusal
    assert (None, True) == (answered.status, bool(answered.error))
    assert [] == trap.connections


@pytest.mark.parametrize("private", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"])
async def test_a_name_that_is_bound_again_reaches_nothing(private: str, trap: Trap) -> None:
    """The name leads to a public address when it is saved, and to loopback when it is sent."""
    names = Names("93.184.215.14", private)
    post = HttpPost(AddressPolicy(frozenset({trap.port})), resolver=names)
    url = f"https://rebinding.example:{trap.port}/"

    saved = await post.refusal(url, deadline=5)
    answered = await post.send(endpoint_at(url), a_message(), now=NOW, deadline=5)
    later = await post.refusal(url, deadline=5)
    await post.close()

    assert saved is None
    assert "not connected: the address is" in answered.error
    assert later is not None
    assert ([], 3) == (trap.connections, names.asked)


async def test_one_private_address_among_public_ones_is_enough(trap: Trap) -> None:
    """A name with a public and a private address is not saved."""
    names = Names("93.184.215.14 127.0.0.1")
    post = HttpPost(AddressPolicy(frozenset({trap.port})), resolver=names)
    refusal = await post.refusal(f"https://both.example:{trap.port}/", deadline=5)
    await post.close()

    assert "both.example leads where nothing may go: the address is loopback" == refusal


async def test_a_refused_address_is_passed_over() -> None:
    """Of several addresses only those are called that may be, whatever comes first."""
    names = Names("169.254.169.254 ::ffff:127.0.0.1 127.0.0.1")
    async with receiving() as receiver, posting_to(receiver.port, resolver=names) as post:
        url = f"http://several.example:{receiver.port}/"
        refusal = await post.refusal(url, deadline=5)
        answered = await post.send(endpoint_at(url), a_message(), now=NOW, deadline=5)

    assert refusal is not None
    assert (200, 1) == (answered.status, len(receiver.requests))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int, trap: Trap) -> None:
    """An endpoint that points to loopback is taken for one that failed."""
    async with receiving() as receiver, posting_to(receiver.port, trap.port) as post:
        receiver.status = status
        receiver.headers = {"Location": f"http://127.0.0.1:{trap.port}/"}
        answered = await post.send(
            endpoint_at(receiver.url), a_message(), now=NOW, deadline=5
        )

    assert (status, f"answered {status}; redirects are not followed") == (
        answered.status, answered.error
    )  # fmt: skip
    assert [] == trap.connections


async def test_no_proxy_of_the_environment_is_used(
    trap: Trap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy variable would let the proxy connect to anything: it is not read."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{trap.port}")
    async with receiving() as receiver, posting_to(receiver.port, trap.port) as post:
        answered = await post.send(
            endpoint_at(receiver.url), a_message(), now=NOW, deadline=5
        )

    assert answered.is_taken
    assert [] == trap.connections


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://public.example:22/", "port 22"),
        ("http://public.example/", "https://"),
        ("ftp://public.example/", "https://"),
        ("https://", "https://"),
        ("public.example", "https://"),
        ("https://public.example/#part", "fragment"),
        ("https://user@public.example/", "user"),
        ("https://public.example:port/", "no URL"),
        ("https://pub lic.example/", "ASCII"),
        ("https://püblic.example/", "ASCII"),
        ("https://public.example/" + "x" * 2000, "2000"),
    ],
)
async def test_an_address_that_can_not_be_is_not_saved(url: str, words: str) -> None:
    """What is wrong with an address is said."""
    post = HttpPost(AddressPolicy(), resolver=Names("93.184.215.14"))
    refusal = await post.refusal(url, deadline=5)
    good = await post.refusal("https://public.example/hooks?a=b", deadline=5)
    await post.close()

    assert words in (refusal or "")
    assert good is None


async def test_a_name_server_that_never_answers_costs_no_more_than_the_deadline() -> None:
    """A look-up has its deadline; the name counts as not found."""

    class Silent(Names):
        async def resolve(self, *_: object, **__: object) -> list[ResolveResult]:
            await asyncio.Event().wait()
            return []

    post = HttpPost(AddressPolicy(), resolver=Silent(""))
    refusal = await post.refusal("https://silent.example/", deadline=0.05)
    await post.close()

    assert "the name silent.example is not found" == refusal


async def test_development_may_open_this_machine() -> None:
    """With `allow_private` the same address is saved and reached, by http too."""
    async with receiving() as receiver, posting_to(receiver.port) as post:
        refusal = await post.refusal(receiver.url, deadline=5)
        by_name = receiver.url.replace("127.0.0.1", "localhost")
        answered = [
            await post.send(endpoint_at(url), a_message(), now=NOW, deadline=5)
            for url in (receiver.url, by_name)
        ]

    assert refusal is None
    assert [200, 200] == [one.status for one in answered]
    assert isinstance(receiver, Receiver)
