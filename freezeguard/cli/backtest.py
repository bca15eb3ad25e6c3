"""`freezeguard backtest`: what rules would have done to a shop's past."""

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from math import isinf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from freezeguard.cli.failures import Exit, Failure, reported
from freezeguard.cli.imports import (
    Delimiter,
    File,
    Form,
    Map,
    MappingFile,
    Set,
    Values,
    as_usage,
    check_form,
    read_mapping_of,
)
from freezeguard.cli.options import AsJson, examples

if TYPE_CHECKING:
    from freezeguard.api.batches import Rejected
    from freezeguard.bootstrap.backtests import Past
    from freezeguard.detection.backtest.items import Item
    from freezeguard.detection.backtest.replay import PriorsByCategory
    from freezeguard.detection.backtest.results import RuleResult, WouldHaveFrozen
    from freezeguard.domain.rules import Rule

HELP = examples(
    "freezeguard backtest complaints.csv.gz --set source=crm --set kind=complaint \\",
    "    --map id=ticket --map occurred_at=created --map vendor=brand \\",
    "    --units shipped.csv --truth recalls.csv --report backtest.html",
    "freezeguard backtest complaints.ndjson --rule five.toml --rule risen.toml --json",
    text="Replay rules over a file of signals, by the engine that runs live, and tell for each "
    "what it would have frozen, when and why; how often wrongly, per 1,000 SKU-years; and, with "
    "--truth, how long before each known alert. Without --rule, the default policy. Nothing is "
    "stored, and no database is needed. A column `vendor` or `category` is taken as the SKU's.",
)

Truth = Annotated[
    Path | None,
    typer.Option(
        exists=True, dir_okay=False, help="CSV of known defects: sku, and alert_date or date."
    ),
]
TruthColumn = Annotated[
    str | None, typer.Option(help="The column of --truth that holds the day.")
]
Units = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="CSV or NDJSON of units shipped, or .gz."),
]
RuleFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--rule", exists=True, dir_okay=False, help="JSON or TOML of a rule, or of `rules`."
    ),
]
UnitsMap = Annotated[
    list[str] | None,
    typer.Option(
        "--units-map", metavar="FIELD=COLUMN",
        help="Take a field of --units from a column: id, sku, units, shipped_at.",
    ),
]
Learned = Annotated[
    bool,
    typer.Option(
        "--learn-priors",
        help="Learn from the file what items of a category usually do; live does not, so far.",
    ),
]
Stopped = Annotated[
    int, typer.Option(min=1, max=3650, help="Days for which a freeze stops an item.")
]


def backtest(
    file: File,
    *,
    units: Units = None,
    units_map: UnitsMap = None,
    truth: Truth = None,
    truth_column: TruthColumn = None,
    rule: RuleFiles = None,
    report: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write one HTML page with charts.")
    ] = None,
    stopped: Stopped = 90,
    columns: Map = None,
    constants: Set = None,
    values: Values = None,
    mapping_file: MappingFile = None,
    form: Form = None,
    delimiter: Delimiter = ",",
    may_assert_safety: Annotated[
        bool, typer.Option("--may-assert-safety", help="The file's safety signals are trusted.")
    ] = False,
    learn_priors: Learned = False,
    as_json: AsJson = False,
) -> None:
    """Replay rules over a shop's past."""
    with reported(as_json=as_json):
        from freezeguard.bootstrap.backtests import read_alerts

        check_form(form, delimiter)
        rules = rules_of(rule)
        need_units(rules, units)
        with as_usage():
            alerts = {} if truth is None else read_alerts(truth, truth_column)
        mapping = read_mapping_of(mapping_file, columns, constants, values)
        past = read_past_of(
            file, (units, units_map or ()), form, delimiter, mapping,
            may_assert_safety=may_assert_safety,
        )
        run = Run(past, rules, alerts, timedelta(days=stopped), learned=learn_priors)
        run.replay()
        if report is not None:
            report.write_text(run.page(file.name), encoding="utf-8")
        _show(run, report, as_json=as_json)


def _nothing(past: "Past") -> str:
    return (
        f"There is no signal in the file; {past.rejected} entries don't fit."
        f"{_first_of(past.samples)}"
    )


def _first_of(samples: "Sequence[Rejected]") -> str:
    return f" The first: {samples[0].pointer} {samples[0].detail}" if samples else ""


def rules_of(files: Sequence[Path] | None) -> "tuple[Rule, ...]":
    """Read rules from files, or take the default policy; what does not fit is wrong usage."""
    from freezeguard.bootstrap.backtests import read_rules
    from freezeguard.detection.defaultpolicy import default_policy

    if not files:
        return default_policy()
    with as_usage():
        rules = read_rules(files)
    if len({one.id for one in rules}) < len(rules):
        raise Failure(Exit.USAGE, "invalid_rule", "Two rules have one id.")
    return rules


