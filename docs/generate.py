# ruff: noqa: INP001 - a script, not a package
"""Writes the pages that are drawn from code: `make docs`.

With `--pictures` (`make docs-pictures`) also pictures of the sample notices, by Chromium.
"""

import sys
from pathlib import Path

from freezeguard.bootstrap import notices_page, settings_page
from freezeguard.domain import diagram

STATE_MACHINE = Path(__file__).with_name("state-machine.md")
SETTINGS = Path(__file__).with_name("settings.md")
NOTICES = Path(__file__).with_name("notices")


def main() -> None:
    """Write every generated page."""
    STATE_MACHINE.write_text(diagram.document(), encoding="utf-8")
    SETTINGS.write_text(settings_page.document(), encoding="utf-8")
    NOTICES.mkdir(exist_ok=True)
    for name, text in notices_page.documents():
        (NOTICES / name).write_text(text, encoding="utf-8")
    if "--pictures" in sys.argv:
        from pictures import draw_notices

        draw_notices(NOTICES)


if __name__ == "__main__":
    main()
