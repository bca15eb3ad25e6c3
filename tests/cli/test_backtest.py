"""`freezeguard backtest`: files in, a table, a document or a page out, and no database anywhere."""

import csv
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.shell import Shell, bare_environment

START = datetime(2024, 1, 1, 9, tzinfo=UTC)
HEAD = "ticket,sku,created,who,brand,severity\n"
OPTIONS = (
    "--set", "source=crm", "--set", "kind=complaint", "--map", "id=ticket", "--map",
    "occurred_at=created", "--map", "customer=who", "--map", "vendor=brand",
)
CAERS = Path(__file__).resolve().parents[3] / "shared" / "data" / "caers"


def rows(sku: str, *days: float) -> str:
    """Return a complaint of a customer of its own on each of these days."""
    return "".join(
        f"{sku}-{day},{sku},{(START + timedelta(days=day)).isoformat()},c{day},acme,minor\n"
        for day in days
    )


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Return a shell without a database, beside a file of complaints."""
    surge = [500 + n / 2 for n in range(14)]
    (tmp_path / "complaints.csv").write_text(
        HEAD + rows("LAMP-9", 1, 300, *surge) + rows("VASE-1", *range(0, 700, 50))
        + rows("LAMP-9", 300) + "x,,never,c,acme,minor\n"
    )  # fmt: skip
    alert = (START + timedelta(days=520)).date()
    (tmp_path / "recalls.csv").write_text(f"sku,alert_date\nLAMP-9,{alert}\nGHOST,{alert}\n")
    return Shell(tmp_path, bare_environment(tmp_path, FREEZEGUARD_DATABASE_URL="nonsense"))


def path(shell: Shell, name: str) -> str:
    """Return the path of a file of this test."""
    return str(shell.place / name)


async def test_a_table_says_what_each_rule_would_have_done(shell: Shell) -> None:
    """One row a rule; what did not fit, came twice or is unknown is said beside it."""
    ran = await shell.run(
        "backtest", path(shell, "complaints.csv"), *OPTIONS, "--truth", path(shell, "recalls.csv")
    )

    assert 0 == ran.code, ran.err
    heads, *lines = [line.split("\t") for line in ran.out.splitlines()]
    table = {line[0]: dict(zip(heads, line, strict=True)) for line in lines}
    assert {"safety", "risen"} == set(table)
    assert "1 of 1" == table["risen"]["before the alert"]
    assert table["risen"]["median lead"].endswith("days")
    assert "1 entries did not fit, 1 came twice" in ran.err
    assert "GHOST" in ran.err


async def test_a_document_has_every_freeze_with_its_reason(shell: Shell) -> None:
    """For machines: freezes, leads, and between what rates the truth lies."""
    (shell.place / "three.toml").write_text('family = "count"\nwindow = "10d"\nbound = 3\n')
    ran = await shell.run(
        "backtest", path(shell, "complaints.csv"), *OPTIONS, "--json", "--rule",
        path(shell, "three.toml"), "--truth", path(shell, "recalls.csv"), "--stopped", "30",
    )  # fmt: skip

    [result] = ran.document["rules"]
    assert ("three", 3, 1) == (result["rule"], result["bound"], result["alerts_before"])
    first = result["freezes"][0]
    assert ("LAMP-9", False) == (first["sku"], first["wrong"])
    assert first["at"].startswith("2025-05-16")
    assert "3 complaints" in first["reason"]
    assert result["lead_days"]["LAMP-9"] == first["lead_days"] == 18.62
    assert 0 == result["wrong_per_1000"] == result["wrong_per_1000_between"][0]


class Page(HTMLParser):
    """Reads what a page would load, and the words on it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in {"src", "href", "srcset"}]

    def handle_data(self, data: str) -> None:
        self.words += data


