"""Commands on cases as people write them, and the cases that wait too long."""

import shlex
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from freezeguard.api.models.commands import ARGUMENTS
from freezeguard.cli.arguments import EXAMPLES, arguments_of
from freezeguard.cli.commandwords import MEANINGS, who_gives
from freezeguard.cli.failures import Failure
from freezeguard.domain.transitions import Command
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.acceptance.steps import ring, sql
from tests.cli.test_remote import shell_of
from tests.rig import REMEDY, VERIFICATION, Rig, shop_with_service

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)


@pytest.fixture
async def rig(dsns: OwnerAndRuntimeDsns, tmp_path: Path) -> AsyncIterator[Rig]:
    """Run a shop with one replica whose timers hardly ever look."""
    async with shop_with_service(dsns, tmp_path, seed=3, workers={"timers": 600}) as running:
        yield running


@pytest.mark.parametrize(
    ("command", "given", "sent"),
    [
        ("narrow", ["scope.lot=7", "scope.seller=x"], {"scope": {"lot": "7", "seller": "x"}}),
        ("widen", ["scope={}"], {"scope": {}}),
        ("commit_date", ["date=2026-12-04"], {"date": "2026-12-04"}),
        ("commit_date", ["date=2026-12-04T10:00:00+01:00"], {"date": "2026-12-04T10:00:00+01:00"}),
        ("extend_deadline", ["until=+5d"], {"until": "2026-12-01T09:00:00+00:00"}),
        ("waive", ["until=+8h"], {"until": "2026-11-26T17:00:00+00:00"}),
        ("return_remedy", ["missing=a", "missing=12"], {"missing": ["a", "12"]}),
        ("return_remedy", ['missing=["a"]'], {"missing": ["a"]}),
        ("merge", ["into=12"], {"into": "12"}),
        ("approve", ["evidence_revision=2"], {"evidence_revision": 2}),
        ("request_approval", ["verification.kind=test"], {"verification": {"kind": "test"}}),
        ("propose_remedy", ["remedy.cause.branch=method"],
         {"remedy": {"cause": {"branch": "method"}}}),
        ("comment", ["comment=a=b"], {"comment": "a=b"}),
        ("comment", ["no_such_argument=[1]"], {"no_such_argument": [1]}),
    ],
)
def test_arguments_are_written_as_people_write(
    command: str, given: list[str], sent: dict[str, Any]
) -> None:
    """Parts, lists, dates, terms; what is a text stays one, however it looks."""
    assert sent == arguments_of(command, given, NOW)


@pytest.mark.parametrize(
    "given", [["reason"], ["=x"], [".a=x"], ["reason=a", "reason=b"], ["reason=a", "reason.b=c"]]
)
def test_arguments_that_mean_nothing_are_refused(given: list[str]) -> None:
    """No name, no value, or the same said twice: a usage error, and nothing is sent."""
    with pytest.raises(Failure) as refused:
        arguments_of("delist", given, NOW)

    assert "invalid_argument" == refused.value.code


@pytest.mark.parametrize("command", sorted(set(ARGUMENTS) - {Command.ATTACH_EVIDENCE}))
def test_every_command_has_an_example_that_the_service_takes(command: Command) -> None:
    """Whoever copies one is told of guards only, never of a type or a name."""
    words = shlex.split(EXAMPLES[command.value])
    pairs = list(zip(words[::2], words[1::2], strict=True))
    given = [value for option, value in pairs if option == "--set"]

    assert {option for option, _ in pairs} <= {"--version", "--set", "--arguments"}
    ARGUMENTS[command].model_validate(arguments_of(command.value, given, NOW))


async def test_overdue_cases_come_with_their_clock_the_latest_first(
    rig: Rig, tmp_path: Path
) -> None:
    """Which clock, since when, how far it escalated; a clock that is paused is not overdue."""
    cases = []
    for sku in ("SKU-000001", "SKU-000002", "SKU-000003"):
        await rig.complain(sku)
        cases.append(await rig.in_state(sku, "frozen"))
    early, late, paused = cases
    for one in cases:
        await ring(rig, one, "diagnosis")
    await sql(rig, "UPDATE clocks SET due_at = due_at - interval '1 day', level = 2 "
              "WHERE case_id = $1 AND kind = 'diagnosis' RETURNING id", late["id"])
    await sql(rig, "UPDATE clocks SET paused_at = now() WHERE case_id = $1 RETURNING id",
              paused["id"])
    owen, vera = shell_of(rig, "owen", tmp_path), shell_of(rig, "vera", tmp_path)
    listed = (await owen.run("cases", "list", "--overdue", "--json")).document["items"]
    table = (await owen.run("cases", "list", "--overdue")).out.splitlines()
    shown = await owen.run("cases", "show", str(late["number"]))
    theirs = (await vera.run("cases", "show", late["id"], "--json")).document

    assert [late["id"], early["id"]] == [one["id"] for one in listed]
    assert [("diagnosis", 2)] == [(one["kind"], one["level"]) for one in listed[0]["overdue"]]
    assert "diagnosis since 20" in table[1]
    assert "(level 2)" in table[1]
    assert "overdue            diagnosis since 20" in shown.out
    assert [] == theirs["overdue"], "the clock is the owner's"


