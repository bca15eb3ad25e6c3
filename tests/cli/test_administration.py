"""People, tokens, keys, vendors and migrations, straight in the database."""

import asyncio
from pathlib import Path
from uuid import uuid4

import asyncpg

from freezeguard.storage.embedded import EmbeddedServer, prepare_database
from tests.cli.shell import Shell, bare_environment

ANN = ("people", "add", "ann", "--name", "Ann Lee", "--role", "manager", "--area", "kitchen")


async def test_a_person_is_registered_once_and_their_token_is_alone_on_stdout(
    shell: Shell,
) -> None:
    """Stdout is the token and nothing else, so that it can be piped; a repeat is refused."""
    first = await shell.run(*ANN)
    again = await shell.run(*ANN, "--json")
    listed = (await shell.run("people", "list", "--json")).document

    assert first.out.startswith("fgp_")
    assert 1 == len(first.out.splitlines())
    assert (4, "invalid_input") == (again.code, again.document["error"]["code"])
    assert ["kitchen"] == listed["items"][0]["areas"]


async def test_who_is_deactivated_has_no_token_that_works(
    shell: Shell, dsns: object
) -> None:
    """A deactivated person's tokens are gone from what replicas read; their name is kept."""
    await shell.run(*ANN)
    done = await shell.run("people", "deactivate", "ann")
    token = await shell.run("people", "token", "ann")
    people = (await shell.run("people", "list", "--json")).document["items"]

    assert 0 == done.code
    assert 4 == token.code
    assert [("ann", False)] == [(one["person"], one["active"]) for one in people]


async def test_the_default_owner_must_be_somebody_who_can_act(shell: Shell) -> None:
    """Nobody, and a vendor's person, can't own what nobody owns; nor can the owner vanish."""
    await shell.run(*ANN)
    await shell.run("people", "add", "vera", "--name", "V", "--role", "vendor", "--vendor", "acme")
    nobody, vendor = await asyncio.gather(
        shell.run("people", "default-owner", "nobody"),
        shell.run("people", "default-owner", "vera"),
    )
    ann = await shell.run("people", "default-owner", "ann")
    gone = await shell.run("people", "deactivate", "ann")

    assert [4, 4, 0, 4] == [nobody.code, vendor.code, ann.code, gone.code]


async def test_a_key_is_issued_listed_without_its_secret_and_revoked(shell: Shell) -> None:
    """The secret is shown this once; a revoked key can't be revoked again."""
    made = (await shell.run(
        "keys", "create", "helpdesk", "--right", "source", "--source", "helpdesk", "--json"
    )).document
    revoked = await shell.run("keys", "revoke", made["id"])
    again = await shell.run("keys", "revoke", made["id"])
    listed = await shell.run("keys", "list", "--json")

    assert [0, 4] == [revoked.code, again.code]
    assert listed.document["items"][0]["revoked_at"] is not None
    assert made["secret"] not in listed.out


async def test_rights_that_do_not_belong_together_are_a_usage_error(shell: Shell) -> None:
    """A source key without a source is refused before the database is asked."""
    ran = await shell.run("keys", "create", "x", "--right", "source")

    assert 2 == ran.code
    assert "source goes with" in ran.err


async def test_every_change_has_the_name_of_whoever_typed_it(shell: Shell, dsns: object) -> None:
    """The record says who was at the command line."""
    await shell.run("vendors", "put", "acme", "--name", "Acme", "--email", "q@acme.example")
    connection = await asyncpg.connect(shell.environment["FREEZEGUARD_DATABASE_URL"])
    actors = await connection.fetch("SELECT DISTINCT actor FROM audit WHERE action <> 'put_rule'")
    policy = await connection.fetch("SELECT DISTINCT actor FROM audit WHERE action = 'put_rule'")
    await connection.close()

    assert [True] == [one["actor"].startswith("cli:") for one in actors]
    assert ["freezeguard"] == [one["actor"] for one in policy], "the default policy is nobody's"


