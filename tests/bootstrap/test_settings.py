"""Settings: where they come from, and that their page is true."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from freezeguard.bootstrap import settings_page
from freezeguard.bootstrap.running import nowhere_to_go
from freezeguard.bootstrap.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_page_is_drawn_from_the_code() -> None:
    """docs/settings.md says exactly what the code does."""
    assert settings_page.document() == PAGE.read_text("utf-8"), "run: make docs"


def test_every_setting_is_explained() -> None:
    """No setting stands in the page without a meaning."""
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]

    assert len(rows) > 40
    assert [] == [row for row in rows if row.rstrip().endswith("| None |")]


def test_environment_wins_over_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable overrides the file, one nested value at a time."""
    file = tmp_path / "freezeguard.toml"
    file.write_text('port = 9000\n[mail]\nhost = "mail.example"\nport = 2525\n')
    monkeypatch.setenv("FREEZEGUARD_CONFIG", str(file))
    monkeypatch.setenv("FREEZEGUARD_MAIL__PORT", "587")

    settings = Settings()

    assert (9000, "mail.example", 587) == (settings.port, settings.mail.host, settings.mail.port)


def test_durations_are_written_like_windows(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    """`15m` is a quarter of an hour, in the file and in the environment."""
    monkeypatch.setenv("FREEZEGUARD_CONFIG", os.devnull)
    monkeypatch.setenv("FREEZEGUARD_POLICY__SECOND_OPINION", "20m")

    assert timedelta(minutes=20) == Settings().to_policy().second_opinion


def test_unknown_setting_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt setting is an error that names it, not a silent default."""
    file = tmp_path / "freezeguard.toml"
    file.write_text("[policy]\nsoft_holds = false\n")
    monkeypatch.setenv("FREEZEGUARD_CONFIG", str(file))

    with pytest.raises(ValidationError, match="soft_holds"):
        Settings()


def test_a_canary_needs_its_catalogue() -> None:
    """A misspelt catalogue is an error that names it: its canary would never fly."""
    with pytest.raises(ValidationError, match="no catalogue that is configured: shpo"):
        Settings(canary={"skus": {"shpo": "CANARY-1"}}, catalogues={"shop": {"kind": "http"}})
    terms = Settings(canary={"every": "2m"}).canary.terms()
    assert (timedelta(minutes=2), timedelta(seconds=30)) == (terms.every, terms.late_after)


def test_mails_that_lead_nowhere_are_known_at_the_start() -> None:
    """A start says which setting makes links open and answers arrive, as long as one is missing."""
    server = {"host": "mail.example"}
    answered = {**server, "reply_to": "quality+{case}@shop.example"}

    assert 2 == len(nowhere_to_go(Settings(mail=server)))
    [links] = nowhere_to_go(Settings(mail=answered))
    assert "FREEZEGUARD_PUBLIC_URL" in links
    [answers] = nowhere_to_go(Settings(mail=server, public_url="https://freeze.example"))
    assert "FREEZEGUARD_MAIL__REPLY_TO" in answers
    assert () == nowhere_to_go(Settings(mail=answered, public_url="https://freeze.example"))
    assert () == nowhere_to_go(Settings())
