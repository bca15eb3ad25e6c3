"""The sample notices of the documentation: drawn from the code, and all that a vendor needs."""

from pathlib import Path

import pytest

from freezeguard.bootstrap import notices_page
from freezeguard.ports.notice_facts.kinds import FACTS_OF_KIND

FOLDER = Path(__file__).parents[2] / "docs" / "notices"
TEXTS = dict(notices_page.documents())
SMALL = 60_000


def test_texts_are_drawn_from_the_code() -> None:
    """docs/notices/ says exactly what the code says, and holds nothing that it does not draw."""
    written = {one.name: one.read_text("utf-8") for one in FOLDER.iterdir() if one.suffix != ".png"}

    assert written == TEXTS, "run: make docs"


def test_each_has_a_small_picture() -> None:
    """A picture in each language, small enough to be looked at in passing."""
    names = {f"{name.removesuffix('.txt')}.png" for name in TEXTS if name.endswith(".txt")}
    sizes = {one.name: one.stat().st_size for one in FOLDER.glob("*.png")}

    assert names == set(sizes)
    assert [] == [name for name, size in sizes.items() if not 2_000 < size < SMALL]


def test_facts_are_those_that_are_stored() -> None:
    """No sample says what no notice of its kind holds; until when somebody is asked, many do."""
    for one in notices_page.SPECIMENS:
        known = {*FACTS_OF_KIND[one.kind].__annotations__, "due"}
        assert set(one.facts) <= known, one.name


@pytest.mark.parametrize("name", [name for name in TEXTS if name.startswith("freeze.")])
def test_a_vendor_reads_all_that_it_needs(name: str) -> None:
    """What, since when, how many, why, what is asked, by when, what lifts it, who to ask."""
    text = TEXTS[name]
    for said in ("KETTLE-17", "14:05", "5", "L-0312", "1 ", "3 ", "/portal/cases/1042",
                 "quality@shop.example", "2019/1150"):
        assert said in text
