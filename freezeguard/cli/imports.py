"""`freezeguard signals import`, `units import` and `skus import`."""

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import TYPE_CHECKING, Annotated, Any

import typer

from freezeguard.cli.failures import Exit, Failure, reported
from freezeguard.cli.options import AsJson, examples, quiet_logs, read_settings

if TYPE_CHECKING:
    from freezeguard.bootstrap.imports.files import ImportFile
    from freezeguard.bootstrap.imports.mapping import ColumnMapping
    from freezeguard.bootstrap.imports.runs import Import, Report, Tally
    from freezeguard.services.detecting.importing import Unsettled

signals_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
units_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
skus_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

File = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, help="CSV or NDJSON, or .gz; or Parquet.")
]
Map = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="FIELD=COLUMN", help="Take a field from a column."),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="The same in every entry."),
]
Values = Annotated[
    list[str] | None,
    typer.Option(metavar="FIELD:OLD=NEW,…", help="Replace values of a field."),
]
MappingFile = Annotated[
    Path | None,
    typer.Option(
        "--mapping", exists=True, dir_okay=False,
        help="The same in TOML: tables [map], [set] and [values.FIELD].",
    ),
]
Form = Annotated[
    str | None,
    typer.Option("--format", help="csv, ndjson or parquet, where the name does not tell."),
]
Delimiter = Annotated[
    str | None,
    typer.Option(help="Between the cells of a CSV, where its first line does not tell."),
]
Batch = Annotated[int, typer.Option(min=1, max=1000, help="Entries per commit.")]


def read_mapping_of(
    file: Path | None, columns: list[str] | None, constants: list[str] | None,
    values: list[str] | None,
) -> "ColumnMapping":
    """Put together how columns become fields; what does not fit is wrong usage."""
    from freezeguard.bootstrap.imports.mapping import read_mapping

    with as_usage():
        try:
            return read_mapping(file, columns or (), constants or (), values or ())
        except (TOMLDecodeError, UnicodeDecodeError) as error:
            raise Failure(Exit.USAGE, "invalid_file", f"{file} is no TOML: {error}") from None


def check_form(form: str | None, delimiter: str | None) -> None:
    """Raise wrong usage where a file can't be of this form."""
    if form not in {None, "csv", "ndjson", "parquet"}:
        raise Failure(Exit.USAGE, "invalid_format", "--format is csv, ndjson or parquet.")
    if delimiter is None:
        return
    if len(delimiter) != 1 or delimiter in '\r\n"':
        raise Failure(Exit.USAGE, "invalid_delimiter", "--delimiter is one character.")


@contextlib.contextmanager
def as_usage() -> Iterator[None]:
    """Turn what does not fit in options or in a file as a whole into wrong usage."""
    from freezeguard.domain.errors import InvalidInput

    try:
        yield
    except InvalidInput as error:
        raise Failure(Exit.USAGE, error.code, error.detail) from None


@signals_app.command(
    "import",
    short_help="Take in a file of signals.",
    help=examples(
        "freezeguard signals import calls.ndjson",
        "freezeguard signals import events.csv.gz --set source=caers --set kind=complaint \\",
        "    --map id=event_id --map customer=case_id --map occurred_at=received_at \\",
        "    --values severity:1=minor,2=major,3=critical,4=critical --act-on-history",
        "freezeguard signals import events.csv --mapping caers.toml --json",
        text="Take in signals through the checks and the ingestion that the API has. It returns "
        "once everything is evaluated and every stop that came of it was read back; a running "
        "service shares the work. The same file again accepts nothing. Entries that don't fit are "
        "reported, and kept with the rejected signals. A column that is not mapped keeps its "
        "name; an empty cell is an absent field; a bare date is midnight UTC.",
    ),
)
def import_signals(
    file: File,
    *,
    columns: Map = None,
    constants: Set = None,
    values: Values = None,
    mapping_file: MappingFile = None,
    act_on_history: Annotated[
        bool,
        typer.Option("--act-on-history", help="Freeze for crossings older than the rule's window."),
    ] = False,
    may_assert_safety: Annotated[
        bool,
        typer.Option("--may-assert-safety", help="One safety signal of this file is enough."),
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Until stops are read back.")
    ] = True,
    patience: Annotated[
        float, typer.Option(min=1, help="Seconds without progress until waiting ends.")
    ] = 30.0,
    batch: Batch = 500,
    form: Form = None,
    delimiter: Delimiter = None,
    as_json: AsJson = False,
) -> None:
    """Take in a file of signals."""
    with reported(as_json=as_json):
        from freezeguard.bootstrap.imports.runs import SignalOptions

        mapping = read_mapping_of(mapping_file, columns, constants, values)
        options = SignalOptions(
            acts_on_history=act_on_history, may_assert_safety=may_assert_safety, batch=batch
        )

        async def work(one: "Import", entries: Any, report: "Report") -> dict[str, Any]:
            tally = await one.signals(entries, options, report)
            left = await one.settle(patience) if wait else None
            return _signals_done(tally, left, await one.opened())

        answer = _run(file, form, delimiter, mapping, work, working=True)
        _show(answer, as_json=as_json)


