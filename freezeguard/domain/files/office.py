"""Documents and tables of Office Open XML (ECMA-376), which are ZIP archives of named parts.

Every part is unpacked once, piece by piece and within limits, and thrown away: what a reader's
program would trip over is refused here. Nothing is changed in a file that is taken.
"""

import io
import struct
import zipfile
from collections.abc import Mapping

from freezeguard.domain.files.refusal import TypeRefused

SIGNATURE = b"PK\x03\x04"
_MAIN = "application/vnd.openxmlformats-officedocument."
DOCX = f"{_MAIN}wordprocessingml.document"
XLSX = f"{_MAIN}spreadsheetml.sheet"
_KINDS: Mapping[bytes, str] = {
    f'"{kind}.main+xml"'.encode(): kind for kind in (DOCX, XLSX)
}
MAX_PARTS = 2_000
MAX_UNPACKED = 100 * 1024 * 1024
_MAX_TYPES = 1024 * 1024
_PIECE = 64 * 1024
_CONTENT_TYPES = "[Content_Types].xml"
_LIVE = ("vbaproject", "activex", "macrosheet", "oleobject", "/embeddings/")
"""In the names of parts that a reader's program may run, or that hide another file."""
_PRINTER = "/printersettings/printersettings"
"""The one kind of binary part that says nothing but how a sheet is printed."""
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""All that the format allows (ECMA-376, part 2, annex B)."""
_DESCRIPTOR = 24
"""Bytes that may stand between two parts: the longest data descriptor (APPNOTE 4.3.9)."""


def kind_of(raw: bytes) -> str:
    """Return the media type of an Office document whose every part was looked at.

    Raises TypeRefused for any other archive, for macros and embedded objects, for one that is
    damaged, encrypted, or unpacks to more than `MAX_UNPACKED` bytes.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            parts = archive.infolist()
            _check_layout(raw, archive, parts)
            _check_names(parts)
            kind = _declared_kind(archive)
            _unpack(archive, parts)
    except TypeRefused:
        raise
    except Exception as broken:  # noqa: BLE001 - unpackers fail on damage in ways nobody lists
        raise TypeRefused(f"The archive is damaged or of an unknown kind: {broken}") from None
    return kind


def _check_layout(
    raw: bytes, archive: zipfile.ZipFile, parts: list[zipfile.ZipInfo]
) -> None:
    """See that the archive is all that the file holds: nothing before, between or behind."""
    if not 0 < len(parts) <= MAX_PARTS:
        raise TypeRefused(f"The archive has {len(parts)} parts; 1 to {MAX_PARTS:,} are taken.")
    if archive.comment or raw[-22:-18] != b"PK\x05\x06":
        raise TypeRefused("Something stands behind the archive.")
    end = 0
    for part in sorted(parts, key=lambda one: one.header_offset):
        if not 0 <= part.header_offset - end <= _DESCRIPTOR:
            raise TypeRefused("Something stands before or between the parts of the archive.")
        name, extra = struct.unpack_from("<HH", raw, part.header_offset + 26)
        end = part.header_offset + 30 + name + extra + part.compress_size
    if not 0 <= archive.start_dir - end <= _DESCRIPTOR:
        raise TypeRefused("Something stands between the parts of the archive.")


def _check_names(parts: list[zipfile.ZipInfo]) -> None:
    names = [part.filename for part in parts]
    if len(set(names)) != len(names):
        raise TypeRefused("The archive has two parts of one name.")
    for part in parts:
        name = f"/{part.filename}".lower()
        if ".." in name or "\\" in name or name.startswith("//"):
            raise TypeRefused("The archive has a part whose name leads elsewhere.")
        if any(one in name for one in _LIVE) or (name.endswith(".bin") and _PRINTER not in name):
            raise TypeRefused("The document has macros or embedded objects; send it without.")
        if part.flag_bits & 0x1:
            raise TypeRefused("The document is encrypted; send it without a password.")
        if part.compress_type not in _METHODS:
            raise TypeRefused("A part is compressed in a way that documents don't use.")


def _declared_kind(archive: zipfile.ZipFile) -> str:
    with archive.open(_CONTENT_TYPES) as part:
        types = part.read(_MAX_TYPES + 1)
    found = [kind for mark, kind in _KINDS.items() if mark in types]
    if len(types) > _MAX_TYPES or len(found) != 1 or b"macroEnabled" in types:
        raise TypeRefused(
            "Of archives only documents (docx) and tables (xlsx) without macros are taken."
        )
    return found[0]


def _unpack(archive: zipfile.ZipFile, parts: list[zipfile.ZipInfo]) -> None:
    """Unpack everything once; sizes that are only claimed are not believed."""
    room = MAX_UNPACKED
    for part in parts:
        with archive.open(part) as stream:
            while piece := stream.read(_PIECE):
                room -= len(piece)
                if room < 0:
                    raise TypeRefused(f"The document unpacks to over {MAX_UNPACKED:,} bytes.")
