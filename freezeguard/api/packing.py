"""A case pack as a file: JSON for machines, one page for people, and what proves both."""

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache, partial
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from freezeguard.api.presenting import present_case
from freezeguard.api.routes.cases import present_event
from freezeguard.domain.auditchain import Link, content_of, entry_of, moment
from freezeguard.domain.people import actor_name
from freezeguard.ports.notices import Rendered
from freezeguard.ports.rows import Notice
from freezeguard.services import vendorsview
from freezeguard.services.cases.casepack import (
    AttachedFile,
    CasePack,
    Trail,
    Words,
    facts_of,
    person_of,
)

FORMAT = "freezeguard case pack 1"
READ_ME = """This is the record of one case of a stopped sale, made by freezeguard.

case.html       the record, to read and to print
case.json       the same, for machines
audit.ndjson    who did what to the case, and when, each entry as it was hashed
chain.ndjson    the part of the hash chain that leads from these entries to the nearest anchors
anchors.ndjson  those anchors: heads of the chain that were kept outside the database at the time
manifest.json   the SHA-256 of each part
verify.py       recomputes all of it: python3 verify.py

Anchors prove as much as the place is worth from which you have them: compare those in here with
anchors that you, or somebody whom you trust, have kept: python3 verify.py YOUR-ANCHORS.ndjson
What is hashed, and what that does and does not prove, is on the page docs/audit.md of freezeguard.
"""

_APART = {"evidence", "enforcement", "notices", "clocks", "tasks", "available_commands",
          "overdue"}

_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]+)?(Z|\+00:00)")

Json = dict[str, Any]


def packed(pack: CasePack, by: str) -> tuple[bytes, str]:
    """Return the pack as a zip file, and the SHA-256 of its manifest."""
    document = document_of(pack, by)
    parts = {
        "README.txt": READ_ME,
        "case.html": _page(document, pack),
        "case.json": json.dumps(document, ensure_ascii=False, indent=1) + "\n",
        "audit.ndjson": _ndjson(_entries(pack)),
        "chain.ndjson": _ndjson(_steps(pack.trail)),
        "anchors.ndjson": _ndjson(one.as_dict() for one in pack.trail.anchors),
        "verify.py": _verifier(),
    }
    manifest = _manifest(pack, {name: text.encode() for name, text in parts.items()})
    return _zipped({**parts, "manifest.json": manifest}, pack.made_at), _sha256(manifest.encode())


def _manifest(pack: CasePack, parts: Mapping[str, bytes]) -> str:
    listed = [
        {"name": name, "sha256": _sha256(content), "bytes": len(content)}
        for name, content in parts.items()
    ]
    head = {
        "format": FORMAT, "for": pack.reader, "case": str(pack.file.case.id),
        "made_at": moment(pack.made_at), "instance": str(pack.trail.instance),
    }  # fmt: skip
    return json.dumps({**head, "files": listed}, indent=1) + "\n"


def _zipped(parts: Mapping[str, str], at: datetime) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            head = zipfile.ZipInfo(name, at.timetuple()[:6])
            head.compress_type, head.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(head, text.encode())
    return buffer.getvalue()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _ndjson(lines: Iterator[Json]) -> str:
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in lines)


@cache
def _verifier() -> str:
    return (resources.files("freezeguard.api") / "templates" / "verify.py.txt").read_text("utf-8")


# ------------------------------------------------------------------------------- what it proves


def _entries(pack: CasePack) -> Iterator[Json]:
    """Yield the audit rows; to a vendor only that there is one, and its digest."""
    for row, link in pack.trail.rows:
        shown: Json = {"position": None if link is None else link.position}
        if link is not None:
            shown["digest"] = link.digest.hex()
        if pack.reader != "vendor":
            shown["audit_seq"] = row.seq
            if link is None:
                shown["unchained"] = f"[{content_of(row)}"
            else:
                entry = entry_of(link.position, link.chained_at, row.seq, content_of(row))
                shown |= {"salt": link.salt.hex(), "entry": entry}
        yield shown


def _steps(trail: Trail) -> Iterator[Json]:
    for stretch in trail.stretches:
        if stretch.links:
            yield {"position": stretch.links[0].position - 1, "hash": stretch.before.hex()}
        for link in stretch.links:
            yield {"position": link.position, "digest": link.digest.hex(), "hash": link.hash.hex()}


# --------------------------------------------------------------------------------- what it says


def document_of(pack: CasePack, by: str) -> Json:
    """Return the whole record in JSON types, as its reader may see it."""
    whole = present_case(pack.file, pack.viewpoint).model_dump(mode="json")
    case = {name: value for name, value in whole.items() if name not in _APART}
    objects = whole["enforcement"]
    if pack.reader == "vendor":  # what it does not see is not even named
        case = {name: value for name, value in case.items() if name in vendorsview.CASE}
        objects = [
            {name: one[name] for name in sorted(vendorsview.OBJECT)} for one in objects
        ]
    elif pack.reader == "authority":
        del case["contact_cost"]
    return {
        "format": FORMAT,
        "for": pack.reader,
        "made_at": moment(pack.made_at),
        "made_by": "the shop" if pack.reader == "vendor" else by,
        "case": case,
        "item": _item(pack),
        "evidence": whole["evidence"],
        "enforcement": objects,
        "timeline": [
            present_event(one, pack.viewpoint).model_dump(mode="json") for one in pack.events
        ],
        "votes": [_with_name(pack, one, "person") for one in pack.votes],
        "orders": [_with_name(pack, one, "registered_by") for one in pack.orders],
        "notices": [_notice(notice, text) for notice, text in pack.texts],
        "clocks": whole["clocks"],
        "tasks": whole["tasks"],
        "files": [_file(pack, one) for one in pack.files],
    }