def _signals_done(
    tally: "Tally", left: "Unsettled | None", opened: dict[str, int]
) -> dict[str, Any]:
    waiting = None
    if left is not None:
        waiting = {"evaluations": left.evaluations, "freezes": left.freezes}
    return {**_tally(tally), "cases_opened": opened, "still_waiting": waiting}


@units_app.command(
    "import",
    short_help="Take in a file of units shipped.",
    help=examples(
        "freezeguard units import shipments.csv --set source=warehouse",
        "freezeguard units import shipped.csv.gz --map shipped_at=day --map units=qty",
        text="Take in units shipped, the exposure that rates are measured against.",
    ),
)
def import_units(
    file: File,
    *,
    columns: Map = None,
    constants: Set = None,
    values: Values = None,
    mapping_file: MappingFile = None,
    batch: Batch = 500,
    form: Form = None,
    delimiter: Delimiter = None,
    as_json: AsJson = False,
) -> None:
    """Take in a file of units shipped."""
    with reported(as_json=as_json):
        mapping = read_mapping_of(mapping_file, columns, constants, values)

        async def work(one: "Import", entries: Any, report: "Report") -> dict[str, Any]:
            return _tally(await one.units(entries, batch, report))

        _show(_run(file, form, delimiter, mapping, work), as_json=as_json)


@skus_app.command(
    "import",
    short_help="Register a file of SKUs.",
    help=examples(
        "freezeguard skus import skus.csv --map sku=article --map title=name",
        "freezeguard skus import skus.ndjson --set vendor=acme",
        text="Register SKUs, or replace what is known of them: sku, title, vendor, category, "
        "gtin, price, owner. Their before-images are read ahead by a running service.",
    ),
)
def import_skus(
    file: File,
    *,
    columns: Map = None,
    constants: Set = None,
    values: Values = None,
    mapping_file: MappingFile = None,
    batch: Batch = 500,
    form: Form = None,
    delimiter: Delimiter = None,
    as_json: AsJson = False,
) -> None:
    """Register a file of SKUs."""
    with reported(as_json=as_json):
        mapping = read_mapping_of(mapping_file, columns, constants, values)

        async def work(one: "Import", entries: Any, report: "Report") -> dict[str, Any]:
            return _tally(await one.skus(entries, batch, report))

        _show(_run(file, form, delimiter, mapping, work), as_json=as_json)


# ------------------------------------------------------------------------------------ running


def _run(
    path: Path,
    form: str | None,
    delimiter: str | None,
    mapping: "ColumnMapping",
    work: "Callable[[Import, Any, Report], Awaitable[dict[str, Any]]]",
    *,
    working: bool = False,
) -> dict[str, Any]:
    from freezeguard.bootstrap.database import require_database
    from freezeguard.bootstrap.imports.files import open_file
    from freezeguard.bootstrap.imports.runs import open_import
    from freezeguard.bootstrap.running import run

    check_form(form, delimiter)
    quiet_logs()
    settings = read_settings()
    require_database(settings)

    async def take_in() -> dict[str, Any]:
        kind: Any = form  # checked above
        with as_usage(), open_file(path, kind, delimiter) as file:
            async with open_import(settings, working=working) as one:
                with _bar(file) as report:
                    return await work(one, file.entries(mapping), report)

    return run(take_in())


def _bar(file: "ImportFile") -> Any:
    from freezeguard.cli.output import progress

    @contextlib.contextmanager
    def drawn() -> Any:
        with progress() as bar:
            task = bar.add_task(file.name, total=max(file.size, 1), pace="")

            def report(tally: "Tally") -> None:
                bar.update(task, completed=file.done, pace=f"{tally.pace:,.0f} per second")

            yield report

    return drawn()


def _tally(tally: "Tally") -> dict[str, Any]:
    return {
        "entries": tally.entries,
        "accepted": tally.accepted,
        "duplicates": tally.duplicates,
        "rejected": tally.rejected,
        "seconds": round(tally.seconds, 3),
        "per_second": round(tally.pace, 1),
        "rejected_first": [
            {"index": one.index, "code": one.code, "detail": one.detail, "pointer": one.pointer}
            for one in tally.samples
        ],
    }


def _show(answer: dict[str, Any], *, as_json: bool) -> None:
    from freezeguard.cli.output import print_json, say

    if as_json:
        print_json(answer)
    else:
        print(_words(answer))
        for one in answer["rejected_first"]:
            say(f"entry {one['index'] + 1}: {one['code']} {one['pointer']} {one['detail']}")
    waiting = answer.get("still_waiting") or {}
    if waiting.get("freezes") or waiting.get("evaluations"):
        say(
            f"Still under way: {waiting['evaluations']} SKUs to evaluate, {waiting['freezes']} "
            "freezes that no catalogue has confirmed. `freezeguard cases list` shows them."
        )
    if answer["rejected"] or any(waiting.values()):
        raise typer.Exit(Exit.BAD)


def _words(answer: dict[str, Any]) -> str:
    counts = (
        f"{answer['accepted']:,} accepted, {answer['duplicates']:,} duplicates, "
        f"{answer['rejected']:,} rejected in {answer['seconds']:.1f} s "
        f"({answer['per_second']:,.0f} per second)"
    )
    opened = answer.get("cases_opened")
    if not opened:
        return counts
    return counts + "\ncases opened: " + ", ".join(f"{n:,} {state}" for state, n in opened.items())