async def test_a_plan_changes_nothing_and_migrating_twice_applies_once(
    postgres: EmbeddedServer, tmp_path: Path
) -> None:
    """`--plan` shows what is pending; then it is applied; then nothing is."""
    dsns = await prepare_database(postgres.endpoint, f"fg_{uuid4().hex[:16]}")
    shell = Shell(tmp_path, bare_environment(
        tmp_path, FREEZEGUARD_DATABASE_URL=dsns.runtime, FREEZEGUARD_MIGRATION_URL=dsns.owner
    ))
    unmigrated = await shell.run("people", "list", "--json")
    planned = (await shell.run("migrate", "--plan", "--json")).document
    applied = (await shell.run("migrate", "--json")).document
    left = (await shell.run("migrate", "--plan", "--json")).document

    assert (4, "database_unfit") == (unmigrated.code, unmigrated.document["error"]["code"])
    assert planned["pending"] == applied["applied"]
    assert applied["applied"]
    assert [] == left["pending"]


async def test_a_database_that_is_away_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    """Nobody at the address: exit code 3, and no traceback."""
    environment = bare_environment(
        tmp_path, FREEZEGUARD_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none"
    )
    ran = await Shell(tmp_path, environment).run("people", "list")

    assert 3 == ran.code
    assert "Traceback" not in ran.err


async def test_a_person_has_a_calendar_and_a_deputy_of_the_staff(shell: Shell) -> None:
    """Both are kept; nobody is their own deputy, and a place that nobody knows is refused."""
    await shell.run(*ANN)
    mara = ("people", "add", "mara", "--name", "Mara", "--role", "manager")
    added = await shell.run(*mara, "--calendar", "DE-BY", "--deputy", "ann")
    refused = [
        await shell.run(*mara, "--change", "--deputy", "mara", "--json"),
        await shell.run(*mara, "--change", "--deputy", "nobody", "--json"),
        await shell.run(*mara, "--change", "--calendar", "DE-XX", "--json"),
    ]
    listed = (await shell.run("people", "list", "--json")).document["items"]

    assert 0 == added.code
    assert [(4, "invalid_input")] * 3 == [
        (one.code, one.document["error"]["code"]) for one in refused
    ]
    assert "DE-BY" in refused[2].document["error"]["detail"]
    assert [("ann", None, None), ("mara", "DE-BY", "ann")] == [
        (one["person"], one["calendar"], one["deputy"]) for one in listed
    ]


async def test_a_deputy_who_left_keeps_nobody_from_leaving(shell: Shell) -> None:
    """Whoever was to stand in may go, and then the person whom they stood in for."""
    await shell.run(*ANN)
    mara = ("people", "add", "mara", "--name", "Mara", "--role", "manager", "--deputy", "ann")
    await shell.run(*mara)

    assert 0 == (await shell.run("people", "deactivate", "ann")).code
    assert 4 == (await shell.run(*mara, "--change")).code
    assert 0 == (await shell.run("people", "deactivate", "mara")).code


async def test_a_vendor_has_a_calendar(shell: Shell) -> None:
    """Its own holidays, or the shop's where none is named."""
    put = ("vendors", "put", "acme", "--name", "Acme", "--json")
    plain = (await shell.run(*put)).document
    chinese = (await shell.run(*put, "--calendar", "CN")).document
    wrong = await shell.run(*put, "--calendar", "ZZ")
    shown = (await shell.run("vendors", "show", "acme", "--json")).document

    assert [None, "CN", "CN"] == [one["calendar"] for one in (plain, chinese, shown)]
    assert 4 == wrong.code


