"""What docs/client.md shows can be copied as it stands."""

import ast
import asyncio
import inspect
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from freezeguard.client import Choice, State, Status
from freezeguard.client.follower import Pace
from freezeguard.client.gate import Gate
from tests.client.driven import CLIENTS
from tests.client.farside import OK, farside
from tests.client.told import hold, sign, snapshot

PAGE = (Path(__file__).parents[2] / "docs" / "client.md").read_text()
KETTLE = hold("h-1", "KETTLE-17", country="DE")
GREETING = b"".join([OK, snapshot(7, KETTLE), sign(7, KETTLE)])

SHOP = """
while (client.state() !== "ready") await new Promise((done) => setTimeout(done, 10));
console.log(client.maySell("KETTLE-17", { country: "DE" }), client.maySell("other"));
await client.close();
"""


def shown(language: str, url: str, copy: Path) -> list[str]:
    """Return the code of the page, with places that exist."""
    found = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return [
        one.replace("https://freezeguard.example", url).replace("/var/lib/checkout/held", str(copy))
        for one in found
    ]


async def run(code: str, names: dict[str, Any]) -> None:
    """Run code that may wait."""
    made = compile(code, "page", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if made.co_flags & inspect.CO_COROUTINE:
        await eval(made, names)  # noqa: S307 - the page's own code
    else:
        await asyncio.to_thread(exec, made, names)


async def test_the_code_for_python_works(tmp_path, capsys):
    """Asynchronous and not; both find the hold, and the narrower question prints its answer."""
    async with farside(GREETING) as far:
        waits, blocks, narrow, lets_go = shown("python", far.url, tmp_path / "held")
        first: dict[str, Any] = {"key": "key"}
        await run(f"{waits}\n    pass\n    answered = client.may_sell('KETTLE-17')", first)
        second: dict[str, Any] = {"key": "key"}
        await run(f"{blocks}\n    ready = client.wait_until_ready(10)", second)
        await run(narrow, second)
        await run(lets_go, second)

    assert [False, False] == [first["sellable"], first["answered"]]
    assert (False, State.READY) == (second["sellable"], second["ready"])
    assert "True ready" in capsys.readouterr().out


@pytest.mark.parametrize(("language", "program", "more"), [
    ("js", "node", SHOP), ("php", "php", "\nvar_dump($sellable);"),
])
async def test_the_code_for_others_works(tmp_path, language, program, more):
    """Put beside the file of the client, with a key."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed here")
    for one in ("node/freezeguard.mjs", "php/freezeguard.php"):
        shutil.copy(CLIENTS / one, tmp_path)
    async with farside(GREETING) as far:
        [code] = shown(language, far.url, tmp_path / "held")
        head = {"js": "const key = 'key';\n", "php": "<?php $key = 'key';\n"}[language]
        place = tmp_path / f"shop.{'mjs' if language == 'js' else 'php'}"
        place.write_text(head + code + more)
        process = await asyncio.create_subprocess_exec(
            found, str(place), cwd=tmp_path, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(30):
            out, err = await process.communicate()

    assert 0 == process.returncode, err.decode()
    assert {"js": "false true\n", "php": "bool(false)\n"}[language] == out.decode(), err.decode()


def test_every_word_of_the_page_exists():
    """States, choices, defaults and what to alert on are those of the code."""
    defaults = inspect.signature(Gate).parameters
    pace = Pace()

    assert {f"`{one}`" for one in State} <= set(re.findall(r"`[a-z]+`", PAGE))
    choices = re.findall(r"^\| `([A-Z_]+)` \|", PAGE, re.MULTILINE)
    assert {one.name for one in Choice} == set(choices)
    assert {"state", "carried", "counts", "last_error"} <= set(Status.__dataclass_fields__)
    assert "(60 s)" in PAGE
    assert 60.0 == defaults["stale_after"].default
    assert (0.5, 30.0) == (pace.first_retry, pace.longest_retry)
    assert pace.silence > 2 * 15
