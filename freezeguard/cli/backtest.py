"""`freezeguard backtest`: what rules would have done to a shop's past."""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import isinf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from freezeguard.cli.failures import Exit, Failure, reported
from freezeguard.cli.imports import (
    Delimiter,
    Form,
    Map,
    MappingFile,
    Set,
    Values,
    as_usage,
    check_form,
    read_mapping_of,
)
from freezeguard.cli.options import AsJson, examples, quiet_logs, read_settings
from freezeguard.domain.policy import Budget

if TYPE_CHECKING:
    from rich.progress import Progress

    from freezeguard.api.batches import Rejected
    from freezeguard.bootstrap.backtests import Past
    from freezeguard.bootstrap.imports.files import ImportFile
    from freezeguard.detection.backtest.items import Item
    from freezeguard.detection.backtest.replay import PriorsByCategory
    from freezeguard.detection.backtest.results import RuleResult, WouldHaveFrozen
    from freezeguard.domain.rules import Rule

HELP = examples(
    "freezeguard backtest complaints.csv.gz --set source=crm --set kind=complaint \\",
    "    --map id=ticket --map occurred_at=created --map vendor=brand \\",
    "    --units shipped.csv --truth recalls.csv --report backtest.html",
    "freezeguard backtest complaints.ndjson --rule five.toml --rule risen.toml --json",
    "freezeguard backtest --stored --days 90 --cases-as-truth --report backtest.html",
    text="Replay rules over a file of signals, by the engine that runs live, and tell for each "
    "what it would have frozen, when and why; how often wrongly, per 1,000 SKU-years; and, with "
    "--truth, how long before each known alert. Without --rule, the default policy. Nothing is "
    "stored, and no database is needed. A column `vendor` or `category` is taken as the SKU's. "
    "With --stored, over what the service's own database holds, by its own rules unless --rule "
    "names others; what people judged there counts until they did. Parquet needs the extra "
    "`analytics`.",
)

PastFile = Annotated[
    Path | None,
    typer.Argument(
        metavar="FILE", exists=True, dir_okay=False, help="CSV or NDJSON, or .gz; or Parquet."
    ),
]
StoredPast = Annotated[
    bool, typer.Option("--stored", help="Over the service's own database, in place of a file.")
]
Days = Annotated[
    int | None,
    typer.Option(min=1, max=36_500, help="Count only the last days; what lies before is history."),
]
CasesAsTruth = Annotated[
    bool,
    typer.Option(
        "--cases-as-truth",
        help="With --stored: cases that ended with a remedy or a delisting are known defects.",
    ),
]

Truth = Annotated[
    Path | None,
    typer.Option(
        exists=True, dir_okay=False,
        help="CSV or Parquet of known defects: sku, and alert_date or date.",
    ),
]
TruthColumn = Annotated[
    str | None, typer.Option(help="The column of --truth that holds the day.")
]
Units = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="Units shipped: CSV, NDJSON or Parquet."),
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
        help="Learn from this past what items of a category usually do, as the service does "
        "every night.",
    ),
]
Stopped = Annotated[
    int, typer.Option(min=1, max=3650, help="Days for which a freeze stops an item.")
]
VendorSkus = Annotated[
    int | None,
    typer.Option(
        min=0, help="SKUs of one vendor that may be frozen within 30 days without a person (or one "
        "in 200 of them, if that is more); 0: any number. Else as the service has it, or 3.",
    ),
]
Horizon = Annotated[
    int, typer.Option(min=1, max=36_500, help="Days before an alert in which a freeze is about it.")
]