async def test_a_change_keeps_what_is_not_given(shell: Shell) -> None:
    """Naming a deputy takes away neither address nor area; taking away has a word of its own."""
    await shell.run(*ANN, "--email", "ann@shop.example", "--time-zone", "Europe/Berlin")
    await shell.run("people", "add", "mara", "--name", "Mara", "--role", "manager")
    change = ("people", "add", "ann", "--change")

    async def ann() -> dict[str, object]:
        listed = (await shell.run("people", "list", "--json")).document["items"]
        return next(one for one in listed if one["person"] == "ann")

    deputised = await shell.run(*change, "--deputy", "mara", "--calendar", "DE-BY")
    then = await ann()
    bared = await shell.run(*change, "--no-email", "--all-areas", "--no-deputy", "--no-calendar")
    at_last = await ann()
    both = await shell.run(*change, "--email", "a@b.example", "--no-email")
    unknown = await shell.run("people", "add", "nobody", "--change", "--deputy", "mara")

    assert [0, 0] == [deputised.code, bared.code]
    assert ("Ann Lee", ["manager"], "ann@shop.example", ["kitchen"], "Europe/Berlin") == (
        then["name"], then["roles"], then["email"], then["areas"], then["time_zone"]
    )
    assert ("mara", "DE-BY") == (then["deputy"], then["calendar"])
    assert ("Ann Lee", None, [], None, None) == (
        at_last["name"], at_last["email"], at_last["areas"], at_last["deputy"],
        at_last["calendar"],
    )
    assert [2, 4] == [both.code, unknown.code]


async def test_a_person_leaves_a_vendor_with_the_role(shell: Shell) -> None:
    """Whoever is not a vendor's person any more is bound to none; new people need a name."""
    await shell.run("people", "add", "vera", "--name", "V", "--role", "vendor", "--vendor", "acme")
    moved = await shell.run("people", "add", "vera", "--change", "--role", "associate")
    [vera] = (await shell.run("people", "list", "--json")).document["items"]
    nameless = await shell.run("people", "add", "mara", "--role", "manager")

    assert 0 == moved.code
    assert (["associate"], None) == (vera["roles"], vera["vendor"])
    assert (2, True) == (nameless.code, "give --name too" in nameless.err)


async def test_a_vendor_keeps_its_addresses_when_its_zone_changes(shell: Shell) -> None:
    """A calendar and a zone drop no address; addresses go one kind at a time."""
    acme = ("vendors", "put", "acme")
    await shell.run(*acme, "--name", "Acme", "--email", "a@acme.example", "--email",
                    "b@acme.example", "--superior", "boss@acme.example", "--language", "de")
    zone = (await shell.run(
        *acme, "--time-zone", "Asia/Shanghai", "--calendar", "CN", "--json"
    )).document
    fewer = (await shell.run(*acme, "--email", "c@acme.example", "--json")).document
    none = (await shell.run(*acme, "--no-superior", "--no-calendar", "--json")).document
    new = await shell.run("vendors", "put", "nova", "--email", "a@nova.example")

    assert ("Acme", ["a@acme.example", "b@acme.example"], ["boss@acme.example"], "de", "CN") == (
        zone["name"], zone["email"], zone["superior"], zone["language"], zone["calendar"]
    )
    assert (["c@acme.example"], ["boss@acme.example"]) == (fewer["email"], fewer["superior"])
    assert (["c@acme.example"], [], None, "Asia/Shanghai") == (
        none["email"], none["superior"], none["calendar"], none["time_zone"]
    )
    assert (2, True) == (new.code, "give --name too" in new.err)


async def test_a_language_without_words_is_refused_and_a_strange_area_is_said(
    shell: Shell,
) -> None:
    """French is refused with what there is; an area that no SKU has is told, and kept."""
    skus = shell.place / "skus.csv"
    skus.write_text("sku,category\nKETTLE-17,kitchen\n")
    before = await shell.run(*ANN)
    await shell.run("skus", "import", str(skus))
    french = [
        await shell.run("people", "add", "fan", "--name", "F", "--role", "manager",
                        "--language", "fr"),
        await shell.run("people", "add", "ann", "--change", "--language", "fr"),
        await shell.run("vendors", "put", "acme", "--name", "Acme", "--language", "fr"),
    ]
    austrian = await shell.run("vendors", "put", "acme", "--name", "Acme", "--language", "de-AT")
    strange = await shell.run("people", "add", "mara", "--name", "Mara", "--role", "manager",
                              "--area", "kitchn", "--area", "kitchen")

    assert [4] * 3 == [one.code for one in french]
    assert "choose one of de, en" in french[0].err
    assert [0, 0] == [austrian.code, strange.code]
    assert "No SKU has the category 'kitchn'" in strange.err
    assert "misspelt" not in before.err