def _with_name(pack: CasePack, entry: Mapping[str, Any], by: str) -> Json:
    """Return an entry with the name of whoever it is by."""
    return {**entry, "name": pack.names.get(str(entry[by]))}


def _item(pack: CasePack) -> Json:
    sku, vendor = pack.sku, pack.vendor
    return {
        "sku": pack.file.case.scope.sku,
        "title": None if sku is None else sku.title,
        "gtin": None if sku is None else sku.gtin,
        "vendor": None if vendor is None else vendor.name,
    }


def _file(pack: CasePack, file: AttachedFile) -> Json:
    """Return a file; who added it is named to a vendor only where it was the reader."""
    shown = facts_of(file)
    if pack.reader == "vendor" and file.added_by != actor_name(pack.viewpoint):
        shown["added_by"] = vendorsview.SOMEBODY
    return shown


def _notice(notice: Notice, text: Rendered | None) -> Json:
    return {
        "n": notice.n, "kind": notice.kind, "recipient": notice.recipient,
        "channel": notice.channel, "address": notice.address, "state": notice.state,
        "attempts": notice.attempts, "created_at": _iso(notice.created_at),
        "sent_at": _iso(notice.sent_at),
        "subject": None if text is None else text.subject,
        "text": None if text is None else text.text,
    }  # fmt: skip


def _iso(at: datetime | None) -> str | None:
    return None if at is None else moment(at)


# ------------------------------------------------------------------------------------- the page


def _page(document: Json, pack: CasePack) -> str:
    trail = pack.trail
    return _environment(pack.words).get_template("casepack.html.j2").render(
        **document,
        trail=[_in_words(pack, row.seq, link) for row, link in trail.rows],
        anchors=[one.as_dict() for one in trail.anchors],
        entries=[None if pack.reader == "vendor" else row for row, _ in trail.rows],
        instance=str(trail.instance),
        reader=pack.reader,
        who=partial(_who, pack.names),
    )


def _who(names: Mapping[str, str], actor: str) -> str:
    """Return somebody with the name by which people know them, where they have one."""
    person = person_of(actor)
    name = names.get(person)
    return actor if name in (None, "", person) else f"{name} ({person})"


def _in_words(pack: CasePack, seq: int, link: Link | None) -> Json:
    ends = [one.position for one in pack.trail.anchors]
    position = None if link is None else link.position
    anchored = None if position is None else next((one for one in ends if one >= position), None)
    return {
        "position": position, "seq": seq, "hash": None if link is None else link.hash.hex(),
        "anchored": anchored,
    }  # fmt: skip


@cache
def _environment(words: Words) -> Environment:
    environment = Environment(
        loader=PackageLoader("freezeguard.api", "templates"), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )
    environment.filters |= {
        "moment": _readable, "words": _spaced,
        "plain": partial(_plain, words), "code": partial(_code, words),
    }
    return environment


def _code(words: Words, code: str | None, table: str) -> str:
    """Return the words for a code, as notices say them; where there are none, the code itself."""
    if code is None:
        return "–"
    known = words(table, code)
    return _spaced(code) if known == code else known


def _readable(at: datetime | str | None) -> str:
    """Write a time for people, in UTC to the second; a dash for none."""
    if at is None:
        return "–"
    text = at if isinstance(at, str) else moment(at)
    return moment(datetime.fromisoformat(text))[:19].replace("T", " ")


def _spaced(code: str | None) -> str:
    return "–" if code is None else code.replace("_", " ")


_TABLES = {
    "state": "state", "lane": "lane", "severity": "severity", "intent": "intent",
    "reason_code": "reason_code", "verdict": "verdict", "level": "level", "clock": "clock",
    "status": "status", "branch": "branch",
}
"""Which values of a record are codes, by their names, and what table has the words."""


def _plain(words: Words, value: Any, name: str = "") -> str:
    """Write a value of a record on one line: lists by commas, objects by name, times for people."""
    match value:
        case None | "":
            return "–"
        case bool():
            return "yes" if value else "no"
        case dict():
            said = ((key, one) for key, one in value.items() if one not in (None, "", [], {}))
            return " · ".join(
                f"{_spaced(str(key))}: {_plain(words, one, str(key))}" for key, one in said
            ) or "–"
        case list():
            return ", ".join(_plain(words, one, name) for one in value) or "–"
        case str():
            known = words(_TABLES[name], value) if name in _TABLES else value
            return _said(value) if known == value else known
        case _:
            return str(value)


def _said(text: str) -> str:
    """Return a text as it is, but a moment as people read it; a text may only look like one."""
    if not _MOMENT.fullmatch(text):
        return text
    try:
        return _readable(text)
    except (ValueError, OverflowError):
        return text