def backtest(
    file: PastFile = None,
    *,
    stored: StoredPast = False,
    days: Days = None,
    units: Units = None,
    units_map: UnitsMap = None,
    truth: Truth = None,
    truth_column: TruthColumn = None,
    cases_as_truth: CasesAsTruth = False,
    horizon: Horizon = 365,
    rule: RuleFiles = None,
    report: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write one HTML page with charts.")
    ] = None,
    stopped: Stopped = 90,
    vendor_skus: VendorSkus = None,
    columns: Map = None,
    constants: Set = None,
    values: Values = None,
    mapping_file: MappingFile = None,
    form: Form = None,
    delimiter: Delimiter = None,
    may_assert_safety: Annotated[
        bool, typer.Option("--may-assert-safety", help="The file's safety signals are trusted.")
    ] = False,
    learn_priors: Learned = False,
    as_json: AsJson = False,
) -> None:
    """Replay rules over a shop's past."""
    with reported(as_json=as_json):
        source = Source(
            file, stored, units, units_map, truth, truth_column, cases_as_truth, columns,
            constants, values, mapping_file, form, delimiter, may_assert_safety,
        )
        read = source.read(rules_of(rule) if rule or not stored else ())
        run = Run(
            read, days=days, stopped=stopped, horizon=horizon, learned=learn_priors,
            vendor_skus=vendor_skus,
        )
        run.replay()
        if report is not None:
            report.write_text(run.page(), encoding="utf-8")
        _show(run, report, as_json=as_json)


