"""Commands that act on a running service by HTTP."""

import shlex
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.cli.shell import Shell, bare_environment
from tests.rig import REMEDY, VERIFICATION, Rig, shop_with_service


@pytest.fixture
async def rig(dsns: OwnerAndRuntimeDsns, tmp_path: Path) -> AsyncIterator[Rig]:
    """Run a shop with one replica."""
    async with shop_with_service(dsns, tmp_path, seed=3) as running:
        yield running


def shell_of(rig: Rig, who: str, place: Path) -> Shell:
    """Return a shell whose commands talk to the service as this person."""
    return Shell(place, bare_environment(
        place, FREEZEGUARD_URL=rig.url, FREEZEGUARD_TOKEN=rig.secrets[who]
    ))


async def test_a_case_is_found_shown_and_led_by_commands(rig: Rig, tmp_path: Path) -> None:
    """List, show, command with arguments, timeline: a case can be led from a terminal."""
    sku = "SKU-000001"
    owen = shell_of(rig, "owen", tmp_path)
    await rig.complain(sku)
    case = await rig.in_state(sku, "frozen")
    listed = (await owen.run("cases", "list", "--json")).document["items"]
    shown = await owen.run("cases", "show", case["id"])
    stale = await owen.run("cases", "command", case["id"], "accept_ownership", "--version", "99")
    taken = (await owen.run(
        "cases", "command", case["id"], "accept_ownership", "--version", str(case["version"]),
        "--json",
    )).document
    timeline = await owen.run("cases", "timeline", case["id"])

    assert [case["id"]] == [one["id"] for one in listed]
    assert case["reason"]["sentence"] in shown.out
    assert (4, "") == (stale.code, stale.out)
    assert "at version 2 (frozen), not 99" in stale.err
    assert "diagnosing" == taken["state"]
    assert ["freeze", "confirm_freeze", "accept_ownership"] == [
        line.split("\t")[2] for line in timeline.out.splitlines()[1:]
        if line.split("\t")[2] not in {"confirmed", "vendor_notified"}
    ]


async def test_approval_is_given_from_a_terminal(rig: Rig, tmp_path: Path) -> None:
    """A vendor may not approve its own item; a manager does, on the evidence that they saw."""
    sku = "SKU-000002"
    case = await rig.to_awaiting_approval(sku)
    mara, vera = shell_of(rig, "mara", tmp_path), shell_of(rig, "vera", tmp_path)
    own = await vera.run(
        "cases", "command", case["id"], "approve", "--version", str(case["version"])
    )
    approved = await mara.run(
        "cases", "command", case["id"], "approve", "--version", str(case["version"]),
        "--set", f"evidence_revision={case['evidence_revision']}", "--json",
    )

    assert 4 == own.code
    assert "reinstating" == approved.document["state"]


async def test_the_cord_is_pulled_and_the_answer_says_how_to_follow(
    rig: Rig, tmp_path: Path
) -> None:
    """`freeze` says the state and where the case is; `status` hears of it; a reader can't pull."""
    sku = "SKU-000003"
    owen, audi = shell_of(rig, "owen", tmp_path), shell_of(rig, "audi", tmp_path)
    refused = await audi.run("freeze", sku)
    pulled = await owen.run("freeze", sku, "--comment", "Sharp edges.")
    case = await rig.in_state(sku, "frozen")
    status: Any = (await owen.run("status", sku, "--json")).document

    assert 4 == refused.code
    assert f"/v1/cases/{case['id']}" in pulled.out
    assert "frozen" == status["status"]


async def test_rules_are_stored_in_versions_and_listed(rig: Rig, tmp_path: Path) -> None:
    """Options and files make a rule's next version; what does not fit is refused."""
    quin = shell_of(rig, "quin", tmp_path)
    file = tmp_path / "rule.toml"
    file.write_text('family = "rate"\nbound = 0.05\nmin_units = 100\nwindow = "90d"\n')
    stored = await quin.run("rules", "set", "r", "--file", str(file), "--mode", "shadow", "--json")
    wrong = await quin.run("rules", "set", "r", "--family", "rate", "--bound", "7", "--json")
    several = await quin.run("rules", "set", "r", "--family", "counts", "--window", "a month")
    listed = (await quin.run("rules", "list", "--json")).document["items"]

    assert "family: one of count, distinct_customers, rate, safety, likelihood, " in several.err
    assert "  - window: a whole number and s, m, h, d or w: 30d\n" in several.err
    assert (1, "shadow") == (stored.document["version"], stored.document["mode"])
    assert (4, "invalid_input") == (wrong.code, wrong.document["error"]["code"])
    assert "r" in [one["id"] for one in listed]


