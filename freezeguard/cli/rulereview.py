"""`freezeguard rules` shadow, promote, proposals, approve, reject: on the way to be armed."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from freezeguard.cli import remote
from freezeguard.cli.failures import Exit, Failure, reported
from freezeguard.cli.options import AsJson, examples
from freezeguard.cli.output import moment, print_facts, print_json, print_table, say
from freezeguard.cli.rules import say_what_became

if TYPE_CHECKING:
    from freezeguard.bootstrap.administration import Administration

app = typer.Typer(rich_markup_mode=None)

Days = Annotated[int, typer.Option(min=1, max=366, help="How far back.")]
RuleId = Annotated[str, typer.Argument(metavar="RULE", help="Its identifier.")]
ProposalId = Annotated[
    str, typer.Argument(metavar="PROPOSAL", help="As `rules proposals` shows it.")
]


@app.command(
    "shadow",
    short_help="Compare shadow rules with what was stopped.",
    help=examples(
        "freezeguard rules shadow", "freezeguard rules shadow risen-calm --days 90",
        text="Say how many SKUs each shadow rule would have frozen, how many of these were also "
        "stopped by an armed rule (by rules) or by people and catalogues (by pulls) and by how "
        "many days it was ahead in the median, how many only it would have frozen, how many it "
        "missed, and how those also stopped ended. Of one rule, also which SKUs. It counts since "
        "the rule's present version. What is stopped is not evaluated further, so what a rule "
        "would have frozen later than an armed one is missed.",
    ),
)
def shadow(
    rule: Annotated[
        str | None, typer.Argument(metavar="[RULE]", help="Only this one, SKU by SKU.")
    ] = None,
    *,
    days: Days = 30,
    as_json: AsJson = False,
) -> None:
    """Compare shadow rules with what was stopped."""
    with reported(as_json=as_json):
        if rule is not None:
            found = _with_every_sku(rule, days)
            print_json(found) if as_json else _show_one(found)
            return
        answer = remote.ask("GET", "/v1/rules/shadow", query={"days": days})
        if as_json:
            print_json(answer)
            return
        print_table(
            ("rule", "since", "would freeze", "by rules", "by pulls", "days ahead", "only here",
             "missed", "false alarms", "confirmed"),
            [
                (one["rule"], moment(one["since"]), one["would_freeze"], one["by_rules"],
                 one["by_pulls"], _days(one["days_earlier"]), one["only_here"], one["missed"],
                 one["false_alarms"], one["confirmed"])
                for one in answer["items"]
            ],
            beneath={"since": "rule"},
            empty="no shadow rules; `freezeguard rules set RULE --mode shadow` stores one",
        )


def _with_every_sku(rule: str, days: int) -> dict[str, Any]:
    """Return the comparison of one rule with all its SKUs."""
    path, items = f"/v1/rules/{remote.segment(rule)}/shadow", list[Any]()
    query: dict[str, Any] = {"days": days, "limit": remote.PAGE}
    while True:
        found = remote.ask("GET", path, query=query)
        items += found["items"]
        if found["next"] is None:
            return {**found, "items": items}
        query["after"] = found["next"]


def _show_one(found: dict[str, Any]) -> None:
    print_facts({
        "rule": f"{found['rule']}, version {found['version']}",
        "compared since": moment(found["since"]),
        "would freeze": found["would_freeze"],
        "also stopped": f"{found['by_rules']} by armed rules, {found['by_pulls']} by pulls",
        "days ahead": _days(found["days_earlier"]),
        "only here": found["only_here"],
        "missed": found["missed"],
        "ended": f"{found['false_alarms']} false alarms, {found['confirmed']} confirmed",
    })
    print_table(
        ("sku", "would freeze", "stopped", "by", "case", "ended", "days ahead"),
        [
            (one["sku"], moment(one["would_freeze_at"]), moment(one["stopped_at"]),
             one["stopped_by"], one["case"], one["ended"], _days(one["days_earlier"]))
            for one in found["items"]
        ],
        empty="no SKU so far",
    )


def _days(days: float | None) -> str | None:
    return None if days is None else f"{days:+.1f}"


@app.command(
    "promote",
    short_help="Arm a shadow rule.",
    help=examples(
        "freezeguard rules promote risen-calm", "freezeguard rules promote risen-calm --yes",
        text="Show what a shadow rule would have done, ask, and arm it. It stands beside the rules "
        "that are armed; where it is nearer (for a category, a vendor, a SKU) it replaces those of "
        "its family and lane, and if it may then freeze less, a second person must agree.",
    ),
)
def promote(
    rule: RuleId,
    *,
    days: Days = 30,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Arm a shadow rule."""
    with reported(as_json=as_json):
        if not as_json:
            _show_one(_with_every_sku(rule, days))
        known = {one["id"]: one for one in remote.ask("GET", "/v1/rules")["items"]}
        found = known.get(rule)
        if found is None or found["mode"] != "shadow":
            raise Failure(Exit.REFUSED, "not_found", f"There is no shadow rule {rule!r}.")
        if not yes:
            _ask(f"Arm {rule}, version {found['version']}?")
        body = {name: value for name, value in found["body"].items() if name != "id"}
        body["mode"] = "armed"
        stored = remote.ask("PUT", f"/v1/rules/{remote.segment(rule)}", body=body)
        print_json(stored) if as_json else say_what_became(stored)


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise Failure(Exit.USAGE, "not_asked", "Nobody is there to be asked; give --yes.")
    if not typer.confirm(question, err=True):
        raise typer.Exit(Exit.BAD)