async def test_the_report_is_one_page_that_loads_nothing(shell: Shell) -> None:
    """Charts, leads and reasons in one file; names of SKUs can't bring markup into it."""
    hostile = "<script>alert(1)</script>"
    with (shell.place / "complaints.csv").open("a") as file:
        file.write(rows(hostile, *[600 + n for n in range(9)]))
    ran = await shell.run(
        "backtest", path(shell, "complaints.csv"), *OPTIONS, "--truth",
        path(shell, "recalls.csv"), "--report", path(shell, "report.html"),
    )  # fmt: skip
    text = (shell.place / "report.html").read_text()
    page = Page(text)

    assert 0 == ran.code, ran.err
    assert [] == page.loads
    assert "script" not in page.tags
    assert page.tags.count("svg") >= 3
    assert hostile in page.words
    assert not re.search(r"url\(|@import|https?://", text)
    assert "days before" in page.words
    assert re.search(r'<text class="beside[^>]*>10,000</text>', text)
    assert not re.search(r"<t[dh][^>]*></t[dh]>", text)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--truth", "complaints.csv"], "no column 'alert_date'"),
        (["--rule", "recalls.csv"], "recalls.csv can't be read"),
        (["--rule", "bad.toml"], "family"),
        (["--map", "id=nothing"], "no column 'nothing'"),
        (["--format", "xls"], "csv, ndjson or parquet"),
    ],
)
async def test_what_can_not_be_used_is_said(
    shell: Shell, arguments: list[str], says: str
) -> None:
    """Wrong files and options are wrong usage, with what is wrong."""
    (shell.place / "bad.toml").write_text('family = "magic"\n')
    given = [one if one.startswith("-") or "=" in one else path(shell, one) for one in arguments]
    if "xls" in arguments:
        given = arguments
    ran = await shell.run("backtest", path(shell, "complaints.csv"), *OPTIONS, *given)

    assert 2 == ran.code, (ran.out, ran.err)
    assert says in ran.err


async def test_a_file_without_a_signal_is_no_result(shell: Shell) -> None:
    """Nothing that fits is nothing to replay, and the first reason is named."""
    (shell.place / "empty.csv").write_text(HEAD + "x,,never,c,acme,minor\n")
    ran = await shell.run("backtest", path(shell, "empty.csv"), *OPTIONS)

    assert 1 == ran.code
    assert "no signal" in ran.err


@pytest.mark.skipif(
    not CAERS.exists(), reason="the real complaints are not here: ../shared/data/caers"
)
async def test_real_complaints_are_replayed_with_their_alerts(tmp_path: Path) -> None:
    """31,598 complaints and 18 alerts: the table, the page, and no freeze without its reason."""
    shell = Shell(tmp_path, bare_environment(tmp_path))
    ran = await shell.run(
        "backtest", str(CAERS / "events.csv.gz"), "--truth", str(CAERS / "ground_truth.csv"),
        "--set", "source=caers", "--set", "kind=complaint", "--map", "id=event_id", "--map",
        "customer=case_id", "--map", "occurred_at=received_at", "--map", "vendor=brand",
        "--values", "severity:1=minor,2=major,3=critical,4=critical", "--json",
        "--report", str(tmp_path / "report.html"),
    )  # fmt: skip

    assert 0 == ran.code, ran.err
    found = ran.document
    assert (31_598, 9_372) == (found["signals"], found["skus"])
    [risen] = [one for one in found["rules"] if one["rule"] == "risen"]
    assert risen["wrong_per_1000"] <= 10
    assert risen["alerts_before"] >= 6
    assert all("would be usual" in one["reason"] for one in risen["freezes"])
    assert (tmp_path / "report.html").stat().st_size > 50_000


