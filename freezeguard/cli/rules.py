"""`freezeguard rules`: when complaints are enough."""

import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from freezeguard.cli import remote
from freezeguard.cli.failures import Exit, Failure, reported
from freezeguard.cli.jsontext import read_json
from freezeguard.cli.options import AsJson, examples
from freezeguard.cli.output import moment, print_json, print_table

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command(
    "list",
    short_help="List rules.",
    help=examples(
        "freezeguard rules list", "freezeguard rules list --json",
        text="List every rule in its current version; for managers, analysts and auditors with "
        "how often later reviews found its freezes right, wrong or undecided.",
    ),
)
def list_rules(*, as_json: AsJson = False) -> None:
    """List rules."""
    with reported(as_json=as_json):
        found = remote.ask("GET", "/v1/rules")["items"]
        scores = _scores()
        if as_json:
            print_json({"items": [{**one, "reviews": scores.get(one["id"])} for one in found]})
            return
        print_table(
            ("rule", "version", "mode", "family", "bound", "window", "scope", "by", "judged"),
            [
                (one["id"], one["version"], one["mode"], one["body"].get("family"),
                 one["body"].get("bound"), one["body"].get("window"),
                 _scope(one["body"].get("scope")), one["created_by"],
                 _score_in_words(scores.get(one["id"])))
                for one in found
            ],
            empty="no rules: nothing is frozen by itself; see `freezeguard rules set --help`",
        )


def _scores() -> dict[str, dict[str, int]]:
    """Return the verdicts of later reviews by rule; none to whom they are not shown."""
    status, answer = remote.exchange("GET", "/v1/reports/reviews")
    if status == 403:
        return {}
    return {
        one["name"]: {name: one[name] for name in ("right", "wrong", "undecided")}
        for one in remote.granted(status, answer)["items"] if one["kind"] == "rule"
    }


def _score_in_words(score: dict[str, int] | None) -> str | None:
    return None if score is None else ", ".join(f"{n} {name}" for name, n in score.items())


def _scope(scope: dict[str, str] | None) -> str:
    return ", ".join(f"{name} {value}" for name, value in (scope or {}).items()) or "everywhere"


