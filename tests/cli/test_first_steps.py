"""What somebody meets who has set nothing yet, or set it wrongly."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import DEADLINE, Shell, bare_environment


@pytest.fixture
def bare(tmp_path: Path) -> Shell:
    """Return a shell without any database."""
    return Shell(tmp_path, bare_environment(tmp_path))


@pytest.mark.parametrize(
    "arguments",
    [
        ("people", "list"),
        ("keys", "list"),
        ("vendors", "show", "acme"),
        ("cases", "explain", "5"),
        ("skus", "import", "skus.csv"),
    ],
)
async def test_a_mistyped_directory_does_not_become_a_second_installation(
    bare: Shell, arguments: tuple[str, ...]
) -> None:
    """Only `serve`, `demo` and `migrate` make a database; whatever else finds none says where."""
    (bare.place / "skus.csv").write_text("sku\nK-1\n")
    named = [str(bare.place / one) if one.endswith(".csv") else one for one in arguments]
    ran = await bare.run(*named)
    place = bare.place / "data"

    assert 3 == ran.code
    assert (
        f"no database in {place}; set FREEZEGUARD_DATA_DIR or start `freezeguard serve`" in ran.err
    )
    assert not place.exists()


async def test_the_first_start_says_what_another_terminal_must_know(bare: Shell) -> None:
    """Pasted, its lines name program, place and address; with them other commands work."""
    elsewhere = bare.having(PATH=os.defpath)
    process = await elsewhere.having(FREEZEGUARD_PORT="0").start("serve")
    assert process.stdout is not None
    exports: list[str] = []
    async with asyncio.timeout(60):
        while not exports or "FREEZEGUARD_URL" not in exports[-1]:
            line = (await process.stdout.readline()).decode().strip()
            if line.startswith("export "):
                exports.append(line)
    ready = await pasted(elsewhere, *exports, "freezeguard status --json")
    people = await pasted(elsewhere, *exports, "freezeguard people list --json")
    process.terminate()
    await process.communicate()

    assert 3 == len(exports)
    assert f"FREEZEGUARD_DATA_DIR={bare.place / 'data'}" in exports[1]
    assert ready["ready"]
    assert ["admin"] == [one["person"] for one in people["items"]]


async def pasted(shell: Shell, *lines: str) -> Any:
    """Return the JSON that lines print which were pasted into a terminal."""
    environment = {name: value for name, value in shell.environment.items()
                   if not name.startswith("FREEZEGUARD_DATA")}
    process = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", "\n".join(lines), env=environment, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(DEADLINE):
        out, _ = await process.communicate()
    return json.loads(out)


async def test_a_file_of_settings_that_is_not_there_is_named(bare: Shell) -> None:
    """Whoever names a file wants its settings, not the defaults."""
    missing = bare.place / "prodction.toml"
    ran = await bare.having(FREEZEGUARD_CONFIG=str(missing)).run("status")

    assert 2 == ran.code
    assert f"FREEZEGUARD_CONFIG names {missing}" in ran.err


async def test_a_file_of_settings_that_is_no_toml_is_named(bare: Shell) -> None:
    """The path stands in the message, beside the line."""
    broken = bare.place / "broken.toml"
    broken.write_text("port = \n")
    ran = await bare.having(FREEZEGUARD_CONFIG=str(broken)).run("status", "--json")

    assert (2, "invalid_settings") == (ran.code, ran.document["error"]["code"])
    assert str(broken) in ran.err
    assert "line 1" in ran.err


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("POLICY__PROBATION_TIME", "1 day", "policy.probation_time: '1 day' is no window"),
        ("DATABASE_URL", "nonsense", "database_url: is no URL of the form postgresql://"),
        ("DATABASE_URL", "postgresql://a:secret@h:port/x", "database_url: is no URL"),
        ("PORT", "nine", "port: "),
    ],
)
async def test_a_setting_that_does_not_fit_is_wrong_usage(
    bare: Shell, variable: str, value: str, words: str
) -> None:
    """Exit code 2 with the name of the setting and how to write it; no secret is repeated."""
    ran = await bare.having(**{f"FREEZEGUARD_{variable}": value}).run("people", "list")

    assert 2 == ran.code
    assert words in ran.err
    assert "secret" not in ran.err


async def test_commands_look_for_the_service_where_the_settings_put_it(bare: Shell) -> None:
    """A port that `serve` takes from the settings is the port that `status` asks."""
    by_port = await bare.having(FREEZEGUARD_PORT="1").run("status")
    by_chance = await bare.having(FREEZEGUARD_PORT="0").run("status")

    assert 3 == by_port.code
    assert "No service answers at http://127.0.0.1:1 " in by_port.err
    assert 2 == by_chance.code
    assert "FREEZEGUARD_URL" in by_chance.err


async def test_a_database_that_is_away_is_named_with_a_remedy(bare: Shell) -> None:
    """The host, what is the matter in words, and where to look; never the password."""
    away = bare.having(FREEZEGUARD_DATABASE_URL="postgresql://me:secret@127.0.0.1:1/none")
    ran = await away.run("people", "list")
    owner = away.having(FREEZEGUARD_MIGRATION_URL="postgresql://me:secret@127.0.0.1:1/none")
    plan = await owner.run("migrate", "--plan")

    assert (3, 3) == (ran.code, plan.code)
    for err in (ran.err, plan.err):
        assert "127.0.0.1:1 can't be reached: nothing listens there" in err
        assert "freezeguard doctor" in err
        assert "secret" not in err


async def test_no_catalogue_is_said_in_words(bare: Shell) -> None:
    """An empty table would look as if all were well."""
    ran = await bare.run("catalogues", "check")

    assert 0 == ran.code
    assert "no catalogue is configured: see docs/catalogues.md" in ran.err


@pytest.mark.parametrize(
    ("body", "options"),
    [
        ("sku,title\nK-1,x\n", ("--map", "id")),
        ("sku,title\nK-1,x\n", ("--values", "severity:1")),
        ("sku,title\nK-1,x\n", ("--map", "sku=artikel")),
        ("sku,title\nK-1,x\n", ("--format", "xml")),
        ("sku,title\nK-1,x\n", ("--delimiter", ";;")),
        ('sku,title\n"K-1,x\n', ()),
        ("", ()),
    ],
)
async def test_wrong_options_and_files_of_no_use_are_wrong_usage(
    shell: Shell, body: str, options: tuple[str, ...]
) -> None:
    """Nothing was refused by a rule of the shop: whoever typed it must type it differently."""
    file = shell.place / "skus.csv"
    file.write_text(body)
    ran = await shell.run("skus", "import", str(file), *options)

    assert 2 == ran.code
    assert "Traceback" not in ran.err


async def test_a_mapping_that_is_no_toml_is_named(shell: Shell) -> None:
    """Of two files on the command line, the broken one is named."""
    file, mapping = shell.place / "skus.csv", shell.place / "mapping.toml"
    file.write_text("sku\nK-1\n")
    mapping.write_text("[map\n")
    ran = await shell.run("skus", "import", str(file), "--mapping", str(mapping))

    assert 2 == ran.code
    assert str(mapping) in ran.err
