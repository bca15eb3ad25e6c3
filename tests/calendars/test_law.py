"""The periods that laws set: what is shipped, and what a shop changes of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from freezeguard.bootstrap.calendars import calendars_of, legal_clocks_of, warm_calendars
from freezeguard.bootstrap.settings import Settings, SettingsUnfit
from freezeguard.calendars.holidays import HolidayCalendars
from freezeguard.calendars.law import clock_of, legal_clocks, seats
from freezeguard.domain.legal import LegalClock, StartsOn, StopsOn, Unit

SHOP = HolidayCalendars("DE", "Europe/Berlin", seats())
NEW = {
    "kind": "ukgpsr_report", "jurisdiction": "GB", "law": "SI 2005/1803, regulation 9",
    "starts_on": "safety_freeze", "amount": 36, "unit": "hours", "stops_on": "action_recorded",
    "sentence": "Tell the authority.",
}


def clock(kind: str) -> LegalClock:
    """Return a shipped clock."""
    return next(one for one in legal_clocks(("EU", "US")) if one.kind == kind)


def due(kind: str, start: datetime) -> datetime:
    """Return when a shipped clock that starts then is due."""
    one = clock(kind)
    return one.due(start, SHOP.legal(one.jurisdiction, start))


def test_every_shipped_row_is_whole():
    """Each kind occurs once, warns before it is due, and tells people one sentence."""
    clocks = legal_clocks(("EU", "US"))

    assert ["gpsr_order", "gpsr_notice", "cpsc_report", "cpsc_knowledge",
            "cpsc_investigation"] == [one.kind for one in clocks]  # fmt: skip
    for one in clocks:
        assert (0.5, 0.8) == one.warn_at
        assert one.sentence.endswith(".")
        assert one.amount > 0


def test_only_the_laws_of_the_shops_jurisdictions_run():
    """A shop that sells in Europe hears nothing of American reports."""
    assert {"EU"} == {one.jurisdiction for one in legal_clocks(("EU",))}
    assert () == legal_clocks(())
    for member in ("DE", "DE-BY"):  # a shop in a member sells under the law of the Union
        assert legal_clocks(("EU",)) == legal_clocks((member,))
    assert () == legal_clocks(("GB",))


@pytest.mark.parametrize(("named", "belongs"), [
    ("EU", ("EU",)), ("eu", ("EU",)), ("DE", ("DE", "EU")), (" de-by ", ("DE-BY", "DE", "EU")),
    ("us", ("US",)), ("US-CA", ("US-CA", "US")), ("GB", ("GB",)), ("CH", ("CH",)),
    ("Germany", ()), ("Mars", ()), ("", ()), ("DE-", ("DE", "EU")), ("DE-BAVARIA", ()),
])
def test_a_jurisdiction_belongs_to_its_country_and_its_union(named, belongs):
    """A market surveillance of a member gives orders under the law of the Union, in any case."""
    assert belongs == SHOP.jurisdictions(named)


def test_the_union_has_the_members_that_it_has():
    """27, each a country whose holidays are known."""
    members = seats()["EU"].members

    assert 27 == len(set(members))
    for one in members:
        SHOP.check(one)


def test_an_order_before_christmas_has_two_working_days():
    """Registered on Thursday 24 December in Germany: the holidays pass, Tuesday 29 ends it."""
    start = datetime(2026, 12, 24, 10, tzinfo=UTC)

    assert datetime(2026, 12, 29, 23, tzinfo=UTC) == due("gpsr_order", start)


def test_a_notice_has_three_working_days():
    """Frozen on a Friday afternoon: the following Wednesday ends it."""
    start = datetime(2026, 11, 27, 15, tzinfo=UTC)

    assert datetime(2026, 12, 2, 23, tzinfo=UTC) == due("gpsr_notice", start)


def test_american_days_leave_out_thanksgiving_and_hours_leave_out_nothing():
    """From Wednesday 25 November 2026: 24 hours, five days without the 26th, ten days."""
    start = datetime(2026, 11, 25, 15, tzinfo=UTC)

    assert start + timedelta(hours=24) == due("cpsc_report", start)
    assert datetime(2026, 12, 4, 5, tzinfo=UTC) == due("cpsc_knowledge", start)
    assert datetime(2026, 12, 11, 5, tzinfo=UTC) == due("cpsc_investigation", start)


def test_people_are_warned_in_order_and_before_it_is_due():
    """Of working days by working time; of hours by hours."""
    start = datetime(2026, 11, 25, 15, tzinfo=UTC)
    for one in legal_clocks(("EU", "US")):
        warnings = one.warnings(start, SHOP.legal(one.jurisdiction, start))
        moments = [start, *warnings, due(one.kind, start)]
        assert sorted(moments) == moments
    assert (start + timedelta(hours=12), start + timedelta(hours=19.2)) == clock(
        "cpsc_report"
    ).warnings(start, SHOP.legal("US", start))


def test_a_shop_adds_changes_and_takes_away(monkeypatch: pytest.MonkeyPatch, tmp_path):
    """A row of its own runs wherever it sells; one with amount 0 takes a shipped one away."""
    file = tmp_path / "freezeguard.toml"
    rows = (
        NEW,
        {**NEW, "kind": "gpsr_notice", "jurisdiction": "EU", "amount": 1, "unit": "working_days"},
        {**NEW, "kind": "gpsr_order", "jurisdiction": "EU", "amount": 0},
    )
    file.write_text("\n".join(
        "[[legal_clocks]]\n" + "\n".join(f"{key} = {value!r}" for key, value in row.items())
        for row in rows
    ))
    monkeypatch.setenv("FREEZEGUARD_CONFIG", str(file))

    clocks = {one.kind: one for one in legal_clocks_of(Settings())}

    assert {"gpsr_notice", "ukgpsr_report"} == set(clocks)
    assert (1, Unit.WORKING_DAYS) == (clocks["gpsr_notice"].amount, clocks["gpsr_notice"].unit)
    assert clock_of({**NEW, "warn_at": [0.5, 0.8]}) == clocks["ukgpsr_report"]
    assert (StartsOn.SAFETY_FREEZE, StopsOn.ACTION_RECORDED) == (
        clocks["ukgpsr_report"].starts_on, clocks["ukgpsr_report"].stops_on
    )  # fmt: skip


@pytest.mark.parametrize(
    "table",
    [
        "[calendar]\ncountry = 'XX'",
        "[calendar]\njurisdictions = ['EU', 'Mars']",
        "[[legal_clocks]]\n" + "\n".join(
            f"{key} = {value!r}" for key, value in {**NEW, "jurisdiction": "UK-X"}.items()
        ),
    ],
)
async def test_a_place_that_nobody_knows_keeps_the_service_from_starting(
    monkeypatch: pytest.MonkeyPatch, tmp_path, table
):
    """The message names the tables of the settings, not a due time weeks later."""
    file = tmp_path / "freezeguard.toml"
    file.write_text(table)
    monkeypatch.setenv("FREEZEGUARD_CONFIG", str(file))

    with pytest.raises(SettingsUnfit, match=r"\[calendar\]"):
        await warm_calendars(Settings())


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("opens = '17:00'\ncloses = '09:00'", "later than opens"),
        ("opens = '09:00Z'", "without an offset"),
        ("zone = 'Europe/Nowhere'", "IANA"),
        ("closes = '25:00'", "closes"),
    ],
)
def test_working_hours_that_are_none_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path, table, words
):
    """The settings say which one does not fit."""
    file = tmp_path / "freezeguard.toml"
    file.write_text(f"[calendar]\n{table}")
    monkeypatch.setenv("FREEZEGUARD_CONFIG", str(file))

    with pytest.raises(ValueError, match=words):
        Settings()


def test_a_shop_may_work_until_midnight(monkeypatch: pytest.MonkeyPatch, tmp_path):
    """24:00 is the midnight that ends the day; a table of TOML may write 00:00 as well."""
    file = tmp_path / "freezeguard.toml"
    file.write_text("[calendar]\nopens = 00:00:00\ncloses = '24:00'\nzone = 'UTC'")
    monkeypatch.setenv("FREEZEGUARD_CONFIG", str(file))

    night = calendars_of(Settings()).of("DE", "UTC", datetime(2026, 11, 26, tzinfo=UTC))
    start = datetime(2026, 11, 26, 3, tzinfo=UTC)

    assert start + timedelta(hours=24) == night.after_hours(start, timedelta(hours=24))
    assert replace(night, name="X") != night
