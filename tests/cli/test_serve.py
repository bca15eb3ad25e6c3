"""`freezeguard serve`: the first start, stopping, and starting where it can't."""

import asyncio
import json
import signal
from typing import Any

import aiohttp

from tests.cli.shell import Shell


async def _first_line(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout is not None
    async with asyncio.timeout(30):
        line = await process.stdout.readline()
    return dict(json.loads(line))


async def test_the_first_start_prints_one_token_that_works_and_is_never_logged(
    shell: Shell,
) -> None:
    """A token of the person `admin` is printed once, signs in, and stands in no log line."""
    shell = shell.having(FREEZEGUARD_PORT="0")
    first = await shell.start("serve", "--json")
    started = await _first_line(first)
    headers = {"Authorization": f"Bearer {started['admin_token']}"}
    async with aiohttp.ClientSession() as session, session.get(
        f"{started['url']}/v1/people/admin", headers=headers
    ) as answer:
        admin = await answer.json()
    first.terminate()
    _, logs = await first.communicate()
    second = await shell.start("serve", "--json")
    again = await _first_line(second)
    second.terminate()
    await second.communicate()

    assert ["admin"] == admin["roles"]
    assert (0, 0) == (first.returncode, second.returncode)
    assert started["admin_token"] not in logs.decode()
    assert "admin_token" not in again
    assert [one for one in started["unsafe_for_production"] if "mail" in one]


async def test_a_second_signal_ends_a_service_that_still_waits_for_a_reader(shell: Shell) -> None:
    """Stopping waits for requests under way; the second signal waits for nothing."""
    shell = shell.having(FREEZEGUARD_PORT="0", FREEZEGUARD_LIMITS__BODY_SECONDS="60")
    process = await shell.start("serve", "--json")
    started = await _first_line(process)
    _, writer = await asyncio.open_connection("127.0.0.1", int(started["url"].rsplit(":")[-1]))
    writer.write(
        b"POST /v1/signals HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n"
        b"Content-Type: application/json\r\nAuthorization: Bearer "
        + started["admin_token"].encode() + b"\r\n\r\n{"
    )
    await writer.drain()
    process.send_signal(signal.SIGTERM)
    assert process.stderr is not None
    async with asyncio.timeout(10):
        while b"service_stopping" not in await process.stderr.readline():
            pass
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(5):
        await process.communicate()
    writer.close()

    assert process.returncode in {0, 128 + signal.SIGINT}


async def test_a_port_that_is_taken_is_named(shell: Shell) -> None:
    """A port in use is a usage error with its address, not a traceback."""
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    ran = await shell.having(FREEZEGUARD_PORT=str(port)).run("serve", "--json")
    server.close()
    await server.wait_closed()

    assert 2 == ran.code
    assert "Traceback" not in ran.err
    assert f"Port {port} of 127.0.0.1 is taken" in ran.document["error"]["detail"]
    assert "FREEZEGUARD_PORT" in ran.document["error"]["detail"]


async def test_people_added_beforehand_make_no_first_start(shell: Shell) -> None:
    """Where somebody is registered already, no admin is made behind their back."""
    await shell.run("people", "add", "ann", "--name", "Ann", "--role", "admin", "--json")
    process = await shell.having(FREEZEGUARD_PORT="0").start("serve", "--json")
    started = await _first_line(process)
    process.terminate()
    await process.communicate()
    people = (await shell.run("people", "list", "--json")).document

    assert "admin_token" not in started
    assert ["ann"] == [one["person"] for one in people["items"]]


async def test_settings_that_do_not_fit_are_named(shell: Shell) -> None:
    """A wrong setting is a usage error that names the setting."""
    ran = await shell.having(FREEZEGUARD_PORT="nine").run("serve")

    assert 2 == ran.code
    assert "port: " in ran.err
