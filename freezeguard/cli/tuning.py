"""`freezeguard rules tune`: the bound at which a rule keeps a budget, by a shop's own past."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from freezeguard.cli import remote
from freezeguard.cli.backtest import (
    CasesAsTruth,
    Days,
    Learned,
    PastFile,
    Run,
    Source,
    Stopped,
    StoredPast,
    Truth,
    TruthColumn,
    Units,
    UnitsMap,
    VendorSkus,
    rules_of,
    say_what_was_read,
)
from freezeguard.cli.failures import Exit, Failure, reported
from freezeguard.cli.imports import Delimiter, Form, Map, MappingFile, Set, Values
from freezeguard.cli.options import AsJson, examples

if TYPE_CHECKING:
    from freezeguard.detection.backtest.tuning import Tuned
    from freezeguard.domain.rules import Rule

HELP = examples(
    "freezeguard rules tune complaints.csv.gz --budget 10 --set source=crm \\",
    "    --set kind=complaint --map id=ticket --map occurred_at=created --units shipped.csv",
    "freezeguard rules tune complaints.ndjson --budget 5 --rule five.toml --shadow five-calm",
    "freezeguard rules tune --stored --cases-as-truth --budget 10 --rule five.toml",
    text="Find the lowest bound at which a rule freezes at most so many sound items wrongly, per "
    "1,000 SKU-years, by replaying a file of signals. Items of --truth have known defects and "
    "are left out. How sure that is, cross-validation says: what the bounds do to items that "
    "they were not tuned on. With --stored, by what the service's own database "
    "holds, and for its one rule that is not for safety, unless --rule names another. "
    "With --shadow, the rule is stored in a running service, where it "
    "records what it would do and stops nothing.",
)


def tune(
    file: PastFile = None,
    *,
    budget: Annotated[
        float, typer.Option(min=0.01, max=10_000, help="Wrong freezes per 1,000 SKU-years.")
    ],
    stored: StoredPast = False,
    days: Days = None,
    rule: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="JSON or TOML; else the default policy's."),
    ] = None,
    shadow: Annotated[
        str | None, typer.Option(metavar="RULE", help="Store it under this id, as a shadow rule.")
    ] = None,
    units: Units = None,
    units_map: UnitsMap = None,
    truth: Truth = None,
    truth_column: TruthColumn = None,
    cases_as_truth: CasesAsTruth = False,
    stopped: Stopped = 90,
    vendor_skus: VendorSkus = None,
    columns: Map = None,
    constants: Set = None,
    values: Values = None,
    mapping_file: MappingFile = None,
    form: Form = None,
    delimiter: Delimiter = None,
    learn_priors: Learned = False,
    as_json: AsJson = False,
) -> None:
    """Find the bound at which a rule keeps a budget."""
    with reported(as_json=as_json):
        source = Source(
            file, stored, units, units_map, truth, truth_column, cases_as_truth, columns,
            constants, values, mapping_file, form, delimiter,
        )
        given = () if stored and rule is None else rules_of(None if rule is None else [rule])
        read = source.read([_one_of(given)] if given else ())
        wanted = _one_of(read.rules)
        if not as_json:
            say_what_was_read(read.past)
        run = Run(
            read, days=days, stopped=stopped, learned=learn_priors, vendor_skus=vendor_skus
        )
        found = _tuned(run, wanted, budget)
        into = None if shadow is None else _store(shadow, found)
        _show(found, into, as_json=as_json)


def _one_of(rules: "Sequence[Rule]") -> "Rule":
    """Return the rule that is to be tuned; what names none, or several, is wrong usage."""
    tunable = [one for one in rules if one.has_a_bound]
    if len(tunable) != 1:
        raise Failure(
            Exit.USAGE, "invalid_rule",
            "Name a file with one rule; neither a safety rule nor a rule of parts has one bound.",
        )
    return tunable[0]


def _tuned(run: Run, rule: "Rule", budget: float) -> "Tuned":
    from freezeguard.cli.output import progress
    from freezeguard.detection.backtest.tuning import tune as tuned

    sound = [one for one in run.items if one.sku not in run.alerts]
    years = sum(one.years(run.past.end, run.since) for one in sound)
    if years <= 0:
        raise Failure(
            Exit.BAD, "nothing_to_tune", "No item without a known defect was watched for any time."
        )
    if budget * years < 1000:
        raise Failure(
            Exit.BAD, "too_little_to_tune",
            f"This past has {years:,.0f} SKU-years without a known defect: too few for a budget of "
            f"{budget:g} in 1,000. From {1000 / years:,.1f} on something can be said.",
        )
    with progress() as bar:
        task = bar.add_task(f"tuning {rule.id}", total=100, pace="")
        return tuned(
            rule, sound, budget=budget, end=run.past.end, priors=run.priors,
            stopped=run.stopped, since=run.since, governor=run.budget,
            progress=lambda share: bar.update(task, completed=round(100 * share)),
        )


def _store(rule_id: str, found: "Tuned") -> dict[str, Any]:
    from freezeguard.domain.rules import rule_body

    body = {**rule_body(found.rule), "mode": "shadow"}
    body.pop("id")
    stored = remote.ask("PUT", f"/v1/rules/{remote.segment(rule_id)}", body=body)
    return dict(stored)


def in_figures(bound: float) -> str:
    """Write a bound so that it can be read aloud: 1,441,090,000, or 0.0208."""
    if bound < 10:
        return f"{bound:.4g}"
    digits = max(0, len(f"{bound:.0f}") - 4)
    return f"{round(bound, -digits):,.0f}"


def _show(found: "Tuned", stored: dict[str, Any] | None, *, as_json: bool) -> None:
    from freezeguard.cli.output import print_facts, print_json, say

    if as_json:
        print_json({
            "rule": found.rule.id, "family": found.rule.family.value, "bound": found.rule.bound,
            "budget": found.budget, "wrong_per_1000": round(found.rate, 4),
            "expected_per_1000": round(found.expected, 4),
            "expected_between": [round(found.low, 4), round(found.high, 4)],
            "keeps_budget": found.keeps_budget, "stored": stored,
        })  # fmt: skip
    else:
        print_facts({
            "rule": f"{found.rule.id} ({found.rule.family.value})",
            "bound": in_figures(found.rule.bound),
            "on this past": f"{found.rate:.2f} wrong freezes per 1,000 SKU-years, "
            f"budget {found.budget:g}",
            "on other items": f"{found.expected:.2f} per 1,000 SKU-years by cross-validation, "
            f"with 90 % between {found.low:.2f} and {found.high:.2f}",
        })  # fmt: skip
        if stored is not None:
            say(f"{stored['id']} is {stored['mode']}, version {stored['version']}.")
    if not found.keeps_budget:
        say("Even the highest bound freezes more than the budget allows.")
        raise typer.Exit(Exit.BAD)