def need_units(rules: "Sequence[Rule]", units: Path | None) -> None:
    """Raise wrong usage where a rule measures rates and nobody says what was shipped."""
    if units is None and any(one.needs_units for one in rules):
        raise Failure(Exit.USAGE, "no_units", "A rate rule needs units shipped: give --units.")


def read_past_of(
    file: Path, units: tuple[Path | None, Sequence[str]], form: str | None, delimiter: str,
    mapping: Any, *, may_assert_safety: bool,
) -> "Past":
    """Read a file of signals, and one of units shipped with how its columns become fields.

    A file that holds nothing that fits is a failure.
    """
    from freezeguard.bootstrap.backtests import read_past
    from freezeguard.bootstrap.imports.files import open_file
    from freezeguard.bootstrap.imports.mapping import read_mapping
    from freezeguard.cli.output import progress

    kind: Any = form
    with ExitStack() as stack:
        stack.enter_context(as_usage())
        opened = stack.enter_context(open_file(file, kind, delimiter))
        path, columns = units
        of_units = None if path is None else stack.enter_context(open_file(path, None, delimiter))
        by_us = read_mapping(None, columns, ("source=file",), ())
        shipped = () if of_units is None else of_units.entries(by_us)
        bar = stack.enter_context(progress())
        task = bar.add_task(f"reading {file.name}", total=max(opened.size, 1), pace="")
        past = read_past(
            opened.entries(mapping), shipped, datetime.now(UTC),
            may_assert_safety=may_assert_safety,
            progress=lambda n: bar.update(task, completed=opened.done, pace=f"{n:,} signals"),
        )
    if not past.items:
        raise Failure(Exit.BAD, "nothing_to_replay", _nothing(past))
    if path is not None and not past.units:
        first = _first_of(past.units_samples)
        raise Failure(Exit.BAD, "no_units", f"Not one entry of {path.name} fits.{first}")
    return past


class Run:
    """One backtest: what it is about, and what came of it."""

    def __init__(
        self, past: "Past", rules: "Sequence[Rule]", alerts: dict[str, datetime],
        stopped: timedelta, *, learned: bool,
    ) -> None:
        from freezeguard.detection.backtest.items import learn_priors

        self.past, self.rules, self.stopped = past, rules, stopped
        self.items = list(past.items.values())
        self.alerts = {sku: at for sku, at in alerts.items() if sku in past.items}
        self.unknown = sorted(set(alerts) - set(self.alerts))
        sound = [one for one in self.items if one.sku not in self.alerts]
        self.priors: PriorsByCategory = learn_priors(sound, past.end) if learned else {}
        self.results: list[RuleResult] = []

    def replay(self) -> None:
        """Replay every rule over every item."""
        from freezeguard.cli.output import progress
        from freezeguard.detection.backtest.replay import backtest as replayed

        with progress() as bar:
            task = bar.add_task("replaying", total=max(self.past.signals, 1), pace="")
            self.results = replayed(
                self.items, self.rules, end=self.past.end, priors=self.priors, alerts=self.alerts,
                stopped=self.stopped, progress=lambda n: bar.update(task, advance=n),
            )

    def page(self, name: str) -> str:
        """Return the report as one HTML page."""
        from freezeguard.detection.backtest.curves import trade_off
        from freezeguard.reports.backtest import BacktestReport, render

        curves = {
            one.id: trade_off(
                one, self.items, end=self.past.end, priors=self.priors, alerts=self.alerts,
                stopped=self.stopped,
            )
            for one in self.rules
            if self.alerts and one.has_a_bound
        }
        return render(
            BacktestReport(
                name, datetime.now(UTC), self.past.start, self.past.end, len(self.items),
                self.past.signals, self.past.rejected, self.past.units, self.past.without_units,
                self.results, self.alerts, self.unknown, self._watched(), curves, self.stopped,
            )
        )

    def _watched(self) -> list[Any]:
        """Return the items whose evidence is drawn: of the first rule that learns, or counts."""
        from freezeguard.detection.backtest.replay import evidence_over_time, priors_of
        from freezeguard.domain.rules import Family
        from freezeguard.reports.backtest import Watched

        drawn = next((one for one in self.results if one.rule.family is not Family.SAFETY), None)
        if drawn is None:
            return []
        rule, found = drawn.rule, []
        for item in self._worth_drawing(drawn):
            seen = evidence_over_time(rule, item, priors_of(item, self.priors))
            if seen:
                frozen = [one.at for one in drawn.freezes if one.sku == item.sku]
                found.append(
                    Watched(item.sku, rule.id, rule.bound, seen, frozen, self.alerts.get(item.sku))
                )
        return found

    def _worth_drawing(self, drawn: "RuleResult") -> "list[Item]":
        """Return items with an alert, those seen longest before first; else what was frozen."""
        by_lead = drawn.lead_by_sku
        alerted = sorted(self.alerts, key=lambda sku: by_lead.get(sku, timedelta(0)), reverse=True)
        frozen = [one.sku for one in drawn.freezes if one.is_wrong]
        chosen = dict.fromkeys([*alerted[:10], *frozen[: 2 if alerted else 10]])
        return [self.past.items[sku] for sku in chosen]


