"""Six notices as people get them, drawn from the code that words them: the files of docs/notices/.

The facts are made up and fixed, in the shape in which the service stores them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from freezeguard.notices.render import render
from freezeguard.ports.notices import Rendered

URL = "https://freeze.shop.example"
AT = "2026-11-24T13:05:09+00:00"
ZONE = "Europe/Berlin"
LANGUAGES = {"en": "English", "de": "Deutsch"}


@dataclass(frozen=True, slots=True)
class Specimen:
    """One notice: what it shows, its kind, and its facts but for what depends on the language."""

    name: str
    about: str
    kind: str
    facts: Mapping[str, Any]


TEXTS: Mapping[str, Mapping[str, Any]] = {
    "en": {
        "title": "Electric kettle, 1.7 litres",
        "excerpts": ["The handle came off while I was pouring.",
                     "Handle loose after three weeks, boiling water ran over my hand."],
        "found": "The rivet press lost pressure on line 2.",
        "proof": "Press log of 10 to 12 November; short rivets in 40 of 40 opened units.",
        "own": "1,100 units of the lot set apart.", "theirs": "340 units set apart.",
        "moving": "Two pallets stopped at the carrier.",
        "corrected": "Rivets of the lot replaced, each unit pulled with 80 N.",
        "prevented": "A pressure sensor stops the line.",
        "checked": "50 of 50 reworked units held 80 N for 60 s.",
        "photos": "photos of the rivets of lot L-0312",
    },
    "de": {
        "title": "Wasserkocher, 1,7 Liter",
        "excerpts": ["Beim Eingießen ist der Griff abgegangen.",
                     "Griff nach drei Wochen locker, kochendes Wasser lief mir über die Hand."],
        "found": "Die Nietpresse der Linie 2 hat Druck verloren.",
        "proof": "Protokoll der Presse vom 10. bis 12. November; zu kurze Niete in 40 von 40 "
        "geöffneten Stücken.",
        "own": "1.100 Stück der Charge beiseitegestellt.", "theirs": "340 Stück beiseitegestellt.",
        "moving": "Zwei Paletten beim Spediteur angehalten.",
        "corrected": "Niete der Charge ersetzt, jedes Stück mit 80 N gezogen.",
        "prevented": "Ein Drucksensor hält die Linie an.",
        "checked": "50 von 50 nachgearbeiteten Stücken hielten 80 N für 60 s.",
        "photos": "Fotos der Niete der Charge L-0312",
    },
}  # fmt: skip
CASE: Mapping[str, Any] = {
    "shop": "Example Shop", "at": AT, "case": "1042", "lane": "quality", "steps": [],
    "scope": {"sku": "KETTLE-17"}, "since": AT, "api": f"{URL}/v1/cases/1042",
    "contact": {"name": "Quality team", "address": "quality@shop.example"},
}
VENDOR = {"audience": "vendor", "recipient": "Northwind Appliances",
          "link": f"{URL}/portal/cases/1042", "reply_to": "quality+1042@shop.example"}
STAFF = {"audience": "staff", "recipient": "Maria Keller", "link": f"{URL}/console/cases/1042"}
REASON = {
    "family": "distinct_customers", "rule_id": "five-customers", "rule_version": 3,
    "window": 2_592_000.0, "observed": 5, "bound": 5, "customers": 5, "exposure": 1220,
    "sentence": "5 different customers complained within 30 days (threshold 5).",
}
PULL = {
    "family": "pull", "reason_code": "safety_hazard", "document": None,
    "comment": "Third caller today who was scalded.",
    "sentence": "KETTLE-17 was reported as a safety hazard.",
}
COUNTED = {
    "complaints": 6, "customers": 5, "first_at": "2026-11-03T08:12:00+00:00", "last_at": AT,
    "intents": [{"name": "defect", "number": 6}],
    "severities": [{"name": "major", "number": 5}, {"name": "critical", "number": 1}],
    "lots": [{"name": "L-0312", "number": 5}, {"name": "L-0298", "number": 1}],
}
IN_CATALOGUES = [{"name": "shop-de", "level": "hard"}, {"name": "marketplace", "level": "hide"}]
TO_BE_SEEN = [{"step": "confirm_stop"}]
MANY = tuple(
    ("statement_of_reasons" if place % 2 == 0 else "frozen_confirmed",
     f"{1043 + place // 2}", f"PAN-{21 + place // 2}")
    for place in range(7)
)

SPECIMENS = (
    Specimen(
        "freeze", "A vendor learns that the sale of an item is stopped",
        "statement_of_reasons",
        {**CASE, **VENDOR, "reason": REASON, "catalogues": IN_CATALOGUES, "evidence": COUNTED,
         "steps": [*TO_BE_SEEN, {"step": "propose_remedy"}], "contest_working_days": 5,
         "acknowledge_within": 86_400.0, "plan_within": 259_200.0, "elapses": False},
    ),
    Specimen(
        "remedy-returned", "A vendor's remedy comes back, with what is missing", "remedy_returned",
        {**CASE, **VENDOR, "missing": ["in_transit", "proof"], "round": 1,
         "steps": [{"step": "propose_remedy"}]},
    ),
    Specimen(
        "approval-requested", "A manager is asked to let the sale go on", "approval_requested",
        {**CASE, **STAFF, "verification": {}, "evidence_revision": 4, "requested_by": "Owen Brandt",
         "evidence": COUNTED, "remedy": {},
         "steps": [{"step": "decide_approval", "by": "2026-11-26T16:00:00+00:00"}]},
    ),
    Specimen(
        "safety-freeze", "The owner learns of a stop that people's safety asked for",
        "statement_of_reasons",
        {**CASE, **STAFF, "lane": "safety", "reason": PULL, "catalogues": IN_CATALOGUES,
         "evidence": COUNTED, "due": "2026-11-24T14:05:00+00:00",
         "steps": [*TO_BE_SEEN, {"step": "accept_ownership", "by": "2026-11-24T14:05:00+00:00"}]},
    ),
    Specimen(
        "digest", "Many freezes at once arrive as one message", "digest",
        {**{name: CASE[name] for name in ("shop", "at", "contact", "steps")}, **STAFF,
         "link": f"{URL}/console",
         "entries": [
             {"kind": kind, "at": AT, "case": case, "link": f"{URL}/console/cases/{case}",
              "scope": {"sku": sku}}
             for kind, case, sku in MANY
         ]},
    ),
    Specimen(
        "closed", "Everybody who heard of the stop hears how it ended", "closed",
        {**CASE, **VENDOR, "outcome": "closed_reinstated", "remedy": {},
         "effectiveness": {"units": 1460, "complaints": 1, "days": 16}},
    ),
)


def worded(one: Specimen, language: str) -> Rendered:
    """Return a specimen in the words of a language."""
    return render(one.kind, _facts(one, TEXTS[language]), language=language, time_zone=ZONE)


def _facts(one: Specimen, texts: Mapping[str, Any]) -> dict[str, Any]:
    """Add what people wrote, in their language."""
    facts = {**one.facts}
    if "case" in facts:
        facts["title"] = texts["title"]
    if "evidence" in facts:
        facts["evidence"] = {**COUNTED, "excerpts": texts["excerpts"]}
    if "remedy" in facts:
        facts["remedy"] = _remedy(texts)
    if "verification" in facts:
        facts["verification"] = {"kind": "inspection", "result": texts["checked"]}
    if "missing" in facts:
        facts["missing"] = [*facts["missing"], texts["photos"]]
    return facts


def _remedy(texts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "cause": {"branch": "machine", "description": texts["found"], "proof": texts["proof"]},
        "containment": {
            "own_stock": texts["own"], "vendor_stock": texts["theirs"],
            "in_transit": texts["moving"],
        },
        "corrective_action": texts["corrected"], "preventive_action": texts["prevented"],
    }


def documents() -> Iterator[tuple[str, str]]:
    """Yield the name and the content of each file of docs/notices/ that is text."""
    for one in SPECIMENS:
        for language in LANGUAGES:
            words = worded(one, language)
            yield f"{one.name}.{language}.txt", f"Subject: {words.subject}\n\n{words.text}"
    yield "README.md", _index()


def _index() -> str:
    lines = [
        "# Six notices, as people get them",
        "",
        "Drawn from the code by `make docs`, and the pictures by `make docs-pictures`. What",
        "arrives is a mail with both parts, text and HTML; [notices](../notices.md) says when",
        "which one is sent.",
        "",
        "| notice | as text | as a picture |",
        "|---|---|---|",
    ]
    for one in SPECIMENS:
        texts, pictures = (
            ", ".join(
                f"[{language}]({one.name}.{language}.{ending})" for language in LANGUAGES
            )
            for ending in ("txt", "png")
        )
        lines.append(f"| {one.about} | {texts} | {pictures} |")
    return "\n".join(lines) + "\n"