@dataclass(frozen=True, slots=True)
class Read:
    """A past that was read: what it is called, the rules to replay over it, and known defects.

    `priors` are those that the service has learned, where it is its own past, and `budget` is what
    it allows.
    """

    name: str
    past: "Past"
    rules: "Sequence[Rule]"
    alerts: dict[str, datetime]
    priors: "PriorsByCategory" = field(default_factory=dict)
    budget: Budget = field(default_factory=Budget)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a past is to be read from, as options say it."""

    file: Path | None
    stored: bool
    units: Path | None
    units_map: list[str] | None
    truth: Path | None
    truth_column: str | None
    cases_as_truth: bool
    columns: list[str] | None
    constants: list[str] | None
    values: list[str] | None
    mapping_file: Path | None
    form: str | None
    delimiter: str | None
    may_assert_safety: bool = False

    def read(self, rules: "Sequence[Rule]") -> Read:
        """Read it. What is stored brings rules of its own where none are given."""
        from freezeguard.bootstrap.backtests import read_alerts

        self._check()
        if not self.stored:
            need_units(rules, self.units)
        with as_usage():
            alerts = {} if self.truth is None else read_alerts(self.truth, self.truth_column)
        if self.file is None:
            return self._from_the_database(rules, alerts)
        mapping = read_mapping_of(self.mapping_file, self.columns, self.constants, self.values)
        past = read_past_of(
            self.file, (self.units, self.units_map or ()), self.form, self.delimiter, mapping,
            may_assert_safety=self.may_assert_safety,
        )
        return Read(self.file.name, past, rules, alerts)

    def _check(self) -> None:
        """Raise wrong usage unless there is one source, with the options that belong to it."""
        check_form(self.form, self.delimiter)
        if self.stored == (self.file is not None):
            raise Failure(Exit.USAGE, "invalid_argument", "Give a FILE, or --stored.")
        if self.cases_as_truth and (not self.stored or self.truth is not None):
            raise Failure(
                Exit.USAGE, "invalid_argument",
                "--cases-as-truth goes with --stored, and in place of --truth.",
            )
        of_a_file = {
            "--units": self.units, "--units-map": self.units_map, "--map": self.columns,
            "--set": self.constants, "--values": self.values, "--mapping": self.mapping_file,
            "--format": self.form, "--delimiter": self.delimiter,
            "--may-assert-safety": self.may_assert_safety,
        }
        given = [name for name, value in of_a_file.items() if value]
        if self.stored and given:
            raise Failure(
                Exit.USAGE, "invalid_argument", f"{given[0]} is about a file; --stored needs none."
            )

    def _from_the_database(
        self, rules: "Sequence[Rule]", alerts: dict[str, datetime]
    ) -> Read:
        from freezeguard.bootstrap.running import run
        from freezeguard.bootstrap.storedpast import read_stored
        from freezeguard.bootstrap.surroundings import utc_now
        from freezeguard.cli.output import progress

        quiet_logs()
        settings = read_settings()
        with progress() as bar, _without_looking_for_cycles():
            task = bar.add_task("reading what is stored", total=None, pace="")
            found = run(read_stored(
                settings, utc_now(),
                lambda n: bar.update(task, completed=n, pace=f"{n:,} rows"),
            ))  # fmt: skip
        if not found.past.items:
            raise Failure(Exit.BAD, "nothing_to_replay", "The service has no signal yet.")
        if not (rules or found.rules):
            raise Failure(
                Exit.BAD, "no_rules", "The service has no rule that is not off: name one by --rule."
            )
        known = found.defects if self.cases_as_truth else alerts
        taken = rules or found.rules
        budget = settings.budget.budget()
        return Read("the stored signals", found.past, taken, known, found.priors, budget)


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
    file: Path, units: tuple[Path | None, Sequence[str]], form: str | None, delimiter: str | None,
    mapping: Any, *, may_assert_safety: bool,
) -> "Past":
    """Read a file of signals, and one of units shipped with how its columns become fields.

    A file that holds nothing that fits is a failure.
    """
    from freezeguard.bootstrap.backtests import read_past
    from freezeguard.bootstrap.imports.files import open_file
    from freezeguard.bootstrap.imports.mapping import read_mapping
    from freezeguard.bootstrap.pastrows import SignalRows, UnitsRows
    from freezeguard.cli.output import progress

    kind: Any = form
    now = datetime.now(UTC)
    with ExitStack() as stack:
        stack.enter_context(as_usage())
        stack.enter_context(_without_looking_for_cycles())
        bar = stack.enter_context(progress())
        opened = stack.enter_context(open_file(file, kind, delimiter))
        signals = opened.read(mapping, lambda head: SignalRows(
            head, mapping, now, may_assert_safety=may_assert_safety
        ).take)  # fmt: skip
        path, columns = units
        shipped: Iterator[Any] = iter(())
        if path is not None:
            of_units = stack.enter_context(open_file(path, None, None))
            by_us = read_mapping(None, columns, ("source=file",), ())
            shipped = of_units.read(by_us, lambda head: UnitsRows(head, by_us, now).take)
        past = read_past(
            signals, shipped, now, may_assert_safety=may_assert_safety,
            progress=_following(bar, opened, "signals"),
            units_progress=None if path is None else _following(bar, of_units, "units"),
        )
    if not past.items:
        raise Failure(Exit.BAD, "nothing_to_replay", _nothing(past))
    if path is not None and not past.units:
        first = _first_of(past.units_samples)
        raise Failure(Exit.BAD, "no_units", f"Not one entry of {path.name} fits.{first}")
    return past


@contextmanager
def _without_looking_for_cycles() -> Iterator[None]:
    """Read millions of objects that all stay: looking among them for cycles takes a fifth of it."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _following(bar: "Progress", file: "ImportFile", what: str) -> "Callable[[int], None]":
    """Return what moves a bar as a file is read."""
    task = bar.add_task(f"reading {file.name}", total=max(file.size, 1), pace="")
    return lambda n: bar.update(task, completed=file.done, pace=f"{n:,} {what}")