def _show(run: Run, report: Path | None, *, as_json: bool) -> None:
    from freezeguard.cli.output import print_json, print_table, say

    if as_json:
        print_json(_as_json(run))
        return
    names = ["rule", "bound", "freezes", "wrong per 1,000 SKU-years"]
    if run.alerts:
        names += ["before the alert", "by 30 days after", "median lead", "contacts spared",
                  "units not shipped"]  # fmt: skip
    print_table(names, [_row(one, run) for one in run.results])
    say_what_was_read(run.past)
    if run.unknown:
        say(f"No signal is about {', '.join(run.unknown[:5])}: left out of the alerts.")
    if report is not None:
        say(f"{report} has the charts and every freeze with its reason.")


def say_what_was_read(past: "Past") -> None:
    """Say what was read, what did not fit and why, and what is missing."""
    from freezeguard.cli.output import say

    say(
        f"{past.signals:,} signals of {len(past.items):,} SKUs from {past.start:%Y-%m-%d} to "
        f"{past.end:%Y-%m-%d}; {past.rejected:,} entries did not fit, {past.repeated:,} came twice."
    )
    _say_rejected(past.samples, past.rejected)
    if past.units:
        say(
            f"Units shipped: {past.units:,} entries, {past.units_rejected:,} did not fit; "
            f"none for {past.without_units:,} of {len(past.items):,} SKUs."
        )
        _say_rejected(past.units_samples, past.units_rejected)


def _say_rejected(samples: "Sequence[Rejected]", number: int) -> None:
    from freezeguard.cli.output import say

    for one in samples[:5]:
        say(f"entry {one.index + 1}: {one.code} {one.pointer} {one.detail}")
    if number > 5:
        say(f"… and {number - 5:,} more")


def _row(one: "RuleResult", run: Run) -> tuple[str, ...]:
    low, high = one.wrong_interval
    row: tuple[str, ...] = (
        one.rule.id, f"{one.rule.bound:,g}", f"{len(one.freezes):,}",
        f"{one.wrong_per_1000:.2f} ({low:.2f} to {high:.2f})",
    )
    if run.alerts:
        lead = one.median_lead
        row += (
            f"{len(one.leads)} of {one.alerts}", f"{one.caught_late} of {one.alerts}",
            "–" if lead is None else f"{round(lead / timedelta(days=1)):,} days",
            f"{one.contacts_spared:,}",
            f"{one.units_spared:,}",
        )
    return row


def _as_json(run: Run) -> dict[str, Any]:
    return {
        "signals": run.past.signals,
        "skus": len(run.items),
        "end": run.past.end.isoformat(),
        "rejected": run.past.rejected,
        "units": run.past.units,
        "units_rejected": run.past.units_rejected,
        "skus_without_units": run.past.without_units,
        "repeated": run.past.repeated,
        "unknown_alerts": run.unknown,
        "rules": [_result_as_json(one) for one in run.results],
    }


def _result_as_json(one: "RuleResult") -> dict[str, Any]:
    low, high = one.wrong_interval
    return {
        "rule": one.rule.id,
        "family": one.rule.family.value,
        "bound": one.rule.bound,
        "sound_sku_years": round(one.sound_years, 2),
        "wrong": one.wrong,
        "wrong_per_1000": round(one.wrong_per_1000, 4),
        "wrong_per_1000_between": None if isinf(high) else [round(low, 4), round(high, 4)],
        "alerts": one.alerts,
        "alerts_before": len(one.leads),
        "alerts_by_30_days_after": one.caught_late,
        "lead_days": {
            sku: round(lead / timedelta(days=1), 2)
            for sku, lead in sorted(one.lead_by_sku.items())
        },
        "contacts_spared": one.contacts_spared,
        "units_not_shipped": one.units_spared,
        "freezes": [_freeze_as_json(each) for each in sorted(one.freezes, key=lambda e: e.at)],
    }


def _freeze_as_json(one: "WouldHaveFrozen") -> dict[str, Any]:
    lead = None if one.lead is None else round(one.lead / timedelta(days=1), 2)
    return {
        "sku": one.sku, "at": one.at.isoformat(), "wrong": one.is_wrong, "lead_days": lead,
        "reason": one.sentence,
    }  # fmt: skip