async def test_a_bound_is_tuned_to_a_budget(shell: Shell) -> None:
    """The bound, what it does to this past, and how sure that is of other items."""
    with (shell.place / "complaints.csv").open("a") as file:
        for n in range(60):
            file.write(rows(f"MUG-{n}", 1, 350, *[360 + k / 4 for k in range(n // 6)], 690))
    asked = ("rules", "tune", path(shell, "complaints.csv"), *OPTIONS, "--truth",
             path(shell, "recalls.csv"))  # fmt: skip
    calm = (await shell.run(*asked, "--budget", "20", "--json")).document
    early = (await shell.run(*asked, "--budget", "200", "--json")).document
    words = await shell.run(*asked, "--budget", "200")
    too_little = await shell.run(*asked, "--budget", "1")

    assert calm["bound"] > early["bound"]
    assert calm["keeps_budget"]
    assert calm["wrong_per_1000"] <= 20
    assert 20 < early["wrong_per_1000"] <= 200
    assert early["expected_between"][0] <= early["expected_per_1000"]
    assert "on other items" in words.out
    assert 1 == too_little.code
    assert "too few for a budget of 1 in 1,000" in too_little.err


def as_parquet(shell: Shell) -> str:
    """Write the complaints once more as Parquet, with types in place of texts."""
    with (shell.place / "complaints.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["created"] != "never"]
    table = pa.table({
        "ticket": [row["ticket"] for row in rows],
        "sku": pa.array([row["sku"] for row in rows]).dictionary_encode(),
        "created": pa.array([datetime.fromisoformat(row["created"]) for row in rows],
                            pa.timestamp("ms", "Europe/Berlin")),
        "who": [row["who"] for row in rows], "brand": [row["brand"] for row in rows],
        "severity": [row["severity"] for row in rows],
    })  # fmt: skip
    pq.write_table(table, shell.place / "complaints.parquet", row_group_size=10)
    return path(shell, "complaints.parquet")


async def test_parquet_says_what_a_csv_says(shell: Shell) -> None:
    """Signals, units and known defects as Parquet: the same freezes for the same reasons."""
    alert = START + timedelta(days=520)
    shipped = [START + timedelta(days=30 * n) for n in range(20)]
    pq.write_table(
        pa.table({"sku": ["LAMP-9"], "date": [alert.date()]}), shell.place / "recalls.parquet"
    )
    pq.write_table(
        pa.table({"id": list(range(20)), "sku": ["LAMP-9"] * 20, "units": [500] * 20,
                  "shipped_at": [one.replace(tzinfo=None) for one in shipped]}),
        shell.place / "shipped.parquet",
    )  # fmt: skip
    (shell.place / "shipped.csv").write_text(
        "id;sku;units;shipped_at\n"
        + "".join(f"{n};LAMP-9;500;{one.isoformat()}\n" for n, one in enumerate(shipped))
    )
    one, other = [
        (await shell.run(
            "backtest", signals, *OPTIONS, "--json", "--truth", path(shell, truth), "--units",
            path(shell, units),
        )).document
        for signals, truth, units in [
            (as_parquet(shell), "recalls.parquet", "shipped.parquet"),
            (path(shell, "complaints.csv"), "recalls.csv", "shipped.csv"),
        ]
    ]  # fmt: skip

    assert one["rules"] == other["rules"]
    assert (20, 20) == (one["units"], other["units"])
    assert one["rules"][1]["freezes"]


async def test_without_the_extra_parquet_says_how_to_get_it(shell: Shell) -> None:
    """Whoever installed freezeguard without `analytics` is told what to install."""
    (shell.place / "without").mkdir()
    (shell.place / "without" / "pyarrow.py").write_text("raise ImportError('not installed')\n")
    ran = await shell.having(PYTHONPATH=path(shell, "without")).run(
        "backtest", as_parquet(shell), *OPTIONS
    )

    assert 2 == ran.code
    assert "pip install 'freezeguard[analytics]'" in ran.err


async def test_only_the_last_days_are_counted(shell: Shell) -> None:
    """What lies before is history: it freezes nothing, and the page and the table say so."""
    (shell.place / "three.toml").write_text('family = "count"\nwindow = "10d"\nbound = 3\n')
    asked = ("backtest", path(shell, "complaints.csv"), *OPTIONS, "--rule",
             path(shell, "three.toml"))  # fmt: skip
    whole = (await shell.run(*asked, "--json")).document
    late = (await shell.run(*asked, "--json", "--days", "100")).document
    words = await shell.run(*asked, "--days", "100", "--report", path(shell, "report.html"))

    assert (None, True) == (whole["since"], bool(whole["rules"][0]["freezes"]))
    assert late["since"].startswith("2025-07-")
    assert [] == late["rules"][0]["freezes"]
    assert late["rules"][0]["sound_sku_years"] < whole["rules"][0]["sound_sku_years"]
    assert "what lies before is history" in words.err
    assert "Freezes are counted from 2025-07-" in (shell.place / "report.html").read_text()


async def test_a_horizon_says_what_is_before_an_alert(shell: Shell) -> None:
    """With ten days, a freeze 18 days before is about something else; the page names the days."""
    (shell.place / "three.toml").write_text('family = "count"\nwindow = "10d"\nbound = 3\n')
    asked = ("backtest", path(shell, "complaints.csv"), *OPTIONS, "--truth",
             path(shell, "recalls.csv"), "--rule", path(shell, "three.toml"))  # fmt: skip
    near = (await shell.run(*asked, "--horizon", "10", "--json", "--report",
                            path(shell, "report.html"))).document  # fmt: skip
    usual = (await shell.run(*asked, "--json")).document

    assert (10, 365) == (near["horizon_days"], usual["horizon_days"])
    assert (0, 1) == (near["rules"][0]["alerts_before"], usual["rules"][0]["alerts_before"])
    assert "within the 10 days before it" in (shell.place / "report.html").read_text()


async def test_a_spreadsheets_unicode_is_refused_with_what_to_do(shell: Shell) -> None:
    """Signals, units or known defects in UTF-16: said in one line, whichever of them it is."""
    (shell.place / "wide.csv").write_text("sku;alert_date\nLAMP-9;2025-06-01\n", "utf-16")
    for arguments in (
        (path(shell, "wide.csv"),),
        (path(shell, "complaints.csv"), "--truth", path(shell, "wide.csv")),
        (path(shell, "complaints.csv"), "--units", path(shell, "wide.csv")),
    ):
        ran = await shell.run("backtest", *arguments, *OPTIONS)
        assert 2 == ran.code
        assert "wide.csv is UTF-16, not UTF-8." in ran.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Give a FILE, or --stored."),
        (["complaints.csv", "--stored"], "Give a FILE, or --stored."),
        (["--stored", "--units", "complaints.csv"], "--units is about a file"),
        (["--stored", "--set", "source=crm"], "--set is about a file"),
        (["complaints.csv", "--cases-as-truth"], "--cases-as-truth goes with --stored"),
    ],
)
async def test_a_past_has_one_source(shell: Shell, arguments: list[str], says: str) -> None:
    """A file or the database: what belongs to the other one is wrong usage."""
    given = [path(shell, one) if one.endswith(".csv") else one for one in arguments]
    ran = await shell.run("backtest", *given)

    assert 2 == ran.code
    assert says in ran.err


async def test_units_that_do_not_fit_are_no_units(shell: Shell) -> None:
    """Without the units that were given figures would mislead: nothing is replayed, and why."""
    (shell.place / "shipped.csv").write_text("sku,day,qty\nLAMP-9,2024-02-01,5\n")
    asked = ("backtest", path(shell, "complaints.csv"), *OPTIONS, "--units",
             path(shell, "shipped.csv"))  # fmt: skip
    wrong = await shell.run(*asked)
    (shell.place / "shipped.csv").write_text("id,sku,day,qty\nu1,LAMP-9,2024-02-01,5\n")
    mapped = await shell.run(*asked, "--units-map", "shipped_at=day", "--units-map", "units=qty")

    assert 1 == wrong.code
    assert "Not one entry of shipped.csv fits. The first:" in wrong.err
    assert 0 == mapped.code, mapped.err
    assert "Units shipped: 1 entries, 0 did not fit; none for 1 of 2 SKUs." in mapped.err


async def test_a_rate_needs_units(shell: Shell) -> None:
    """A rule that measures rates says nothing where nobody says what was shipped."""
    (shell.place / "rate.toml").write_text('family = "rate"\nbound = 0.02\nmin_units = 50\n')
    ran = await shell.run(
        "backtest", path(shell, "complaints.csv"), *OPTIONS, "--rule", path(shell, "rate.toml")
    )

    assert 2 == ran.code
    assert "--units" in ran.err


async def test_nothing_to_tune_on_is_said(shell: Shell) -> None:
    """Where every item has a known defect, or was seen for a moment, no budget means anything."""
    (shell.place / "one.csv").write_text(HEAD + rows("LAMP-9", 1, 2))
    ran = await shell.run(
        "rules", "tune", path(shell, "one.csv"), *OPTIONS, "--budget", "5", "--truth",
        path(shell, "recalls.csv"),
    )  # fmt: skip

    assert 1 == ran.code
    assert "known defect" in ran.err