async def test_who_is_not_signed_in_or_finds_nobody_hears_what_to_do(
    rig: Rig, tmp_path: Path
) -> None:
    """No token, and no service, are told apart, each with its remedy; readiness needs neither."""
    nobody = Shell(tmp_path, bare_environment(tmp_path, FREEZEGUARD_URL=rig.url))
    unsigned = await nobody.run("cases", "list")
    ready = await nobody.run("status", "--json")
    away = await nobody.having(FREEZEGUARD_URL="http://127.0.0.1:1").run("cases", "list")

    assert (4, True) == (unsigned.code, "FREEZEGUARD_TOKEN" in unsigned.err)
    assert (0, True) == (ready.code, ready.document["ready"])
    assert (3, True) == (away.code, "freezeguard serve" in away.err)


async def test_a_case_is_named_by_its_number_or_the_beginning_of_its_id(
    rig: Rig, tmp_path: Path
) -> None:
    """A number or a unique beginning is enough, over HTTP and in the database; else it is said."""
    assert rig.dsns is not None
    for sku in ("SKU-000001", "SKU-000002"):
        await rig.complain(sku)
    case, other = [await rig.in_state(sku, "frozen") for sku in ("SKU-000001", "SKU-000002")]
    owen = shell_of(rig, "owen", tmp_path).having(FREEZEGUARD_DATABASE_URL=rig.dsns.runtime)
    start = next(
        case["id"][:n] for n in range(1, 37) if case["id"][:n] != other["id"][:n]
    )
    by_number = await owen.run("cases", "show", str(case["number"]), "--json")
    by_start = await owen.run("cases", "timeline", start, "--json")
    explained = await owen.run("cases", "explain", str(case["number"]), "--json")
    several = await owen.run("cases", "show", "0")
    none = await owen.run("cases", "show", "99999")

    assert case["id"] == by_number.document["id"]
    assert 0 == by_start.code
    assert case["id"] == explained.document["case"]
    assert (2, True, True) == (several.code, case["id"] in several.err, other["id"] in several.err)
    assert (4, True) == (none.code, "There is no case '99999'" in none.err)


async def test_lists_without_entries_say_so(rig: Rig, tmp_path: Path) -> None:
    """Nothing found is told in words, with what was asked for."""
    owen = shell_of(rig, "owen", tmp_path)
    plain = await owen.run("cases", "list")
    narrow = await owen.run("cases", "list", "--overdue", "--sku", "K")

    assert (0, "no open cases\n") == (plain.code, plain.err)
    assert "no overdue cases with sku K\n" == narrow.err


async def test_a_first_vote_says_who_must_follow_and_what_they_type(
    rig: Rig, tmp_path: Path
) -> None:
    """One of two has agreed: by name, until when, and the very command of the second person."""
    sku = "SKU-000002"
    await shell_of(rig, "owen", tmp_path).run("freeze", sku, "--reason", "safety_injury")
    case = await rig.in_state(sku, "frozen")
    case = await rig.done(case, "accept_ownership", "owen")
    case = await rig.done(case, "propose_remedy", "vera", remedy=REMEDY)
    case = await rig.done(case, "request_approval", "owen", verification=VERIFICATION)
    mara, quin = shell_of(rig, "mara", tmp_path), shell_of(rig, "quin", tmp_path)
    first = await mara.run(
        "cases", "command", str(case["number"]), "approve", "--version", str(case["version"]),
        "--set", f"evidence_revision={case['evidence_revision']}",
    )
    shown = await mara.run("cases", "show", str(case["number"]))
    line = first.out.splitlines()[-1]
    typed = shlex.split(line.partition(": freezeguard ")[2])
    second = await quin.run(*typed)

    assert line.startswith("1 of 2 agreed (mara); another person must agree by 20")
    assert "approve: 1 of 2 agreed (mara) until 20" in shown.out
    assert 0 == second.code
    assert "the case is reinstating" in second.out
    assert "agreed" not in second.out