@app.command(
    "set",
    short_help="Store a new version of a rule.",
    help=examples(
        "freezeguard rules set five --family distinct_customers --window 30d --bound 5 "
        "--mode shadow",
        "freezeguard rules set returns --family rate --bound 0.05 --min-units 200 --window 90d",
        "freezeguard rules set risen --family likelihood --bound 10000 --mode shadow",
        "freezeguard rules set contract --file contract.toml",
        text="Store a new version of a rule; the earlier ones are kept. What is not given has its "
        "default, whatever an earlier version said. Families: count, distinct_customers, rate, "
        "safety, likelihood, predictive, posterior, cusum, launch; and any_of and all_of, whose "
        "parts are in the file. Modes: armed, shadow (only records what it would have done), off. "
        "What may freeze less than before waits for a second person (rules approve).",
    ),
)
def set_rule(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="Its identifier.")],
    *,
    file: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="JSON or TOML; options win over it."),
    ] = None,
    family: Annotated[str | None, typer.Option(help="How it counts.")] = None,
    window: Annotated[str | None, typer.Option(help="As in 30d, 6h.")] = None,
    bound: Annotated[float | None, typer.Option(help="In the unit of its family.")] = None,
    look: Annotated[float | None, typer.Option(help="Lower bound that only suspects.")] = None,
    mode: Annotated[str | None, typer.Option(help="armed, shadow or off.")] = None,
    lane: Annotated[str | None, typer.Option(help="quality or safety.")] = None,
    min_units: Annotated[int | None, typer.Option(help="For rates: least units shipped.")] = None,
    min_customers: Annotated[int | None, typer.Option(help="Least different customers.")] = None,
    factor: Annotated[
        float | None, typer.Option(help="How many times the usual rate a defect brings.")
    ] = None,
    confidence: Annotated[
        float | None, typer.Option(help="For rates: as in 0.95; the lowest rate then counts.")
    ] = None,
    per_day: Annotated[
        int | None, typer.Option(help="Of one day no more count.")
    ] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Kinds that count; repeat it.")] = None,
    intent: Annotated[list[str] | None, typer.Option(help="Intents that count; repeat it.")] = None,
    category: Annotated[str | None, typer.Option(help="Only for this category.")] = None,
    vendor: Annotated[str | None, typer.Option(help="Only for this vendor.")] = None,
    sku: Annotated[str | None, typer.Option(help="Only for this SKU.")] = None,
    hold: Annotated[
        list[str] | None, typer.Option(help="Narrow the hold by lot, seller …; repeat it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Store a new version of a rule."""
    with reported(as_json=as_json):
        scope = {"category": category, "vendor": vendor, "sku": sku}
        given = {
            "family": family, "window": window, "bound": bound, "look": look, "mode": mode,
            "lane": lane, "min_units": min_units, "min_customers": min_customers, "factor": factor,
            "confidence": confidence, "per_day": per_day, "kinds": kind, "intents": intent,
            "hold_scope": ["sku", *hold] if hold else None,
            "scope": _without_nothing(scope) or None,
        }
        body = {**_read(file), **_without_nothing(given)}
        body.pop("id", None)
        stored = remote.ask("PUT", f"/v1/rules/{remote.segment(rule)}", body=body)
        if as_json:
            print_json(stored)
        else:
            say_what_became(stored)


def say_what_became(stored: dict[str, Any]) -> None:
    """Say that a version of a rule is in force, or that it waits for a second person."""
    if stored.get("status") == "proposed":
        print(f"{stored['rule']} stays as it is: it would freeze less than before.")
        for one in stored["loosens"]:
            print(f"  {one}")
        print(
            f"Until {moment(stored['expires_at'])} another person may agree: "
            f"freezeguard rules approve {stored['id']}"
        )
    else:
        print(f"{stored['id']} is {stored['mode']}, version {stored['version']}.")


@app.command(
    "preview",
    short_help="Try a rule on the last days.",
    help=examples(
        "freezeguard rules preview rule.toml --days 30",
        text="Say what a rule would have stopped on the stored signals of the last days, when and "
        "why, by the engine that runs live. Nothing is stored.",
    ),
)
def preview_rule(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="JSON or TOML.")],
    *,
    days: Annotated[int, typer.Option(min=1, max=366, help="How far back.")] = 30,
    as_json: AsJson = False,
) -> None:
    """Try a rule on the last days."""
    with reported(as_json=as_json):
        body = _read(file)
        body.pop("id", None)
        looked_at, after, items = 0, None, list[dict[str, Any]]()
        while True:
            asked = {"rule": body, "days": days, **({} if after is None else {"after": after})}
            found = remote.ask("POST", "/v1/rules/preview", body=asked)
            items += found["items"]
            looked_at, after = looked_at + found["looked_at"], found["next"]
            if after is None:
                break
        if as_json:
            print_json({"items": items, "looked_at": looked_at})
            return
        print_table(
            ("sku", "when", "would", "why"),
            [(one["sku"], moment(one["at"]), one["outcome"], one["reason"]["sentence"])
             for one in items],
            empty=f"nothing: {looked_at} SKUs had enough signals",
        )


def _without_nothing(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value not in (None, [])}


def _read(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        text = file.read_text(encoding="utf-8")
        found = tomllib.loads(text) if file.suffix == ".toml" else read_json(text)
    except ValueError as error:
        raise Failure(Exit.USAGE, "invalid_file", f"{file} can't be read: {error}") from None
    if not isinstance(found, dict):
        raise Failure(Exit.USAGE, "invalid_file", f"{file} holds no object.")
    return found