async def test_the_rest_of_a_case_is_shown(rig: Rig, tmp_path: Path) -> None:
    """A date, a contest with its answer, an offer, a review, who must agree to a delisting."""
    sku = "SKU-000001"
    await rig.complain(sku)
    case = await rig.in_state(sku, "frozen")
    number = str(case["number"])
    owen, vera, mara = (shell_of(rig, who, tmp_path) for who in ("owen", "vera", "mara"))
    told = ["cases", "command", number]
    steps = [
        await vera.run(*told, "commit_date", "--version", "2", "--set", "date=+5d"),
        await vera.run(*told, "contest", "--version", "3", "--set", "reason=Not our lot."),
        await owen.run(*told, "hand_off", "--version", "4", "--set", "to=mara"),
        await mara.run(*told, "review", "--version", "5", "--set", "verdict=wrong"),
        await mara.run(*told, "delist", "--version", "6", "--set", "reason=Too often."),
    ]
    shown = (await owen.run("cases", "show", number)).out
    scores = (await mara.run("rules", "list", "--json")).document["items"][0]["reviews"]
    others = (await rig.call("GET", "/v1/reports/reviews", "alba")).status

    assert [0] * 5 == [one.code for one in steps], [one.err for one in steps]
    assert [] == [
        words for words in (
            "made by  vera", "Not our lot.", "to  mara", "wrong (mara, 20",
            "delist: 1 of 2 agreed (mara)", "vendor_date", "answer_contest",
        ) if words not in shown
    ]
    assert "unwaive" not in shown
    assert {"right": 0, "wrong": 1, "undecided": 0} == scores
    assert 403 == others


async def test_a_command_that_is_misspelt_is_guessed(rig: Rig, tmp_path: Path) -> None:
    """Nothing is sent; the nearest command is named. What commands there are, a list says."""
    owen = shell_of(rig, "owen", tmp_path)
    wrong = await owen.run("cases", "command", "1", "acept_ownership")
    listed = (await owen.run("cases", "commands", "--json")).document["items"]
    [one] = (await owen.run("cases", "commands", "narrow", "--json")).document["items"]
    none = await owen.run("cases", "commands", "narow")

    assert (2, True) == (wrong.code, "Did you mean accept_ownership?" in wrong.err)
    assert EXAMPLES.keys() == {each["command"] for each in listed}
    assert "scope, reason, evidence_revision" == one["arguments"]
    assert {"scope", "reason"} == one["needs"].keys()
    assert (2, True) == (none.code, "Did you mean narrow?" in none.err)


@pytest.mark.parametrize("command", sorted(ARGUMENTS.keys() - {Command.ATTACH_EVIDENCE}))
def test_every_command_is_told_with_all_that_it_takes(command: Command) -> None:
    """What it means, who gives it, and each of its arguments in words; none that it knows not."""
    meaning = MEANINGS[command.value]

    assert meaning.does.endswith(".")
    assert who_gives(command.value)
    assert ARGUMENTS[command].model_fields.keys() == meaning.needs.keys() | meaning.may_have.keys()
    assert not meaning.needs.keys() & meaning.may_have.keys()


async def test_a_command_is_given_to_the_case_as_it_stands(rig: Rig, tmp_path: Path) -> None:
    """Version and evidence revision are read first; whoever gives them is held to them."""
    await rig.complain("SKU-000001")
    case = await rig.in_state("SKU-000001", "frozen")
    number = str(case["number"])
    owen, mara = (shell_of(rig, who, tmp_path) for who in ("owen", "mara"))
    may = await owen.run("cases", "commands", number)
    listed = (await owen.run("cases", "commands", number, "--json")).document["items"]
    steps = [
        await owen.run("cases", "command", number, "accept_ownership"),
        await owen.run("cases", "command", number, "comment", "--set", "comment=A word."),
    ]
    case = await rig.done(await rig.case(case["id"]), "propose_remedy", "vera", remedy=REMEDY)
    case = await rig.done(case, "request_approval", "owen", verification=VERIFICATION)
    old = await mara.run("cases", "command", number, "approve", "--evidence-revision", "9")
    late = await mara.run("cases", "command", number, "approve", "--version", "1")
    done = await mara.run("cases", "command", number, "approve")

    assert "accept_ownership: Take the case on" in may.out
    assert "example  freezeguard cases command 1 accept_ownership\n" in may.out
    assert "missing  `reason_code`" in may.out
    assert "resolve_task" not in may.out
    assert {"accept_ownership", "hand_off"} <= {one["command"] for one in listed}
    assert [0, 0] == [one.code for one in steps], [one.err for one in steps]
    assert (4, True) == (old.code, "the evidence is at revision 1" in old.err)
    assert (4, True) == (late.code, "not 1" in late.err)
    assert (0, "On the evidence as it stands: revision 1.\n") == (done.code, done.err)