@app.command(
    "proposals",
    short_help="List changes that wait for a second person.",
    help=examples(
        "freezeguard rules proposals", "freezeguard rules proposals --json",
        text="List the changes of rules that would freeze less than before. Each waits a day for "
        "another analyst, manager or admin than the one who proposed it.",
    ),
)
def proposals(*, as_json: AsJson = False) -> None:
    """List changes that wait for a second person."""
    with reported(as_json=as_json):
        answer = remote.ask("GET", "/v1/rules/proposals")
        if as_json:
            print_json(answer)
            return
        print_table(
            ("id", "rule", "until", "by", "freezes less"),
            [(one["id"], one["rule"], moment(one["expires_at"]), one["proposed_by"],
              "; ".join(one["loosens"])) for one in answer["items"]],
            whole=("id",), beneath={"until": "id", "by": "rule"}, empty="no proposals wait",
        )


@app.command(
    "approve",
    short_help="Agree to a change of a rule.",
    help=examples(
        "freezeguard rules approve 0199f0a2-7c1e-7000-8000-0123456789ab",
        "freezeguard rules approve 0199f0a2-7c1e-7000-8000-0123456789ab --alone",
        text="Put a change in force that another person proposed. Where nobody else could approve "
        "it, whoever runs freezeguard may, with --alone: directly in the database, recorded under "
        "the name of their account here. Never for the safety lane, and not where there is "
        "somebody else.",
    ),
)
def approve(
    proposal: ProposalId,
    *,
    alone: Annotated[
        bool, typer.Option("--alone", help="As the operator of a shop of one person.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Agree to a change of a rule."""
    with reported(as_json=as_json):
        stored = _alone(proposal) if alone else remote.ask(
            "POST", f"/v1/rules/proposals/{remote.segment(proposal)}/approve"
        )
        print_json(stored) if as_json else say_what_became(stored)


def _alone(proposal: str) -> dict[str, Any]:
    from freezeguard.cli.database import administer

    async def work(admin: "Administration") -> dict[str, Any]:
        return dict(await admin.approve_rule(proposal))

    stored = administer(work)
    say("Recorded as approved by the operator alone.")
    return stored


@app.command(
    "reject",
    short_help="Turn a change of a rule down.",
    help=examples(
        "freezeguard rules reject 0199f0a2-7c1e-7000-8000-0123456789ab",
        text="Turn a proposed change of a rule down; whoever proposed it withdraws it so.",
    ),
)
def reject(proposal: ProposalId, *, as_json: AsJson = False) -> None:
    """Turn a change of a rule down."""
    with reported(as_json=as_json):
        remote.ask("POST", f"/v1/rules/proposals/{remote.segment(proposal)}/reject")
        if as_json:
            print_json({"id": proposal, "done": "reject"})
        else:
            print("The rule stays as it is.")
