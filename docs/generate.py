# ruff: noqa: INP001 - a script, not a package
"""Writes the pages that are drawn from code: `make docs`."""

from pathlib import Path

from freezeguard.bootstrap import settings_page
from freezeguard.domain import diagram

STATE_MACHINE = Path(__file__).with_name("state-machine.md")
SETTINGS = Path(__file__).with_name("settings.md")


def main() -> None:
    """Write every generated page."""
    STATE_MACHINE.write_text(diagram.document(), encoding="utf-8")
    SETTINGS.write_text(settings_page.document(), encoding="utf-8")


if __name__ == "__main__":
    main()