class Run:
    """One backtest: what it is about, and what came of it.

    `alerts` are those of items that were heard of, `counted` those among them that are not of the
    time that is only history.
    """

    def __init__(
        self, read: Read, *, days: int | None, stopped: int, learned: bool, horizon: int = 365,
        vendor_skus: int | None = None,
    ) -> None:
        from freezeguard.detection.backtest.items import learn_priors

        past = read.past
        self.name, self.past, self.rules = read.name, past, read.rules
        limit = read.budget.vendor_skus if vendor_skus is None else vendor_skus
        self.budget = replace(read.budget, vendor_skus=limit)
        self.stopped, self.horizon = timedelta(days=stopped), timedelta(days=horizon)
        self.since = None if days is None else past.end - timedelta(days=days)
        self.items = list(past.items.values())
        self.alerts = {sku: at for sku, at in read.alerts.items() if sku in past.items}
        self.unknown = sorted(set(read.alerts) - set(self.alerts))
        self.counted = {
            sku: at for sku, at in self.alerts.items() if self.since is None or at > self.since
        }
        sound = [one for one in self.items if one.sku not in self.alerts]
        self.priors = learn_priors(sound, past.end) if learned else read.priors
        self.results: list[RuleResult] = []

    def replay(self) -> None:
        """Replay every rule over every item."""
        from freezeguard.cli.output import progress
        from freezeguard.detection.backtest.replay import backtest as replayed

        with progress() as bar:
            task = bar.add_task("replaying", total=max(self.past.signals, 1), pace="")
            self.results = replayed(
                self.items, self.rules, end=self.past.end, priors=self.priors, alerts=self.alerts,
                stopped=self.stopped, since=self.since, horizon=self.horizon, budget=self.budget,
                progress=lambda n: bar.update(task, advance=n),
            )

    def page(self) -> str:
        """Return the report as one HTML page."""
        from freezeguard.detection.backtest.curves import trade_off
        from freezeguard.reports.backtest import BacktestReport, render

        curves = {
            one.id: trade_off(
                one, self.items, end=self.past.end, priors=self.priors, alerts=self.alerts,
                stopped=self.stopped, since=self.since, horizon=self.horizon, budget=self.budget,
            )
            for one in self.rules
            if self.counted and one.has_a_bound
        }
        return render(
            BacktestReport(
                self.name, datetime.now(UTC), self.past.start, self.past.end, len(self.items),
                self.past.signals, self.past.rejected, self.past.units, self.past.without_units,
                self.results, self.counted, self.unknown, self._watched(), curves, self.stopped,
                self.horizon, self.since,
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
        alerted = sorted(self.counted, key=lambda sku: by_lead.get(sku, timedelta(0)), reverse=True)
        frozen = [one.sku for one in drawn.freezes if one.is_wrong]
        chosen = dict.fromkeys([*alerted[:10], *frozen[: 2 if alerted else 10]])
        return [self.past.items[sku] for sku in chosen]


def _show(run: Run, report: Path | None, *, as_json: bool) -> None:
    from freezeguard.cli.output import print_json, print_table, say

    if as_json:
        print_json(_as_json(run))
        return
    names = ["rule", "bound", "freezes", "wrong per 1,000 SKU-years"]
    waves = any(one.left_to_people for one in run.results)
    if waves:
        names.insert(3, "left to people")
    if run.counted:
        names += ["before the alert", "by 30 days after", "median lead", "contacts spared",
                  "units not shipped"]  # fmt: skip
    print_table(names, [_row(one, run, waves=waves) for one in run.results])
    say_what_was_read(run.past)
    if run.since is not None:
        say(f"Counted from {run.since:%Y-%m-%d} on; what lies before is history.")
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


def _row(one: "RuleResult", run: Run, *, waves: bool) -> tuple[str, ...]:
    low, high = one.wrong_interval
    row: tuple[str, ...] = (
        one.rule.id, f"{one.rule.bound:,g}", f"{len(one.freezes):,}",
        *([f"{len(one.left_to_people):,}"] if waves else []),
        f"{one.wrong_per_1000:.2f} ({low:.2f} to {high:.2f})",
    )
    if run.counted:
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
        "since": None if run.since is None else run.since.isoformat(),
        "horizon_days": run.horizon.days,
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
        "left_to_people": [
            _freeze_as_json(each) for each in sorted(one.left_to_people, key=lambda e: e.at)
        ],
    }


def _freeze_as_json(one: "WouldHaveFrozen") -> dict[str, Any]:
    lead = None if one.lead is None else round(one.lead / timedelta(days=1), 2)
    return {
        "sku": one.sku, "at": one.at.isoformat(), "wrong": one.is_wrong, "lead_days": lead,
        "reason": one.sentence,
    }  # fmt: skip