async def test_nobody_seconds_their_own_pull(rig: Rig, tmp_path: Path) -> None:
    """The first pull says who may second it until when; the same person's again says why not."""
    alba = shell_of(rig, "alba", tmp_path)
    first = await alba.run("freeze", "SKU-000001")
    again = await alba.run("freeze", "SKU-000001")
    bert = await shell_of(rig, "bert", tmp_path).run("freeze", "SKU-000001")

    assert "Another associate may agree until 20" in first.out
    assert "Nobody seconds their own pull; another associate may until 20" in again.out
    assert "pull" not in bert.out


async def test_a_case_as_text_has_what_decides_on_it(rig: Rig, tmp_path: Path) -> None:
    """Remedy, verification, who asked, comments, excerpts; no task is offered where none is."""
    sku = "SKU-000002"
    case = await rig.to_awaiting_approval(sku)
    await rig.done(case, "comment", "mara", comment="Samples are on the way.")
    shown = await shell_of(rig, "owen", tmp_path).run("cases", "show", case["id"])
    expected = (
        REMEDY["corrective_action"], REMEDY["cause"]["proof"], VERIFICATION["result"],
        "approval asked     by owen at 20", "remedy by          vera",
        "person:mara: Samples are on the way.", "The handle broke",
    )

    assert [] == [words for words in expected if words not in shown.out]
    assert "resolve_task" not in shown.out


async def test_lists_of_cases_and_histories_are_read_by_programs_too(
    rig: Rig, tmp_path: Path
) -> None:
    """In a pipe ids are whole, times are to the second, and what somebody wrote comes last."""
    await rig.complain("SKU-000001")
    case = await rig.in_state("SKU-000001", "frozen")
    await rig.done(case, "comment", "mara", comment="Samples are on the way.")
    owen = shell_of(rig, "owen", tmp_path)
    listed = (await owen.run("cases", "list")).out.splitlines()
    lines = (await owen.run("cases", "timeline", str(case["number"]))).out.splitlines()
    row = dict(zip(listed[0].split("\t"), listed[1].split("\t"), strict=True))
    comment = next(line.split("\t") for line in lines if "\tcomment\t" in line)

    assert (case["id"], str(case["number"])) == (row["case"], row["no."])
    assert case["opened_at"][:19].replace("T", " ") + "Z" == row["opened"]
    assert (case["state"], "owen") == (row["state"], row["owner"])
    assert row["since"].endswith("Z")
    assert " by 20" in row["next deadline"]
    assert "why" == listed[0].split("\t")[-1]
    assert "Samples are on the way." == comment[-1]


async def test_a_misspelt_sku_is_not_stopped_without_being_told(rig: Rig, tmp_path: Path) -> None:
    """Nothing is opened, the nearest SKUs are named; whoever insists stops it all the same."""
    owen = shell_of(rig, "owen", tmp_path)
    slip = await owen.run("freeze", "SKU-00001", "--json")
    start = await owen.run("freeze", "SKU-00000")
    nothing = await owen.run("freeze", "SOAP")
    opened = (await owen.run("cases", "list", "--json")).document["items"]
    insisted = await owen.run("freeze", "SOAP", "--insist")
    known = await owen.run("freeze", "SKU-000002", "--json")

    assert [4, 4, 4] == [slip.code, start.code, nothing.code]
    assert "unknown_sku" == slip.document["error"]["code"]
    assert "Did you mean SKU-000001" in slip.err
    assert "SKU-000001 or SKU-000002 or SKU-000003" in start.err
    assert "Did you mean" not in nothing.err
    assert "Nothing was stopped. If the name is right, add --insist." in nothing.err
    assert [] == opened
    assert (0, True) == (insisted.code, "SOAP is not registered" in insisted.out)
    assert (True, []) == (known.document["known"], known.document["near"])


async def test_a_machine_hears_that_a_sku_is_not_registered(rig: Rig) -> None:
    """Over HTTP the cord is pulled all the same; the answer says what may be wrong with it."""
    pulled = await rig.call(
        "POST", "/v1/freezes", "freezer",
        json={"scope": {"sku": "SKU-00001"}, "reason_code": "defective"},
    )
    asked = await rig.call("GET", "/v1/skus/SKU-00001", "owen")

    assert (201, False) == (pulled.status, pulled.body["known"])
    assert "SKU-000001" in pulled.body["near"]
    assert (404, "SKU-000001") == (asked.status, asked.body["near"][0])
